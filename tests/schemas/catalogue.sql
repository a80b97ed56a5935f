-- application: the order example of README, in a catalogue with all that real ones have at once (written for troth)
-- extension: sample
-- schema
CREATE TABLE items(id INTEGER PRIMARY KEY, sku TEXT COLLATE by_length UNIQUE, name TEXT NOT NULL, n INTEGER NOT NULL CHECK (n >= 0), price INTEGER NOT NULL DEFAULT 100,
  worth INTEGER AS (n * price) VIRTUAL, double_price INTEGER AS (twice(price)) STORED);
CREATE TABLE entries(ord TEXT, line INTEGER, item INTEGER REFERENCES items ON DELETE RESTRICT, amount INTEGER NOT NULL, note TEXT, PRIMARY KEY (ord, line));
CREATE INDEX entries_item ON entries (item);
CREATE TABLE stock_log(item INTEGER, change INTEGER, worth INTEGER);
CREATE VIRTUAL TABLE search USING fts5(name, sku, content='items', content_rowid='id');
CREATE TRIGGER items_ai AFTER INSERT ON items BEGIN INSERT INTO search(rowid, name, sku) VALUES (new.id, new.name, new.sku); END;
CREATE TRIGGER items_ad AFTER DELETE ON items BEGIN INSERT INTO search(search, rowid, name, sku) VALUES ('delete', old.id, old.name, old.sku); END;
CREATE TRIGGER items_au AFTER UPDATE OF name, sku ON items BEGIN
  INSERT INTO search(search, rowid, name, sku) VALUES ('delete', old.id, old.name, old.sku); INSERT INTO search(rowid, name, sku) VALUES (new.id, new.name, new.sku); END;
CREATE TRIGGER items_log AFTER UPDATE OF n ON items WHEN new.n <> old.n BEGIN INSERT INTO stock_log SELECT new.id, new.n - old.n, i.worth FROM items i WHERE i.rowid = new.rowid; END;
INSERT INTO items(sku, name, n) VALUES ('a', 'hammer', 100), ('bb', 'red hammer', 100), ('ccc', 'nails', 1000);
-- transaction: the order of README
1: UPDATE items SET n = n - 1 WHERE id = 2
2: INSERT INTO entries VALUES ('order-{n}', 1, 2, 42, NULL), (NULL, {n}, 1, 7, 'no number yet')
-- transaction: the walk-in order gets its number
2: UPDATE entries SET ord = 'late-{n}' WHERE ord IS NULL AND line = {n}
1: UPDATE items SET n = n - {n}, price = price + 1 WHERE sku = 'a' COLLATE by_length RETURNING n, worth, double_price
-- transaction: the catalogue changes, and its index with it
1: INSERT INTO items(sku, name, n) VALUES ('sku-{n}' || substr('xxxxxx', 1, {n}), 'blue hammer {n}', {n}) ON CONFLICT (sku) DO UPDATE SET n = n + 1
1: UPDATE items SET name = 'steel ' || name WHERE name LIKE 'nails%'
2: UPDATE items SET name = name || ' ({n})' WHERE id = 3
-- transaction: searches
1: SELECT rowid, name FROM search WHERE search MATCH 'hammer NOT red' ORDER BY rowid
1: SELECT sku, worth FROM items WHERE sku < 'zzz' COLLATE by_length ORDER BY sku COLLATE by_length
2: SELECT ord, line, item FROM entries ORDER BY rowid
-- transaction, fails: more than there is
1: UPDATE items SET n = n - 100000 WHERE id = 3
2: INSERT INTO entries VALUES ('never', 1, 3, 1, NULL)
-- transaction, fails: an item of an order
2: DELETE FROM items WHERE id = 2
1: DELETE FROM stock_log
-- transaction: an item nobody ordered goes
1: DELETE FROM items WHERE name = 'blue hammer {n}'
2: DELETE FROM entries WHERE note IS NOT NULL AND {n} % 2 = 0
