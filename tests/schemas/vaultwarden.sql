-- application: Vaultwarden (github.com/dani-garcia/vaultwarden, AGPL-3.0); table and column names only, shortened
-- schema
CREATE TABLE __diesel_schema_migrations(version VARCHAR(50) PRIMARY KEY NOT NULL, run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE users(uuid TEXT NOT NULL PRIMARY KEY, created_at DATETIME NOT NULL, email TEXT NOT NULL UNIQUE, password_hash BLOB NOT NULL, salt BLOB NOT NULL, enabled BOOLEAN NOT NULL DEFAULT 1);
CREATE TABLE devices(uuid TEXT NOT NULL, user_uuid TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY(uuid, user_uuid), FOREIGN KEY(user_uuid) REFERENCES users(uuid));
CREATE TABLE organizations(uuid VARCHAR(40) NOT NULL PRIMARY KEY, name TEXT NOT NULL, billing_email TEXT NOT NULL);
CREATE TABLE folders(uuid TEXT NOT NULL PRIMARY KEY, user_uuid TEXT NOT NULL REFERENCES users (uuid), name TEXT NOT NULL);
CREATE TABLE ciphers(uuid TEXT NOT NULL PRIMARY KEY, user_uuid TEXT REFERENCES users (uuid), organization_uuid TEXT REFERENCES organizations (uuid), atype INTEGER NOT NULL, name TEXT NOT NULL, data TEXT NOT NULL, deleted_at DATETIME);
CREATE TABLE folders_ciphers(cipher_uuid TEXT NOT NULL REFERENCES ciphers (uuid), folder_uuid TEXT NOT NULL REFERENCES folders (uuid), PRIMARY KEY (cipher_uuid, folder_uuid));
CREATE TABLE favorites(user_uuid TEXT NOT NULL REFERENCES users(uuid), cipher_uuid TEXT NOT NULL REFERENCES ciphers(uuid), PRIMARY KEY (user_uuid, cipher_uuid));
CREATE TABLE users_organizations(uuid TEXT NOT NULL PRIMARY KEY, user_uuid TEXT NOT NULL REFERENCES users (uuid), org_uuid TEXT NOT NULL REFERENCES organizations (uuid), status INTEGER NOT NULL, UNIQUE (user_uuid, org_uuid));
CREATE TABLE invitations(email TEXT NOT NULL PRIMARY KEY);
CREATE TABLE groups(uuid CHAR(36) NOT NULL PRIMARY KEY, organizations_uuid VARCHAR(40) NOT NULL REFERENCES organizations(uuid), name VARCHAR(100) NOT NULL);
CREATE TABLE groups_users(groups_uuid CHAR(36) NOT NULL REFERENCES groups (uuid) ON DELETE CASCADE, users_organizations_uuid VARCHAR(36) NOT NULL REFERENCES users_organizations (uuid), UNIQUE (groups_uuid, users_organizations_uuid));
CREATE TABLE sso_users(user_uuid CHAR(36) NOT NULL PRIMARY KEY, identifier TEXT NOT NULL UNIQUE, FOREIGN KEY(user_uuid) REFERENCES users(uuid) ON UPDATE CASCADE ON DELETE CASCADE);
INSERT INTO organizations VALUES ('org-1', 'troth', 'b@x.org');
-- transaction: an invited user registers
1: REPLACE INTO invitations VALUES ('u{n}@x.org')
1: INSERT INTO users(uuid, created_at, email, password_hash, salt) VALUES ('user-{n}', '2023-01-01 00:00:0{n}.123456', 'u{n}@x.org', x'00ff{n}0', x'')
1: DELETE FROM invitations WHERE email = 'u{n}@x.org'
1: INSERT INTO sso_users VALUES ('user-{n}', 'https://idp/{n}')
2: INSERT INTO users(uuid, created_at, email, password_hash, salt) VALUES ('user-{n}', '2023-01-01', 'u{n}@x.org', x'00ff', x'01')
2: INSERT OR REPLACE INTO users_organizations VALUES ('member-{n}', 'user-{n}', 'org-1', 0)
-- transaction: a cipher in a folder
1: REPLACE INTO ciphers(uuid, user_uuid, atype, name, data) VALUES ('cipher-{n}', 'user-{n}', 1, '2.a|b|c', '{"Fields":null,"n":{n}}')
1: INSERT INTO folders VALUES ('folder-{n}', 'user-{n}', '2.f')
1: INSERT INTO folders_ciphers VALUES ('cipher-{n}', 'folder-{n}')
1: INSERT OR IGNORE INTO favorites VALUES ('user-{n}', 'cipher-{n}')
2: REPLACE INTO devices VALUES ('device', 'user-{n}', 'firefox')
2: REPLACE INTO devices VALUES ('device', 'user-{n}', 'chrome')
-- transaction: a group of the organization
2: INSERT INTO groups VALUES ('group-{n}', 'org-1', 'g {n}')
2: INSERT INTO groups_users SELECT 'group-{n}', uuid FROM users_organizations
1: UPDATE ciphers SET deleted_at = '2023-02-0{n}', data = json_set(data, '$.Fields', json_array({n}, 2)) WHERE uuid = 'cipher-{n}'
-- transaction: groups and favourites go, with what hangs on them
2: DELETE FROM groups WHERE uuid <> 'group-{n}'
1: DELETE FROM favorites WHERE cipher_uuid = 'cipher-{n}'
1: DELETE FROM folders_ciphers WHERE cipher_uuid IN (SELECT uuid FROM ciphers WHERE deleted_at IS NOT NULL)
-- transaction, fails: a user who still has ciphers
1: DELETE FROM users WHERE uuid = 'user-{n}'
2: DELETE FROM groups
-- transaction: a sync
1: SELECT c.uuid, c.name, f.folder_uuid IS NOT NULL, json_extract(c.data, '$.n') FROM ciphers c LEFT JOIN folders_ciphers f ON f.cipher_uuid = c.uuid WHERE c.user_uuid = 'user-{n}'
2: SELECT u.email, count(g.groups_uuid) FROM users u JOIN users_organizations o ON o.user_uuid = u.uuid LEFT JOIN groups_users g ON g.users_organizations_uuid = o.uuid GROUP BY u.uuid ORDER BY 1
-- transaction: a diesel migration
1: ALTER TABLE users ADD COLUMN extra_{n} TEXT
1: UPDATE users SET extra_{n} = lower(hex(password_hash))
1: INSERT INTO __diesel_schema_migrations VALUES ('2023060{n}', '2023-06-01')
2: ALTER TABLE devices RENAME COLUMN name TO name_{n}
2: ALTER TABLE devices RENAME COLUMN name_{n} TO name
2: INSERT INTO __diesel_schema_migrations VALUES ('2023060{n}', '2023-06-01')
