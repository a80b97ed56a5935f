-- application: Nextcloud on SQLite (github.com/nextcloud/server, AGPL-3.0); table and column names only, shortened
-- schema
CREATE TABLE oc_appconfig(appid VARCHAR(32) DEFAULT '' NOT NULL, configkey VARCHAR(64) DEFAULT '' NOT NULL, configvalue CLOB DEFAULT NULL, PRIMARY KEY(appid, configkey));
CREATE TABLE oc_migrations(app VARCHAR(255) NOT NULL, version VARCHAR(255) NOT NULL, PRIMARY KEY(app, version));
CREATE TABLE oc_storages(id VARCHAR(64) DEFAULT NULL, numeric_id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, available INTEGER DEFAULT 1 NOT NULL);
CREATE UNIQUE INDEX storages_id_index ON oc_storages (id);
CREATE TABLE oc_mimetypes(id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, mimetype VARCHAR(255) DEFAULT '' NOT NULL COLLATE BINARY);
CREATE UNIQUE INDEX mimetype_id_index ON oc_mimetypes (mimetype);
CREATE TABLE oc_filecache(fileid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, storage BIGINT DEFAULT 0 NOT NULL, path VARCHAR(4000) DEFAULT NULL, path_hash VARCHAR(32) DEFAULT '' NOT NULL, parent BIGINT DEFAULT 0 NOT NULL, name VARCHAR(250) DEFAULT NULL, size BIGINT DEFAULT 0 NOT NULL, etag VARCHAR(40) DEFAULT NULL);
CREATE UNIQUE INDEX fs_storage_path_hash ON oc_filecache (storage, path_hash);
CREATE INDEX fs_parent_name_hash ON oc_filecache (parent, name);
CREATE TABLE oc_filecache_extended(fileid BIGINT UNSIGNED NOT NULL, metadata_etag VARCHAR(40) DEFAULT NULL, upload_time BIGINT DEFAULT 0 NOT NULL, PRIMARY KEY(fileid));
CREATE TABLE oc_share(id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, share_type SMALLINT DEFAULT 0 NOT NULL, share_with VARCHAR(255) DEFAULT NULL, file_source BIGINT DEFAULT NULL, permissions SMALLINT DEFAULT 0 NOT NULL, token VARCHAR(32) DEFAULT NULL);
CREATE TABLE oc_jobs(id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, class VARCHAR(255) DEFAULT '' NOT NULL, argument VARCHAR(4000) DEFAULT '' NOT NULL, last_run INTEGER DEFAULT 0, reserved_at INTEGER DEFAULT 0);
CREATE TABLE oc_file_locks(id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, "lock" INTEGER DEFAULT 0 NOT NULL, "key" VARCHAR(64) NOT NULL, ttl INTEGER DEFAULT -1 NOT NULL);
CREATE UNIQUE INDEX lock_key_index ON oc_file_locks ("key");
CREATE TABLE oc_vcategory_to_object(objid BIGINT DEFAULT 0 NOT NULL, categoryid BIGINT DEFAULT 0 NOT NULL, type VARCHAR(64) DEFAULT '' NOT NULL, PRIMARY KEY(categoryid, objid, type));
INSERT INTO oc_storages(id) VALUES ('home::admin'), ('local::/data/');
INSERT INTO oc_mimetypes(mimetype) VALUES ('httpd'), ('text/plain');
INSERT INTO oc_filecache(storage, path, path_hash, parent, name) VALUES (1, '', 'd41d8cd98f00b204e9800998ecf8427e', -1, ''), (1, 'files', '45b963397aa40d4a0063e0d85e4fe7a1', 1, 'files');
INSERT INTO oc_jobs(class) VALUES ('OC\Authentication\Token\TokenCleanupJob');
-- transaction: a file is uploaded, under its lock
1: INSERT INTO oc_file_locks("key", "lock", ttl) SELECT 'files/{n}', -1, 3600 FROM oc_mimetypes WHERE NOT EXISTS (SELECT 1 FROM oc_file_locks WHERE "key" = 'files/{n}') LIMIT 1
1: INSERT INTO oc_filecache(storage, path, path_hash, parent, name, size, etag) VALUES (1, 'files/f{n}.txt', 'hash{n}', 2, 'f{n}.txt', {n} * 1073741824, 'etag{n}')
1: INSERT OR IGNORE INTO oc_filecache(storage, path_hash) VALUES (1, 'hash{n}')
1: INSERT INTO oc_filecache_extended SELECT max(fileid), NULL, {n} FROM oc_filecache
1: UPDATE oc_filecache SET size = (SELECT sum(size) FROM oc_filecache f WHERE f.parent = 2), etag = 'e{n}' WHERE fileid IN (1, 2)
1: UPDATE oc_file_locks SET "lock" = "lock" + 1 WHERE "key" = 'files/{n}'
2: INSERT INTO oc_share(share_type, share_with, file_source, permissions, token) VALUES (0, 'user{n}', {n}, 31, NULL)
-- transaction: settings
1: INSERT INTO oc_appconfig VALUES ('core', 'lastcron', '{n}') ON CONFLICT(appid, configkey) DO UPDATE SET configvalue = excluded.configvalue
2: UPDATE oc_jobs SET reserved_at = {n} WHERE id = 1 AND last_run <= {n} AND reserved_at < {n}
2: INSERT INTO oc_jobs(class, argument) VALUES ('OC\Command\CommandJob', '"{n}"')
-- transaction: a folder is moved, with all below it
1: UPDATE oc_filecache SET path = 'trash/' || substr(path, 7), path_hash = 'moved' || fileid WHERE storage = 1 AND path LIKE 'files/%'
1: DELETE FROM oc_file_locks WHERE "lock" = 0 OR ttl < 0
2: DELETE FROM oc_share WHERE file_source IN (SELECT file_source FROM oc_share GROUP BY file_source HAVING count(*) > 1)
-- transaction: favourites
1: INSERT OR IGNORE INTO oc_vcategory_to_object SELECT fileid, 1, 'files' FROM oc_filecache
2: INSERT INTO oc_vcategory_to_object VALUES ({n}, 1, 'files') ON CONFLICT DO NOTHING
-- transaction: an app is upgraded
1: ALTER TABLE oc_share ADD COLUMN note_{n} CLOB DEFAULT NULL
1: INSERT INTO oc_migrations VALUES ('core', '1300{n}Date2017')
2: INSERT INTO oc_migrations VALUES ('core', '1300{n}Date2017')
2: CREATE TABLE oc_new_{n}(id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, value CLOB DEFAULT NULL)
-- transaction, fails: the same path twice
1: INSERT INTO oc_filecache(storage, path, path_hash) VALUES (1, '', 'd41d8cd98f00b204e9800998ecf8427e')
2: DELETE FROM oc_jobs
-- transaction: the listing
1: SELECT name, size, etag, metadata_etag IS NULL FROM oc_filecache LEFT JOIN oc_filecache_extended USING (fileid) WHERE parent = 2 ORDER BY name
2: SELECT share_with, permissions FROM oc_share ORDER BY id
