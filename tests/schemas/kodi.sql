-- application: Kodi's video library, MyVideos.db (github.com/xbmc/xbmc, GPL-2.0); table and column names only, shortened
-- schema
CREATE TABLE version(idVersion integer, iCompressCount integer);
CREATE TABLE path(idPath integer primary key, strPath text, strHash text, idParentPath integer);
CREATE INDEX ix_path ON path (strPath);
CREATE TABLE files(idFile integer primary key, idPath integer, strFilename text, playCount integer, lastPlayed text);
CREATE UNIQUE INDEX ix_files ON files (idPath, strFilename);
CREATE TABLE bookmark(idBookmark integer primary key, idFile integer, timeInSeconds double, type integer);
CREATE INDEX ix_bookmark ON bookmark (idFile, type);
CREATE TABLE settings(idFile integer, ViewMode integer, ZoomAmount float, Gamma float);
CREATE UNIQUE INDEX ix_settings ON settings (idFile);
CREATE TABLE movie(idMovie integer primary key, idFile integer, c00 text, c07 text, idSet integer, userrating integer);
CREATE UNIQUE INDEX ix_movie_file_1 ON movie (idFile, idMovie);
CREATE TABLE actor(actor_id INTEGER PRIMARY KEY, name TEXT, art_urls TEXT);
CREATE UNIQUE INDEX ix_actor_1 ON actor (name);
CREATE TABLE actor_link(actor_id INTEGER, media_id INTEGER, media_type TEXT, role TEXT, cast_order INTEGER);
CREATE UNIQUE INDEX ix_actor_link_1 ON actor_link (actor_id, media_type, media_id, role);
CREATE TABLE tag(tag_id integer primary key, name TEXT);
CREATE TABLE tag_link(tag_id integer, media_id integer, media_type TEXT);
CREATE UNIQUE INDEX ix_taglink_1 ON tag_link (tag_id, media_type, media_id);
CREATE TABLE art(art_id INTEGER PRIMARY KEY, media_id INTEGER, media_type TEXT, type TEXT, url TEXT);
CREATE TABLE sets(idSet integer primary key, strSet text);
CREATE TRIGGER delete_movie AFTER DELETE ON movie FOR EACH ROW BEGIN
  DELETE FROM actor_link WHERE media_id=old.idMovie AND media_type='movie';
  DELETE FROM art WHERE media_id=old.idMovie AND media_type='movie';
  DELETE FROM tag_link WHERE media_id=old.idMovie AND media_type='movie'; END;
CREATE TRIGGER delete_tag AFTER DELETE ON tag_link FOR EACH ROW BEGIN
  DELETE FROM tag WHERE tag_id=old.tag_id AND tag_id NOT IN (SELECT DISTINCT tag_id FROM tag_link); END;
CREATE TRIGGER delete_file AFTER DELETE ON files FOR EACH ROW BEGIN
  DELETE FROM bookmark WHERE idFile=old.idFile; DELETE FROM settings WHERE idFile=old.idFile; END;
CREATE VIEW movie_view AS SELECT movie.*, sets.strSet AS strSet, files.strFilename AS strFileName, path.strPath AS strPath, files.playCount AS playCount, bookmark.timeInSeconds AS resumeTimeInSeconds
  FROM movie LEFT JOIN sets ON sets.idSet = movie.idSet JOIN files ON files.idFile=movie.idFile JOIN path ON path.idPath=files.idPath LEFT JOIN bookmark ON bookmark.idFile=movie.idFile AND bookmark.type=1;
INSERT INTO version VALUES (121, 0);
INSERT INTO path(strPath) VALUES ('/media/');
-- transaction: a movie is added by the scanner
1: INSERT INTO files(idFile, idPath, strFilename) VALUES (NULL, 1, 'movie{n}.mkv')
1: INSERT INTO movie(idMovie, idFile, c00, c07) SELECT NULL, max(idFile), 'Movie {n}', '199{n}' FROM files
1: INSERT OR IGNORE INTO actor(name) VALUES ('Jane'), ('Actor {n}')
1: INSERT INTO actor_link SELECT actor_id, (SELECT max(idMovie) FROM movie), 'movie', 'herself', {n} FROM actor
1: INSERT INTO tag(tag_id, name) VALUES (NULL, 'tag {n}')
1: REPLACE INTO tag_link SELECT tag_id, (SELECT max(idMovie) FROM movie), 'movie' FROM tag
1: INSERT INTO art(media_id, media_type, type, url) SELECT max(idMovie), 'movie', 'poster', 'image://{n}' FROM movie
2: INSERT INTO path(idPath, strPath, strHash) VALUES (NULL, 'smb://nas/{n}/', 'h{n}')
-- transaction: it is watched
1: UPDATE files SET playCount = IFNULL(playCount, 0) + 1, lastPlayed = '2024-01-0{n} 20:15:00' WHERE idFile = {n}
1: INSERT INTO bookmark(idFile, timeInSeconds, type) VALUES ({n}, 123.25 * {n}, 1)
1: REPLACE INTO settings VALUES ({n}, 1, 1.0, 20.0)
2: INSERT INTO files(idPath, strFilename) SELECT idPath, 'x' FROM path WHERE true ON CONFLICT DO UPDATE SET playCount = ifnull(playCount, 0) + 1
-- transaction: the library shows
1: SELECT idMovie, c00, strFileName, strPath, playCount, resumeTimeInSeconds FROM movie_view ORDER BY idMovie
2: SELECT count(*), total(playCount) FROM files
-- transaction: a movie is removed, and what only it needed
1: DELETE FROM movie WHERE idMovie = {n} - 1
1: DELETE FROM files WHERE idFile NOT IN (SELECT idFile FROM movie)
2: DELETE FROM files WHERE playCount > 2
-- transaction: the schema is updated, triggers and views made anew
1: DROP VIEW IF EXISTS movie_view
1: ALTER TABLE movie ADD extra{n} text
1: CREATE VIEW movie_view AS SELECT movie.*, sets.strSet AS strSet, files.strFilename AS strFileName, path.strPath AS strPath, files.playCount AS playCount, bookmark.timeInSeconds AS resumeTimeInSeconds FROM movie LEFT JOIN sets ON sets.idSet = movie.idSet JOIN files ON files.idFile=movie.idFile JOIN path ON path.idPath=files.idPath LEFT JOIN bookmark ON bookmark.idFile=movie.idFile AND bookmark.type=1
1: UPDATE version SET idVersion = 121 + {n}
2: UPDATE version SET idVersion = 121 + {n}
-- transaction, fails: a file twice
1: INSERT INTO files(idPath, strFilename) VALUES (1, 'movie{n}.mkv')
2: DELETE FROM path
