//! What `status` and `why` show, read from the journal.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::OptionalExtension;

use super::about::{About, COLUMNS};
use super::files::{key_of, path_of};
use super::generation::Generation;
use super::{Journal, Result, State};

/// Files and segments, counted.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Files by state.
    pub by_state: BTreeMap<&'static str, u64>,
    /// Done files by kind.
    pub by_kind: BTreeMap<String, u64>,
    /// Rows that answers can use.
    pub segments: u64,
    /// Files that wait or are at work, gone ones included until they have left the table.
    pub pending: u64,
    /// Files that could not be read.
    pub failed: u64,
    /// The same for each folder, by its id.
    pub folders: BTreeMap<u64, FolderCounts>,
}

/// One folder's files.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct FolderCounts {
    /// All files that are there.
    pub files: u64,
    /// Searchable.
    pub done: u64,
    /// Waiting or at work.
    pub pending: u64,
    /// Could not be read.
    pub failed: u64,
    /// Not meant to be read.
    pub skipped: u64,
}

/// A failure, for the list of recent ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureRecord {
    /// The file.
    pub path: PathBuf,
    /// Where it failed.
    pub stage: String,
    /// Why.
    pub reason: String,
}

/// All that the journal knows of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileRecord {
    /// The file's id.
    pub id: u64,
    /// Where it stands.
    pub state: State,
    /// Stage and reason, where it was refused or put back.
    pub stage: Option<String>,
    /// See `stage`.
    pub reason: Option<String>,
    /// Bytes when last seen.
    pub size: u64,
    /// The rows' revision; 0 when there are none.
    pub revision: u64,
    /// How many rows.
    pub segments: u32,
    /// What it is and says of itself.
    pub about: About,
    /// By what its rows were made.
    pub generation: Option<Generation>,
    /// BLAKE3 of the committed content.
    pub content: Option<[u8; 32]>,
    /// When it was last marked.
    pub changed_at: i64,
    /// When work on it last ended.
    pub done_at: Option<i64>,
    /// Attempts under way or failed for want of a worker.
    pub attempts: u32,
}

impl Journal {
    /// Counts, from the tally: as cheap with a million files as with ten.
    pub fn counts(&self) -> Result<Counts> {
        self.read("counting", |c| {
            let mut counts = Counts::default();
            let mut statement = c.prepare_cached(
                "SELECT folder, state, kind, files, segments FROM tally WHERE files > 0",
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let folder = row.get::<_, i64>(0)? as u64;
                let state: State = row.get(1)?;
                let kind: String = row.get(2)?;
                let files = row.get::<_, i64>(3)? as u64;
                let segments = row.get::<_, i64>(4)? as u64;
                counts.add(folder, state, kind, files, segments);
            }
            let behind: i64 = c
                .prepare_cached("SELECT count(*) FROM file WHERE behind = 1")?
                .query_row([], |row| row.get(0))?;
            counts.pending += behind as u64;
            Ok(counts)
        })
    }

    /// How much of what was seen up to `until` is not yet in its final place.
    pub fn pending_until(&self, until: i64) -> Result<u64> {
        self.read("counting what waits", |c| {
            c.prepare_cached(
                "SELECT (SELECT count(*) FROM file WHERE state = 0 AND changed_at <= ?1)
                      + (SELECT count(*) FROM file WHERE state IN (1, 2, 3))
                      + (SELECT count(*) FROM file WHERE behind = 1)",
            )?
            .query_row([until], |row| row.get::<_, i64>(0).map(|n| n as u64))
        })
    }

    /// The latest failures.
    pub fn recent_failures(&self, limit: usize) -> Result<Vec<FailureRecord>> {
        self.read("listing failures", |c| {
            c.prepare_cached(
                "SELECT key, stage, reason FROM file WHERE state = 5
                 ORDER BY done_at DESC LIMIT ?1",
            )?
            .query_map([limit as i64], |row| {
                Ok(FailureRecord {
                    path: path_of(&row.get::<_, Vec<u8>>(0)?),
                    stage: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
                    reason: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
                })
            })?
            .collect()
        })
    }

    /// All that is known of one path.
    pub fn record(&self, path: &Path) -> Result<Option<FileRecord>> {
        self.read("looking up a file", |c| {
            c.prepare_cached(&format!(
                "SELECT id, state, stage, reason, size, revision, segments, generation, content,
                     changed_at, done_at, attempts, {COLUMNS}
                 FROM file WHERE key = ?1",
            ))?
            .query_row([key_of(path)], |row| {
                Ok(FileRecord {
                    id: row.get::<_, i64>(0)? as u64,
                    state: row.get(1)?,
                    stage: row.get(2)?,
                    reason: row.get(3)?,
                    size: row.get::<_, i64>(4)? as u64,
                    revision: row.get::<_, i64>(5)? as u64,
                    segments: row.get(6)?,
                    generation: row
                        .get::<_, Option<String>>(7)?
                        .map(|text| Generation::parse(&text)),
                    content: row.get(8)?,
                    changed_at: row.get(9)?,
                    done_at: row.get(10)?,
                    attempts: row.get(11)?,
                    about: About::read(row, 12)?,
                })
            })
            .optional()
        })
    }
}

impl Counts {
    fn add(&mut self, folder: u64, state: State, kind: String, files: u64, segments: u64) {
        *self.by_state.entry(state.as_str()).or_default() += files;
        if state == State::Missing {
            return;
        }
        let mine = self.folders.entry(folder).or_default();
        mine.files += files;
        self.segments += segments;
        match state {
            State::Done => {
                mine.done += files;
                *self.by_kind.entry(kind).or_default() += files;
            }
            State::Failed => {
                mine.failed += files;
                self.failed += files;
            }
            State::Skipped => mine.skipped += files,
            _ => {
                mine.pending += files;
                self.pending += files;
            }
        }
    }
}
