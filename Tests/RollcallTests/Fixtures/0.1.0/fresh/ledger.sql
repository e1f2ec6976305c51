PRAGMA user_version = 7;
PRAGMA application_id = 1383033964;
CREATE TABLE attributes (kind INTEGER NOT NULL, path TEXT NOT NULL, not_kept_run INTEGER NOT NULL, PRIMARY KEY (kind, path)) WITHOUT ROWID;
CREATE TABLE binding (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE departures (kind INTEGER NOT NULL, source INTEGER NOT NULL, since TEXT NOT NULL, days INTEGER NOT NULL, last_day TEXT NOT NULL, PRIMARY KEY (kind, source)) WITHOUT ROWID;
CREATE TABLE ids (n INTEGER PRIMARY KEY, space INTEGER NOT NULL, id TEXT NOT NULL, UNIQUE (space, id));
CREATE TABLE kept_members (grp INTEGER NOT NULL, usr INTEGER NOT NULL, PRIMARY KEY (grp, usr)) WITHOUT ROWID;
CREATE TABLE learned (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE links (
    kind INTEGER NOT NULL, source INTEGER NOT NULL, target INTEGER NOT NULL,
    origin TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'active',
    external_id TEXT, match_key TEXT NOT NULL,
    sent TEXT, sent_digest BLOB, read TEXT, read_digest BLOB,
    run INTEGER NOT NULL, PRIMARY KEY (kind, source)) WITHOUT ROWID;
CREATE TABLE memberships (
    side INTEGER NOT NULL, grp INTEGER NOT NULL, usr INTEGER NOT NULL, first_run INTEGER NOT NULL, last_run INTEGER,
    PRIMARY KEY (side, grp, usr, first_run)) WITHOUT ROWID;
CREATE TABLE numbers (run INTEGER NOT NULL, plan INTEGER NOT NULL);
CREATE TABLE operation_members (
    plan INTEGER NOT NULL, seq INTEGER NOT NULL, position INTEGER NOT NULL, source_user INTEGER, target_user INTEGER,
    status TEXT, reason TEXT, PRIMARY KEY (plan, seq, position)) WITHOUT ROWID;
CREATE TABLE operations (
    plan INTEGER NOT NULL, seq INTEGER NOT NULL, wave INTEGER NOT NULL, kind INTEGER NOT NULL, verb TEXT NOT NULL, situation TEXT NOT NULL,
    source INTEGER, target INTEGER, name TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL, held_by TEXT,
    fields TEXT NOT NULL, unit INTEGER, run INTEGER, may_be_done INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (plan, seq)) WITHOUT ROWID;
CREATE TABLE plans (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, created TEXT NOT NULL, digest TEXT NOT NULL, inputs TEXT NOT NULL, state TEXT NOT NULL);
CREATE TABLE restored (kind INTEGER NOT NULL, source INTEGER NOT NULL, digest BLOB NOT NULL, members TEXT NOT NULL, was_out INTEGER NOT NULL DEFAULT 0, mapping TEXT NOT NULL DEFAULT '', was_disabled INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (kind, source)) WITHOUT ROWID;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, command TEXT NOT NULL, label TEXT, started TEXT NOT NULL, finished TEXT, exit INTEGER,
    source_complete INTEGER, target_complete INTEGER, is_baseline INTEGER NOT NULL DEFAULT 0,
    users INTEGER, groups INTEGER, memberships INTEGER, scope TEXT, allowed TEXT, summary TEXT, requests INTEGER);
CREATE TABLE tombstones (kind INTEGER NOT NULL, target INTEGER NOT NULL, source INTEGER NOT NULL, run INTEGER NOT NULL, PRIMARY KEY (kind, target)) WITHOUT ROWID;
CREATE TABLE versions (
    space INTEGER NOT NULL, n INTEGER NOT NULL, first_run INTEGER NOT NULL, last_run INTEGER, digest BLOB NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (space, n, first_run)) WITHOUT ROWID;
CREATE TABLE written_members (grp INTEGER NOT NULL, usr INTEGER NOT NULL, certain INTEGER NOT NULL, PRIMARY KEY (grp, usr)) WITHOUT ROWID;
CREATE UNIQUE INDEX links_by_target ON links (kind, target);
CREATE INDEX memberships_of_units ON memberships (usr) WHERE side = 2;
CREATE INDEX operations_by_source ON operations (plan, kind, source);
CREATE INDEX operations_in_units ON operations (plan, unit, seq) WHERE unit IS NOT NULL;
CREATE INDEX operations_open ON operations (status) WHERE status = 'sent';
INSERT INTO binding (key, value) VALUES ('source', 'file directory.json');
INSERT INTO binding (key, value) VALUES ('target', 'http://127.0.0.1:1/scim/v2');
INSERT INTO ids (n, space, id) VALUES (1, 0, 'user_person1');
INSERT INTO ids (n, space, id) VALUES (10, 1, 'group_ops');
INSERT INTO ids (n, space, id) VALUES (11, 2, '2819c223-7f76-453a-919d-000000000001');
INSERT INTO ids (n, space, id) VALUES (12, 2, '2819c223-7f76-453a-919d-000000000002');
INSERT INTO ids (n, space, id) VALUES (13, 2, '2819c223-7f76-453a-919d-000000000003');
INSERT INTO ids (n, space, id) VALUES (14, 2, '2819c223-7f76-453a-919d-000000000004');
INSERT INTO ids (n, space, id) VALUES (15, 2, '2819c223-7f76-453a-919d-000000000005');
INSERT INTO ids (n, space, id) VALUES (16, 2, '2819c223-7f76-453a-919d-000000000006');
INSERT INTO ids (n, space, id) VALUES (17, 2, '2819c223-7f76-453a-919d-000000000007');
INSERT INTO ids (n, space, id) VALUES (18, 2, '2819c223-7f76-453a-919d-000000000008');
INSERT INTO ids (n, space, id) VALUES (19, 2, '2819c223-7f76-453a-919d-000000000009');
INSERT INTO ids (n, space, id) VALUES (2, 0, 'user_person2');
INSERT INTO ids (n, space, id) VALUES (20, 3, '2819c223-7f76-453a-919d-00000000000a');
INSERT INTO ids (n, space, id) VALUES (21, 3, '2819c223-7f76-453a-919d-00000000000b');
INSERT INTO ids (n, space, id) VALUES (3, 0, 'user_person3');
INSERT INTO ids (n, space, id) VALUES (4, 0, 'user_person4');
INSERT INTO ids (n, space, id) VALUES (5, 0, 'user_person5');
INSERT INTO ids (n, space, id) VALUES (6, 0, 'user_person6');
INSERT INTO ids (n, space, id) VALUES (7, 0, 'user_person7');
INSERT INTO ids (n, space, id) VALUES (8, 0, 'user_person8');
INSERT INTO ids (n, space, id) VALUES (9, 1, 'group_dev');
INSERT INTO learned (key, value) VALUES ('applies group displayName', 'shown as it was sent');
INSERT INTO learned (key, value) VALUES ('applies group externalId', 'shown as it was sent');
INSERT INTO learned (key, value) VALUES ('applies user active', 'shown as it was sent');
INSERT INTO learned (key, value) VALUES ('applies user displayName', 'shown as it was sent');
INSERT INTO learned (key, value) VALUES ('applies user emails[work]', 'shown as it was sent');
INSERT INTO learned (key, value) VALUES ('applies user externalId', 'shown as it was sent');
INSERT INTO learned (key, value) VALUES ('applies user name.familyName', 'shown as it was sent');
INSERT INTO learned (key, value) VALUES ('applies user name.givenName', 'shown as it was sent');
INSERT INTO learned (key, value) VALUES ('applies user userName', 'shown as it was sent');
INSERT INTO learned (key, value) VALUES ('job', 'world');
INSERT INTO learned (key, value) VALUES ('mapping', '5f9dacd20b45d7e1d863a5997fcada8d60c374df2044e93c7ecc74a01f077e99');
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (0, 1, 17, 'created', 'active', 'user_person1', 'person1', '{"active":true,"displayName":"Person1 Example","emails[work]":"person1@corp.example","externalId":"user_person1","name.familyName":"Example","name.givenName":"Person1","phoneNumbers[work]":null,"userName":"person1"}', X'CB94B720E34B4420D63AD0741325B94C', '{"active":true,"displayName":"Person1 Example","emails[work]":"person1@corp.example","externalId":"user_person1","name.familyName":"Example","name.givenName":"Person1","phoneNumbers[work]":null,"userName":"person1"}', X'CB94B720E34B4420D63AD0741325B94C', 1);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (0, 2, 13, 'created', 'active', 'user_person2', 'person2', '{"active":true,"displayName":"Person2 Example","emails[work]":"person2@corp.example","externalId":"user_person2","name.familyName":"Example","name.givenName":"Person2","phoneNumbers[work]":null,"userName":"person2"}', X'8F2ED1CCEAA02E7CD2D1AB6D1FFE4F5B', '{"active":true,"displayName":"Person2 Example","emails[work]":"person2@corp.example","externalId":"user_person2","name.familyName":"Example","name.givenName":"Person2","phoneNumbers[work]":null,"userName":"person2"}', X'8F2ED1CCEAA02E7CD2D1AB6D1FFE4F5B', 1);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (0, 3, 12, 'associated', 'active', 'user_person3', 'person3', '{"active":true,"displayName":"Person3 Example","emails[work]":"person3@corp.example","externalId":"user_person3","name.familyName":"Example","name.givenName":"Person3","phoneNumbers[work]":null,"userName":"person3"}', X'E65A520218E4C7F8E709C876C849BD15', '{"active":true,"displayName":"Person3 Example","emails[work]":"person3@corp.example","externalId":"user_person3","name.familyName":"Example","name.givenName":"Person3","phoneNumbers[work]":null,"userName":"person3"}', X'E65A520218E4C7F8E709C876C849BD15', 1);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (0, 4, 14, 'created', 'active', 'user_person4', 'person4', '{"active":true,"displayName":"Person4 Example","emails[work]":"person4@corp.example","externalId":"user_person4","name.familyName":"Example","name.givenName":"Person4","phoneNumbers[work]":null,"userName":"person4"}', X'212D9B5FC5E055457B50E034CFBF9A77', '{"active":true,"displayName":"Person4 Example","emails[work]":"person4@corp.example","externalId":"user_person4","name.familyName":"Example","name.givenName":"Person4","phoneNumbers[work]":null,"userName":"person4"}', X'212D9B5FC5E055457B50E034CFBF9A77', 1);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (0, 5, 15, 'created', 'active', 'user_person5', 'person5', '{"active":true,"displayName":"Person5 Example","emails[work]":"person5@corp.example","externalId":"user_person5","name.familyName":"Example","name.givenName":"Person5","phoneNumbers[work]":null,"userName":"person5"}', X'1747DF1FF9D812A86BDE54B5372FD71A', '{"active":true,"displayName":"Person5 Example","emails[work]":"person5@corp.example","externalId":"user_person5","name.familyName":"Example","name.givenName":"Person5","phoneNumbers[work]":null,"userName":"person5"}', X'1747DF1FF9D812A86BDE54B5372FD71A', 1);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (0, 6, 16, 'created', 'active', 'user_person6', 'person6', '{"active":true,"displayName":"Person6 Example","emails[work]":"person6@corp.example","externalId":"user_person6","name.familyName":"Example","name.givenName":"Person6","phoneNumbers[work]":null,"userName":"person6"}', X'F68DC821B9EF0464E194AAD2207DC944', '{"active":true,"displayName":"Person6 Example","emails[work]":"person6@corp.example","externalId":"user_person6","name.familyName":"Example","name.givenName":"Person6","phoneNumbers[work]":null,"userName":"person6"}', X'F68DC821B9EF0464E194AAD2207DC944', 1);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (0, 7, 18, 'created', 'active', 'user_person7', 'person7', '{"active":true,"displayName":"Person7 Example","emails[work]":"person7@corp.example","externalId":"user_person7","name.familyName":"Example","name.givenName":"Person7","phoneNumbers[work]":null,"userName":"person7"}', X'CE25741B541F4D2D3BF54DA2D6C3E375', '{"active":true,"displayName":"Person7 Example","emails[work]":"person7@corp.example","externalId":"user_person7","name.familyName":"Example","name.givenName":"Person7","phoneNumbers[work]":null,"userName":"person7"}', X'CE25741B541F4D2D3BF54DA2D6C3E375', 1);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (0, 8, 19, 'created', 'active', 'user_person8', 'person8', '{"active":true,"displayName":"Person8 Example","emails[work]":"person8@corp.example","externalId":"user_person8","name.familyName":"Example","name.givenName":"Person8","phoneNumbers[work]":null,"userName":"person8"}', X'6F9582FDA0E0FFB4E3436C02F580371C', '{"active":true,"displayName":"Person8 Example","emails[work]":"person8@corp.example","externalId":"user_person8","name.familyName":"Example","name.givenName":"Person8","phoneNumbers[work]":null,"userName":"person8"}', X'6F9582FDA0E0FFB4E3436C02F580371C', 1);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (1, 10, 21, 'created', 'active', 'group_ops', 'ops', '{"displayName":"ops","externalId":"group_ops"}', X'161D5DACA4EA23AED27E3BD9F4418245', '{"displayName":"ops","externalId":"group_ops"}', X'161D5DACA4EA23AED27E3BD9F4418245', 1);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (1, 9, 20, 'created', 'active', 'group_dev', 'dev', '{"displayName":"dev","externalId":"group_dev"}', X'FC45E4D0A495A4AF1A974C936EB50D36', '{"displayName":"dev","externalId":"group_dev"}', X'FC45E4D0A495A4AF1A974C936EB50D36', 1);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (0, 10, 1, 1, NULL);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (0, 10, 2, 1, NULL);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (0, 10, 3, 1, NULL);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (0, 10, 4, 1, NULL);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (0, 9, 4, 1, NULL);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (0, 9, 6, 1, NULL);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (0, 9, 7, 1, NULL);
INSERT INTO numbers (run, plan) VALUES (0, 0);
INSERT INTO operation_members (plan, seq, position, source_user, target_user, status, reason) VALUES (1, 11, 0, 4, NULL, NULL, NULL);
INSERT INTO operation_members (plan, seq, position, source_user, target_user, status, reason) VALUES (1, 11, 1, 6, NULL, NULL, NULL);
INSERT INTO operation_members (plan, seq, position, source_user, target_user, status, reason) VALUES (1, 11, 2, 7, NULL, NULL, NULL);
INSERT INTO operation_members (plan, seq, position, source_user, target_user, status, reason) VALUES (1, 12, 0, 1, NULL, NULL, NULL);
INSERT INTO operation_members (plan, seq, position, source_user, target_user, status, reason) VALUES (1, 12, 1, 2, NULL, NULL, NULL);
INSERT INTO operation_members (plan, seq, position, source_user, target_user, status, reason) VALUES (1, 12, 2, 3, 12, NULL, NULL);
INSERT INTO operation_members (plan, seq, position, source_user, target_user, status, reason) VALUES (1, 12, 3, 4, NULL, NULL, NULL);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 1, 100, 0, 'create', 'absent', 1, NULL, 'person1', 'done', 'in the source, not on the target', NULL, '[{"after":"true","path":"active"},{"after":"\"Person1 Example\"","path":"displayName"},{"after":"\"person1@corp.example\"","path":"emails[work]"},{"after":"\"user_person1\"","path":"externalId"},{"after":"\"Example\"","path":"name.familyName"},{"after":"\"Person1\"","path":"name.givenName"},{"after":"\"person1\"","path":"userName"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 10, 300, 1, 'create', 'absent', 10, NULL, 'ops', 'done', 'in the source, not on the target', NULL, '[{"after":"\"ops\"","path":"displayName"},{"after":"\"group_ops\"","path":"externalId"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 11, 500, 1, 'add members', 'changed', 9, NULL, 'dev', 'done', 'members in the source, not on the target', NULL, '[]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 12, 500, 1, 'add members', 'changed', 10, NULL, 'ops', 'done', 'members in the source, not on the target', NULL, '[]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 2, 100, 0, 'create', 'absent', 2, NULL, 'person2', 'done', 'in the source, not on the target', NULL, '[{"after":"true","path":"active"},{"after":"\"Person2 Example\"","path":"displayName"},{"after":"\"person2@corp.example\"","path":"emails[work]"},{"after":"\"user_person2\"","path":"externalId"},{"after":"\"Example\"","path":"name.familyName"},{"after":"\"Person2\"","path":"name.givenName"},{"after":"\"person2\"","path":"userName"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 3, 100, 0, 'create', 'absent', 4, NULL, 'person4', 'done', 'in the source, not on the target', NULL, '[{"after":"true","path":"active"},{"after":"\"Person4 Example\"","path":"displayName"},{"after":"\"person4@corp.example\"","path":"emails[work]"},{"after":"\"user_person4\"","path":"externalId"},{"after":"\"Example\"","path":"name.familyName"},{"after":"\"Person4\"","path":"name.givenName"},{"after":"\"person4\"","path":"userName"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 4, 100, 0, 'create', 'absent', 5, NULL, 'person5', 'done', 'in the source, not on the target', NULL, '[{"after":"true","path":"active"},{"after":"\"Person5 Example\"","path":"displayName"},{"after":"\"person5@corp.example\"","path":"emails[work]"},{"after":"\"user_person5\"","path":"externalId"},{"after":"\"Example\"","path":"name.familyName"},{"after":"\"Person5\"","path":"name.givenName"},{"after":"\"person5\"","path":"userName"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 5, 100, 0, 'create', 'absent', 6, NULL, 'person6', 'done', 'in the source, not on the target', NULL, '[{"after":"true","path":"active"},{"after":"\"Person6 Example\"","path":"displayName"},{"after":"\"person6@corp.example\"","path":"emails[work]"},{"after":"\"user_person6\"","path":"externalId"},{"after":"\"Example\"","path":"name.familyName"},{"after":"\"Person6\"","path":"name.givenName"},{"after":"\"person6\"","path":"userName"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 6, 100, 0, 'create', 'absent', 7, NULL, 'person7', 'done', 'in the source, not on the target', NULL, '[{"after":"true","path":"active"},{"after":"\"Person7 Example\"","path":"displayName"},{"after":"\"person7@corp.example\"","path":"emails[work]"},{"after":"\"user_person7\"","path":"externalId"},{"after":"\"Example\"","path":"name.familyName"},{"after":"\"Person7\"","path":"name.givenName"},{"after":"\"person7\"","path":"userName"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 7, 100, 0, 'create', 'absent', 8, NULL, 'person8', 'done', 'in the source, not on the target', NULL, '[{"after":"true","path":"active"},{"after":"\"Person8 Example\"","path":"displayName"},{"after":"\"person8@corp.example\"","path":"emails[work]"},{"after":"\"user_person8\"","path":"externalId"},{"after":"\"Example\"","path":"name.familyName"},{"after":"\"Person8\"","path":"name.givenName"},{"after":"\"person8\"","path":"userName"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 8, 200, 0, 'associate', 'existing', 3, 12, 'person3', 'done', 'an account of that name exists and has no owner: associated', NULL, '[{"after":"\"Person3 Example\"","before":"\"Was here\"","path":"displayName"},{"after":"\"person3@corp.example\"","before":"\"person3@other.example\"","path":"emails[work]"},{"after":"\"user_person3\"","path":"externalId"},{"after":"\"Example\"","before":"\"Here\"","path":"name.familyName"},{"after":"\"Person3\"","before":"\"Was\"","path":"name.givenName"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 9, 300, 1, 'create', 'absent', 9, NULL, 'dev', 'done', 'in the source, not on the target', NULL, '[{"after":"\"dev\"","path":"displayName"},{"after":"\"group_dev\"","path":"externalId"}]', NULL, 1, 0);
INSERT INTO plans (id, run, created, digest, inputs, state) VALUES (1, 1, '2026-09-21T14:13:20Z', '6095bd73a275e0b66051e6a37f0a796a575c040cd84e35a9d13af2f846ce88e9', '058b03e9eabb2f3a58afd2331a2e62eb483e89d6a681c9444b4e645a40c8933a', 'applied');
INSERT INTO runs (id, command, label, started, finished, exit, source_complete, target_complete, is_baseline, users, groups, memberships, scope, allowed, summary, requests) VALUES (1, 'run', NULL, '2026-09-21T14:13:20Z', '2026-09-21T14:13:21Z', 0, 1, 1, 1, 8, 2, 7, 'everything readable', NULL, 'Plan: 9 to create, 3 to change, 0 to delete, 0 held, 0 conflicts; 0 in step. Forecast: 12 requests, 2 s.', 15);
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 1, 1, NULL, X'CB94B720E34B4420D63AD0741325B94C', '{"active":true,"displayName":"Person1 Example","emails[work]":"person1@corp.example","externalId":"user_person1","name.familyName":"Example","name.givenName":"Person1","phoneNumbers[work]":null,"userName":"person1"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 2, 1, NULL, X'8F2ED1CCEAA02E7CD2D1AB6D1FFE4F5B', '{"active":true,"displayName":"Person2 Example","emails[work]":"person2@corp.example","externalId":"user_person2","name.familyName":"Example","name.givenName":"Person2","phoneNumbers[work]":null,"userName":"person2"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 3, 1, NULL, X'E65A520218E4C7F8E709C876C849BD15', '{"active":true,"displayName":"Person3 Example","emails[work]":"person3@corp.example","externalId":"user_person3","name.familyName":"Example","name.givenName":"Person3","phoneNumbers[work]":null,"userName":"person3"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 4, 1, NULL, X'212D9B5FC5E055457B50E034CFBF9A77', '{"active":true,"displayName":"Person4 Example","emails[work]":"person4@corp.example","externalId":"user_person4","name.familyName":"Example","name.givenName":"Person4","phoneNumbers[work]":null,"userName":"person4"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 5, 1, NULL, X'1747DF1FF9D812A86BDE54B5372FD71A', '{"active":true,"displayName":"Person5 Example","emails[work]":"person5@corp.example","externalId":"user_person5","name.familyName":"Example","name.givenName":"Person5","phoneNumbers[work]":null,"userName":"person5"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 6, 1, NULL, X'F68DC821B9EF0464E194AAD2207DC944', '{"active":true,"displayName":"Person6 Example","emails[work]":"person6@corp.example","externalId":"user_person6","name.familyName":"Example","name.givenName":"Person6","phoneNumbers[work]":null,"userName":"person6"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 7, 1, NULL, X'CE25741B541F4D2D3BF54DA2D6C3E375', '{"active":true,"displayName":"Person7 Example","emails[work]":"person7@corp.example","externalId":"user_person7","name.familyName":"Example","name.givenName":"Person7","phoneNumbers[work]":null,"userName":"person7"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 8, 1, NULL, X'6F9582FDA0E0FFB4E3436C02F580371C', '{"active":true,"displayName":"Person8 Example","emails[work]":"person8@corp.example","externalId":"user_person8","name.familyName":"Example","name.givenName":"Person8","phoneNumbers[work]":null,"userName":"person8"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (1, 10, 1, NULL, X'161D5DACA4EA23AED27E3BD9F4418245', '{"displayName":"ops","externalId":"group_ops"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (1, 9, 1, NULL, X'FC45E4D0A495A4AF1A974C936EB50D36', '{"displayName":"dev","externalId":"group_dev"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (2, 11, 1, NULL, X'F63D1D82D8F20A9AB016982E5B6CFB5D', '{"active":true,"displayName":"Was here","emails[work]":"break-glass-1@other.example","externalId":null,"name.familyName":"Here","name.givenName":"Was","phoneNumbers[work]":null,"userName":"break-glass-1"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (2, 12, 1, NULL, X'250E8D1DB881D09D7F8E7E5AFF4D8C1C', '{"active":true,"displayName":"Was here","emails[work]":"person3@other.example","externalId":null,"name.familyName":"Here","name.givenName":"Was","phoneNumbers[work]":null,"userName":"person3"}');
