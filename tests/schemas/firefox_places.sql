-- application: Firefox's history and bookmarks, places.sqlite (searchfox.org, MPL-2.0); table and column names only, shortened; the triggers need no functions of Firefox
-- schema
CREATE TABLE moz_origins(id INTEGER PRIMARY KEY, prefix TEXT NOT NULL, host TEXT NOT NULL, frecency INTEGER NOT NULL, UNIQUE (prefix, host));
CREATE TABLE moz_places(id INTEGER PRIMARY KEY, url LONGVARCHAR, title LONGVARCHAR, visit_count INTEGER DEFAULT 0, hidden INTEGER DEFAULT 0 NOT NULL, frecency INTEGER DEFAULT -1 NOT NULL, last_visit_date INTEGER, guid TEXT,
  foreign_count INTEGER DEFAULT 0 NOT NULL, url_hash INTEGER DEFAULT 0 NOT NULL, origin_id INTEGER REFERENCES moz_origins(id));
CREATE INDEX moz_places_url_hashindex ON moz_places (url_hash);
CREATE INDEX moz_places_visitcount ON moz_places (visit_count);
CREATE UNIQUE INDEX moz_places_guid_uniqueindex ON moz_places (guid);
CREATE TABLE moz_historyvisits(id INTEGER PRIMARY KEY, from_visit INTEGER, place_id INTEGER, visit_date INTEGER, visit_type INTEGER);
CREATE INDEX moz_historyvisits_placedateindex ON moz_historyvisits (place_id, visit_date);
CREATE TABLE moz_bookmarks(id INTEGER PRIMARY KEY, type INTEGER, fk INTEGER DEFAULT NULL, parent INTEGER, position INTEGER, title LONGVARCHAR, guid TEXT, syncStatus INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX moz_bookmarks_guid_uniqueindex ON moz_bookmarks (guid);
CREATE TABLE moz_bookmarks_deleted(guid TEXT PRIMARY KEY, dateRemoved INTEGER NOT NULL DEFAULT 0);
CREATE TABLE moz_keywords(id INTEGER PRIMARY KEY AUTOINCREMENT, keyword TEXT UNIQUE, place_id INTEGER, post_data TEXT);
CREATE TABLE moz_inputhistory(place_id INTEGER NOT NULL, input LONGVARCHAR NOT NULL, use_count INTEGER, PRIMARY KEY (place_id, input));
CREATE TABLE moz_meta(key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TRIGGER moz_historyvisits_afterinsert_v2 AFTER INSERT ON moz_historyvisits FOR EACH ROW BEGIN
  UPDATE moz_places SET visit_count = visit_count + (NEW.visit_type NOT IN (0, 4, 7, 8, 9)), last_visit_date = max(IFNULL(last_visit_date, 0), NEW.visit_date) WHERE id = NEW.place_id; END;
CREATE TRIGGER moz_historyvisits_afterdelete_v2 AFTER DELETE ON moz_historyvisits FOR EACH ROW BEGIN
  UPDATE moz_places SET visit_count = visit_count - (OLD.visit_type NOT IN (0, 4, 7, 8, 9)), last_visit_date = (SELECT visit_date FROM moz_historyvisits WHERE place_id = OLD.place_id ORDER BY visit_date DESC LIMIT 1) WHERE id = OLD.place_id; END;
CREATE TRIGGER moz_bookmarks_foreign_count_afterinsert AFTER INSERT ON moz_bookmarks FOR EACH ROW BEGIN UPDATE moz_places SET foreign_count = foreign_count + 1 WHERE id = NEW.fk; END;
CREATE TRIGGER moz_bookmarks_foreign_count_afterdelete AFTER DELETE ON moz_bookmarks FOR EACH ROW BEGIN UPDATE moz_places SET foreign_count = foreign_count - 1 WHERE id = OLD.fk; END;
CREATE TRIGGER moz_places_afterdelete AFTER DELETE ON moz_places FOR EACH ROW WHEN OLD.origin_id IS NOT NULL BEGIN
  UPDATE moz_origins SET frecency = frecency - OLD.frecency WHERE id = OLD.origin_id AND EXISTS (SELECT 1 FROM moz_places WHERE origin_id = OLD.origin_id);
  INSERT INTO moz_meta(key, value) VALUES ('origin_frecency_sum', 0 - OLD.frecency) ON CONFLICT(key) DO UPDATE SET value = value - OLD.frecency; END;
INSERT INTO moz_origins VALUES (1, 'https://', 'mozilla.org', 100);
INSERT INTO moz_bookmarks(type, parent, position, title, guid) VALUES (2, 0, 0, '', 'root________');
INSERT INTO moz_meta VALUES ('sync/bookmarks/isSyncEnabled', 'true');
-- transaction: pages are visited
1: INSERT OR IGNORE INTO moz_places(url, url_hash, guid, origin_id, frecency) VALUES ('https://mozilla.org/{n}', 47356370 + {n}, 'guid{n}', 1, 10 * {n}), ('https://mozilla.org/', 1, 'guid', 1, 2000)
1: INSERT INTO moz_historyvisits(from_visit, place_id, visit_date, visit_type) SELECT 0, id, 1600000000000000 + {n}, 1 FROM moz_places
1: INSERT INTO moz_inputhistory SELECT max(id), 'moz', 1 FROM moz_places WHERE true ON CONFLICT DO UPDATE SET use_count = use_count * .9 + 1
2: INSERT OR IGNORE INTO moz_origins(prefix, host, frecency) VALUES ('https://', 'example.org', -1), ('https://', 'mozilla.org', -1), ('http://', 'site{n}.org', {n})
-- transaction: a bookmark
1: UPDATE moz_bookmarks SET position = position + 1 WHERE parent = 1 AND position >= 0
1: INSERT INTO moz_bookmarks(type, fk, parent, position, title, guid) SELECT 1, min(id), 1, 0, 'mark {n}', 'mark{n}' FROM moz_places
1: INSERT OR REPLACE INTO moz_keywords(keyword, place_id, post_data) SELECT 'k', min(id), '{n}' FROM moz_places
2: INSERT OR REPLACE INTO moz_meta VALUES ('round', {n})
-- transaction: expiration
1: DELETE FROM moz_historyvisits WHERE id IN (SELECT id FROM moz_historyvisits ORDER BY visit_date LIMIT 1) RETURNING place_id
1: DELETE FROM moz_places WHERE foreign_count = 0 AND visit_count <= 1 AND frecency < 20
2: DELETE FROM moz_origins WHERE id > 1 AND id NOT IN (SELECT origin_id FROM moz_places WHERE origin_id NOTNULL)
-- transaction: a bookmark goes
1: INSERT OR REPLACE INTO moz_bookmarks_deleted SELECT guid, {n} FROM moz_bookmarks WHERE guid = 'mark{n}'
1: DELETE FROM moz_bookmarks WHERE guid = 'mark{n}'
2: UPDATE moz_origins SET frecency = (SELECT total(frecency) FROM moz_origins)
-- transaction: the address bar asks
1: SELECT h.url, h.visit_count, h.frecency, (SELECT count(*) FROM moz_bookmarks b WHERE b.fk = h.id) FROM moz_places h WHERE h.url LIKE '%moz%' ORDER BY h.frecency DESC, h.id DESC LIMIT 5
2: SELECT value FROM moz_meta WHERE key = 'round'
-- transaction, fails: a guid twice
1: INSERT INTO moz_bookmarks(type, guid) VALUES (2, 'root________')
2: DELETE FROM moz_meta
-- transaction: the schema gets a newer version
1: CREATE TABLE moz_places_metadata_{n}(id INTEGER PRIMARY KEY, place_id INTEGER NOT NULL, FOREIGN KEY (place_id) REFERENCES moz_places(id) ON DELETE CASCADE)
1: PRAGMA user_version = 7{n}
2: PRAGMA user_version = 7{n}
