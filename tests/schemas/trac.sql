-- application: Trac's environment database (trac.edgewall.org, BSD-3-Clause); shortened to structure
-- schema
CREATE TABLE system(name text PRIMARY KEY, value text);
CREATE TABLE permission(username text, action text, UNIQUE (username, action));
CREATE TABLE session(sid text, authenticated integer, last_visit integer, UNIQUE (sid, authenticated));
CREATE TABLE session_attribute(sid text, authenticated integer, name text, value text, UNIQUE (sid, authenticated, name));
CREATE TABLE wiki(name text, version integer, time integer, author text, text text, comment text, readonly integer, UNIQUE (name, version));
CREATE INDEX wiki_time_idx ON wiki (time);
CREATE TABLE revision(repos integer, rev text, time integer, author text, UNIQUE (repos, rev));
CREATE TABLE ticket(id integer PRIMARY KEY, type text, time integer, changetime integer, component text, owner text, status text, summary text);
CREATE INDEX ticket_status_idx ON ticket (status);
CREATE TABLE ticket_change(ticket integer, time integer, author text, field text, oldvalue text, newvalue text, UNIQUE (ticket, time, field));
CREATE TABLE ticket_custom(ticket integer, name text, value text, UNIQUE (ticket, name));
CREATE TABLE enum(type text, name text, value text, UNIQUE (type, name));
CREATE TABLE milestone(name text PRIMARY KEY, due integer, completed integer);
CREATE TABLE cache(id integer PRIMARY KEY, generation integer, key text);
INSERT INTO system VALUES ('database_version', '45');
INSERT INTO enum VALUES ('priority', 'blocker', '1'), ('priority', 'major', '2'), ('priority', 'minor', '3');
INSERT INTO milestone VALUES ('milestone1', 0, 0);
INSERT INTO wiki VALUES ('WikiStart', 1, 1, 'trac', '= Welcome', NULL, NULL);
-- transaction: a ticket
1: INSERT INTO ticket(type, time, changetime, component, status, summary) VALUES ('defect', 1000 * {n}, 1000 * {n}, 'component1', 'new', 'Crash {n}')
1: INSERT INTO ticket_custom SELECT max(id), 'estimate', '{n}d' FROM ticket
2: INSERT INTO session VALUES ('sid{n}', 0, {n})
2: INSERT INTO session_attribute VALUES ('sid{n}', 0, 'name', NULL), ('sid{n}', 0, 'email', 'x@y')
-- transaction: it is changed, field by field
1: INSERT INTO ticket_change SELECT id, 1000 * {n} + 1, 'ann', 'owner', owner, 'bo' FROM ticket WHERE id = {n}
1: INSERT INTO ticket_change VALUES ({n}, 1000 * {n} + 1, 'ann', 'comment', '1', 'on it')
1: UPDATE ticket SET owner = 'bo', status = 'assigned', changetime = 1000 * {n} + 1 WHERE id = {n}
2: UPDATE session SET last_visit = last_visit + 1 WHERE sid = 'sid{n}' AND authenticated = 0
-- transaction: a page gets a version, and a page is renamed
1: INSERT INTO wiki SELECT name, max(version) + 1, {n}, 'ann', text || ' {n}', 'more', 0 FROM wiki WHERE name = 'WikiStart' GROUP BY name
2: INSERT INTO wiki VALUES ('Page', {n}, {n}, NULL, 'text', NULL, NULL)
2: UPDATE wiki SET name = 'Renamed{n}' WHERE name = 'Page' AND version = {n}
-- transaction: priorities are put in another order
1: UPDATE enum SET value = CASE name WHEN 'blocker' THEN '{n}' ELSE CAST(value AS integer) + 1 END WHERE type = 'priority'
2: INSERT OR REPLACE INTO permission VALUES ('anonymous', 'WIKI_VIEW'), (NULL, 'X'), (NULL, 'X')
-- transaction: sessions are purged
2: DELETE FROM session_attribute WHERE authenticated = 0 AND sid NOT IN (SELECT sid FROM session WHERE last_visit > {n})
2: DELETE FROM session WHERE last_visit <= {n}
1: UPDATE cache SET generation = generation + 1 WHERE id = 1
1: INSERT OR IGNORE INTO cache VALUES (1, 0, 'trac.cache')
-- transaction: an upgrade makes a table anew
1: CREATE TABLE ticket_new{n}(id integer PRIMARY KEY, summary text, keywords text)
1: INSERT INTO ticket_new{n}(id, summary) SELECT id, summary FROM ticket
1: CREATE INDEX ticket_new{n}_idx ON ticket_new{n} (summary)
2: UPDATE system SET value = CAST(45 + {n} AS text) WHERE name = 'database_version'
-- transaction: a report
1: SELECT id, summary, status, (SELECT value FROM ticket_custom c WHERE c.ticket = t.id AND c.name = 'estimate') FROM ticket t WHERE status <> 'closed' ORDER BY changetime DESC, id
2: SELECT username, action FROM permission ORDER BY rowid
-- transaction, fails: the milestone is there
1: INSERT INTO milestone VALUES ('milestone1', 1, 1)
2: DELETE FROM wiki
