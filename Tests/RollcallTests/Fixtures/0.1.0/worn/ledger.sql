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
INSERT INTO ids (n, space, id) VALUES (1, 0, 'user_ada');
INSERT INTO ids (n, space, id) VALUES (10, 3, '2819c223-7f76-453a-919d-000000000005');
INSERT INTO ids (n, space, id) VALUES (11, 0, 'user_carol');
INSERT INTO ids (n, space, id) VALUES (12, 2, '2819c223-7f76-453a-919d-000000000006');
INSERT INTO ids (n, space, id) VALUES (2, 0, 'user_dotless');
INSERT INTO ids (n, space, id) VALUES (3, 0, 'user_sharp');
INSERT INTO ids (n, space, id) VALUES (4, 0, 'user_sigma');
INSERT INTO ids (n, space, id) VALUES (5, 1, 'group_street');
INSERT INTO ids (n, space, id) VALUES (6, 2, '2819c223-7f76-453a-919d-000000000001');
INSERT INTO ids (n, space, id) VALUES (7, 2, '2819c223-7f76-453a-919d-000000000002');
INSERT INTO ids (n, space, id) VALUES (8, 2, '2819c223-7f76-453a-919d-000000000003');
INSERT INTO ids (n, space, id) VALUES (9, 2, '2819c223-7f76-453a-919d-000000000004');
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
INSERT INTO learned (key, value) VALUES ('members', 'inList');
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (0, 1, 6, 'created', 'active', 'user_ada', 'ada', '{"active":true,"displayName":"Ada Example","emails[work]":"ada@corp.example","externalId":"user_ada","name.familyName":"Example","name.givenName":"Ada","phoneNumbers[work]":null,"userName":"ada"}', X'8FA7A8F8936059CF6DBE4A38D2BDB282', '{"active":true,"displayName":"Ada Example","emails[work]":"ada@corp.example","externalId":"user_ada","name.familyName":"Example","name.givenName":"Ada","phoneNumbers[work]":null,"userName":"ada"}', X'8FA7A8F8936059CF6DBE4A38D2BDB282', 1);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (0, 11, 12, 'created', 'active', 'user_carol', 'carol', '{"active":true,"displayName":"Carol Example","emails[work]":"carol@corp.example","externalId":"user_carol","name.familyName":"Example","name.givenName":"Carol","phoneNumbers[work]":null,"userName":"carol"}', X'6349B984244F2F4902C5981D0FAAD0A5', '{"active":true,"displayName":"Carol Example","emails[work]":"carol@corp.example","externalId":"user_carol","name.familyName":"Example","name.givenName":"Carol","phoneNumbers[work]":null,"userName":"carol"}', X'6349B984244F2F4902C5981D0FAAD0A5', 3);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (0, 2, 7, 'created', 'active', 'user_dotless', 'kadir', '{"active":true,"displayName":"Kadır Example","emails[work]":"kadır@corp.example","externalId":"user_dotless","name.familyName":"Example","name.givenName":"Kadır","phoneNumbers[work]":null,"userName":"kadır"}', X'8DFB43E95C8BC5290E762C984ED1D239', '{"active":true,"displayName":"Kadır Example","emails[work]":"kadır@corp.example","externalId":"user_dotless","name.familyName":"Example","name.givenName":"Kadır","phoneNumbers[work]":null,"userName":"kadır"}', X'8DFB43E95C8BC5290E762C984ED1D239', 1);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (0, 3, 8, 'created', 'active', 'user_sharp', 'weiss', '{"active":true,"displayName":"Weiß Example","emails[work]":"weiß@corp.example","externalId":"user_sharp","name.familyName":"Example","name.givenName":"Weiß","phoneNumbers[work]":null,"userName":"weiß"}', X'8BB4B19E8A830BD32BCB078F3DDF70FB', '{"active":true,"displayName":"Weiß Example","emails[work]":"weiß@corp.example","externalId":"user_sharp","name.familyName":"Example","name.givenName":"Weiß","phoneNumbers[work]":null,"userName":"weiß"}', X'8BB4B19E8A830BD32BCB078F3DDF70FB', 1);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (0, 4, 9, 'created', 'active', 'user_sigma', 'σίσυφοσ', '{"active":true,"displayName":"Σίσυφοσ Example","emails[work]":"ΣΊΣΥΦΟΣ@corp.example","externalId":"user_sigma","name.familyName":"Example","name.givenName":"Σίσυφοσ","phoneNumbers[work]":null,"userName":"ΣΊΣΥΦΟΣ"}', X'8CBE1A5F254DE485A525A4E396EF110D', '{"active":true,"displayName":"Σίσυφοσ Example","emails[work]":"ΣΊΣΥΦΟΣ@corp.example","externalId":"user_sigma","name.familyName":"Example","name.givenName":"Σίσυφοσ","phoneNumbers[work]":null,"userName":"ΣΊΣΥΦΟΣ"}', X'8CBE1A5F254DE485A525A4E396EF110D', 1);
INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest, read, read_digest, run) VALUES (1, 5, 10, 'created', 'active', 'group_street', 'strasse', '{"displayName":"Straße","externalId":"group_street"}', X'2D0F2001B2150B60AD15F0DD64F32900', '{"displayName":"Straße","externalId":"group_street"}', X'2D0F2001B2150B60AD15F0DD64F32900', 1);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (0, 5, 1, 1, NULL);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (0, 5, 3, 1, NULL);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (1, 10, 6, 2, NULL);
INSERT INTO memberships (side, grp, usr, first_run, last_run) VALUES (1, 10, 8, 2, NULL);
INSERT INTO numbers (run, plan) VALUES (0, 0);
INSERT INTO operation_members (plan, seq, position, source_user, target_user, status, reason) VALUES (1, 6, 0, 1, NULL, NULL, NULL);
INSERT INTO operation_members (plan, seq, position, source_user, target_user, status, reason) VALUES (1, 6, 1, 3, NULL, NULL, NULL);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 1, 100, 0, 'create', 'absent', 1, NULL, 'ada', 'done', 'in the source, not on the target', NULL, '[{"after":"true","path":"active"},{"after":"\"Ada Example\"","path":"displayName"},{"after":"\"ada@corp.example\"","path":"emails[work]"},{"after":"\"user_ada\"","path":"externalId"},{"after":"\"Example\"","path":"name.familyName"},{"after":"\"Ada\"","path":"name.givenName"},{"after":"\"ada\"","path":"userName"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 2, 100, 0, 'create', 'absent', 2, NULL, 'kadır', 'done', 'in the source, not on the target', NULL, '[{"after":"true","path":"active"},{"after":"\"Kadır Example\"","path":"displayName"},{"after":"\"kadır@corp.example\"","path":"emails[work]"},{"after":"\"user_dotless\"","path":"externalId"},{"after":"\"Example\"","path":"name.familyName"},{"after":"\"Kadır\"","path":"name.givenName"},{"after":"\"kadır\"","path":"userName"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 3, 100, 0, 'create', 'absent', 3, NULL, 'weiß', 'done', 'in the source, not on the target', NULL, '[{"after":"true","path":"active"},{"after":"\"Weiß Example\"","path":"displayName"},{"after":"\"weiß@corp.example\"","path":"emails[work]"},{"after":"\"user_sharp\"","path":"externalId"},{"after":"\"Example\"","path":"name.familyName"},{"after":"\"Weiß\"","path":"name.givenName"},{"after":"\"weiß\"","path":"userName"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 4, 100, 0, 'create', 'absent', 4, NULL, 'ΣΊΣΥΦΟΣ', 'done', 'in the source, not on the target', NULL, '[{"after":"true","path":"active"},{"after":"\"Σίσυφοσ Example\"","path":"displayName"},{"after":"\"ΣΊΣΥΦΟΣ@corp.example\"","path":"emails[work]"},{"after":"\"user_sigma\"","path":"externalId"},{"after":"\"Example\"","path":"name.familyName"},{"after":"\"Σίσυφοσ\"","path":"name.givenName"},{"after":"\"ΣΊΣΥΦΟΣ\"","path":"userName"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 5, 300, 1, 'create', 'absent', 5, NULL, 'Straße', 'done', 'in the source, not on the target', NULL, '[{"after":"\"Straße\"","path":"displayName"},{"after":"\"group_street\"","path":"externalId"}]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (1, 6, 500, 1, 'add members', 'changed', 5, NULL, 'Straße', 'done', 'members in the source, not on the target', NULL, '[]', NULL, 1, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (2, 1, 100, 0, 'create', 'absent', 11, NULL, 'carol', 'done', 'found by its externalId on the target: linked', NULL, '[{"after":"true","path":"active"},{"after":"\"Carol Example\"","path":"displayName"},{"after":"\"carol@corp.example\"","path":"emails[work]"},{"after":"\"user_carol\"","path":"externalId"},{"after":"\"Example\"","path":"name.familyName"},{"after":"\"Carol\"","path":"name.givenName"},{"after":"\"carol\"","path":"userName"}]', NULL, 3, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (3, 1, 200, 0, 'update', 'changed', 11, 12, 'carol', 'done', 'differs from the source', NULL, '[{"after":"\"Carol Example\"","before":"\"Carol by hand\"","path":"displayName"},{"after":"\"carol@corp.example\"","path":"emails[work]"},{"after":"\"user_carol\"","path":"externalId"},{"after":"\"Example\"","path":"name.familyName"},{"after":"\"Carol\"","path":"name.givenName"}]', NULL, 3, 0);
INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit, run, may_be_done) VALUES (4, 1, 200, 0, 'update', 'changed', 1, 6, 'ada', 'sent', 'differs from the source', NULL, '[{"after":"\"Another Name\"","before":"\"Ada Example\"","path":"displayName"},{"after":"\"Name\"","before":"\"Example\"","path":"name.familyName"},{"after":"\"Another\"","before":"\"Ada\"","path":"name.givenName"}]', NULL, NULL, 0);
INSERT INTO plans (id, run, created, digest, inputs, state) VALUES (1, 1, '2026-09-21T14:13:20Z', 'bd54f17e87dae79a7bd6d09a2baba2a51245faf2db6c34aea181b64c32cab1c9', '058b03e9eabb2f3a58afd2331a2e62eb483e89d6a681c9444b4e645a40c8933a', 'applied');
INSERT INTO plans (id, run, created, digest, inputs, state) VALUES (2, 2, '2026-09-22T14:13:20Z', '2353c04166144b24f0aa25d49762538be38231646945566b53690bdf7b890a75', '058b03e9eabb2f3a58afd2331a2e62eb483e89d6a681c9444b4e645a40c8933a', 'applying');
INSERT INTO plans (id, run, created, digest, inputs, state) VALUES (3, 3, '2026-09-22T14:14:21Z', 'ce4bfc86acbe2c22045e1d0591c073cee9416da345b50370fbadfec0b5981e70', '058b03e9eabb2f3a58afd2331a2e62eb483e89d6a681c9444b4e645a40c8933a', 'applied');
INSERT INTO plans (id, run, created, digest, inputs, state) VALUES (4, 4, '2026-09-23T14:14:21Z', '19711c0a1824840d840bed0df042212cd5b9e7f78b4700589d5891c61ec4774d', '058b03e9eabb2f3a58afd2331a2e62eb483e89d6a681c9444b4e645a40c8933a', 'applying');
INSERT INTO runs (id, command, label, started, finished, exit, source_complete, target_complete, is_baseline, users, groups, memberships, scope, allowed, summary, requests) VALUES (1, 'run', NULL, '2026-09-21T14:13:20Z', '2026-09-21T14:13:20Z', 0, 1, 1, 1, 4, 1, 2, 'everything readable', NULL, 'Plan: 5 to create, 1 to change, 0 to delete, 0 held, 0 conflicts; 0 in step. Forecast: 6 requests, 1 s.', 9);
INSERT INTO runs (id, command, label, started, finished, exit, source_complete, target_complete, is_baseline, users, groups, memberships, scope, allowed, summary, requests) VALUES (2, 'run', NULL, '2026-09-22T14:13:20Z', NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO runs (id, command, label, started, finished, exit, source_complete, target_complete, is_baseline, users, groups, memberships, scope, allowed, summary, requests) VALUES (3, 'run', NULL, '2026-09-22T14:14:20Z', '2026-09-22T14:14:21Z', 0, 1, 1, 1, 5, 1, 2, 'everything readable', NULL, 'Plan: 0 to create, 1 to change, 0 to delete, 0 held, 0 conflicts; 5 in step. Forecast: 1 request, 1 s.', 6);
INSERT INTO runs (id, command, label, started, finished, exit, source_complete, target_complete, is_baseline, users, groups, memberships, scope, allowed, summary, requests) VALUES (4, 'run', NULL, '2026-09-23T14:14:21Z', NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 1, 1, 3, X'8FA7A8F8936059CF6DBE4A38D2BDB282', '{"active":true,"displayName":"Ada Example","emails[work]":"ada@corp.example","externalId":"user_ada","name.familyName":"Example","name.givenName":"Ada","phoneNumbers[work]":null,"userName":"ada"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 1, 4, NULL, X'4EB5593D71FE24CD01DD3E539A841BB9', '{"active":true,"displayName":"Another Name","emails[work]":"ada@corp.example","externalId":"user_ada","name.familyName":"Name","name.givenName":"Another","phoneNumbers[work]":null,"userName":"ada"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 11, 2, NULL, X'6349B984244F2F4902C5981D0FAAD0A5', '{"active":true,"displayName":"Carol Example","emails[work]":"carol@corp.example","externalId":"user_carol","name.familyName":"Example","name.givenName":"Carol","phoneNumbers[work]":null,"userName":"carol"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 2, 1, NULL, X'8DFB43E95C8BC5290E762C984ED1D239', '{"active":true,"displayName":"Kadır Example","emails[work]":"kadır@corp.example","externalId":"user_dotless","name.familyName":"Example","name.givenName":"Kadır","phoneNumbers[work]":null,"userName":"kadır"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 3, 1, NULL, X'8BB4B19E8A830BD32BCB078F3DDF70FB', '{"active":true,"displayName":"Weiß Example","emails[work]":"weiß@corp.example","externalId":"user_sharp","name.familyName":"Example","name.givenName":"Weiß","phoneNumbers[work]":null,"userName":"weiß"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (0, 4, 1, NULL, X'8CBE1A5F254DE485A525A4E396EF110D', '{"active":true,"displayName":"Σίσυφοσ Example","emails[work]":"ΣΊΣΥΦΟΣ@corp.example","externalId":"user_sigma","name.familyName":"Example","name.givenName":"Σίσυφοσ","phoneNumbers[work]":null,"userName":"ΣΊΣΥΦΟΣ"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (1, 5, 1, NULL, X'2D0F2001B2150B60AD15F0DD64F32900', '{"displayName":"Straße","externalId":"group_street"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (2, 12, 3, 3, X'B32A236FCCDDED5794D48AED48E6DBBE', '{"active":true,"displayName":"Carol by hand","emails[work]":null,"externalId":null,"name.familyName":null,"name.givenName":null,"phoneNumbers[work]":null,"userName":"carol"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (2, 12, 4, NULL, X'6349B984244F2F4902C5981D0FAAD0A5', '{"active":true,"displayName":"Carol Example","emails[work]":"carol@corp.example","externalId":"user_carol","name.familyName":"Example","name.givenName":"Carol","phoneNumbers[work]":null,"userName":"carol"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (2, 6, 2, NULL, X'8FA7A8F8936059CF6DBE4A38D2BDB282', '{"active":true,"displayName":"Ada Example","emails[work]":"ada@corp.example","externalId":"user_ada","name.familyName":"Example","name.givenName":"Ada","phoneNumbers[work]":null,"userName":"ada"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (2, 7, 2, NULL, X'8DFB43E95C8BC5290E762C984ED1D239', '{"active":true,"displayName":"Kadır Example","emails[work]":"kadır@corp.example","externalId":"user_dotless","name.familyName":"Example","name.givenName":"Kadır","phoneNumbers[work]":null,"userName":"kadır"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (2, 8, 2, NULL, X'8BB4B19E8A830BD32BCB078F3DDF70FB', '{"active":true,"displayName":"Weiß Example","emails[work]":"weiß@corp.example","externalId":"user_sharp","name.familyName":"Example","name.givenName":"Weiß","phoneNumbers[work]":null,"userName":"weiß"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (2, 9, 2, NULL, X'8CBE1A5F254DE485A525A4E396EF110D', '{"active":true,"displayName":"Σίσυφοσ Example","emails[work]":"ΣΊΣΥΦΟΣ@corp.example","externalId":"user_sigma","name.familyName":"Example","name.givenName":"Σίσυφοσ","phoneNumbers[work]":null,"userName":"ΣΊΣΥΦΟΣ"}');
INSERT INTO versions (space, n, first_run, last_run, digest, body) VALUES (3, 10, 2, NULL, X'2D0F2001B2150B60AD15F0DD64F32900', '{"displayName":"Straße","externalId":"group_street"}');
