-- application: Django's auth, admin and sessions (github.com/django/django, BSD-3-Clause); shortened to structure
-- schema
CREATE TABLE "django_migrations" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "app" varchar(255) NOT NULL, "name" varchar(255) NOT NULL, "applied" datetime NOT NULL);
CREATE TABLE "django_content_type" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "app_label" varchar(100) NOT NULL, "model" varchar(100) NOT NULL);
CREATE UNIQUE INDEX "django_content_type_app_label_model_76bd3d3b_uniq" ON "django_content_type" ("app_label", "model");
CREATE TABLE "auth_permission" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "content_type_id" integer NOT NULL REFERENCES "django_content_type" ("id") DEFERRABLE INITIALLY DEFERRED, "codename" varchar(100) NOT NULL, "name" varchar(255) NOT NULL);
CREATE UNIQUE INDEX "auth_permission_content_type_id_codename_01ab375a_uniq" ON "auth_permission" ("content_type_id", "codename");
CREATE INDEX "auth_permission_content_type_id_2f476e4b" ON "auth_permission" ("content_type_id");
CREATE TABLE "auth_group" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(150) NOT NULL UNIQUE);
CREATE TABLE "auth_group_permissions" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "group_id" integer NOT NULL REFERENCES "auth_group" ("id") DEFERRABLE INITIALLY DEFERRED, "permission_id" integer NOT NULL REFERENCES "auth_permission" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE UNIQUE INDEX "auth_group_permissions_group_id_permission_id_0cd325b0_uniq" ON "auth_group_permissions" ("group_id", "permission_id");
CREATE TABLE "auth_user" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "password" varchar(128) NOT NULL, "last_login" datetime NULL, "is_superuser" bool NOT NULL, "username" varchar(150) NOT NULL UNIQUE, "email" varchar(254) NOT NULL, "date_joined" datetime NOT NULL);
CREATE TABLE "auth_user_groups" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "user_id" integer NOT NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED, "group_id" integer NOT NULL REFERENCES "auth_group" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE UNIQUE INDEX "auth_user_groups_user_id_group_id_94350c0c_uniq" ON "auth_user_groups" ("user_id", "group_id");
CREATE TABLE "django_admin_log" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "object_repr" varchar(200) NOT NULL, "action_flag" smallint unsigned NOT NULL CHECK ("action_flag" >= 0), "content_type_id" integer NULL REFERENCES "django_content_type" ("id") DEFERRABLE INITIALLY DEFERRED, "user_id" integer NOT NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED, "action_time" datetime NOT NULL);
CREATE TABLE "django_session" ("session_key" varchar(40) NOT NULL PRIMARY KEY, "session_data" text NOT NULL, "expire_date" datetime NOT NULL);
CREATE INDEX "django_session_expire_date_a5c62663" ON "django_session" ("expire_date");
INSERT INTO django_content_type(app_label, model) VALUES ('auth', 'user'), ('auth', 'group'), ('shop', 'order');
INSERT INTO auth_permission(content_type_id, codename, name) SELECT id, 'add_' || model, 'Can add ' || model FROM django_content_type;
-- transaction: create a user with a group, children first
1: INSERT INTO "auth_user_groups" ("user_id", "group_id") VALUES ({n}, {n})
1: INSERT INTO "auth_user" ("id", "password", "is_superuser", "username", "email", "date_joined") VALUES ({n}, '!', 0, 'user{n}', '', '2021-01-01 00:00:00')
1: INSERT INTO "auth_group" ("id", "name") VALUES ({n}, 'group {n}')
2: INSERT INTO "auth_user" ("password", "is_superuser", "username", "email", "date_joined") VALUES ('!', 1, 'admin{n}', 'a@b.c', '2021-01-01') RETURNING "auth_user"."id"
-- transaction: permissions of the group, as set() writes them
1: INSERT OR IGNORE INTO "auth_group_permissions" ("group_id", "permission_id") SELECT {n}, "id" FROM "auth_permission"
1: DELETE FROM "auth_group_permissions" WHERE ("group_id" = {n} AND "permission_id" IN (2, 3))
2: INSERT INTO "django_admin_log" ("object_repr", "action_flag", "content_type_id", "user_id", "action_time") VALUES ('group {n}', 2, 2, {n}, '2021-01-02')
-- transaction: log in
1: UPDATE "auth_user" SET "last_login" = '2021-01-0{n} 10:00:00' WHERE "auth_user"."id" = {n}
1: INSERT INTO "django_session" VALUES ('k{n}', 'eyJf', '2021-02-0{n}')
2: INSERT INTO "django_session" VALUES ('k{n}', 'eyJf', '2021-02-0{n}') ON CONFLICT("session_key") DO UPDATE SET "session_data" = excluded."session_data"
-- transaction, fails: the user does not exist, which shows at the end only
1: INSERT INTO "django_admin_log" ("object_repr", "action_flag", "user_id", "action_time") VALUES ('x', 1, 4711, '2021-01-03')
2: DELETE FROM "django_session"
-- transaction: clear sessions and look at the users
1: DELETE FROM "django_session" WHERE "django_session"."expire_date" < '2021-02-03'
2: SELECT u."username", count(l."id") FROM "auth_user" u LEFT OUTER JOIN "django_admin_log" l ON (u."id" = l."user_id") GROUP BY u."id" ORDER BY u."id"
-- transaction: a migration with its row, on both sites
1: ALTER TABLE "auth_user" ADD COLUMN "extra{n}" varchar(30) DEFAULT '' NOT NULL
1: INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('auth', '00{n}_extra', '2021-01-04')
2: CREATE TABLE "new__auth_group" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(1{n}0) NOT NULL UNIQUE)
2: INSERT INTO "new__auth_group" ("id", "name") SELECT "id", "name" FROM "auth_group"
2: DROP TABLE "auth_group"
2: ALTER TABLE "new__auth_group" RENAME TO "auth_group"
2: INSERT INTO "django_migrations" ("app", "name", "applied") VALUES ('auth', '00{n}_extra', '2021-01-04')
-- transaction: flush of the sequences, as the test runner writes it
2: DELETE FROM "django_admin_log"
2: UPDATE "sqlite_sequence" SET "seq" = 0 WHERE "name" IN ('django_admin_log')
1: SELECT "name" FROM "django_migrations" ORDER BY "id"
