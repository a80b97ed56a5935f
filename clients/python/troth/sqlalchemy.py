"""A dialect of SQLAlchemy 1.4: SQLite's, over troth.dbapi. A table's schema is the name of its participant.

    engine = create_engine("troth://127.0.0.1:7420/orders")
    items = Table("items", metadata, Column("id", Integer, primary_key=True), schema="stock")

One connection, and so one Session, is one transaction over all databases whose tables it uses.
"""
import operator

import troth
from sqlalchemy import exc, pool
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite import base
from sqlalchemy.engine import reflection
from sqlalchemy.sql import expression

HIDDEN = {"troth_applied"}  # the participant's own table: tools that compare schemas must not drop it


class NotesParticipants:
    """For a compiler: tables are rendered without their schemas, which are kept in `schemas` (None: the connection's own)."""

    @property
    def preparer(self):
        return self._preparer

    @preparer.setter
    def preparer(self, given):
        preparer = given.__class__.__new__(given.__class__)
        preparer.__dict__.update(given.__dict__)
        # Of an alias or a subquery the inner tables count, which are rendered as well.
        preparer.schema_for_object = self._note
        self._preparer = preparer

    def _note(self, element, schema=operator.attrgetter("schema")):
        if isinstance(element, expression.TableClause):
            self.__dict__.setdefault("schemas", set()).add(schema(element))


class Compiler(NotesParticipants, base.SQLiteCompiler):
    def returning_clause(self, stmt, returning_cols):
        columns = [self._label_returning_column(stmt, c, fallback_label_name=c._non_anon_label) for c in expression._select_iterables(returning_cols)]
        return "RETURNING " + ", ".join(columns)


class DDLCompiler(NotesParticipants, base.SQLiteDDLCompiler):
    pass


class At:
    """A connection whose statements go to one participant, for the reflection of SQLite's dialect."""

    def __init__(self, connection, participant):
        self.connection, self.participant = connection, participant

    def exec_driver_sql(self, sql, parameters=None):
        options = {"participant": self.participant} if self.participant else {}
        return self.connection.exec_driver_sql(sql, parameters, execution_options=options)


def reflected(name):
    """The reflection method of SQLite's dialect, at the participant that `schema` names."""
    inherited = getattr(base.SQLiteDialect, name)

    def method(self, connection, *names, schema=None, **kw):
        kw.pop("info_cache", None)  # it would take two participants for one
        if not isinstance(connection, At):
            connection = At(connection, schema)
        found = inherited(self, connection, *names, **kw)
        for entry in found if name == "get_foreign_keys" else ():
            entry["referred_schema"] = connection.participant
        return [n for n in found if n not in HIDDEN] if name == "get_table_names" else found

    method.__name__ = name  # a part of the cache's key
    cached = reflection.cache(method)

    def positional(self, connection, *names, **kw):
        # Inspector passes the schema as the last positional argument.
        wanted = 0 if name in ("get_table_names", "get_view_names") else 1
        if len(names) > wanted:
            kw["schema"], names = names[wanted], names[:wanted]
        return cached(self, connection, *names, **kw)
    return positional


class Dialect(base.SQLiteDialect):
    driver = "troth"
    supports_statement_cache = True
    statement_compiler, ddl_compiler = Compiler, DDLCompiler
    implicit_returning = full_returning = True
    default_isolation_level = isolation_level = None
    description_encoding = None

    @classmethod
    def dbapi(cls):
        from troth import dbapi
        return dbapi

    # Connections.

    @classmethod
    def get_pool_class(cls, url):
        return pool.QueuePool

    def create_connect_args(self, url):
        """The engine's connections share a client, with its pool."""
        options = dict(url.query)
        more = options.pop("host", ())
        hosts = [f"{url.host}:{url.port or 7420}"] if url.host else []
        hosts += [more] if isinstance(more, str) else list(more)
        if not hosts:
            raise exc.ArgumentError(f"{url}: not troth://host:port/participant")
        network = {name: float(options.pop(name)) for name in ("timeout", "connect_timeout") if name in options}
        if "tls_dir" in options:
            network["tls_dir"] = options.pop("tls_dir")
        given = {name: float(options.pop(name)) for name in ("deadline", "idle_timeout") if name in options}
        return [f"troth://{','.join(hosts)}/{url.database or ''}"], {"client": troth.Client(hosts, **network), **options, **given}

    def _get_server_version_info(self, connection):
        return self.dbapi.sqlite_version_info

    def get_default_isolation_level(self, dbapi_connection):
        return "SERIALIZABLE"

    def get_isolation_level(self, dbapi_connection):
        return "AUTOCOMMIT" if dbapi_connection.autocommit else "SERIALIZABLE"

    def set_isolation_level(self, connection, level):
        level = level.replace("_", " ")
        if level not in ("SERIALIZABLE", "AUTOCOMMIT"):
            raise exc.ArgumentError(f"isolation level {level!r}: troth has SERIALIZABLE and AUTOCOMMIT")
        getattr(connection, "dbapi_connection", connection).autocommit = level == "AUTOCOMMIT"

    def do_ping(self, dbapi_connection):
        dbapi_connection._client.server_info()
        return True

    def is_disconnect(self, e, connection, cursor):
        return False  # a connection of troth.dbapi finds another coordinator by itself

    # Statements.

    def _target(self, context):
        """The participant of a statement; None: the connection's own."""
        if context is None:
            return None
        options = context.execution_options
        schemas = getattr(context.compiled, "schemas", set()) if context.compiled is not None else set()
        translate = options.get("schema_translate_map") or {}
        names = {translate.get(schema, schema) for schema in schemas} or {None}
        if len(names) > 1:
            raise self.dbapi.NotSupportedError("one statement uses tables of several databases: "
                                               + ", ".join(sorted(name or "(the default)" for name in names)) + "; send one statement to each")
        return names.pop() or options.get("participant")

    def do_execute(self, cursor, statement, parameters, context=None):
        cursor.execute(statement, parameters, participant=self._target(context))

    def do_executemany(self, cursor, statement, parameters, context=None):
        cursor.executemany(statement, parameters, participant=self._target(context))

    def do_execute_no_params(self, cursor, statement, context=None):
        cursor.execute(statement, (), participant=self._target(context))

    # Two phases: with a given xid only. Sessions would make one for each engine, and their transactions would not be one.

    def create_xid(self):
        raise exc.InvalidRequestError("pass an xid to begin_twophase(). For one Session over several databases use one engine, and name each "
                                      "table's participant as its schema: no two-phase session is needed")

    def do_begin_twophase(self, connection, xid):
        connection.connection.tpc_begin(xid)

    def do_prepare_twophase(self, connection, xid):
        connection.connection.tpc_prepare()

    def do_rollback_twophase(self, connection, xid, is_prepared=True, recover=False):
        connection.connection.tpc_rollback(*([xid] if recover else []))

    def do_commit_twophase(self, connection, xid, is_prepared=True, recover=False):
        connection.connection.tpc_commit(*([xid] if recover else []))

    def do_recover_twophase(self, connection):
        return connection.connection.tpc_recover()

    # Reflection.

    for _name in ("get_table_names", "get_view_names", "get_columns", "get_pk_constraint", "get_foreign_keys", "get_unique_constraints",
                  "get_check_constraints", "get_indexes"):
        locals()[_name] = reflected(_name)
    del _name

    def _get_default_schema_name(self, connection):
        return None

    def get_schema_names(self, connection, **kw):
        return []

    def get_temp_table_names(self, connection, **kw):
        return []

    get_temp_view_names = get_temp_table_names

    def has_table(self, connection, table_name, schema=None):
        self._ensure_has_table_connection(connection)
        return bool(self._get_table_pragma(At(connection, schema), "table_info", table_name))

    def get_view_definition(self, connection, view_name, schema=None, **kw):
        return self._master_sql(At(connection, schema), "view", view_name)

    def _get_table_sql(self, connection, table_name, schema=None, **kw):
        return self._master_sql(connection, "table", table_name)

    @staticmethod
    def _master_sql(at, kind, name):
        return at.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = ? AND type = ?", (name, kind)).scalar()

    def _get_table_pragma(self, connection, pragma, table_name, schema=None):
        return connection.exec_driver_sql(f"SELECT * FROM pragma_{pragma}(?)", (table_name,)).fetchall()


for _url in ("troth", "troth.dbapi", "sqlite.troth"):
    registry.register(_url, __name__, "Dialect")
