//! The journal: the catalog of files and the queue of work, in one SQLite database.
//!
//! What it promises:
//! - It is keyed by path and the latest observation wins; a file keeps its id for as long as
//!   it is the same file, across renames and edits.
//! - A file's state is on disk before work on it begins, and a result is acknowledged here
//!   only after the table holds it durably (WAL, `synchronous=FULL`).
//! - Every number that `status` shows comes from `tally` and `made`, which triggers keep in step
//!   with the rows in the same transaction, so that counting never scans the catalog.
//!
//! The write connection is shared behind a mutex and its transactions are short; readers have
//! a connection of their own and never wait for writers (WAL).

mod about;
mod beside;
mod feeds;
mod files;
mod folders;
mod generation;
mod hearing;
mod name_words;
mod names;
mod outcomes;
mod queue;
mod report;
mod scales;
mod schema;
mod spaces;
mod speakers;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OpenFlags, OptionalExtension};

pub use about::{About, Facet};
pub use beside::SOUND;
pub use feeds::{Announced, FEED};
pub use files::{Applied, Live, key_of, path_of, subtree_range};
pub use folders::FolderRecord;
pub use generation::Generation;
pub use hearing::{Hearing, Unheard};
pub use names::Named;
pub use outcomes::{Ack, Donor, Verdict};
pub use queue::{Candidate, Claim, MAX_INTERRUPTIONS};
pub use report::{Counts, FailureRecord, FileRecord, FolderCounts};
pub use scales::PictureScale;
pub use schema::State;
pub use spaces::{Completion, Incomplete, Made, SpaceRecord, Stage};

/// How long one connection waits for another's short transaction.
const BUSY_TIMEOUT_MS: u64 = 10_000;

/// What can go wrong with the journal. All of it is fatal to the operation at hand and none of
/// it is a file's own fault.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// SQLite refused.
    #[error("the journal {path}: {doing}: {source}")]
    Sqlite {
        /// The database file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// SQLite's own words.
        source: rusqlite::Error,
    },
    /// Written by a newer hippo.
    #[error(
        "the journal {path} has format {found}, newer than this hippo's {known}: upgrade hippo, or move the file away to start afresh"
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format that this program reads.
        known: i64,
    },
}

/// The journal's result.
pub type Result<T> = std::result::Result<T, JournalError>;

/// The open journal. Methods block on the disk for milliseconds: call them off the event loop.
pub struct Journal {
    path: PathBuf,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
}

impl Journal {
    /// Opens or creates the journal at `path`.
    pub fn open(path: &Path) -> Result<Journal> {
        let fail = |doing| move |source| sqlite(path, doing, source);
        let mut writer = Connection::open(path).map_err(fail("opening"))?;
        schema::prepare(&writer, path)?;
        names::prepare(&mut writer, path)?;
        let reader = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(fail("opening for reading"))?;
        for connection in [&writer, &reader] {
            connection
                .busy_timeout(std::time::Duration::from_millis(BUSY_TIMEOUT_MS))
                .map_err(fail("setting the busy timeout"))?;
            connection.set_prepared_statement_cache_capacity(64);
        }
        Ok(Journal {
            path: path.to_owned(),
            writer: Mutex::new(writer),
            reader: Mutex::new(reader),
        })
    }

    /// Runs `work` in one durable transaction.
    fn write<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let mut writer = lock(&self.writer);
        (|| {
            let transaction =
                writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let value = work(&transaction)?;
            names::bring_in_step(&transaction, names::BATCH)?;
            transaction.commit()?;
            Ok(value)
        })()
        .map_err(|source| sqlite(&self.path, doing, source))
    }

    /// Runs `work` on the reader's connection, on one snapshot.
    fn read<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let reader = lock(&self.reader);
        work(&reader).map_err(|source| sqlite(&self.path, doing, source))
    }

    /// A connection of its own for a long streaming read (a scan's merge-join).
    fn snapshot(&self) -> Result<Connection> {
        Connection::open_with_flags(
            &self.path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(|source| sqlite(&self.path, "opening a snapshot", source))
    }

    /// Reads a number kept under `key`, if one is.
    pub fn number(&self, key: &str) -> Result<Option<i64>> {
        self.read("reading a setting", |c| {
            c.prepare_cached("SELECT value FROM meta WHERE key = ?1")?
                .query_row([key], |row| row.get(0))
                .optional()
        })
    }

    /// Keeps a number under `key`, durably.
    pub fn set_number(&self, key: &str, value: i64) -> Result<()> {
        self.write("keeping a setting", |t| {
            t.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?
                .execute((key, value))
                .map(|_| ())
        })
    }

    /// The next revision, never given twice, even to a commit that a crash cut short: the rows
    /// of such a commit can be told from those of its repetition.
    pub fn next_revision(&self) -> Result<u64> {
        self.write("taking a revision", |t| {
            t.execute(
                "INSERT INTO meta (key, value) VALUES ('revision', 1)
                 ON CONFLICT (key) DO UPDATE SET value = value + 1",
                [],
            )?;
            t.query_row("SELECT value FROM meta WHERE key = 'revision'", [], |row| {
                row.get::<_, i64>(0).map(|v| v as u64)
            })
        })
    }
}

fn sqlite(path: &Path, doing: &'static str, source: rusqlite::Error) -> JournalError {
    JournalError::Sqlite {
        path: path.to_owned(),
        doing,
        source,
    }
}

/// A poisoned lock only says that another thread panicked; SQLite rolled its transaction back.
fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Milliseconds since the epoch, the journal's clock.
pub fn now_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| d.as_millis() as i64)
}

#[cfg(test)]
mod tests;
