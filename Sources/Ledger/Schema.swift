/// The tables. Kinds are 0 user, 1 group; spaces of interned ids are 0 source user, 1 source group, 2 target user, 3
/// target group, 4 source unit. Sides of memberships are 0 source group, 1 target group, 2 source unit.
package enum Schema {
    /// “Roll” in ASCII: tells a ledger from any other SQLite file.
    static let applicationID = 0x526F_6C6C

    package static let migrations = [
        """
        CREATE TABLE binding (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE learned (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

        CREATE TABLE runs (
            id INTEGER PRIMARY KEY AUTOINCREMENT, command TEXT NOT NULL, label TEXT, started TEXT NOT NULL,
                finished TEXT, exit INTEGER,
            source_complete INTEGER, target_complete INTEGER, is_baseline INTEGER NOT NULL DEFAULT 0,
            users INTEGER, groups INTEGER, memberships INTEGER, scope TEXT, allowed TEXT, summary TEXT,
                requests INTEGER);

        CREATE TABLE ids (n INTEGER PRIMARY KEY, space INTEGER NOT NULL, id TEXT NOT NULL, UNIQUE (space, id));

        -- What each side held, as intervals of runs; last_run is null while it is so.
        CREATE TABLE versions (
            space INTEGER NOT NULL, n INTEGER NOT NULL, first_run INTEGER NOT NULL, last_run INTEGER,
                digest BLOB NOT NULL, body TEXT NOT NULL,
            PRIMARY KEY (space, n, first_run)) WITHOUT ROWID;
        CREATE TABLE memberships (
            side INTEGER NOT NULL, grp INTEGER NOT NULL, usr INTEGER NOT NULL, first_run INTEGER NOT NULL,
                last_run INTEGER,
            PRIMARY KEY (side, grp, usr, first_run)) WITHOUT ROWID;

        CREATE TABLE links (
            kind INTEGER NOT NULL, source INTEGER NOT NULL, target INTEGER NOT NULL,
            origin TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'active',
            external_id TEXT, match_key TEXT NOT NULL,
            sent TEXT, sent_digest BLOB, read TEXT, read_digest BLOB,
            run INTEGER NOT NULL, PRIMARY KEY (kind, source)) WITHOUT ROWID;
        CREATE UNIQUE INDEX links_by_target ON links (kind, target);
        CREATE TABLE tombstones (kind INTEGER NOT NULL, target INTEGER NOT NULL, source INTEGER NOT NULL,
            run INTEGER NOT NULL, PRIMARY KEY (kind, target)) WITHOUT ROWID;

        -- Members that an associated group had before; they stay (target ids).
        CREATE TABLE kept_members (grp INTEGER NOT NULL, usr INTEGER NOT NULL, PRIMARY KEY (grp, usr)) WITHOUT ROWID;

        -- Attributes that the target does not keep, and the run that found out.
        CREATE TABLE attributes (kind INTEGER NOT NULL, path TEXT NOT NULL, not_kept_run INTEGER NOT NULL,
            PRIMARY KEY (kind, path)) WITHOUT ROWID;

        CREATE TABLE plans (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, created TEXT NOT NULL, digest TEXT NOT NULL,
            inputs TEXT NOT NULL, state TEXT NOT NULL);
        -- The plan's rows are the journal: planned → sent (outcome unknown) → done or failed.
        CREATE TABLE operations (
            plan INTEGER NOT NULL, seq INTEGER NOT NULL, wave INTEGER NOT NULL, kind INTEGER NOT NULL,
                verb TEXT NOT NULL, situation TEXT NOT NULL,
            source INTEGER, target INTEGER, name TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL,
                held_by TEXT,
            fields TEXT NOT NULL, unit INTEGER, run INTEGER, PRIMARY KEY (plan, seq)) WITHOUT ROWID;
        CREATE INDEX operations_open ON operations (status) WHERE status = 'sent';
        CREATE INDEX operations_by_source ON operations (plan, kind, source);
        CREATE INDEX operations_in_units ON operations (plan, unit, seq) WHERE unit IS NOT NULL;
        CREATE TABLE operation_members (
            plan INTEGER NOT NULL, seq INTEGER NOT NULL, position INTEGER NOT NULL, source_user INTEGER,
                target_user INTEGER,
            status TEXT, reason TEXT, PRIMARY KEY (plan, seq, position)) WITHOUT ROWID;
        """,
        // Which units somebody was in, for those who left them.
        "CREATE INDEX memberships_of_units ON memberships (usr) WHERE side = 2;",
        // Members that were written, by target ids: all that is known where members cannot be read.
        """
        CREATE TABLE written_members (grp INTEGER NOT NULL, usr INTEGER NOT NULL, certain INTEGER NOT NULL,
            PRIMARY KEY (grp, usr)) WITHOUT ROWID;
        """,
        // Since when an applied run knows that somebody has left, and on how many different days a complete read has
        // not shown it.
        """
        CREATE TABLE departures (kind INTEGER NOT NULL, source INTEGER NOT NULL, since TEXT NOT NULL,
            days INTEGER NOT NULL, last_day TEXT NOT NULL, PRIMARY KEY (kind, source)) WITHOUT ROWID;
        """,
        // Records that an undo restored, with the digest of the source record as it then was, and the group's members.
        """
        CREATE TABLE restored (kind INTEGER NOT NULL, source INTEGER NOT NULL, digest BLOB NOT NULL,
            members TEXT NOT NULL, PRIMARY KEY (kind, source)) WITHOUT ROWID;
        """,
        // Failed operations that may have changed something all the same; whether a restored record was out of scope,
        // and the mapping that its digest was made with.
        """
        ALTER TABLE operations ADD COLUMN may_be_done INTEGER NOT NULL DEFAULT 0;
        UPDATE operations SET may_be_done = 1 WHERE status = 'failed'
            AND (reason LIKE '%members left out%' OR reason LIKE '%and took the others%'
            OR reason LIKE '%an interrupted run sent this%'
            OR reason LIKE 'the target accepted %');
        ALTER TABLE restored ADD COLUMN was_out INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE restored ADD COLUMN mapping TEXT NOT NULL DEFAULT '';
        """,
        // Whether a restored record was disabled in the source. Runs and plans have numbers that are given once, also
        // when an older copy of the ledger is put back: none up to these is given again.
        """
        ALTER TABLE restored ADD COLUMN was_disabled INTEGER NOT NULL DEFAULT 0;
        -- Of the older ones nobody can tell, and they stay as they are.
        UPDATE restored SET was_disabled = 1;
        CREATE TABLE numbers (run INTEGER NOT NULL, plan INTEGER NOT NULL);
        INSERT INTO numbers VALUES (0, 0);
        """,
        // Match keys were folded more widely, so that ı was i and ß was ss. They are made anew from what was sent, else
        // from what was read.
        """
        UPDATE links SET match_key = fold(coalesce(
            json_extract(sent, CASE kind WHEN 0 THEN '$.userName' ELSE '$.displayName' END),
                json_extract(read, CASE kind WHEN 0 THEN '$.userName' ELSE '$.displayName' END)))
        WHERE coalesce(
            json_extract(sent, CASE kind WHEN 0 THEN '$.userName' ELSE '$.displayName' END),
                json_extract(read, CASE kind WHEN 0 THEN '$.userName' ELSE '$.displayName' END)) IS NOT NULL;
        -- Whoever is deleted is in no group any more.
        CREATE INDEX written_members_by_user ON written_members (usr);
        -- When a request left, in seconds since 1970: what was made long before or after it is not of its making.
        ALTER TABLE operations ADD COLUMN sent_at REAL;
        -- Whether a run's clock was in doubt: it starts, counts and ends no term.
        ALTER TABLE runs ADD COLUMN doubtful INTEGER NOT NULL DEFAULT 0;
        -- The mark and the name of what was deleted: by them it is known again where it still stands.
        ALTER TABLE tombstones ADD COLUMN external_id TEXT;
        ALTER TABLE tombstones ADD COLUMN match_key TEXT;
        -- Origins of older versions were taken from the answer to a create alone: they are looked at once.
        INSERT INTO learned (key, value) SELECT 'origins', 'to be looked at'
            WHERE EXISTS (SELECT 1 FROM links WHERE origin IN ('created', 'known'));
        -- What lists showed of the members of groups (side 0 source, 1 target), and whether the group by its id showed
        -- more.
        CREATE TABLE shown_members (
            side INTEGER NOT NULL, grp INTEGER NOT NULL, digest TEXT NOT NULL, count INTEGER NOT NULL,
                is_cut INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (side, grp)) WITHOUT ROWID;
        -- On how many days complete reads have not shown a record of a source that cannot be asked.
        CREATE TABLE unconfirmed (kind INTEGER NOT NULL, source INTEGER NOT NULL, days INTEGER NOT NULL,
            last_day TEXT NOT NULL, PRIMARY KEY (kind, source)) WITHOUT ROWID;
        -- What failed in applied runs, how often in the same way, and on which day it is tried again.
        CREATE TABLE failures (
            kind INTEGER NOT NULL, source INTEGER NOT NULL, verb TEXT NOT NULL, value TEXT NOT NULL,
                said TEXT NOT NULL, runs INTEGER NOT NULL, since TEXT NOT NULL, next TEXT NOT NULL,
            PRIMARY KEY (kind, source, verb, value)) WITHOUT ROWID;
        """,
        // Holds, conflicts and failures as intervals: the record, what it is, the first run that met it, and the last;
        // none yet while it lasts.
        """
        CREATE TABLE troubles (
            kind INTEGER NOT NULL, n INTEGER NOT NULL, cause TEXT NOT NULL, first_run INTEGER NOT NULL,
                first_day TEXT NOT NULL, last_run INTEGER,
            PRIMARY KEY (kind, n, cause, first_run)) WITHOUT ROWID;
        CREATE INDEX troubles_open ON troubles (kind, n, cause) WHERE last_run IS NULL;
        -- The day on which the record's term ends, for leavers.
        ALTER TABLE operations ADD COLUMN due TEXT;
        """,
        // What an outcome means beyond its status; of older versions, its words told.
        """
        ALTER TABLE operations ADD COLUMN fate TEXT;
        -- Of each group (side 0 source, 1 target) what its members were in the history: as long as it is the same, the
        -- history of its members is not looked at. Empty where the history may hold more than was read.
        CREATE TABLE member_digests (
            side INTEGER NOT NULL, grp INTEGER NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (side, grp)) WITHOUT ROWID;
        INSERT INTO member_digests (side, grp, digest) SELECT DISTINCT side, grp, '' FROM memberships
            WHERE side IN (0, 1) AND last_run IS NULL;
        UPDATE operations SET fate = 'gone already' WHERE verb = 'delete' AND status = 'done'
            AND reason = 'was gone already';
        """,
    ]

    /// One run's staging area, in a file of its own.
    static let scratch = """
        CREATE TABLE scratch.source (
            kind INTEGER NOT NULL, n INTEGER NOT NULL, external_id TEXT, name TEXT NOT NULL, match_key TEXT NOT NULL,
                wide_key TEXT NOT NULL, body TEXT NOT NULL, digest BLOB NOT NULL,
            active INTEGER, problem TEXT, note TEXT, place TEXT NOT NULL, protected INTEGER NOT NULL,
                disabled INTEGER NOT NULL DEFAULT 0, in_scope INTEGER NOT NULL DEFAULT 1,
            collision INTEGER NOT NULL DEFAULT 0,
            -- Attributes that are left out since they break a rule, and whether no object can be made without them.
            flaw TEXT, lacks_needed INTEGER NOT NULL DEFAULT 0,
            -- Whether nobody can tell if it is let in.
            status_unreadable INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (kind, n)) WITHOUT ROWID;
        -- The numbers that the snapshot of the source has for ids, and the ledger's.
        CREATE TABLE scratch.snapshot_numbers (snapshot INTEGER PRIMARY KEY, n INTEGER NOT NULL);
        CREATE TABLE scratch.source_members (grp INTEGER NOT NULL, usr INTEGER NOT NULL,
            PRIMARY KEY (grp, usr)) WITHOUT ROWID;
        CREATE TABLE scratch.source_units (usr INTEGER NOT NULL, unit TEXT NOT NULL,
            PRIMARY KEY (usr, unit)) WITHOUT ROWID;
        -- Groups whose members came in more than one piece.
        CREATE TABLE scratch.long_groups (grp INTEGER PRIMARY KEY);
        CREATE TABLE scratch.units (id TEXT PRIMARY KEY, name TEXT, parent TEXT) WITHOUT ROWID;
        CREATE INDEX scratch.units_by_parent ON units (parent);
        -- The scope as it was resolved: its units with those below, its groups.
        CREATE TABLE scratch.scope_units (unit TEXT PRIMARY KEY) WITHOUT ROWID;
        CREATE TABLE scratch.scope_groups (grp INTEGER PRIMARY KEY);
        -- Linked records that the read did not show, where more is known than that they are not there.
        CREATE TABLE scratch.absences (kind INTEGER NOT NULL, n INTEGER NOT NULL, reason TEXT NOT NULL,
            by_scope INTEGER NOT NULL, is_unconfirmed INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (kind, n)) WITHOUT ROWID;
        -- Linked records of which the source, asked for them, said that they are not there.
        CREATE TABLE scratch.gone_sources (kind INTEGER NOT NULL, n INTEGER NOT NULL,
            PRIMARY KEY (kind, n)) WITHOUT ROWID;
        -- The last run that was applied on a complete read; one row.
        CREATE TABLE scratch.baseline (run INTEGER NOT NULL);
        CREATE TABLE scratch.target (
            kind INTEGER NOT NULL, n INTEGER NOT NULL, external_id TEXT, name TEXT NOT NULL, match_key TEXT NOT NULL,
                wide_key TEXT NOT NULL, body TEXT NOT NULL, digest BLOB NOT NULL,
            active INTEGER, protected INTEGER NOT NULL,
            -- What shows that more hangs on it than a name.
            rights TEXT,
            -- When it was made, in seconds since 1970, as it says itself.
            created REAL,
            -- Its e-mail addresses of any type, folded, each between line feeds.
            mails TEXT, PRIMARY KEY (kind, n)) WITHOUT ROWID;
        CREATE TABLE scratch.target_members (grp INTEGER NOT NULL, usr INTEGER NOT NULL,
            PRIMARY KEY (grp, usr)) WITHOUT ROWID;
        -- Linked objects that the target, asked by their ids, says are not there.
        CREATE TABLE scratch.absent_targets (kind INTEGER NOT NULL, n INTEGER NOT NULL,
            PRIMARY KEY (kind, n)) WITHOUT ROWID;
        CREATE TABLE scratch.candidates (
            kind INTEGER NOT NULL, source INTEGER NOT NULL, ext_count INTEGER NOT NULL, ext_target INTEGER,
                name_count INTEGER NOT NULL, name_target INTEGER,
            -- An unlinked object whose name only looks like the record's.
            alike_target INTEGER, PRIMARY KEY (kind, source)) WITHOUT ROWID;
        CREATE TABLE scratch.facts (
            kind INTEGER NOT NULL, source INTEGER, target INTEGER, ext_target INTEGER, name_target INTEGER,
                alike_target INTEGER,
            linked INTEGER NOT NULL DEFAULT 0, in_source INTEGER NOT NULL DEFAULT 0,
                on_target INTEGER NOT NULL DEFAULT 0, protected INTEGER NOT NULL DEFAULT 0,
            other_mark INTEGER NOT NULL DEFAULT 0, collision INTEGER NOT NULL DEFAULT 0,
                unacceptable INTEGER NOT NULL DEFAULT 0, disabled_leaver INTEGER NOT NULL DEFAULT 0,
            differs INTEGER NOT NULL DEFAULT 0, ext_count INTEGER NOT NULL DEFAULT 0,
                ext_linked INTEGER NOT NULL DEFAULT 0, name_count INTEGER NOT NULL DEFAULT 0,
            name_marked INTEGER NOT NULL DEFAULT 0, name_linked INTEGER NOT NULL DEFAULT 0);
        CREATE TABLE scratch.situations (kind INTEGER NOT NULL, source INTEGER, target INTEGER, ext_target INTEGER,
            name_target INTEGER, situation TEXT NOT NULL);
        CREATE INDEX scratch.situations_by_source ON situations (kind, source);
        -- Groups that are counted: whether each wanted member is there, and whether nobody else is.
        CREATE TABLE scratch.even_groups (source INTEGER PRIMARY KEY, has_all INTEGER NOT NULL,
            has_no_other INTEGER NOT NULL);
        -- What becomes of a source record in this plan: present (linked now or after it), held (stays as it is),
        -- leaving.
        CREATE TABLE scratch.outlook (kind INTEGER NOT NULL, source INTEGER NOT NULL, target INTEGER,
            state TEXT NOT NULL, is_associating INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (kind, source)) WITHOUT ROWID;
        -- Restored records that stay as they are in this plan.
        CREATE TABLE scratch.restored (kind INTEGER NOT NULL, source INTEGER NOT NULL,
            PRIMARY KEY (kind, source)) WITHOUT ROWID;
        CREATE TABLE scratch.drafts (
            draft INTEGER PRIMARY KEY, wave INTEGER NOT NULL, kind INTEGER NOT NULL, verb TEXT NOT NULL,
                situation TEXT NOT NULL, source INTEGER, target INTEGER,
            name TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL, held_by TEXT, fields TEXT NOT NULL,
                unit INTEGER,
            takes TEXT, frees TEXT, takes_mail TEXT, frees_mail TEXT, due TEXT);
        CREATE INDEX scratch.drafts_by_source ON drafts (kind, source);
        CREATE INDEX scratch.drafts_by_freed ON drafts (frees, kind);
        CREATE INDEX scratch.drafts_by_freed_mail ON drafts (frees_mail, kind);
        CREATE INDEX scratch.drafts_by_taken ON drafts (takes, kind) WHERE takes IS NOT NULL;
        CREATE TABLE scratch.draft_members (draft INTEGER NOT NULL, position INTEGER NOT NULL, source_user INTEGER,
            target_user INTEGER, PRIMARY KEY (draft, position)) WITHOUT ROWID;
        """
}
