-- application: Grafana (github.com/grafana/grafana, AGPL-3.0), whose tables xorm makes; table and column names only, shortened
-- schema
CREATE TABLE `migration_log` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `migration_id` TEXT NOT NULL, `success` INTEGER NOT NULL, `timestamp` DATETIME NOT NULL);
CREATE TABLE `org` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `version` INTEGER NOT NULL, `name` TEXT NOT NULL);
CREATE UNIQUE INDEX `UQE_org_name` ON `org` (`name`);
CREATE TABLE `user` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `version` INTEGER NOT NULL, `login` TEXT NOT NULL, `email` TEXT NOT NULL, `is_admin` INTEGER NOT NULL);
CREATE UNIQUE INDEX `UQE_user_login` ON `user` (`login`);
CREATE TABLE `dashboard` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `version` INTEGER NOT NULL, `slug` TEXT NOT NULL, `title` TEXT NOT NULL, `data` TEXT NOT NULL, `org_id` INTEGER NOT NULL, `folder_id` INTEGER NOT NULL DEFAULT 0, `uid` TEXT NULL, `is_folder` INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX `UQE_dashboard_org_id_uid` ON `dashboard` (`org_id`,`uid`);
CREATE UNIQUE INDEX `UQE_dashboard_org_id_folder_id_title` ON `dashboard` (`org_id`,`folder_id`,`title`);
CREATE TABLE `dashboard_version` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `dashboard_id` INTEGER NOT NULL, `parent_version` INTEGER NOT NULL, `version` INTEGER NOT NULL, `data` TEXT NOT NULL);
CREATE UNIQUE INDEX `UQE_dashboard_version_dashboard_id_version` ON `dashboard_version` (`dashboard_id`,`version`);
CREATE TABLE `dashboard_tag` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `dashboard_id` INTEGER NOT NULL, `term` TEXT NOT NULL);
CREATE TABLE `alert_instance` (`rule_org_id` INTEGER NOT NULL, `rule_uid` TEXT NOT NULL DEFAULT 0, `labels` TEXT NOT NULL, `labels_hash` TEXT NOT NULL, `current_state` TEXT NOT NULL, PRIMARY KEY (`rule_org_id`,`rule_uid`,`labels_hash`));
CREATE TABLE `kv_store` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `namespace` TEXT NOT NULL, `key` TEXT NOT NULL, `value` TEXT NOT NULL);
CREATE UNIQUE INDEX `UQE_kv_store_namespace_key` ON `kv_store` (`namespace`,`key`);
CREATE TABLE `server_lock` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `operation_uid` TEXT NOT NULL, `version` INTEGER NOT NULL, `last_execution` INTEGER NOT NULL);
CREATE UNIQUE INDEX `UQE_server_lock_operation_uid` ON `server_lock` (`operation_uid`);
INSERT INTO `org`(`version`, `name`) VALUES (0, 'Main Org.');
INSERT INTO `user`(`version`, `login`, `email`, `is_admin`) VALUES (0, 'admin', 'admin@localhost', 1);
-- transaction: a dashboard and its version
1: INSERT INTO `dashboard`(`version`, `slug`, `title`, `data`, `org_id`, `uid`) VALUES (1, 'd{n}', 'Dash {n}', '{"panels":[{n}]}', 1, 'uid{n}')
1: INSERT INTO `dashboard_version`(`dashboard_id`, `parent_version`, `version`, `data`) SELECT `id`, 0, `version`, `data` FROM `dashboard` WHERE `uid` = 'uid{n}'
1: INSERT INTO `dashboard_tag`(`dashboard_id`, `term`) SELECT max(`id`), 'prod' FROM `dashboard`
2: INSERT INTO `kv_store`(`namespace`, `key`, `value`) VALUES ('infra', 'k{n}', '{n}')
-- transaction: it is saved again
1: UPDATE `dashboard` SET `version` = `version` + 1, `data` = json_set(`data`, '$.panels[#]', {n}) WHERE `org_id` = 1 AND `uid` = 'uid{n}' AND `version` = 1
1: INSERT INTO `dashboard_version`(`dashboard_id`, `parent_version`, `version`, `data`) SELECT `id`, `version` - 1, `version`, `data` FROM `dashboard` WHERE `uid` = 'uid{n}'
1: DELETE FROM `dashboard_tag` WHERE `dashboard_id` IN (SELECT `id` FROM `dashboard` WHERE `uid` = 'uid{n}')
2: UPDATE `kv_store` SET `value` = '{"at":{n}}' WHERE `namespace` = 'infra'
-- transaction: alert states and the lock of the scheduler
1: INSERT OR REPLACE INTO `alert_instance` VALUES (1, 'r1', '[["n","{n}"]]', 'h{n}', 'Normal'), (1, 'r1', '[]', 'h', 'Alerting')
2: INSERT INTO `server_lock`(`operation_uid`, `version`, `last_execution`) VALUES ('cleanup', 0, {n}) ON CONFLICT(`operation_uid`) DO UPDATE SET `version` = `server_lock`.`version` + 1, `last_execution` = {n} WHERE `server_lock`.`last_execution` < {n}
-- transaction: old versions are cleaned up
1: DELETE FROM `dashboard_version` WHERE `id` IN (SELECT `id` FROM (SELECT `id`, row_number() OVER (PARTITION BY `dashboard_id` ORDER BY `version` DESC) AS `nr` FROM `dashboard_version`) WHERE `nr` > 1)
2: DELETE FROM `alert_instance` WHERE `current_state` = 'Normal'
-- transaction: migrations are logged one by one
1: ALTER TABLE `dashboard` ADD COLUMN `extra{n}` INTEGER NOT NULL DEFAULT 0
1: INSERT INTO `migration_log`(`migration_id`, `success`, `timestamp`) VALUES ('add column extra{n}', 1, '2024-01-0{n}')
2: CREATE TABLE IF NOT EXISTS `cache_data{n}` (`cache_key` TEXT PRIMARY KEY NOT NULL, `data` BLOB NOT NULL, `expires` INTEGER NOT NULL)
2: INSERT INTO `migration_log`(`migration_id`, `success`, `timestamp`) VALUES ('cache {n}', 1, '2024-01-0{n}')
-- transaction, fails: the title is taken
1: INSERT INTO `dashboard`(`version`, `slug`, `title`, `data`, `org_id`, `uid`) VALUES (1, 'x', 'Dash {n}', '{}', 1, 'other')
2: DELETE FROM `kv_store`
-- transaction: search
1: SELECT `dashboard`.`uid`, `title`, json_array_length(`data`, '$.panels') FROM `dashboard` LEFT OUTER JOIN `dashboard_tag` ON `dashboard`.`id` = `dashboard_tag`.`dashboard_id` WHERE `title` LIKE '%dash%' ORDER BY `title` LIMIT 100
2: SELECT `operation_uid`, `version` FROM `server_lock`
