//! The folders that the journal knows, which may differ from the settings' until the engine
//! has brought the two together.

use std::path::{Path, PathBuf};

use rusqlite::params;

use super::files::{key_of, path_of};
use super::{Journal, Result};

/// A watched folder, as the journal remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderRecord {
    /// Its id in the journal.
    pub id: u64,
    /// Its absolute path.
    pub path: PathBuf,
    /// The file system that it lay on when it was last scanned; 0 before that.
    pub fsid: u64,
    /// When its last complete scan was recorded, in milliseconds since the epoch.
    pub scanned_at: Option<i64>,
}

impl Journal {
    /// All folders.
    pub fn folders(&self) -> Result<Vec<FolderRecord>> {
        self.read("listing the folders", |c| {
            c.prepare_cached("SELECT id, path, fsid, scanned_at FROM folder ORDER BY path")?
                .query_map([], |row| {
                    Ok(FolderRecord {
                        id: row.get::<_, i64>(0)? as u64,
                        path: path_of(&row.get::<_, Vec<u8>>(1)?),
                        fsid: row.get::<_, i64>(2)? as u64,
                        scanned_at: row.get(3)?,
                    })
                })?
                .collect()
        })
    }

    /// Makes sure that the folder is known and returns its id. Files below it that another
    /// folder held (it was removed a moment ago, or nested) become this folder's.
    pub fn ensure_folder(&self, path: &Path) -> Result<u64> {
        self.write("adding a folder", |t| {
            t.execute(
                "INSERT INTO folder (path) VALUES (?1) ON CONFLICT (path) DO NOTHING",
                [key_of(path)],
            )?;
            t.query_row(
                "SELECT id FROM folder WHERE path = ?1",
                [key_of(path)],
                |row| row.get::<_, i64>(0).map(|id| id as u64),
            )
        })
    }

    /// Records a complete scan: everything that it found has been applied.
    pub fn folder_scanned(&self, id: u64, fsid: u64, now_ms: i64) -> Result<()> {
        self.write("recording a scan", |t| {
            t.execute(
                "UPDATE folder SET fsid = ?2, scanned_at = ?3 WHERE id = ?1",
                params![id as i64, fsid as i64, now_ms],
            )
            .map(|_| ())
        })
    }

    /// Forgets a folder: its files are out of answers at once and wait to leave the table.
    pub fn remove_folder(&self, id: u64) -> Result<u64> {
        self.write("removing a folder", |t| {
            // Changed at 0: no grace for what the user asked to go.
            let files = t.execute(
                "UPDATE file SET was = state, state = 7, turn = turn + 1, changed_at = 0
                 WHERE folder = ?1",
                [id as i64],
            )?;
            t.execute("DELETE FROM folder WHERE id = ?1", [id as i64])?;
            Ok(files as u64)
        })
    }
}
