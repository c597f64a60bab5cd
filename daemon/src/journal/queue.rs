//! The queue: what waits, what is claimed, what moved and what is to leave.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Row, Transaction, params};

use super::files::{key_of, mark_dirty, path_of, subtree_range};
use super::{Journal, Result};

/// A file at work at this many deaths of the daemon in a row is given up. Parsing happens in
/// another process, so the file is hardly to blame for one; and files interrupted before go
/// last, so that innocent neighbours never wait for a culprit.
pub const MAX_INTERRUPTIONS: u32 = 20;

/// What the planner needs to know of a waiting file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The file.
    pub id: u64,
    /// Its folder, for fairness between folders.
    pub folder: u64,
    /// Its size when it was last seen, in bytes.
    pub size: u64,
    /// When it was marked, in milliseconds since the epoch.
    pub changed_at: i64,
    /// How often the daemon died while it was at work.
    pub interrupted: u32,
    /// Not before this moment.
    pub retry_at: i64,
}

/// A claimed file: the journal says on disk that it is at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The file.
    pub id: u64,
    /// The turn that this work answers.
    pub turn: u64,
    /// The file system that it lies on.
    pub fsid: u64,
    /// Where it is.
    pub path: PathBuf,
    /// The watched folder that it belongs to.
    pub folder: PathBuf,
    /// The committed rows' revision; 0 when the table has none.
    pub revision: u64,
    /// Attempts before this one, for back-off.
    pub attempts: u32,
}

impl Journal {
    /// After a start: what was at work waits again. Returns how many files that were.
    pub fn recover(&self, now_ms: i64) -> Result<u64> {
        self.write("recovering what was at work", |t| {
            let interrupted = t.execute(
                "UPDATE file SET state = 0, interrupted = interrupted + 1
                 WHERE state IN (1, 2, 3)",
                [],
            )?;
            t.execute(
                "UPDATE file SET state = 5, verdict = 5, stage = 'extracting', done_at = ?2,
                     reason = 'the daemon died ' || interrupted || ' times while this file was at work'
                 WHERE state = 0 AND interrupted >= ?1",
                params![MAX_INTERRUPTIONS, now_ms],
            )?;
            Ok(interrupted as u64)
        })
    }

    /// A window on the queue for the planner: of each folder the most recently changed and
    /// the smallest files that wait, `each` of either, without repetition.
    pub fn candidates(&self, each: usize) -> Result<Vec<Candidate>> {
        self.read("looking at the queue", |c| {
            let folders: Vec<i64> = c
                .prepare_cached("SELECT DISTINCT folder FROM tally WHERE state = 0 AND files > 0")?
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            let mut found = BTreeMap::new();
            for order in ["changed_at DESC", "size"] {
                let mut statement = c.prepare_cached(&format!(
                    "SELECT id, folder, size, changed_at, interrupted, retry_at FROM file
                     WHERE state = 0 AND folder = ?1 ORDER BY interrupted, {order} LIMIT ?2"
                ))?;
                for folder in &folders {
                    for row in statement.query_map([*folder, each as i64], candidate)? {
                        let row = row?;
                        found.insert(row.id, row);
                    }
                }
            }
            Ok(found.into_values().collect())
        })
    }

    /// Records that these files are at work, before work begins. Files that are no longer
    /// waiting are left out.
    pub fn claim(&self, ids: &[u64]) -> Result<Vec<Claim>> {
        self.write("claiming work", |t| {
            let mut claims = Vec::with_capacity(ids.len());
            for &id in ids {
                let claimed = t
                    .prepare_cached(
                        "UPDATE file SET state = 1, attempts = attempts + 1
                         WHERE id = ?1 AND state = 0",
                    )?
                    .execute([id as i64])?;
                if claimed == 1 {
                    claims.push(claim(t, id)?);
                }
            }
            Ok(claims)
        })
    }

    /// Puts claimed work back: it could not be done now, for no fault of the file.
    pub fn give_back(&self, id: u64, turn: u64, retry_at: i64, reason: &str) -> Result<()> {
        self.write("putting work back", |t| {
            t.prepare_cached(
                "UPDATE file SET state = 0, retry_at = ?3, reason = ?4
                 WHERE id = ?1 AND turn = ?2 AND state IN (1, 2, 3)",
            )?
            .execute(params![id as i64, turn as i64, retry_at, reason])
            .map(|_| ())
        })
    }

    /// Files whose place in the table is behind the catalog's: id, path, folder.
    pub fn behind(&self, limit: usize) -> Result<Vec<(u64, PathBuf, PathBuf)>> {
        self.read("listing moved files", |c| {
            c.prepare_cached(
                "SELECT file.id, file.key, folder.path FROM file
                 JOIN folder ON folder.id = file.folder WHERE file.behind = 1 LIMIT ?1",
            )?
            .query_map([limit as i64], |row| {
                Ok((
                    row.get::<_, i64>(0)? as u64,
                    path_of(&row.get::<_, Vec<u8>>(1)?),
                    path_of(&row.get::<_, Vec<u8>>(2)?),
                ))
            })?
            .collect()
        })
    }

    /// The table now holds these files at these paths.
    pub fn placed(&self, placed: &[(u64, PathBuf)]) -> Result<()> {
        self.write("recording moves", |t| {
            let mut statement =
                t.prepare_cached("UPDATE file SET behind = 0 WHERE id = ?1 AND key = ?2")?;
            for (id, path) in placed {
                statement.execute(params![*id as i64, key_of(path)])?;
            }
            Ok(())
        })
    }

    /// Files gone since before `until`, the longest gone first.
    pub fn missing(&self, until: i64, limit: usize) -> Result<Vec<u64>> {
        self.read("listing missing files", |c| {
            c.prepare_cached(
                "SELECT id FROM file WHERE state = 7 AND changed_at <= ?1
                 ORDER BY changed_at LIMIT ?2",
            )?
            .query_map([until, limit as i64], |row| {
                row.get::<_, i64>(0).map(|id| id as u64)
            })?
            .collect()
        })
    }

    /// When the first of the files that went missing after `after` did so.
    pub fn first_missing(&self, after: i64) -> Result<Option<i64>> {
        self.read("looking for missing files", |c| {
            c.prepare_cached(
                "SELECT min(changed_at) FROM file WHERE state = 7 AND changed_at > ?1",
            )?
            .query_row([after], |row| row.get(0))
        })
    }

    /// Forgets files whose rows have left the table. A file that came back meanwhile stays,
    /// without rows, and waits to be read.
    pub fn forget(&self, ids: &[u64]) -> Result<()> {
        self.write("forgetting files", |t| {
            let mut gone = t.prepare_cached("DELETE FROM file WHERE id = ?1 AND state = 7")?;
            let mut back = t.prepare_cached(
                "UPDATE file SET state = 0, turn = turn + 1, revision = 0, since = 0, segments = 0,
                     content = NULL, behind = 0 WHERE id = ?1",
            )?;
            for &id in ids {
                if gone.execute([id as i64])? == 0 {
                    back.execute([id as i64])?;
                }
            }
            Ok(())
        })
    }

    /// Queues files again whose rows the table has lost, and tells which they are not: their
    /// content is forgotten so that they are truly read again.
    pub fn lost(&self, ids: &[u64], now_ms: i64) -> Result<()> {
        self.write("queueing what the table lost", |t| {
            for &id in ids {
                t.prepare_cached(
                    "UPDATE file SET revision = 0, since = 0, segments = 0, content = NULL,
                         behind = 0
                     WHERE id = ?1",
                )?
                .execute([id as i64])?;
                mark_dirty(t, id, now_ms)?;
            }
            Ok(())
        })
    }

    /// The committed revision and row count of every file that has rows.
    pub fn committed(&self) -> Result<BTreeMap<u64, (u64, u32)>> {
        self.read("listing what is committed", |c| {
            c.prepare("SELECT id, revision, segments FROM file WHERE revision > 0")?
                .query_map([], |row| {
                    Ok((
                        row.get::<_, i64>(0)? as u64,
                        (row.get::<_, i64>(1)? as u64, row.get(2)?),
                    ))
                })?
                .collect()
        })
    }

    /// Queues the files that another extractor read, or refused, to be read by this one. What
    /// lacks vectors alone is completed from its rows, see [`Journal::incomplete`].
    pub fn requeue_other_extractors(&self, extractor: &str, now_ms: i64) -> Result<u64> {
        self.write("queueing another extractor's files", |t| {
            t.execute(
                "UPDATE file SET state = 0, turn = turn + 1, attempts = 0, retry_at = 0,
                     changed_at = ?2
                 WHERE state IN (4, 5, 6)
                     AND substr(generation, 1, length(?1) + 1) NOT IN (?1 || '+', ?1 || '~')",
                params![extractor, now_ms],
            )
            .map(|n| n as u64)
        })
    }

    /// Queues failed files at or below `under` (all when `None`) for another attempt.
    pub fn retry(&self, under: Option<&Path>, now_ms: i64) -> Result<u64> {
        let (exact, low, high) = match under {
            Some(path) => {
                let (low, high) = subtree_range(path);
                (key_of(path), low, high)
            }
            None => (Vec::new(), Vec::new(), vec![0xff]),
        };
        self.write("queueing failed files again", |t| {
            t.execute(
                "UPDATE file SET state = 0, turn = turn + 1, attempts = 0, interrupted = 0,
                     retry_at = 0, content = NULL, changed_at = ?4
                 WHERE state = 5 AND (key = ?1 OR (key >= ?2 AND key < ?3))",
                params![exact, low, high, now_ms],
            )
            .map(|n| n as u64)
        })
    }

    /// Queues files that were skipped at this stage: what they lacked may be here now. That their
    /// bytes were read before does not count.
    pub fn queue_skipped(&self, stage: &str) -> Result<u64> {
        self.write("queueing files that were skipped", |t| {
            t.execute(
                "UPDATE file SET state = 0, turn = turn + 1, attempts = 0, interrupted = 0,
                     retry_at = 0, content = NULL
                 WHERE state = 6 AND stage = ?1",
                params![stage],
            )
            .map(|n| n as u64)
        })
    }

    /// Queues files at rest that have writing in their pixels which this model has not read.
    /// They are found as they are until it has.
    pub fn read_pixels_by(&self, model: &str) -> Result<u64> {
        self.write("queueing files whose pixels are unread", |t| {
            t.execute(
                "UPDATE file SET state = 0, turn = turn + 1, attempts = 0, interrupted = 0,
                     retry_at = 0
                 WHERE state IN (4, 6) AND instr(generation, '+o=') > 0
                     AND substr(generation, instr(generation, '+o=') + 3) <> ?1",
                params![model],
            )
            .map(|n| n as u64)
        })
    }
}

fn candidate(row: &Row<'_>) -> rusqlite::Result<Candidate> {
    Ok(Candidate {
        id: row.get::<_, i64>(0)? as u64,
        folder: row.get::<_, i64>(1)? as u64,
        size: row.get::<_, i64>(2)? as u64,
        changed_at: row.get(3)?,
        interrupted: row.get(4)?,
        retry_at: row.get(5)?,
    })
}

fn claim(t: &Transaction<'_>, id: u64) -> rusqlite::Result<Claim> {
    t.prepare_cached(
        "SELECT file.turn, file.key, folder.path, file.revision, file.attempts, file.fsid
         FROM file LEFT JOIN folder ON folder.id = file.folder WHERE file.id = ?1",
    )?
    .query_row([id as i64], |row| {
        Ok(Claim {
            id,
            turn: row.get::<_, i64>(0)? as u64,
            path: path_of(&row.get::<_, Vec<u8>>(1)?),
            folder: path_of(&row.get::<_, Option<Vec<u8>>>(2)?.unwrap_or_default()),
            revision: row.get::<_, i64>(3)? as u64,
            attempts: row.get::<_, u32>(4)?.saturating_sub(1),
            fsid: row.get::<_, i64>(5)? as u64,
        })
    })
}
