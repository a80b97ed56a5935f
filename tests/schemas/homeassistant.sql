-- application: Home Assistant's recorder (github.com/home-assistant/core, Apache-2.0); shortened to structure
-- schema
CREATE TABLE event_data(data_id INTEGER NOT NULL, hash BIGINT, shared_data TEXT, PRIMARY KEY (data_id));
CREATE INDEX ix_event_data_hash ON event_data (hash);
CREATE TABLE event_types(event_type_id INTEGER NOT NULL, event_type VARCHAR(64), PRIMARY KEY (event_type_id));
CREATE UNIQUE INDEX ix_event_types_event_type ON event_types (event_type);
CREATE TABLE events(event_id INTEGER NOT NULL, time_fired_ts FLOAT, data_id INTEGER, context_id_bin BLOB, event_type_id INTEGER, PRIMARY KEY (event_id),
  FOREIGN KEY(data_id) REFERENCES event_data (data_id), FOREIGN KEY(event_type_id) REFERENCES event_types (event_type_id));
CREATE INDEX ix_events_time_fired_ts ON events (time_fired_ts);
CREATE TABLE states_meta(metadata_id INTEGER NOT NULL, entity_id VARCHAR(255), PRIMARY KEY (metadata_id));
CREATE UNIQUE INDEX ix_states_meta_entity_id ON states_meta (entity_id);
CREATE TABLE state_attributes(attributes_id INTEGER NOT NULL, hash BIGINT, shared_attrs TEXT, PRIMARY KEY (attributes_id));
CREATE TABLE states(state_id INTEGER NOT NULL, state VARCHAR(255), last_updated_ts FLOAT, old_state_id INTEGER, attributes_id INTEGER, metadata_id INTEGER, PRIMARY KEY (state_id),
  FOREIGN KEY(old_state_id) REFERENCES states (state_id), FOREIGN KEY(attributes_id) REFERENCES state_attributes (attributes_id), FOREIGN KEY(metadata_id) REFERENCES states_meta (metadata_id));
CREATE INDEX ix_states_metadata_id_last_updated_ts ON states (metadata_id, last_updated_ts);
CREATE INDEX ix_states_old_state_id ON states (old_state_id);
CREATE TABLE statistics_meta(id INTEGER NOT NULL, statistic_id VARCHAR(255), source VARCHAR(32), has_mean BOOLEAN, PRIMARY KEY (id));
CREATE UNIQUE INDEX ix_statistics_meta_statistic_id ON statistics_meta (statistic_id);
CREATE TABLE statistics(id INTEGER NOT NULL, created_ts FLOAT, metadata_id INTEGER, start_ts FLOAT, mean FLOAT, min FLOAT, max FLOAT, PRIMARY KEY (id), FOREIGN KEY(metadata_id) REFERENCES statistics_meta (id) ON DELETE CASCADE);
CREATE UNIQUE INDEX ix_statistics_statistic_id_start_ts ON statistics (metadata_id, start_ts);
CREATE TABLE schema_changes(change_id INTEGER NOT NULL, schema_version INTEGER, changed DATETIME, PRIMARY KEY (change_id));
INSERT INTO schema_changes(schema_version, changed) VALUES (43, '2024-01-01 00:00:00.000000');
INSERT INTO states_meta(entity_id) VALUES ('sensor.kitchen'), ('light.porch');
INSERT INTO statistics_meta(statistic_id, source, has_mean) VALUES ('sensor.kitchen', 'recorder', 1);
-- transaction: a commit interval of states
1: INSERT OR IGNORE INTO state_attributes(attributes_id, hash, shared_attrs) VALUES (1, 3735928559, '{"unit":"°C"}')
1: INSERT INTO states(state, last_updated_ts, old_state_id, attributes_id, metadata_id) SELECT '2{n}.5', 1700000000.{n} + metadata_id, (SELECT max(state_id) FROM states s WHERE s.metadata_id = m.metadata_id), 1, metadata_id FROM states_meta m
1: INSERT INTO states(state, last_updated_ts, metadata_id) VALUES ('unavailable', 1700000001e0 * {n}, 1), (NULL, -0.0, 2) RETURNING state_id
2: INSERT INTO event_types(event_type) VALUES ('call_service_{n}')
2: INSERT INTO event_data(hash, shared_data) VALUES (-9223372036854775808 + {n}, '{"domain":"light"}')
2: INSERT INTO events(time_fired_ts, data_id, context_id_bin, event_type_id) SELECT 1.7e9 + {n}, max(data_id), x'018c{n}0ff', 1 FROM event_data
-- transaction: statistics of five minutes
1: INSERT INTO statistics(created_ts, metadata_id, start_ts, mean, min, max) SELECT 1.7e9, 1, 300.0 * {n}, avg(CAST(state AS REAL)), min(CAST(state AS REAL)), max(CAST(state AS REAL)) FROM states WHERE metadata_id = 1 AND state GLOB '[0-9]*'
2: UPDATE events SET context_id_bin = NULL WHERE event_id % 2 = 0
-- transaction: purge
1: UPDATE states SET old_state_id = NULL WHERE old_state_id IN (SELECT state_id FROM states WHERE state_id <= 2 * {n})
1: DELETE FROM states WHERE state_id <= 2 * {n}
2: DELETE FROM events WHERE event_id < {n}
2: DELETE FROM event_data WHERE data_id NOT IN (SELECT data_id FROM events WHERE data_id IS NOT NULL)
-- transaction: the schema moves on
1: ALTER TABLE states ADD COLUMN extra_{n} FLOAT
1: INSERT INTO schema_changes(schema_version, changed) VALUES (43 + {n}, '2024-02-0{n}')
2: DROP INDEX IF EXISTS ix_events_context_{n}
2: CREATE INDEX ix_events_context_{n} ON events (context_id_bin)
-- transaction: a chart
1: SELECT m.entity_id, count(*), min(s.last_updated_ts) FROM states s JOIN states_meta m USING (metadata_id) GROUP BY 1 ORDER BY 1
2: SELECT event_type, hex(context_id_bin) FROM events JOIN event_types USING (event_type_id) ORDER BY event_id
-- transaction, fails: an unknown entity
1: INSERT INTO states(state, metadata_id) VALUES ('on', 4711)
2: DELETE FROM events
