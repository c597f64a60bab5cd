//! The journal's tables, states and triggers.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use super::{JournalError, Result, sqlite};

/// The format written by this program (`PRAGMA user_version`).
const FORMAT: i64 = 1;

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
const TABLES: &str = "
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

/// Sets the pragmas and creates or checks the tables.
pub(super) fn prepare(connection: &Connection, path: &Path) -> Result<()> {
    let fail = |doing| move |source| sqlite(path, doing, source);
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;
             PRAGMA cache_size = -8000; PRAGMA journal_size_limit = 33554432;",
        )
        .map_err(fail("setting it up"))?;
    let found: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(fail("reading its format"))?;
    match found {
        FORMAT => Ok(()),
        0 => connection
            .execute_batch(&format!(
                "BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {FORMAT}; COMMIT;"
            ))
            .map_err(fail("creating its tables")),
        found => Err(JournalError::Newer {
            path: path.to_owned(),
            found,
            known: FORMAT,
        }),
    }
}
