"""What a DB-API connection must know of a statement: whether it begins or ends a transaction, reads a PRAGMA, or inserts a row."""
import re

from troth.sqltext import TOKEN, literal, tokens, unquoted, words

CONTROL = {"BEGIN": "begin", "COMMIT": "commit", "END": "commit", "SAVEPOINT": "savepoint", "RELEASE": "release"}
# What SQLite's table-valued functions answer as well; a participant refuses the PRAGMA itself, because others change the connection.
READABLE = {"table_info", "table_xinfo", "table_list", "foreign_key_list", "index_list", "index_info", "index_xinfo", "database_list",
            "collation_list", "compile_options", "function_list", "foreign_keys", "foreign_key_check", "page_size", "page_count", "encoding",
            "schema_version", "freelist_count"}
PRAGMA = re.compile(r"""\s*PRAGMA\s+(?:(?P<schema>"[^"]+"|\w+)\s*\.\s*)?(?P<name>\w+)\s*
    (?:\(\s*(?P<argument>'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|[\w.-]+)\s*\)|=\s*(?P<value>'[^']*'|"[^"]*"|[\w.+-]+))?\s*;?\s*\Z""",
                    re.VERBOSE | re.IGNORECASE)


def control(sql):
    """begin, commit, rollback, rollback_to, savepoint, release, or None."""
    first = words(sql, 4)
    if not first:
        return None
    if first[0] == "ROLLBACK":
        return "rollback_to" if "TO" in first else "rollback"
    return CONTROL.get(first[0])


def savepoint_name(sql):
    """Of SAVEPOINT x, RELEASE x, RELEASE SAVEPOINT x; names do not depend on the case of letters."""
    named = [text for _, text in tokens(sql) if text != ";"]
    return unquoted(named[-1]).lower()


def is_ddl(sql):
    return words(sql, 1)[:1] in (["CREATE"], ["DROP"], ["ALTER"])


def pragma(sql):
    """(name, argument, value) of a PRAGMA, or None."""
    found = PRAGMA.match(sql)
    if not found:
        return None
    argument = found["argument"]
    return found["name"].lower(), unquoted(argument) if argument else None, unquoted(found["value"]) if found["value"] else None


def readable_pragma(sql):
    """The SELECT that answers a PRAGMA that only reads; None for everything else."""
    found = pragma(sql)
    if found is None or found[0] not in READABLE or found[2] is not None:
        return None
    return f"SELECT * FROM pragma_{found[0]}" + (f"({literal(found[1])})" if found[1] is not None else "")


def inserted_table(sql):
    """The table into which a plain INSERT ... VALUES without RETURNING writes; None for everything else.

    Not INSERT ... SELECT: the list of its rowids might be longer than an answer may be. Not DO UPDATE: no row is inserted then.
    """
    depth, kept, name = 0, [], None
    for kind, text in tokens(sql):
        depth += (text == "(") - (text == ")")
        if depth == 0 and kind == "word" and text.upper() in ("SELECT", "RETURNING", "UPDATE"):
            return None
        if len(kept) < 8:
            kept.append((kind, text))
    heads = [text.upper() for _, text in kept]
    if heads[:1] not in (["INSERT"], ["REPLACE"]) or "INTO" not in heads:
        return None
    at = heads.index("INTO") + 1
    if at < len(kept) and kept[at][0] in ("word", "quoted", "string"):
        name = kept[at][1]
        if heads[at + 1:at + 2] == ["."] and at + 2 < len(kept):
            name = kept[at + 2][1]
    return unquoted(name) if name else None


def returning_rowid(sql):
    """The statement with RETURNING rowid at its end."""
    end = len(sql)
    for match in TOKEN.finditer(sql):
        if match.lastgroup == "space":
            continue
        if match.group() == ";":
            end = match.start()
            break
    return sql[:end] + "\nRETURNING rowid"
