-- application: Joplin's notes with their full-text index (github.com/laurent22/joplin, AGPL-3.0); table and column names only, shortened
-- schema
CREATE TABLE folders(id TEXT PRIMARY KEY, title TEXT NOT NULL DEFAULT "", parent_id TEXT NOT NULL DEFAULT "");
CREATE TABLE tags(id TEXT PRIMARY KEY, title TEXT NOT NULL DEFAULT "");
CREATE TABLE note_tags(id TEXT PRIMARY KEY, note_id TEXT NOT NULL, tag_id TEXT NOT NULL);
CREATE TABLE notes(id TEXT PRIMARY KEY, parent_id TEXT NOT NULL DEFAULT "", title TEXT NOT NULL DEFAULT "", body TEXT NOT NULL DEFAULT "", updated_time INT NOT NULL, is_todo INT NOT NULL DEFAULT 0, "order" NUMERIC NOT NULL DEFAULT 0);
CREATE INDEX notes_title ON notes (title);
CREATE TABLE notes_normalized(id TEXT NOT NULL, title TEXT NOT NULL DEFAULT "", body TEXT NOT NULL DEFAULT "", is_todo INT NOT NULL DEFAULT 0);
CREATE INDEX notes_normalized_id ON notes_normalized (id);
CREATE VIRTUAL TABLE notes_fts USING fts4(content="notes_normalized", notindexed="id", notindexed="is_todo", id, title, body, is_todo);
CREATE TRIGGER notes_fts_before_update BEFORE UPDATE ON notes_normalized BEGIN DELETE FROM notes_fts WHERE docid=old.rowid; END;
CREATE TRIGGER notes_fts_before_delete BEFORE DELETE ON notes_normalized BEGIN DELETE FROM notes_fts WHERE docid=old.rowid; END;
CREATE TRIGGER notes_after_update AFTER UPDATE ON notes_normalized BEGIN INSERT INTO notes_fts(docid, id, title, body, is_todo) SELECT rowid, id, title, body, is_todo FROM notes_normalized WHERE new.rowid = notes_normalized.rowid; END;
CREATE TRIGGER notes_after_insert AFTER INSERT ON notes_normalized BEGIN INSERT INTO notes_fts(docid, id, title, body, is_todo) SELECT rowid, id, title, body, is_todo FROM notes_normalized WHERE new.rowid = notes_normalized.rowid; END;
CREATE TABLE settings(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE item_changes(id INTEGER PRIMARY KEY AUTOINCREMENT, item_type INT NOT NULL, item_id TEXT NOT NULL, type INT NOT NULL, created_time INT NOT NULL);
CREATE VIEW tags_with_note_count AS SELECT tags.id AS id, tags.title AS title, COUNT(notes.id) AS note_count FROM tags LEFT JOIN note_tags nt ON nt.tag_id = tags.id LEFT JOIN notes ON notes.id = nt.note_id WHERE notes.id IS NOT NULL GROUP BY tags.id;
INSERT INTO folders VALUES ('f1', 'Inbox', '');
INSERT INTO tags VALUES ('t1', 'work');
-- transaction: a note is written and indexed
1: INSERT INTO notes(id, parent_id, title, body, updated_time, "order") VALUES ('note{n}', 'f1', 'Title {n}', 'the quick brown fox number {n}', 170000000{n}, {n}.5)
1: INSERT INTO notes_normalized(id, title, body) SELECT id, lower(title), body FROM notes WHERE id = 'note{n}'
1: INSERT INTO note_tags VALUES ('nt{n}', 'note{n}', 't1')
1: INSERT INTO item_changes(item_type, item_id, type, created_time) VALUES (1, 'note{n}', 1, {n})
2: INSERT INTO notes_normalized(id, title, body) VALUES ('n{n}', 'copy {n}', 'jumps over the lazy dog ' || {n})
-- transaction: it is changed
1: UPDATE notes SET body = body || ' and more', updated_time = updated_time + 1 WHERE id = 'note{n}'
1: UPDATE notes_normalized SET body = (SELECT body FROM notes WHERE notes.id = notes_normalized.id) WHERE id = 'note{n}'
2: REPLACE INTO settings VALUES ('searchEngine.lastProcessedChangeId', '{n}')
-- transaction: searches
1: SELECT id, title, length(offsets(notes_fts)) > 0 FROM notes_fts WHERE notes_fts MATCH 'fox more' ORDER BY id
1: SELECT title, note_count FROM tags_with_note_count
2: SELECT id FROM notes_fts WHERE notes_fts MATCH 'body:dog' ORDER BY id
-- transaction: an old note goes
1: DELETE FROM notes_normalized WHERE id = (SELECT min(id) FROM notes_normalized)
1: DELETE FROM notes WHERE id NOT IN (SELECT id FROM notes_normalized)
2: DELETE FROM notes_normalized WHERE id = 'n' || ({n} - 1)
-- transaction, fails: the id is taken
1: INSERT INTO notes(id, updated_time) VALUES ('note{n}', 0), ('note{n}', 0)
2: DELETE FROM notes_normalized
