"""The dialect, with Debian's SQLAlchemy, on real daemons."""
import datetime
import decimal
import threading
import unittest

import sqlalchemy as sa
import support
import troth
import troth.sqlalchemy  # noqa: F401  registers troth://
from sqlalchemy import orm
from sqlalchemy.dialects.sqlite import insert

Base = orm.declarative_base()


class Order(Base):
    """At p1, the database of the engine."""

    __tablename__ = "orders"
    id = sa.Column(sa.Integer, primary_key=True)
    customer = sa.Column(sa.String(40), nullable=False, unique=True)
    made = sa.Column(sa.DateTime)
    total = sa.Column(sa.Numeric(10, 2))
    lines = orm.relationship("Line", back_populates="order", cascade="all, delete-orphan", order_by="Line.id")


class Line(Base):
    __tablename__ = "lines"
    id = sa.Column(sa.Integer, primary_key=True)
    order_id = sa.Column(sa.ForeignKey("orders.id"), nullable=False, index=True)
    item = sa.Column(sa.String)
    order = orm.relationship(Order, back_populates="lines")


class Item(Base):
    """At p2."""

    __tablename__ = "items"
    __table_args__ = (sa.CheckConstraint("n >= 0", name="not_negative"), {"schema": "p2"})
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String, unique=True)
    n = sa.Column(sa.Integer, nullable=False)
    version = sa.Column(sa.Integer, nullable=False)
    __mapper_args__ = {"version_id_col": version}


class Dialect(support.Case):
    def setUp(self):
        super().setUp()
        self.engine = sa.create_engine(f"troth://{self.address}/p1")
        self.addCleanup(self.engine.dispose)
        Base.metadata.drop_all(self.engine)
        Base.metadata.create_all(self.engine)

    def session(self):
        session = orm.Session(self.engine)
        self.addCleanup(session.close)
        return session

    def test_a_unit_of_work_over_two_databases(self):
        with self.session() as session:
            session.add_all([Item(name="tea", n=5), Item(name="rum", n=1)])
            session.commit()
        with self.session() as session:
            order = Order(customer="ann", made=datetime.datetime(2026, 11, 29, 20, 0), total=decimal.Decimal("12.50"),
                          lines=[Line(item="tea"), Line(item="rum")])
            session.add(order)
            for line in order.lines:
                session.query(Item).filter_by(name=line.item).one().n -= 1
            session.commit()
            self.assertEqual((order.id, [line.id for line in order.lines]), (1, [1, 2]))
        self.assertEqual(self.client.execute("p2", "SELECT n FROM items ORDER BY id").rows, [(4,), (0,)])
        self.assertEqual(self.client.execute("p1", "SELECT customer, total FROM orders").rows, [("ann", 12.5)])

    def test_what_one_database_refuses_is_in_neither(self):
        with self.session() as session:
            session.add(Item(name="tea", n=0))
            session.commit()
            session.add(Order(customer="bob"))
            session.query(Item).one().n -= 1
            with self.assertRaises(sa.exc.IntegrityError):
                session.commit()
            session.rollback()
            self.assertEqual(session.query(Order).count(), 0)
            session.add(Order(customer="cid"))  # the session goes on
            session.commit()
        self.assertEqual(self.client.execute("p1", "SELECT customer FROM orders").rows, [("cid",)])

    def test_relations_deletes_and_queries(self):
        with self.session() as session:
            session.add_all([Order(customer=f"c{i}", lines=[Line(item=str(i))] * 1) for i in range(20)])
            session.commit()
            found = session.query(Order).join(Line).filter(Line.item.in_(["3", "4"])).order_by(Order.customer.desc()).all()
            self.assertEqual([o.customer for o in found], ["c4", "c3"])
            session.delete(found[0])
            session.commit()
            self.assertEqual(session.query(Line).count(), 19)
            change = sa.update(Order).where(Order.customer.like("c1%")).values(total=1)
            self.assertEqual(session.execute(change, execution_options={"synchronize_session": False}).rowcount, 11)
            self.assertEqual(session.query(sa.func.sum(Order.total)).scalar(), 11)
            session.rollback()
            self.assertIsNone(session.query(sa.func.sum(Order.total)).scalar())
            page = session.query(Order).options(orm.selectinload(Order.lines)).order_by(Order.id).limit(3).offset(2).all()
            self.assertEqual([o.lines[0].item for o in page], ["2", "3", "5"])

    def test_a_stale_version_is_noticed(self):
        with self.session() as session, self.session() as other:
            session.add(Item(name="tea", n=5))
            session.commit()
            mine = session.query(Item).one()
            n = mine.n
            session.rollback()  # ends the transaction, and with it the lock
            other.query(Item).one().n = 7
            other.commit()
            with self.assertRaises(orm.exc.StaleDataError):
                session.execute(sa.select(1))
                sa.orm.attributes.set_committed_value(mine, "version", 1)
                mine.n = n - 1
                session.commit()
            session.rollback()

    def test_core_returning_upsert_and_many(self):
        items = Item.__table__
        with self.engine.begin() as connection:
            connection.execute(items.insert(), [{"name": f"i{i}", "n": i, "version": 1} for i in range(600)])
            made = connection.execute(items.insert().values(name="tea", n=1, version=1).returning(items.c.id, items.c.name)).one()
            self.assertEqual(made, (601, "tea"))
            upsert = insert(items).values(name="tea", n=1, version=1)
            connection.execute(upsert.on_conflict_do_update(index_elements=["name"], set_={"n": items.c.n + upsert.excluded.n}))
            self.assertEqual(connection.execute(sa.select(items.c.n).where(items.c.name == "tea")).scalar(), 2)
            self.assertEqual(connection.execute(items.delete().where(items.c.n > 590)).rowcount, 9)
        with self.engine.connect() as connection:
            alias = items.alias()
            self.assertEqual(connection.execute(sa.select(sa.func.count()).select_from(alias).where(alias.c.n < 100)).scalar(), 101)
            self.assertEqual(connection.execute(sa.text("SELECT count(*) FROM items").execution_options(participant="p2")).scalar(), 592)

    def test_one_statement_over_two_databases_is_refused(self):
        with self.engine.connect() as connection:
            with self.assertRaisesRegex(sa.exc.NotSupportedError, "several databases"):
                connection.execute(sa.select(Order.__table__, Item.__table__))

    def test_the_same_tables_at_another_participant(self):
        """Tenants: schema_translate_map chooses the database."""
        Base.metadata.create_all(self.engine.execution_options(schema_translate_map={None: "p2"}), tables=[Order.__table__, Line.__table__])
        with self.engine.connect().execution_options(schema_translate_map={None: "p2"}) as connection:
            with connection.begin():
                connection.execute(Order.__table__.insert().values(customer="tenant"))
        self.assertEqual(self.client.execute("p2", "SELECT customer FROM orders").rows, [("tenant",)])
        self.assertEqual(self.client.execute("p1", "SELECT customer FROM orders").rows, [])
        Base.metadata.drop_all(self.engine.execution_options(schema_translate_map={None: "p2"}), tables=[Order.__table__, Line.__table__])

    def test_reflection_at_both(self):
        inspector = sa.inspect(self.engine)
        self.assertEqual(set(inspector.get_table_names()), {"acc", "t", "orders", "lines"})
        self.assertEqual(set(inspector.get_table_names(schema="p2")), {"acc", "t", "items"})
        self.assertEqual(inspector.get_foreign_keys("lines")[0]["referred_table"], "orders")
        self.assertEqual(inspector.get_indexes("lines")[0]["column_names"], ["order_id"])
        self.assertEqual(inspector.get_unique_constraints("items", schema="p2")[0]["column_names"], ["name"])
        self.assertEqual(inspector.get_check_constraints("items", schema="p2"), [{"sqltext": "n >= 0", "name": "not_negative"}])
        self.assertTrue(inspector.has_table("items", schema="p2") and not inspector.has_table("items"))
        reflected = sa.Table("items", sa.MetaData(), autoload_with=self.engine, schema="p2")
        self.assertEqual([c.name for c in reflected.primary_key], ["id"])
        self.assertIsInstance(reflected.c.n.type, sa.Integer)

    def test_autocommit_ping_and_isolation(self):
        engine = sa.create_engine(f"troth://{self.address}/p1", isolation_level="AUTOCOMMIT", pool_pre_ping=True)
        self.addCleanup(engine.dispose)
        with engine.connect() as connection:
            connection.execute(Order.__table__.insert().values(customer="ann"))
            self.assertEqual(self.client.execute("p1", "SELECT count(*) FROM orders").scalar(), 1)
            connection.execute(sa.text("DELETE FROM orders"))
        with self.engine.connect() as connection:
            self.assertEqual(connection.get_isolation_level(), "SERIALIZABLE")
        with self.assertRaises(sa.exc.ArgumentError):
            sa.create_engine(f"troth://{self.address}/p1", isolation_level="READ UNCOMMITTED").connect()

    def test_two_phases_need_a_common_xid(self):
        with self.engine.connect() as connection:
            with self.assertRaisesRegex(sa.exc.InvalidRequestError, "schema"):
                connection.begin_twophase()
        with self.engine.connect() as one, self.engine.connect() as two:
            first, second = one.begin_twophase("order-9"), two.begin_twophase("order-9")
            one.execute(Order.__table__.insert().values(customer="ann"))
            two.execute(Item.__table__.insert().values(name="tea", n=1, version=1))
            first.prepare()
            second.prepare()
            first.commit()
            second.commit()
        self.assertEqual(self.client.execute("p2", "SELECT name FROM items").rows, [("tea",)])

    def test_losers_of_conflicts_run_again(self):
        with self.session() as session:
            session.add(Item(name="tea", n=0))
            session.commit()

        def add(number):
            done = 0
            with orm.Session(self.engine) as session:
                while done < 5:
                    try:
                        item = session.query(Item).one()
                        item.n += 1
                        session.commit()
                        done += 1
                    except (sa.exc.OperationalError, orm.exc.StaleDataError) as fault:
                        session.rollback()
                        if not getattr(getattr(fault, "orig", None), "retryable", True):
                            raise
        threads = [threading.Thread(target=add, args=(i,)) for i in range(3)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60)
        self.assertEqual(self.client.execute("p2", "SELECT n FROM items").scalar(), 15)


if __name__ == "__main__":
    unittest.main()
