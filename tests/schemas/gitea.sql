-- application: Gitea (github.com/go-gitea/gitea, MIT), whose tables xorm makes; shortened to structure
-- schema
CREATE TABLE `version` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `version` INTEGER NULL);
CREATE TABLE `user` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `lower_name` TEXT NOT NULL, `name` TEXT NOT NULL, `email` TEXT NOT NULL, `num_repos` INTEGER NULL, `num_stars` INTEGER NULL, `updated_unix` INTEGER NULL);
CREATE UNIQUE INDEX `UQE_user_lower_name` ON `user` (`lower_name`);
CREATE TABLE `repository` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `owner_id` INTEGER NULL, `lower_name` TEXT NOT NULL, `name` TEXT NOT NULL, `num_issues` INTEGER NULL, `num_stars` INTEGER NULL, `is_private` INTEGER NULL);
CREATE UNIQUE INDEX `UQE_repository_s` ON `repository` (`owner_id`,`lower_name`);
CREATE TABLE `issue` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `repo_id` INTEGER NULL, `index` INTEGER NULL, `name` TEXT NULL, `is_closed` INTEGER NULL);
CREATE UNIQUE INDEX `UQE_issue_repo_index` ON `issue` (`repo_id`,`index`);
CREATE TABLE `issue_index` (`group_id` INTEGER PRIMARY KEY NOT NULL, `max_index` INTEGER NULL);
CREATE TABLE `star` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `uid` INTEGER NULL, `repo_id` INTEGER NULL);
CREATE UNIQUE INDEX `UQE_star_s` ON `star` (`uid`,`repo_id`);
CREATE TABLE `access` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `user_id` INTEGER NULL, `repo_id` INTEGER NULL, `mode` INTEGER NULL);
CREATE TABLE `session` (`key` TEXT PRIMARY KEY NOT NULL, `data` BLOB NULL, `expiry` INTEGER NULL);
CREATE TABLE `topic` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `name` TEXT NULL, `repo_count` INTEGER NULL);
CREATE TABLE `repo_topic` (`repo_id` INTEGER NOT NULL, `topic_id` INTEGER NOT NULL, PRIMARY KEY (`repo_id`, `topic_id`));
INSERT INTO `version`(`version`) VALUES (280);
INSERT INTO `user`(`lower_name`, `name`, `email`, `num_repos`, `num_stars`) VALUES ('ann', 'Ann', 'ann@x.org', 0, 0), ('bo', 'Bo', 'bo@x.org', 0, 0);
-- transaction: a repository
1: INSERT INTO `repository` (`owner_id`, `lower_name`, `name`, `num_issues`, `num_stars`, `is_private`) VALUES (1, 'repo{n}', 'Repo{n}', 0, 0, 0)
1: UPDATE `user` SET num_repos = num_repos + 1, `updated_unix` = 170000000{n} WHERE id = 1
1: INSERT INTO `access` (`user_id`, `repo_id`, `mode`) SELECT u.id, r.id, 2 FROM `user` u, `repository` r WHERE r.`lower_name` = 'repo{n}'
2: INSERT INTO `session` (`key`, `data`, `expiry`) VALUES ('s{n}', x'0e{n}f', {n})
-- transaction: an issue with the next number of its repository
1: INSERT INTO issue_index (group_id, max_index) VALUES (1, 1) ON CONFLICT (group_id) DO UPDATE SET max_index = issue_index.max_index + 1 RETURNING max_index
1: INSERT INTO `issue` (`repo_id`, `index`, `name`, `is_closed`) SELECT 1, max_index, 'issue {n}', 0 FROM issue_index WHERE group_id = 1
1: UPDATE `repository` SET num_issues = (SELECT count(*) FROM `issue` WHERE `repo_id` = 1) WHERE `id` = 1
2: UPDATE `session` SET `data` = x'', `expiry` = `expiry` + 100 WHERE `key` = 's{n}'
-- transaction: stars
1: INSERT OR IGNORE INTO `star` (`uid`, `repo_id`) VALUES (2, 1), (2, {n})
1: UPDATE `repository` SET num_stars = (SELECT count(*) FROM `star` WHERE `star`.`repo_id` = `repository`.`id`)
1: UPDATE `user` SET num_stars = num_stars + 1 WHERE id IN (SELECT uid FROM star WHERE repo_id = {n})
2: INSERT INTO `topic` (`name`, `repo_count`) VALUES ('topic{n}', 1)
2: REPLACE INTO `repo_topic` SELECT 1, `id` FROM `topic`
-- transaction: a repository is deleted
1: DELETE FROM `access` WHERE `repo_id` = {n} - 1
1: DELETE FROM `star` WHERE `repo_id` = {n} - 1
1: DELETE FROM `repository` WHERE `id` = {n} - 1
2: DELETE FROM `session` WHERE `expiry` < 102
-- transaction: a migration makes a table anew
2: CREATE TABLE `tmp_recreate__topic` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `name` TEXT NULL, `repo_count` INTEGER NULL, `extra{n}` INTEGER DEFAULT 0 NOT NULL)
2: INSERT INTO `tmp_recreate__topic` (`id`, `name`, `repo_count`) SELECT `id`, `name`, `repo_count` FROM `topic`
2: DROP TABLE `topic`
2: ALTER TABLE `tmp_recreate__topic` RENAME TO `topic`
2: CREATE UNIQUE INDEX `UQE_topic_name_{n}` ON `topic` (`name`)
1: UPDATE `version` SET `version` = 280 + {n} WHERE `id` = 1
-- transaction: the dashboard
1: SELECT r.`name`, count(i.`id`) FROM `repository` r LEFT JOIN `issue` i ON i.`repo_id` = r.`id` GROUP BY r.`id` ORDER BY r.`id`
2: SELECT `name` FROM `topic` ORDER BY `id`
-- transaction, fails: a name twice
1: INSERT INTO `user` (`lower_name`, `name`, `email`) VALUES ('ann', 'ANN', '')
2: DELETE FROM `topic`
