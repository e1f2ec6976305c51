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
INSERT INTO departures (kind, source, since, days, last_day) VALUES (0, 2, '2026-09-22T14:13:22Z', 1, '2026-09-22');
INSERT INTO ids (n, space, id) VALUES (1, 0, 'user_person1');
INSERT INTO ids (n, space, id) VALUES (10, 1, 'group_ops');
INSERT INTO ids (n, space, id) VALUES (11, 2, '2819c223-7f76-453a-919d-000000000003');
INSERT INTO ids (n, space, id) VALUES (12, 2, '2819c223-7f76-453a-919d-000000000004');
INSERT INTO ids (n, space, id) VALUES (13, 2, '2819c223-7f76-453a-919d-000000000002');
INSERT INTO ids (n, space, id) VALUES (14, 2, '2819c223-7f76-453a-919d-000000000005');
INSERT INTO ids (n, space, id) VALUES (15, 2, '2819c223-7f76-453a-919d-000000000006');
INSERT INTO ids (n, space, id) VALUES (16, 2, '2819c223-7f76-453a-919d-000000000007');
INSERT INTO ids (n, space, id) VALUES (17, 2, '2819c223-7f76-453a-919d-000000000008');
INSERT INTO ids (n, space, id) VALUES (18, 2, '2819c223-7f76-453a-919d-000000000009');
INSERT INTO ids (n, space, id) VALUES (19, 3, '2819c223-7f76-453a-919d-00000000000a');
INSERT INTO ids (n, space, id) VALUES (2, 0, 'user_person2');
INSERT INTO ids (n, space, id) VALUES (20, 3, '2819c223-7f76-453a-919d-00000000000b');
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
INSERT INTO learned (key, value) VALUES ('mapping', '17a45747de753f37ebb18d1540a610cdad97585052684ad5936ce49f510c8085');
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (0, 1, 11, 'created', 'active', 'user_person1', 'person1', '{"active":true,"displayName":"person1 example","emails[work]":"person1@corp.example","externalId":"user_person1","name.familyName":"example","name.givenName":"person1","userName":"person1"}', X'DE80ACE96D85614CA67B898DEB2A83D6', '{"active":true,"displayName":"person1 example","emails[work]":"person1@corp.example","externalId":"user_person1","name.familyName":"example","name.givenName":"person1","userName":"person1"}', X'DE80ACE96D85614CA67B898DEB2A83D6', 1);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (0, 2, 12, 'created', 'disabled', 'user_person2', 'person2', '{"active":false,"displayName":"person2 example","emails[work]":"person2@corp.example","externalId":"user_person2","name.familyName":"example","name.givenName":"person2","userName":"person2"}', NULL, '{"active":false,"displayName":"person2 example","emails[work]":"person2@corp.example","externalId":"user_person2","name.familyName":"example","name.givenName":"person2","userName":"person2"}', NULL, 2);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (0, 3, 13, 'taken over', 'active', 'user_person3', 'person3', '{"active":true,"displayName":"person3 example","emails[work]":"person3@corp.example","externalId":"user_person3","name.familyName":"example","name.givenName":"person3","userName":"person3"}', X'299EA58785035607ADA48821B22249D8', '{"active":true,"displayName":"person3 example","emails[work]":"person3@corp.example","externalId":"user_person3","name.familyName":"example","name.givenName":"person3","userName":"person3"}', X'299EA58785035607ADA48821B22249D8', 1);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (0, 4, 14, 'created', 'active', 'user_person4', 'person4', '{"active":true,"displayName":"person4 example","emails[work]":"person4@corp.example","externalId":"user_person4","name.familyName":"example","name.givenName":"person4","userName":"person4"}', X'95EDF25508BCEAC7E28D2B3F993D2F46', '{"active":true,"displayName":"person4 example","emails[work]":"person4@corp.example","externalId":"user_person4","name.familyName":"example","name.givenName":"person4","userName":"person4"}', X'95EDF25508BCEAC7E28D2B3F993D2F46', 1);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (0, 5, 15, 'created', 'active', 'user_person5', 'person5', '{"active":true,"displayName":"another name","emails[work]":"person5@corp.example","externalId":"user_person5","name.familyName":"name","name.givenName":"another","userName":"person5"}', X'6309E1F2E78B7838B0E7B44521E7B760', '{"active":true,"displayName":"another name","emails[work]":"person5@corp.example","externalId":"user_person5","name.familyName":"name","name.givenName":"another","userName":"person5"}', X'6309E1F2E78B7838B0E7B44521E7B760', 2);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (0, 6, 16, 'created', 'active', 'user_person6', 'person6', '{"active":true,"displayName":"person6 example","emails[work]":"person6@corp.example","externalId":"user_person6","name.familyName":"example","name.givenName":"person6","userName":"person6"}', X'0A3BD4EF54EA4B25B606036AAA021D60', '{"active":true,"displayName":"person6 example","emails[work]":"person6@corp.example","externalId":"user_person6","name.familyName":"example","name.givenName":"person6","userName":"person6"}', X'0A3BD4EF54EA4B25B606036AAA021D60', 1);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (0, 7, 17, 'created', 'active', 'user_person7', 'person7', '{"active":true,"displayName":"person7 example","emails[work]":"person7@corp.example","externalId":"user_person7","name.familyName":"example","name.givenName":"person7","userName":"person7"}', X'3844BDD8FE7327B2CE8E535B493DEB88', '{"active":true,"displayName":"person7 example","emails[work]":"person7@corp.example","externalId":"user_person7","name.familyName":"example","name.givenName":"person7","userName":"person7"}', X'3844BDD8FE7327B2CE8E535B493DEB88', 1);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (0, 8, 18, 'created', 'active', 'user_person8', 'person8', '{"active":true,"displayName":"person8 example","emails[work]":"person8@corp.example","externalId":"user_person8","name.familyName":"example","name.givenName":"person8","userName":"person8"}', X'579D42E283447CDCA35A4E40D69A9FE2', '{"active":true,"displayName":"person8 example","emails[work]":"person8@corp.example","externalId":"user_person8","name.familyName":"example","name.givenName":"person8","userName":"person8"}', X'579D42E283447CDCA35A4E40D69A9FE2', 1);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (1, 10, 20, 'created', 'active', 'group_ops', 'ops', '{"displayName":"ops","externalId":"group_ops"}', X'161D5DACA4EA23AED27E3BD9F4418245', '{"displayName":"ops","externalId":"group_ops"}', X'161D5DACA4EA23AED27E3BD9F4418245', 1);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (1, 9, 19, 'created', 'active', 'group_dev', 'dev', '{"displayName":"dev","externalId":"group_dev"}', X'FC45E4D0A495A4AF1A974C936EB50D36', '{"displayName":"dev","externalId":"group_dev"}', X'FC45E4D0A495A4AF1A974C936EB50D36', 1);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (0, 10, 1, 1, NULL);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (0, 10, 2, 1, 1);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (0, 10, 3, 1, NULL);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (0, 10, 4, 1, NULL);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (0, 9, 4, 1, NULL);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (0, 9, 6, 1, NULL);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (0, 9, 7, 1, NULL);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (1, 19, 14, 2, NULL);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (1, 19, 16, 2, NULL);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (1, 19, 17, 2, NULL);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (1, 20, 11, 2, NULL);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (1, 20, 12, 2, NULL);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (1, 20, 13, 2, NULL);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (1, 20, 14, 2, NULL);
INSERT INTO numbers (run, plan) VALUES (0, 0);
INSERT INTO operation_members (plan, seq, position, source_user, target_user, status, reason) VALUES (1, 11, 0, 4, NULL, NULL, NULL);
INSERT INTO operation_members (plan, seq, position, source_user, target_user, status, reason) VALUES (1, 11, 1, 6, NULL, NULL, NULL);
INSERT INTO operation_members (plan, seq, position, source_user, target_user, status, reason) VALUES (1, 11, 2, 7, NULL, NULL, NULL);
INSERT INTO operation_members (plan, seq, position, source_user, target_user, status, reason) VALUES (1, 12, 0, 1, NULL, NULL, NULL);
INSERT INTO operation_members (plan, seq, position, source_user, target_user, status, reason) VALUES (1, 12, 1, 2, NULL, NULL, NULL);
INSERT INTO operation_members (plan, seq, position, source_user, target_user, status, reason) VALUES (1, 12, 2, 3, NULL, NULL, NULL);
INSERT INTO operation_members (plan, seq, position, source_user, target_user, status, reason) VALUES (1, 12, 3, 4, NULL, NULL, NULL);
INSERT INTO operation_members (plan, seq, position, source_user, target_user, status, reason) VALUES (2, 2, 0, 2, 12, NULL, NULL);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 1, 100, 0, 'create', 'absent', 1, NULL, 'person1', 'done', 'not known on the target: created, or taken over under the same name', NULL, '[{"after":"true","path":"active"},{"after":"\"person1 example\"","path":"displayName"},{"after":"\"person1@corp.example\"","path":"emails[work]"},{"after":"\"user_person1\"","path":"externalId"},{"after":"\"example\"","path":"name.familyName"},{"after":"\"person1\"","path":"name.givenName"},{"after":"\"person1\"","path":"userName"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 10, 300, 1, 'create', 'absent', 10, NULL, 'ops', 'done', 'not known on the target: created, or taken over under the same name', NULL, '[{"after":"\"ops\"","path":"displayName"},{"after":"\"group_ops\"","path":"externalId"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 11, 500, 1, 'add members', 'changed', 9, NULL, 'dev', 'done', 'members in the source, not on the target', NULL, '[]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 12, 500, 1, 'add members', 'changed', 10, NULL, 'ops', 'done', 'members in the source, not on the target', NULL, '[]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 2, 100, 0, 'create', 'absent', 2, NULL, 'person2', 'done', 'not known on the target: created, or taken over under the same name', NULL, '[{"after":"true","path":"active"},{"after":"\"person2 example\"","path":"displayName"},{"after":"\"person2@corp.example\"","path":"emails[work]"},{"after":"\"user_person2\"","path":"externalId"},{"after":"\"example\"","path":"name.familyName"},{"after":"\"person2\"","path":"name.givenName"},{"after":"\"person2\"","path":"userName"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 3, 100, 0, 'create', 'absent', 3, NULL, 'person3', 'done', 'not known on the target: created, or taken over under the same name', NULL, '[{"after":"true","path":"active"},{"after":"\"person3 example\"","path":"displayName"},{"after":"\"person3@corp.example\"","path":"emails[work]"},{"after":"\"user_person3\"","path":"externalId"},{"after":"\"example\"","path":"name.familyName"},{"after":"\"person3\"","path":"name.givenName"},{"after":"\"person3\"","path":"userName"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 4, 100, 0, 'create', 'absent', 4, NULL, 'person4', 'done', 'not known on the target: created, or taken over under the same name', NULL, '[{"after":"true","path":"active"},{"after":"\"person4 example\"","path":"displayName"},{"after":"\"person4@corp.example\"","path":"emails[work]"},{"after":"\"user_person4\"","path":"externalId"},{"after":"\"example\"","path":"name.familyName"},{"after":"\"person4\"","path":"name.givenName"},{"after":"\"person4\"","path":"userName"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 5, 100, 0, 'create', 'absent', 5, NULL, 'person5', 'done', 'not known on the target: created, or taken over under the same name', NULL, '[{"after":"true","path":"active"},{"after":"\"person5 example\"","path":"displayName"},{"after":"\"person5@corp.example\"","path":"emails[work]"},{"after":"\"user_person5\"","path":"externalId"},{"after":"\"example\"","path":"name.familyName"},{"after":"\"person5\"","path":"name.givenName"},{"after":"\"person5\"","path":"userName"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 6, 100, 0, 'create', 'absent', 6, NULL, 'person6', 'done', 'not known on the target: created, or taken over under the same name', NULL, '[{"after":"true","path":"active"},{"after":"\"person6 example\"","path":"displayName"},{"after":"\"person6@corp.example\"","path":"emails[work]"},{"after":"\"user_person6\"","path":"externalId"},{"after":"\"example\"","path":"name.familyName"},{"after":"\"person6\"","path":"name.givenName"},{"after":"\"person6\"","path":"userName"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 7, 100, 0, 'create', 'absent', 7, NULL, 'person7', 'done', 'not known on the target: created, or taken over under the same name', NULL, '[{"after":"true","path":"active"},{"after":"\"person7 example\"","path":"displayName"},{"after":"\"person7@corp.example\"","path":"emails[work]"},{"after":"\"user_person7\"","path":"externalId"},{"after":"\"example\"","path":"name.familyName"},{"after":"\"person7\"","path":"name.givenName"},{"after":"\"person7\"","path":"userName"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 8, 100, 0, 'create', 'absent', 8, NULL, 'person8', 'done', 'not known on the target: created, or taken over under the same name', NULL, '[{"after":"true","path":"active"},{"after":"\"person8 example\"","path":"displayName"},{"after":"\"person8@corp.example\"","path":"emails[work]"},{"after":"\"user_person8\"","path":"externalId"},{"after":"\"example\"","path":"name.familyName"},{"after":"\"person8\"","path":"name.givenName"},{"after":"\"person8\"","path":"userName"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 9, 300, 1, 'create', 'absent', 9, NULL, 'dev', 'done', 'not known on the target: created, or taken over under the same name', NULL, '[{"after":"\"dev\"","path":"displayName"},{"after":"\"group_dev\"","path":"externalId"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (2, 1, 200, 0, 'update', 'changed', 5, 15, 'person5', 'done', 'differs from the source', NULL, '[{"after":"\"another name\"","before":"\"person5 example\"","path":"displayName"},{"after":"\"name\"","before":"\"example\"","path":"name.familyName"},{"after":"\"another\"","before":"\"person5\"","path":"name.givenName"}]', NULL, 2, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (2, 2, 600, 1, 'remove members', 'changed', 10, 20, 'ops', 'done', 'members on the target, not in the source', NULL, '[]', NULL, 2, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (2, 3, 800, 0, 'disable', 'leaver', 2, 12, 'person2', 'done', 'no longer in the source; leavers.disable: immediately; to be deleted on 2026-10-22', NULL, '[{"after":"false","before":"true","path":"active"}]', NULL, 2, 0);
INSERT INTO plans (id, run, created, digest, inputs, state) VALUES (1, 1, '2026-09-21T14:13:20Z', 'c595a6ec41e37c7b65e66eaaa803f354334157471977b0cfd6c4a26cf9b00c28', 'ec5bcf0e63133bb083545f9867528cfc661e320d4835be2734e22094344b68fa', 'applied');
INSERT INTO plans (id, run, created, digest, inputs, state) VALUES (2, 2, '2026-09-22T14:13:22Z', 'f57201f33fca8b5d672f593fcd18bad2986bb0bd68daa6f740d231ebd8655181', 'ec5bcf0e63133bb083545f9867528cfc661e320d4835be2734e22094344b68fa', 'applied');
INSERT INTO runs (id, command, label, started, finished, exit, source_complete, target_complete, is_baseline, users, groups, memberships, scope, allowed, summary, requests) VALUES (1, 'run', NULL, '2026-09-21T14:13:20Z', '2026-09-21T14:13:22Z', 0, 1, 1, 1, 8, 2, 7, 'everything readable', NULL, 'Plan: 10 to create, 2 to change, 0 to delete, 0 held, 0 conflicts; 0 in step. Forecast: 12 requests, 3 s.', 12);
INSERT INTO runs (id, command, label, started, finished, exit, source_complete, target_complete, is_baseline, users, groups, memberships, scope, allowed, summary, requests) VALUES (2, 'run', NULL, '2026-09-22T14:13:22Z', '2026-09-22T14:13:22Z', 0, 1, 1, 1, 7, 2, 6, 'everything readable', NULL, 'Plan: 0 to create, 3 to change, 0 to delete, 0 held, 0 conflicts; 8 in step. Forecast: 3 requests, 1 s.', 4);
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 1, 1, NULL, X'DE80ACE96D85614CA67B898DEB2A83D6', '{"active":true,"displayName":"person1 example","emails[work]":"person1@corp.example","externalId":"user_person1","name.familyName":"example","name.givenName":"person1","userName":"person1"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 2, 1, 1, X'DDA9BCB9EBD8FC0F77B140924B647A76', '{"active":true,"displayName":"person2 example","emails[work]":"person2@corp.example","externalId":"user_person2","name.familyName":"example","name.givenName":"person2","userName":"person2"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 3, 1, NULL, X'299EA58785035607ADA48821B22249D8', '{"active":true,"displayName":"person3 example","emails[work]":"person3@corp.example","externalId":"user_person3","name.familyName":"example","name.givenName":"person3","userName":"person3"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 4, 1, NULL, X'95EDF25508BCEAC7E28D2B3F993D2F46', '{"active":true,"displayName":"person4 example","emails[work]":"person4@corp.example","externalId":"user_person4","name.familyName":"example","name.givenName":"person4","userName":"person4"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 5, 1, 1, X'87E3B6ED0D4E1E3EBE0CCEF8ADD41874', '{"active":true,"displayName":"person5 example","emails[work]":"person5@corp.example","externalId":"user_person5","name.familyName":"example","name.givenName":"person5","userName":"person5"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 5, 2, NULL, X'6309E1F2E78B7838B0E7B44521E7B760', '{"active":true,"displayName":"another name","emails[work]":"person5@corp.example","externalId":"user_person5","name.familyName":"name","name.givenName":"another","userName":"person5"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 6, 1, NULL, X'0A3BD4EF54EA4B25B606036AAA021D60', '{"active":true,"displayName":"person6 example","emails[work]":"person6@corp.example","externalId":"user_person6","name.familyName":"example","name.givenName":"person6","userName":"person6"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 7, 1, NULL, X'3844BDD8FE7327B2CE8E535B493DEB88', '{"active":true,"displayName":"person7 example","emails[work]":"person7@corp.example","externalId":"user_person7","name.familyName":"example","name.givenName":"person7","userName":"person7"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 8, 1, NULL, X'579D42E283447CDCA35A4E40D69A9FE2', '{"active":true,"displayName":"person8 example","emails[work]":"person8@corp.example","externalId":"user_person8","name.familyName":"example","name.givenName":"person8","userName":"person8"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (1, 10, 1, NULL, X'161D5DACA4EA23AED27E3BD9F4418245', '{"displayName":"ops","externalId":"group_ops"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (1, 9, 1, NULL, X'FC45E4D0A495A4AF1A974C936EB50D36', '{"displayName":"dev","externalId":"group_dev"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (2, 11, 2, NULL, X'DE80ACE96D85614CA67B898DEB2A83D6', '{"active":true,"displayName":"person1 example","emails[work]":"person1@corp.example","externalId":"user_person1","name.familyName":"example","name.givenName":"person1","userName":"person1"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (2, 12, 2, NULL, X'DDA9BCB9EBD8FC0F77B140924B647A76', '{"active":true,"displayName":"person2 example","emails[work]":"person2@corp.example","externalId":"user_person2","name.familyName":"example","name.givenName":"person2","userName":"person2"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (2, 13, 2, NULL, X'299EA58785035607ADA48821B22249D8', '{"active":true,"displayName":"person3 example","emails[work]":"person3@corp.example","externalId":"user_person3","name.familyName":"example","name.givenName":"person3","userName":"person3"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (2, 14, 2, NULL, X'95EDF25508BCEAC7E28D2B3F993D2F46', '{"active":true,"displayName":"person4 example","emails[work]":"person4@corp.example","externalId":"user_person4","name.familyName":"example","name.givenName":"person4","userName":"person4"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (2, 15, 2, NULL, X'87E3B6ED0D4E1E3EBE0CCEF8ADD41874', '{"active":true,"displayName":"person5 example","emails[work]":"person5@corp.example","externalId":"user_person5","name.familyName":"example","name.givenName":"person5","userName":"person5"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (2, 16, 2, NULL, X'0A3BD4EF54EA4B25B606036AAA021D60', '{"active":true,"displayName":"person6 example","emails[work]":"person6@corp.example","externalId":"user_person6","name.familyName":"example","name.givenName":"person6","userName":"person6"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (2, 17, 2, NULL, X'3844BDD8FE7327B2CE8E535B493DEB88', '{"active":true,"displayName":"person7 example","emails[work]":"person7@corp.example","externalId":"user_person7","name.familyName":"example","name.givenName":"person7","userName":"person7"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (2, 18, 2, NULL, X'579D42E283447CDCA35A4E40D69A9FE2', '{"active":true,"displayName":"person8 example","emails[work]":"person8@corp.example","externalId":"user_person8","name.familyName":"example","name.givenName":"person8","userName":"person8"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (3, 19, 2, NULL, X'FC45E4D0A495A4AF1A974C936EB50D36', '{"displayName":"dev","externalId":"group_dev"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (3, 20, 2, NULL, X'161D5DACA4EA23AED27E3BD9F4418245', '{"displayName":"ops","externalId":"group_ops"}');
INSERT INTO written_members (grp, usr, certain) VALUES (19, 14, 1);
INSERT INTO written_members (grp, usr, certain) VALUES (19, 16, 1);
INSERT INTO written_members (grp, usr, certain) VALUES (19, 17, 1);
INSERT INTO written_members (grp, usr, certain) VALUES (20, 11, 1);
INSERT INTO written_members (grp, usr, certain) VALUES (20, 13, 1);
INSERT INTO written_members (grp, usr, certain) VALUES (20, 14, 1);
