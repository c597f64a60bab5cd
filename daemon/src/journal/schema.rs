//! The journal's tables, states and triggers.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use super::{JournalError, Result, sqlite};

/// The steps from an empty database to the newest format, oldest first. A journal of an older
/// hippo takes those that it lacks; `PRAGMA user_version` counts the ones that it has taken.
const STEPS: [&str; 8] = [
    FORMAT_1, FORMAT_2, FORMAT_3, FORMAT_4, FORMAT_5, FORMAT_6, FORMAT_7, FORMAT_8,
];

/// Where a file stands. The first four are pending work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Seen on disk, not yet read.
    Dirty = 0,
    /// Claimed: being hashed and read.
    Extracting = 1,
    /// Text is there, vectors are being made.
    Embedding = 2,
    /// Being written to the table.
    Committing = 3,
    /// Searchable.
    Done = 4,
    /// Could not be read; the reason is kept.
    Failed = 5,
    /// Not meant to be read (yet); the reason is kept.
    Skipped = 6,
    /// No longer on disk. Out of answers at once, out of the table soon; kept a moment so that
    /// a move seen in two halves costs no extraction.
    Missing = 7,
}

impl State {
    /// All states, in order.
    pub const ALL: [State; 8] = [
        State::Dirty,
        State::Extracting,
        State::Embedding,
        State::Committing,
        State::Done,
        State::Failed,
        State::Skipped,
        State::Missing,
    ];

    /// The name that `status` and `why` show.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Dirty => "pending",
            State::Extracting => "extracting",
            State::Embedding => "embedding",
            State::Committing => "committing",
            State::Done => "done",
            State::Failed => "failed",
            State::Skipped => "skipped",
            State::Missing => "missing",
        }
    }

    /// Work waits or is under way.
    pub fn is_pending(self) -> bool {
        self <= State::Committing
    }
}

impl ToSql for State {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(*self as i64))
    }
}

impl FromSql for State {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        usize::try_from(number)
            .ok()
            .and_then(|index| State::ALL.get(index).copied())
            .ok_or(FromSqlError::OutOfRange(number))
    }
}

/// `key` is the path with `/` as NUL, so that comparing bytes compares component by component:
/// a subtree is one range and a scan is a merge of two sorted streams.
///
/// `turn` grows whenever a file is marked dirty: a result that was made for an earlier turn is
/// still committed (it is true of the bytes it was made from) but does not end the work.
/// `verdict` is the last acknowledged outcome, for `content`; `was` the state before `missing`.
const FORMAT_1: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE folder (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    path BLOB NOT NULL UNIQUE,
    fsid INTEGER NOT NULL DEFAULT 0,
    scanned_at INTEGER
) STRICT;

CREATE TABLE file (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key BLOB NOT NULL UNIQUE,
    folder INTEGER NOT NULL,
    fsid INTEGER NOT NULL, ino INTEGER NOT NULL, size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
    state INTEGER NOT NULL,
    was INTEGER,
    verdict INTEGER,
    turn INTEGER NOT NULL DEFAULT 1,
    attempts INTEGER NOT NULL DEFAULT 0,
    interrupted INTEGER NOT NULL DEFAULT 0,
    retry_at INTEGER NOT NULL DEFAULT 0,
    changed_at INTEGER NOT NULL,
    done_at INTEGER,
    stage TEXT, reason TEXT,
    content BLOB, class TEXT, generation TEXT,
    kind TEXT NOT NULL DEFAULT '',
    title TEXT, author TEXT, lang TEXT, pages INTEGER, engine TEXT, notes TEXT,
    revision INTEGER NOT NULL DEFAULT 0,
    segments INTEGER NOT NULL DEFAULT 0,
    behind INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX file_identity ON file (ino, fsid);
CREATE INDEX file_content ON file (content) WHERE content IS NOT NULL;
CREATE INDEX file_recent ON file (folder, interrupted, changed_at DESC) WHERE state = 0;
CREATE INDEX file_small ON file (folder, interrupted, size) WHERE state = 0;
CREATE INDEX file_busy ON file (state) WHERE state IN (1, 2, 3);
CREATE INDEX file_missing ON file (changed_at) WHERE state = 7;
CREATE INDEX file_failed ON file (done_at) WHERE state = 5;
CREATE INDEX file_behind ON file (id) WHERE behind = 1;

CREATE TABLE tally (
    folder INTEGER NOT NULL, state INTEGER NOT NULL, kind TEXT NOT NULL,
    files INTEGER NOT NULL, segments INTEGER NOT NULL,
    PRIMARY KEY (folder, state, kind)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER tally_insert AFTER INSERT ON file BEGIN
    INSERT INTO tally VALUES (NEW.folder, NEW.state, NEW.kind, 1, NEW.segments)
    ON CONFLICT DO UPDATE SET files = files + 1, segments = segments + NEW.segments;
END;
CREATE TRIGGER tally_delete AFTER DELETE ON file BEGIN
    UPDATE tally SET files = files - 1, segments = segments - OLD.segments
    WHERE folder = OLD.folder AND state = OLD.state AND kind = OLD.kind;
END;
CREATE TRIGGER tally_update AFTER UPDATE OF folder, state, kind, segments ON file
WHEN OLD.folder <> NEW.folder OR OLD.state <> NEW.state OR OLD.kind <> NEW.kind
    OR OLD.segments <> NEW.segments BEGIN
    UPDATE tally SET files = files - 1, segments = segments - OLD.segments
    WHERE folder = OLD.folder AND state = OLD.state AND kind = OLD.kind;
    INSERT INTO tally VALUES (NEW.folder, NEW.state, NEW.kind, 1, NEW.segments)
    ON CONFLICT DO UPDATE SET files = files + 1, segments = segments + NEW.segments;
END;
";

/// Spaces have a table, and generations (`x1+3`) name them by their numbers in it; before, there
/// was at most one, the passage model's, and they named it whole. `since` is the oldest revision
/// whose rows say the same as the committed ones (0: that one alone), see `Journal::complete`.
/// `made` counts the files that have rows, by generation.
const FORMAT_2: &str = "
ALTER TABLE file ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
CREATE INDEX file_made ON file (generation) WHERE revision > 0;

CREATE TABLE space (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    role TEXT NOT NULL, model TEXT NOT NULL, name TEXT NOT NULL,
    stage INTEGER NOT NULL
) STRICT;
-- The one that most files have: a change of models may have been under way. A space is named
-- after its model, a dash and a hash of 12 digits.
INSERT INTO space (role, model, name, stage)
    SELECT 'passage', substr(name, 1, length(name) - 13), name, 1
    FROM (SELECT substr(generation, instr(generation, '+') + 1) AS name, count(*) AS files
          FROM file WHERE revision > 0 AND generation LIKE '%+_%'
          GROUP BY name ORDER BY files DESC LIMIT 1);
UPDATE file SET generation = substr(generation, 1, instr(generation, '+'))
    || coalesce((SELECT id FROM space
                 WHERE name = substr(generation, instr(generation, '+') + 1)), '')
    WHERE generation LIKE '%+_%';

CREATE TABLE made (
    generation TEXT PRIMARY KEY, files INTEGER NOT NULL, segments INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO made SELECT coalesce(generation, ''), count(*), sum(segments)
    FROM file WHERE revision > 0 AND state <> 7 GROUP BY coalesce(generation, '');
CREATE TRIGGER made_insert AFTER INSERT ON file WHEN NEW.revision > 0 AND NEW.state <> 7 BEGIN
    INSERT INTO made VALUES (coalesce(NEW.generation, ''), 1, NEW.segments)
    ON CONFLICT DO UPDATE SET files = files + 1, segments = segments + NEW.segments;
END;
CREATE TRIGGER made_delete AFTER DELETE ON file WHEN OLD.revision > 0 AND OLD.state <> 7 BEGIN
    UPDATE made SET files = files - 1, segments = segments - OLD.segments
    WHERE generation = coalesce(OLD.generation, '');
END;
CREATE TRIGGER made_update AFTER UPDATE OF state, revision, segments, generation ON file
WHEN (OLD.revision > 0 AND OLD.state <> 7) <> (NEW.revision > 0 AND NEW.state <> 7)
    OR OLD.segments <> NEW.segments OR OLD.generation IS NOT NEW.generation BEGIN
    UPDATE made SET files = files - 1, segments = segments - OLD.segments
    WHERE generation = coalesce(OLD.generation, '') AND OLD.revision > 0 AND OLD.state <> 7;
    INSERT INTO made SELECT coalesce(NEW.generation, ''), 1, NEW.segments
    WHERE NEW.revision > 0 AND NEW.state <> 7
    ON CONFLICT DO UPDATE SET files = files + 1, segments = segments + NEW.segments;
END;
";

/// What was heard of recordings, by their bytes and the recogniser: `said` holds utterances, one
/// JSON object a line, `checkpoint` where hearing goes on, `begun` how often it was begun since the
/// last checkpoint. See `Journal::hearing`.
const FORMAT_3: &str = "
CREATE TABLE heard (
    content BLOB NOT NULL, model TEXT NOT NULL,
    checkpoint TEXT NOT NULL DEFAULT '', said TEXT NOT NULL DEFAULT '',
    begun INTEGER NOT NULL DEFAULT 0, ended INTEGER NOT NULL DEFAULT 0, reason TEXT,
    PRIMARY KEY (content, model)
) STRICT;
CREATE INDEX file_sound ON file (size) WHERE kind IN ('audio', 'video');
";

/// What files say of themselves beyond title and author: see `About`.
const FORMAT_4: &str = "
ALTER TABLE file ADD COLUMN place TEXT;
ALTER TABLE file ADD COLUMN dated INTEGER;
ALTER TABLE file ADD COLUMN camera TEXT;
ALTER TABLE file ADD COLUMN show TEXT;
ALTER TABLE file ADD COLUMN looks INTEGER;
CREATE INDEX file_camera ON file (camera) WHERE camera IS NOT NULL;
CREATE INDEX file_show ON file (show) WHERE show IS NOT NULL;
";

/// What podcasts' feeds say of files, by their names: see `Journal::announced`.
const FORMAT_5: &str = "
CREATE TABLE episode (
    feed INTEGER NOT NULL, name TEXT NOT NULL, title TEXT, show TEXT, date TEXT,
    PRIMARY KEY (feed, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX episode_name ON episode (name);
CREATE TRIGGER episode_delete AFTER DELETE ON file BEGIN
    DELETE FROM episode WHERE feed = OLD.id;
END;
";

/// Who speaks in files, by their transcripts: see `Journal::speakers`.
const FORMAT_6: &str = "
CREATE TABLE speaker (
    file INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (file, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX speaker_name ON speaker (name);
CREATE TRIGGER speaker_delete AFTER DELETE ON file BEGIN
    DELETE FROM speaker WHERE file = OLD.id;
END;
";

/// Where photographs were taken, by name; until here `place` was the position. See `About`.
const FORMAT_7: &str = "
ALTER TABLE file RENAME COLUMN place TO position;
ALTER TABLE file ADD COLUMN place TEXT;
CREATE INDEX file_place ON file (place) WHERE place IS NOT NULL;
";

/// What similarities mean in joint spaces: see `PictureScale`.
const FORMAT_8: &str = "
CREATE TABLE scale (
    space TEXT PRIMARY KEY, begins REAL NOT NULL, surely REAL NOT NULL, pictures INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Sets the pragmas and takes the steps that are lacking, each in a transaction of its own.
pub(super) fn prepare(connection: &Connection, path: &Path) -> Result<()> {
    let fail = |doing| move |source| sqlite(path, doing, source);
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;
             PRAGMA secure_delete = ON;
             PRAGMA cache_size = -8000; PRAGMA journal_size_limit = 33554432;",
        )
        .map_err(fail("setting it up"))?;
    let found: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(fail("reading its format"))?;
    let taken = usize::try_from(found).unwrap_or(usize::MAX);
    if taken > STEPS.len() {
        return Err(JournalError::Newer {
            path: path.to_owned(),
            found,
            known: STEPS.len() as i64,
        });
    }
    for (at, step) in STEPS.iter().enumerate().skip(taken) {
        let doing = if at == 0 {
            "creating its tables"
        } else {
            "bringing it to this hippo's format"
        };
        let format = at + 1;
        connection
            .execute_batch(&format!(
                "BEGIN IMMEDIATE; {step} PRAGMA user_version = {format}; COMMIT;"
            ))
            .map_err(fail(doing))?;
    }
    Ok(())
}

/// Makes a journal as an older hippo left it.
#[cfg(test)]
pub(super) fn prepare_format(connection: &Connection, format: usize) {
    for step in &STEPS[..format] {
        connection.execute_batch(step).unwrap();
    }
    connection
        .pragma_update(None, "user_version", format as i64)
        .unwrap();
}
