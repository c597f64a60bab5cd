//! The catalog: what a scan sees is merged into it, and answers are checked against it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{Journal, Result, State, beside, feeds};
use crate::scan::{CatalogFact, Change, DiskFact};

/// How many other places of the same content an answer names at most.
const ALSO_AT: usize = 8;

/// What [`Journal::apply`] did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// Files that now wait to be read.
    pub queued: u64,
    /// Files that only changed their place.
    pub moved: u64,
    /// Files that are no longer there.
    pub missing: u64,
}

/// The catalog's word on a file in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Where the file is now.
    pub path: PathBuf,
    /// The committed revision.
    pub revision: u64,
    /// The oldest revision whose rows say the same; what is outside of these two is stale.
    pub since: u64,
    /// Who wrote it, where the file says so.
    pub author: Option<String>,
    /// The hash of what it holds, where it is known.
    pub content: Option<[u8; 32]>,
    /// Other places of the same content.
    pub also_at: Vec<PathBuf>,
}

/// The sort key of a path: its bytes, `/` as NUL.
pub fn key_of(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_bytes();
    bytes
        .iter()
        .map(|&b| if b == b'/' { 0 } else { b })
        .collect()
}

/// The path of a sort key.
pub fn path_of(key: &[u8]) -> PathBuf {
    let bytes = key.iter().map(|&b| if b == 0 { b'/' } else { b }).collect();
    PathBuf::from(OsString::from_vec(bytes))
}

/// The half-open range of keys strictly below a directory.
pub fn subtree_range(dir: &Path) -> (Vec<u8>, Vec<u8>) {
    let mut low = key_of(dir);
    // The root directory's key already ends in its separator.
    if low.last() == Some(&0) {
        low.pop();
    }
    let mut high = low.clone();
    low.push(0);
    high.push(1);
    (low, high)
}

/// A key that no path has, for a row whose place was taken before it left the table.
fn limbo_key(id: u64) -> Vec<u8> {
    [b"\xff\0gone\0".as_slice(), &id.to_be_bytes()].concat()
}

impl Journal {
    /// Streams the catalog at and below `root`, in key order, through `work`.
    pub fn with_catalog<T>(
        &self,
        root: &Path,
        work: impl FnOnce(&mut dyn Iterator<Item = CatalogFact>) -> T,
    ) -> Result<T> {
        let snapshot = self.snapshot()?;
        let doing = "reading the catalog";
        let fail = |source| super::sqlite(&self.path, doing, source);
        let (low, high) = subtree_range(root);
        let mut statement = snapshot
            .prepare(
                "SELECT id, key, fsid, ino, size, mtime_ns, ctime_ns, state FROM file
                 WHERE key = ?1 OR (key >= ?2 AND key < ?3) ORDER BY key",
            )
            .map_err(fail)?;
        let rows = statement
            .query_map(params![key_of(root), low, high], catalog_fact)
            .map_err(fail)?;
        let mut broken = None;
        let value = work(&mut rows.map_while(|row| row.map_err(|e| broken = Some(e)).ok()));
        match broken {
            Some(source) => Err(fail(source)),
            None => Ok(value),
        }
    }

    /// The cataloged file with this identity, if there is one: how a move is recognised when
    /// only its new end was seen.
    pub fn by_identity(&self, fsid: u64, ino: u64) -> Result<Vec<CatalogFact>> {
        self.read("looking up an identity", |c| {
            c.prepare_cached(
                "SELECT id, key, fsid, ino, size, mtime_ns, ctime_ns, state FROM file
                 WHERE ino = ?1 AND fsid = ?2 LIMIT 16",
            )?
            .query_map([ino as i64, fsid as i64], catalog_fact)?
            .collect()
        })
    }

    /// Whether some file has this content.
    pub fn has_content(&self, content: &[u8; 32]) -> Result<bool> {
        self.read("looking for a content", |c| {
            c.prepare_cached("SELECT 1 FROM file WHERE content = ?1 AND state <> 7 LIMIT 1")?
                .exists([content])
        })
    }

    /// Where a file is now, and the folder that it belongs to; `None` once it is forgotten.
    pub fn place_of(&self, id: u64) -> Result<Option<(PathBuf, PathBuf)>> {
        self.read("looking up a place", |c| {
            c.prepare_cached(
                "SELECT file.key, folder.path FROM file
                 LEFT JOIN folder ON folder.id = file.folder WHERE file.id = ?1",
            )?
            .query_row([id as i64], |row| {
                let folder: Option<Vec<u8>> = row.get(1)?;
                Ok((
                    path_of(&row.get::<_, Vec<u8>>(0)?),
                    path_of(&folder.unwrap_or_default()),
                ))
            })
            .optional()
        })
    }

    /// Merges one batch of findings, in one transaction. `saved_now` says that the user
    /// changed these a moment ago; otherwise a new file is as recent as its own time says.
    pub fn apply(
        &self,
        folder: u64,
        changes: &[Change],
        now_ms: i64,
        saved_now: bool,
    ) -> Result<Applied> {
        self.write("recording what a scan found", |t| {
            let mut applied = Applied::default();
            for change in changes {
                let at = match change {
                    Change::New(disk) if !saved_now => now_ms.min(disk.mtime_ns / 1_000_000),
                    _ => now_ms,
                };
                // A transcript or a feed that comes, changes or goes says something of what lies
                // around it.
                for key in places_of(t, change)? {
                    beside::queue_recordings(t, &key, now_ms)?;
                    // What a feed says when it was read is looked at then.
                    if let Change::Moved { id, .. }
                    | Change::Returned { id, .. }
                    | Change::Gone { id } = change
                    {
                        feeds::queue_recordings(t, *id, &path_of(&key))?;
                    }
                }
                apply_one(t, folder, change, at, &mut applied)?;
            }
            Ok(applied)
        })
    }

    /// What the catalog says of the files of an answer. Files that are gone are absent.
    pub fn live(&self, files: &[u64]) -> Result<HashMap<u64, Live>> {
        self.read("checking an answer", |c| {
            let mut found = HashMap::with_capacity(files.len());
            let mut file = c.prepare_cached(
                "SELECT key, revision, author, content, since FROM file
                 WHERE id = ?1 AND revision > 0 AND state <> 7",
            )?;
            let mut twins = c.prepare_cached(
                "SELECT key FROM file WHERE content = ?1 AND id <> ?2 AND state = 4 LIMIT ?3",
            )?;
            for &id in files {
                let row = file
                    .query_row([id as i64], |row| {
                        let key: Vec<u8> = row.get(0)?;
                        let content = row.get(3)?;
                        let revision = row.get::<_, i64>(1)? as u64;
                        let author = row.get(2)?;
                        let since = match row.get::<_, i64>(4)? {
                            0 => revision,
                            since => since as u64,
                        };
                        Ok(Live {
                            path: path_of(&key),
                            revision,
                            since,
                            author,
                            content,
                            also_at: Vec::new(),
                        })
                    })
                    .optional()?;
                let Some(mut live) = row else {
                    continue;
                };
                if let Some(content) = live.content {
                    live.also_at = twins
                        .query_map(params![content, id as i64, ALSO_AT as i64], |row| {
                            Ok(path_of(&row.get::<_, Vec<u8>>(0)?))
                        })?
                        .collect::<rusqlite::Result<_>>()?;
                }
                found.insert(id, live);
            }
            Ok(found)
        })
    }
}

fn catalog_fact(row: &Row<'_>) -> rusqlite::Result<CatalogFact> {
    let key: Vec<u8> = row.get(1)?;
    Ok(CatalogFact {
        id: row.get::<_, i64>(0)? as u64,
        path: path_of(&key),
        fsid: row.get::<_, i64>(2)? as u64,
        ino: row.get::<_, i64>(3)? as u64,
        size: row.get::<_, i64>(4)? as u64,
        mtime_ns: row.get(5)?,
        ctime_ns: row.get(6)?,
        missing: row.get::<_, State>(7)? == State::Missing,
    })
}

/// The keys that a change is about: where a file is, and where it was.
fn places_of(t: &Transaction<'_>, change: &Change) -> rusqlite::Result<Vec<Vec<u8>>> {
    let (id, now) = match change {
        Change::New(disk) => (None, Some(disk)),
        Change::Changed { id, disk }
        | Change::Returned { id, disk, .. }
        | Change::Moved { id, disk, .. } => (Some(*id), Some(disk)),
        Change::Gone { id } => (Some(*id), None),
        Change::Identity { .. } | Change::Unavailable { .. } => (None, None),
    };
    let before: Option<Vec<u8>> = match id {
        Some(id) => t
            .prepare_cached("SELECT key FROM file WHERE id = ?1")?
            .query_row([id as i64], |row| row.get(0))
            .optional()?,
        None => None,
    };
    let mut keys: Vec<_> = now.map(|disk| key_of(&disk.path)).into_iter().collect();
    keys.extend(before.filter(|before| !keys.contains(before)));
    Ok(keys)
}

fn apply_one(
    t: &Transaction<'_>,
    folder: u64,
    change: &Change,
    now_ms: i64,
    applied: &mut Applied,
) -> rusqlite::Result<()> {
    match change {
        Change::New(disk) => {
            insert(t, folder, disk, now_ms)?;
            applied.queued += 1;
        }
        Change::Changed { id, disk }
        | Change::Returned {
            id,
            disk,
            touched: true,
        } => {
            identify(t, *id, &key_of(&disk.path), folder, disk)?;
            mark_dirty(t, *id, now_ms)?;
            applied.queued += 1;
        }
        Change::Returned {
            id,
            disk,
            touched: false,
        } => {
            identify(t, *id, &key_of(&disk.path), folder, disk)?;
            bring_back(t, *id)?;
        }
        Change::Moved { id, disk, touched } => {
            let key = key_of(&disk.path);
            evict(t, *id, &key, now_ms)?;
            identify(t, *id, &key, folder, disk)?;
            t.prepare_cached("UPDATE file SET behind = (revision > 0) WHERE id = ?1")?
                .execute([*id as i64])?;
            // A name decides how bytes are read, and for recordings so do neighbours.
            if *touched
                || renamed_class(t, *id, &disk.path)?
                || feeds::move_matters(t, *id, &disk.path)?
            {
                mark_dirty(t, *id, now_ms)?;
                applied.queued += 1;
            } else {
                bring_back(t, *id)?;
            }
            applied.moved += 1;
        }
        Change::Identity { id, disk } => {
            identify(t, *id, &key_of(&disk.path), folder, disk)?;
        }
        Change::Gone { id } => {
            t.prepare_cached(
                "UPDATE file SET was = state, state = 7, turn = turn + 1, changed_at = ?2
                 WHERE id = ?1 AND state <> 7",
            )?
            .execute((*id as i64, now_ms))
            .map(|given_up| applied.missing += given_up as u64)?;
        }
        Change::Unavailable { .. } => {}
    }
    Ok(())
}

fn insert(t: &Transaction<'_>, folder: u64, disk: &DiskFact, now_ms: i64) -> rusqlite::Result<()> {
    t.prepare_cached(
        "INSERT INTO file (key, folder, fsid, ino, size, mtime_ns, ctime_ns, state, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8)
         ON CONFLICT (key) DO UPDATE SET folder = excluded.folder, fsid = excluded.fsid,
             ino = excluded.ino, size = excluded.size, mtime_ns = excluded.mtime_ns,
             ctime_ns = excluded.ctime_ns, state = 0, turn = turn + 1, attempts = 0,
             retry_at = 0, changed_at = excluded.changed_at",
    )?
    .execute(params![
        key_of(&disk.path),
        folder as i64,
        disk.fsid as i64,
        disk.ino as i64,
        disk.size as i64,
        disk.mtime_ns,
        disk.ctime_ns,
        now_ms
    ])
    .map(|_| ())
}

/// Records where the file is and what it is known by.
fn identify(
    t: &Transaction<'_>,
    id: u64,
    key: &[u8],
    folder: u64,
    disk: &DiskFact,
) -> rusqlite::Result<()> {
    t.prepare_cached(
        "UPDATE file SET key = ?2, folder = ?3, fsid = ?4, ino = ?5, size = ?6, mtime_ns = ?7,
             ctime_ns = ?8 WHERE id = ?1",
    )?
    .execute(params![
        id as i64,
        key,
        folder as i64,
        disk.fsid as i64,
        disk.ino as i64,
        disk.size as i64,
        disk.mtime_ns,
        disk.ctime_ns
    ])
    .map(|_| ())
}

pub(super) fn mark_dirty(t: &Transaction<'_>, id: u64, now_ms: i64) -> rusqlite::Result<()> {
    t.prepare_cached(
        "UPDATE file SET state = 0, turn = turn + 1, attempts = 0, interrupted = 0,
             retry_at = 0, changed_at = ?2 WHERE id = ?1",
    )?
    .execute((id as i64, now_ms))
    .map(|_| ())
}

/// Makes room at `key` for the file `id`: whoever is recorded there is no longer there.
fn evict(t: &Transaction<'_>, id: u64, key: &[u8], now_ms: i64) -> rusqlite::Result<()> {
    let holder: Option<i64> = t
        .prepare_cached("SELECT id FROM file WHERE key = ?1 AND id <> ?2")?
        .query_row(params![key, id as i64], |row| row.get(0))
        .optional()?;
    if let Some(holder) = holder {
        t.prepare_cached(
            "UPDATE file SET key = ?2, was = CASE state WHEN 7 THEN was ELSE state END, state = 7,
                 turn = turn + 1, changed_at = ?3 WHERE id = ?1",
        )?
        .execute(params![holder, limbo_key(holder as u64), now_ms])?;
    }
    Ok(())
}

/// A file that was given up turns up elsewhere, untouched: it stands where it stood.
fn bring_back(t: &Transaction<'_>, id: u64) -> rusqlite::Result<()> {
    t.prepare_cached(
        "UPDATE file SET state = CASE WHEN was IN (4, 5, 6) THEN was ELSE 0 END, was = NULL
         WHERE id = ?1 AND state = 7",
    )?
    .execute([id as i64])
    .map(|_| ())
}

/// Whether the new name asks for another reader than the one that the content was read by.
fn renamed_class(t: &Transaction<'_>, id: u64, path: &Path) -> rusqlite::Result<bool> {
    let class: Option<String> = t
        .prepare_cached("SELECT class FROM file WHERE id = ?1")?
        .query_row([id as i64], |row| row.get(0))?;
    let name = path.file_name().unwrap_or_default();
    Ok(class.is_some_and(|class| class != hippo_extractors::format_class(name)))
}
