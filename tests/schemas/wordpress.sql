-- application: WordPress as its SQLite integration stores it (github.com/WordPress/sqlite-database-integration, GPL-2.0); table and column names only, shortened
-- schema
CREATE TABLE wp_posts(ID INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, post_author INTEGER NOT NULL DEFAULT '0', post_date TEXT NOT NULL DEFAULT '0000-00-00 00:00:00', post_content TEXT NOT NULL COLLATE NOCASE, post_title TEXT NOT NULL COLLATE NOCASE,
  post_status TEXT NOT NULL DEFAULT 'publish' COLLATE NOCASE, post_name TEXT NOT NULL DEFAULT '' COLLATE NOCASE, post_parent INTEGER NOT NULL DEFAULT '0', comment_count INTEGER NOT NULL DEFAULT '0');
CREATE INDEX wp_posts__post_name ON wp_posts(post_name);
CREATE INDEX wp_posts__type_status_date ON wp_posts(post_status, post_date, ID);
CREATE TABLE wp_postmeta(meta_id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, post_id INTEGER NOT NULL DEFAULT '0', meta_key TEXT DEFAULT NULL COLLATE NOCASE, meta_value TEXT COLLATE NOCASE);
CREATE INDEX wp_postmeta__post_id ON wp_postmeta(post_id);
CREATE INDEX wp_postmeta__meta_key ON wp_postmeta(meta_key);
CREATE TABLE wp_comments(comment_ID INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, comment_post_ID INTEGER NOT NULL DEFAULT '0', comment_content TEXT NOT NULL COLLATE NOCASE, comment_approved TEXT NOT NULL DEFAULT '1' COLLATE NOCASE);
CREATE TABLE wp_options(option_id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, option_name TEXT NOT NULL DEFAULT '' COLLATE NOCASE, option_value TEXT NOT NULL COLLATE NOCASE, autoload TEXT NOT NULL DEFAULT 'yes' COLLATE NOCASE);
CREATE UNIQUE INDEX wp_options__option_name ON wp_options(option_name);
CREATE TABLE wp_terms(term_id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, name TEXT NOT NULL DEFAULT '' COLLATE NOCASE, slug TEXT NOT NULL DEFAULT '' COLLATE NOCASE);
CREATE TABLE wp_term_relationships(object_id INTEGER NOT NULL DEFAULT 0, term_taxonomy_id INTEGER NOT NULL DEFAULT 0, term_order INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(object_id, term_taxonomy_id));
CREATE TABLE _mysql_data_types_cache(`table` TEXT NOT NULL, `column_or_index` TEXT NOT NULL, `mysql_type` TEXT NOT NULL, PRIMARY KEY(`table`, `column_or_index`));
CREATE TRIGGER __wp_posts_on_update__ AFTER UPDATE ON wp_posts FOR EACH ROW WHEN new.post_status <> old.post_status
  BEGIN UPDATE wp_posts SET post_date = '2024-01-01' WHERE rowid = NEW.rowid; END;
INSERT INTO wp_options(option_name, option_value) VALUES ('siteurl', 'http://example.org'), ('blogname', 'troth'), ('cron', 'a:0:{}');
INSERT INTO wp_posts(post_content, post_title, post_name) VALUES ('Welcome', 'Hello world!', 'hello-world');
INSERT INTO wp_terms(name, slug) VALUES ('Uncategorized', 'uncategorized');
-- transaction: a post
1: INSERT INTO `wp_posts` (`post_author`, `post_content`, `post_title`, `post_status`, `post_name`) VALUES (1, 'text {n}', 'Title {n}', 'draft', 'title-{n}')
1: INSERT INTO `wp_postmeta` (`post_id`, `meta_key`, `meta_value`) SELECT max(ID), '_edit_lock', '170000000{n}:1' FROM wp_posts
1: REPLACE INTO `wp_term_relationships` (`object_id`, `term_taxonomy_id`) SELECT max(ID), 1 FROM wp_posts
2: INSERT INTO `wp_options` (`option_name`, `option_value`, `autoload`) VALUES ('_transient_{n}', 'x', 'no') ON CONFLICT(`option_name`) DO UPDATE SET `option_value` = excluded.`option_value`
-- transaction: it is published
1: UPDATE `wp_posts` SET `post_status` = 'publish' WHERE `ID` = (SELECT max(ID) FROM wp_posts) AND post_status = 'DRAFT'
2: UPDATE `wp_options` SET `option_value` = 'a:{n}:{}' WHERE `option_name` = 'CRON'
2: INSERT OR IGNORE INTO `wp_options` (`option_name`, `option_value`) VALUES ('SiteURL', 'http://elsewhere.org')
-- transaction: a comment, counted
1: INSERT INTO `wp_comments` (`comment_post_ID`, `comment_content`) VALUES (1, 'first {n}!')
1: UPDATE `wp_posts` SET `comment_count` = (SELECT COUNT(*) FROM wp_comments WHERE comment_post_ID = 1 AND comment_approved = '1') WHERE `ID` = 1
2: DELETE FROM `wp_options` WHERE `option_name` LIKE '\_transient\_%' ESCAPE '\' AND option_id < (SELECT max(option_id) FROM wp_options)
-- transaction: what a page reads
1: SELECT wp_posts.ID, post_title FROM wp_posts LEFT JOIN wp_term_relationships ON (wp_posts.ID = wp_term_relationships.object_id) WHERE post_status = 'publish' GROUP BY wp_posts.ID ORDER BY wp_posts.post_date DESC, 1 LIMIT 0, 10
2: SELECT option_name, option_value FROM wp_options WHERE autoload = 'yes' ORDER BY 1
-- transaction: dbDelta adds a column
1: ALTER TABLE wp_posts ADD COLUMN extra_{n} TEXT DEFAULT '' COLLATE NOCASE
1: INSERT OR REPLACE INTO _mysql_data_types_cache VALUES ('wp_posts', 'extra_{n}', 'longtext')
2: INSERT OR REPLACE INTO _mysql_data_types_cache VALUES ('wp_posts', 'extra', 'longtext {n}')
-- transaction, fails: the name is taken, in other letters
2: INSERT INTO `wp_options` (`option_name`, `option_value`) VALUES ('BlogName', '')
1: DELETE FROM wp_postmeta
