-- application: Zotero (github.com/zotero/zotero, AGPL-3.0); table and column names only, shortened
-- schema
CREATE TABLE version(schema TEXT PRIMARY KEY, version INT NOT NULL);
CREATE INDEX schema ON version(schema);
CREATE TABLE libraries(libraryID INTEGER PRIMARY KEY, type TEXT NOT NULL, editable INT NOT NULL, version INT NOT NULL DEFAULT 0);
CREATE TABLE itemTypes(itemTypeID INTEGER PRIMARY KEY, typeName TEXT);
CREATE TABLE fields(fieldID INTEGER PRIMARY KEY, fieldName TEXT);
CREATE TABLE items(itemID INTEGER PRIMARY KEY, itemTypeID INT NOT NULL, dateAdded TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, libraryID INT NOT NULL, key TEXT NOT NULL, version INT NOT NULL DEFAULT 0, synced INT NOT NULL DEFAULT 0,
  UNIQUE (libraryID, key), FOREIGN KEY (libraryID) REFERENCES libraries(libraryID) ON DELETE CASCADE);
CREATE INDEX items_synced ON items(synced);
CREATE TABLE itemDataValues(valueID INTEGER PRIMARY KEY, value UNIQUE);
CREATE TABLE itemData(itemID INT, fieldID INT, valueID, PRIMARY KEY (itemID, fieldID), FOREIGN KEY (itemID) REFERENCES items(itemID) ON DELETE CASCADE, FOREIGN KEY (fieldID) REFERENCES fields(fieldID), FOREIGN KEY (valueID) REFERENCES itemDataValues(valueID));
CREATE TABLE itemNotes(itemID INTEGER PRIMARY KEY, parentItemID INT, note TEXT, FOREIGN KEY (itemID) REFERENCES items(itemID) ON DELETE CASCADE, FOREIGN KEY (parentItemID) REFERENCES items(itemID) ON DELETE CASCADE);
CREATE TABLE tags(tagID INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE itemTags(itemID INT NOT NULL, tagID INT NOT NULL, type INT NOT NULL, PRIMARY KEY (itemID, tagID), FOREIGN KEY (itemID) REFERENCES items(itemID) ON DELETE CASCADE, FOREIGN KEY (tagID) REFERENCES tags(tagID) ON DELETE CASCADE);
CREATE TABLE collections(collectionID INTEGER PRIMARY KEY, collectionName TEXT NOT NULL, parentCollectionID INT DEFAULT NULL, libraryID INT NOT NULL, key TEXT NOT NULL, UNIQUE (libraryID, key),
  FOREIGN KEY (libraryID) REFERENCES libraries(libraryID) ON DELETE CASCADE, FOREIGN KEY (parentCollectionID) REFERENCES collections(collectionID) ON DELETE CASCADE);
CREATE TABLE collectionItems(collectionID INT NOT NULL, itemID INT NOT NULL, orderIndex INT NOT NULL DEFAULT 0, PRIMARY KEY (collectionID, itemID), FOREIGN KEY (collectionID) REFERENCES collections(collectionID) ON DELETE CASCADE, FOREIGN KEY (itemID) REFERENCES items(itemID) ON DELETE CASCADE);
CREATE TABLE syncDeleteLog(syncObjectTypeID INT NOT NULL, libraryID INT NOT NULL, key TEXT NOT NULL, dateDeleted TEXT NOT NULL, UNIQUE (syncObjectTypeID, libraryID, key), FOREIGN KEY (libraryID) REFERENCES libraries(libraryID) ON DELETE CASCADE);
CREATE TRIGGER insert_itemNotes BEFORE INSERT ON itemNotes FOR EACH ROW WHEN NEW.parentItemID IS NOT NULL BEGIN
  SELECT RAISE(ABORT, 'a note hangs on a note') WHERE EXISTS (SELECT 1 FROM itemNotes WHERE itemID = NEW.parentItemID); END;
CREATE TRIGGER fkd_collections_parent AFTER UPDATE ON collections WHEN NEW.parentCollectionID IS NOT NULL BEGIN
  SELECT CASE WHEN (SELECT libraryID FROM collections WHERE collectionID = NEW.parentCollectionID) <> NEW.libraryID THEN RAISE(ABORT, 'another library') END; END;
INSERT INTO libraries(type, editable) VALUES ('user', 1), ('group', 1);
INSERT INTO itemTypes VALUES (1, 'note'), (2, 'book');
INSERT INTO fields VALUES (110, 'title'), (14, 'date');
INSERT INTO version VALUES ('userdata', 120);
-- transaction: a book with its data, values stored once
1: INSERT INTO items(itemTypeID, dateAdded, libraryID, key) VALUES (2, '2023-01-0{n}', 1, 'BOOK{n}')
1: INSERT OR IGNORE INTO itemDataValues(value) VALUES ('Book {n}'), (2000 + {n}), ('2000'), (NULL)
1: REPLACE INTO itemData SELECT (SELECT max(itemID) FROM items), 110, valueID FROM itemDataValues WHERE value = 'Book {n}'
1: REPLACE INTO itemData SELECT (SELECT max(itemID) FROM items), 14, valueID FROM itemDataValues WHERE value = 2000 + {n}
1: INSERT OR IGNORE INTO tags(name) VALUES ('read'), ('tag {n}')
1: INSERT INTO itemTags SELECT i.itemID, t.tagID, 0 FROM items i, tags t WHERE i.key = 'BOOK{n}'
2: INSERT INTO items(itemTypeID, dateAdded, libraryID, key) VALUES (2, '2023-01-0{n}', 2, 'BOOK{n}')
-- transaction: notes on it, in a collection
1: INSERT INTO items(itemTypeID, dateAdded, libraryID, key) VALUES (1, '2023-01-0{n}', 1, 'NOTE{n}')
1: INSERT INTO itemNotes SELECT n.itemID, b.itemID, '<p>{n}</p>' FROM items n, items b WHERE n.key = 'NOTE{n}' AND b.key = 'BOOK{n}'
1: INSERT INTO collections(collectionName, parentCollectionID, libraryID, key) SELECT 'c{n}', max(collectionID), 1, 'COLL{n}' FROM collections
1: INSERT OR REPLACE INTO collectionItems SELECT (SELECT max(collectionID) FROM collections), itemID, {n} FROM items
2: UPDATE items SET synced = 1, version = version + {n} WHERE synced = 0 RETURNING key, version
-- transaction: a tag goes, and with it its places
1: DELETE FROM tags WHERE name = 'tag {n}'
2: UPDATE version SET version = version + 1 WHERE schema = 'userdata'
-- transaction: an item is erased, with all that hangs on it
1: INSERT OR REPLACE INTO syncDeleteLog SELECT 3, libraryID, key, '2023-02-0{n}' FROM items WHERE key = 'BOOK{n}' AND {n} % 2 = 0
1: DELETE FROM items WHERE key = 'BOOK{n}' AND {n} % 2 = 0
1: DELETE FROM itemDataValues WHERE valueID NOT IN (SELECT valueID FROM itemData)
2: UPDATE libraries SET version = version + 1
-- transaction, fails: a note on a note
1: INSERT INTO itemNotes SELECT {n} + 1000, max(itemID), 'x' FROM itemNotes
2: DELETE FROM items
-- transaction: the whole collection, with what hangs below it
1: DELETE FROM collections WHERE parentCollectionID IS NULL AND {n} % 3 = 0
2: SELECT count(*), group_concat(key) FROM (SELECT key FROM items ORDER BY itemID)
