-- application: Redmine, a Rails application (redmine.org, GPL-2.0); table and column names only, shortened, in the form in which Rails writes SQLite schemas
-- schema
CREATE TABLE "schema_migrations" ("version" varchar NOT NULL PRIMARY KEY);
CREATE TABLE "ar_internal_metadata" ("key" varchar NOT NULL PRIMARY KEY, "value" varchar, "created_at" datetime(6) NOT NULL, "updated_at" datetime(6) NOT NULL);
CREATE TABLE "projects" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "name" varchar DEFAULT '' NOT NULL, "parent_id" integer DEFAULT NULL, "lft" integer, "rgt" integer, "updated_on" timestamp DEFAULT NULL);
CREATE INDEX "index_projects_on_lft" ON "projects" ("lft");
CREATE TABLE "users" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "login" varchar DEFAULT '' NOT NULL, "admin" boolean DEFAULT 0 NOT NULL, "status" integer DEFAULT 1 NOT NULL);
CREATE TABLE "issues" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "project_id" integer NOT NULL, "subject" varchar DEFAULT '' NOT NULL, "done_ratio" integer DEFAULT 0 NOT NULL, "lock_version" integer DEFAULT 0 NOT NULL, "assigned_to_id" integer DEFAULT NULL);
CREATE INDEX "issues_project_id" ON "issues" ("project_id");
CREATE TABLE "journals" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "journalized_id" integer DEFAULT 0 NOT NULL, "journalized_type" varchar(30) DEFAULT '' NOT NULL, "user_id" integer DEFAULT 0 NOT NULL, "notes" text);
CREATE INDEX "journals_journalized_id" ON "journals" ("journalized_id", "journalized_type");
CREATE TABLE "journal_details" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "journal_id" integer DEFAULT 0 NOT NULL, "prop_key" varchar(30) DEFAULT '' NOT NULL, "old_value" text, "value" text);
CREATE TABLE "members" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "user_id" integer DEFAULT 0 NOT NULL, "project_id" integer DEFAULT 0 NOT NULL);
CREATE UNIQUE INDEX "index_members_on_user_id_and_project_id" ON "members" ("user_id", "project_id");
CREATE TABLE "watchers" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "watchable_id" integer DEFAULT 0 NOT NULL, "user_id" integer,
CONSTRAINT "fk_rails_watchers_users" FOREIGN KEY ("user_id") REFERENCES "users" ("id"));
CREATE TABLE "custom_fields_projects" ("custom_field_id" integer DEFAULT 0 NOT NULL, "project_id" integer DEFAULT 0 NOT NULL);
CREATE UNIQUE INDEX "index_custom_fields_projects" ON "custom_fields_projects" ("custom_field_id", "project_id");
INSERT INTO "schema_migrations" VALUES ('20010101000000');
INSERT INTO "users" ("login", "admin") VALUES ('admin', 1), ('jsmith', 0);
INSERT INTO "projects" ("name", "lft", "rgt") VALUES ('eCookbook', 1, 2);
-- transaction: an issue and who watches it
1: INSERT INTO "issues" ("project_id", "subject", "assigned_to_id") VALUES (1, 'Cannot print recipes {n}', 2) RETURNING "id"
1: INSERT INTO "watchers" ("watchable_id", "user_id") SELECT max("id"), 2 FROM "issues"
2: INSERT INTO "members" ("user_id", "project_id") VALUES (2, {n}), (1, {n})
-- transaction: an update under optimistic locking, with its journal
1: UPDATE "issues" SET "done_ratio" = 30, "lock_version" = 1 WHERE "issues"."id" = {n} AND "issues"."lock_version" = 0
1: INSERT INTO "journals" ("journalized_id", "journalized_type", "user_id") VALUES ({n}, 'Issue', 2)
1: INSERT INTO "journal_details" ("journal_id", "prop_key", "old_value", "value") VALUES ((SELECT seq FROM sqlite_sequence WHERE name = 'journals'), 'done_ratio', '0', '30')
2: UPDATE "users" SET "status" = 1 + {n} % 2 WHERE "users"."login" = 'jsmith'
-- transaction: a nested set grows
2: UPDATE "projects" SET "rgt" = "rgt" + 2 WHERE "rgt" >= 2
2: INSERT INTO "projects" ("name", "parent_id", "lft", "rgt") VALUES ('Subproject {n}', 1, 2, 3)
2: UPDATE "projects" SET "lft" = "lft" + 2, "rgt" = "rgt" + 2 WHERE "lft" >= 2 AND "name" <> 'Subproject {n}'
1: INSERT INTO "custom_fields_projects" VALUES ({n}, 1), ({n}, 2)
-- transaction: migrations of Rails, with their version rows
1: ALTER TABLE "issues" ADD "extra_{n}" integer DEFAULT {n}
1: CREATE INDEX "index_issues_on_extra_{n}" ON "issues" ("extra_{n}")
1: INSERT INTO "schema_migrations" ("version") VALUES ('2023010100000{n}')
2: CREATE TABLE "notes_{n}" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "body" text)
2: INSERT INTO "schema_migrations" ("version") VALUES ('2023010100000{n}')
-- transaction: a user goes
1: DELETE FROM "watchers" WHERE "watchers"."user_id" = 2
2: DELETE FROM "members" WHERE "members"."user_id" = 1 AND "members"."project_id" < {n}
-- transaction, fails: twice the same version
1: INSERT INTO "schema_migrations" ("version") VALUES ('20010101000000')
2: DELETE FROM "projects"
-- transaction: the list
1: SELECT "issues"."id", "subject", COUNT("journals"."id") FROM "issues" LEFT OUTER JOIN "journals" ON "journals"."journalized_id" = "issues"."id" AND "journalized_type" = 'Issue' GROUP BY 1, 2 ORDER BY 1
2: SELECT "name", "lft", "rgt" FROM "projects" ORDER BY "lft"
