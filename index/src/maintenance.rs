//! Care of the table in four steps, each bounded, each failing alone.
//!
//! - **Compact** merges small fragments, in tiers as a log-structured store does: sixteen of
//!   a size become one of the next, so that a row is rewritten about once a tier and a large
//!   table is not rewritten for a small change. Fragments with many deleted rows are
//!   rewritten alone, and so are those that still hold vectors of a dropped space; deleted
//!   text and vectors are gone for good once that is done and the old versions are pruned.
//! - **Prune** removes old versions. We are the only writer, and our own readers say which
//!   version they look at, so files go at once and not after LanceDB's week of caution.
//! - **Index** takes new rows into the indexes as small segments of their own, and merges
//!   segments of like size where there are many. It comes first: a question reads every row that
//!   waits for it.
//! - **Merge** leaves few segments of the indexes, for when nothing is written.
//!
//! One step runs at a time, and only Prune, which is short, holds the write lock: merging and
//! indexing take seconds on a large table, and a save must not wait for them. LanceDB lets
//! rows be added and deleted meanwhile. Only a delete in a fragment that is being merged is in
//! the way of Compact, which then gives up, changes nothing and is due again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lance::dataset::cleanup::CleanupPolicy;

use crate::approximate::{Approximate, is_indexed};
use crate::error::IndexError;
use crate::indexes::health;
use crate::report::{Stats, Step, StepReport};
use crate::schema as c;
use crate::store::Store;

/// So many versions are worth pruning: each is a manifest, and most hold a file that nothing
/// else needs.
const PRUNE_VERSIONS: usize = 32;
/// Versions younger than this stay for other programs that may be reading the table.
const PRUNE_KEEP: Duration = Duration::from_secs(5);
/// Every prune lists the table's folders and reads its manifests: not more often than this.
const PRUNE_PAUSE: Duration = Duration::from_secs(10);

/// What maintenance remembers between its steps.
#[derive(Debug, Default)]
pub(crate) struct Care {
    /// Versions that searches look at now, and how many do.
    readers: BTreeMap<u64, usize>,
    /// Since when deleted rows have been waiting to be rewritten away.
    pub(crate) deleted_since: Option<Instant>,
    last_prune: Option<Instant>,
    /// What is remembered of each space's approximate index.
    pub(crate) approximate: Approximate,
}

/// Keeps the files of the version that a search looks at.
pub(crate) struct Reading {
    store: Store,
    version: Option<u64>,
}

impl Drop for Reading {
    fn drop(&mut self) {
        let Some(version) = self.version else { return };
        let mut care = self.store.care();
        if let Some(count) = care.readers.get_mut(&version) {
            *count -= 1;
            if *count == 0 {
                care.readers.remove(&version);
            }
        }
    }
}

pub(crate) fn live_rows(fragment: &lance::table::format::Fragment) -> usize {
    let deleted = fragment.deletion_file.as_ref();
    let deleted = deleted.and_then(|d| d.num_deleted_rows).unwrap_or(0);
    fragment.physical_rows.unwrap_or(0).saturating_sub(deleted)
}

impl Store {
    pub(crate) fn care(&self) -> std::sync::MutexGuard<'_, Care> {
        let care = self.shared.care.lock();
        care.unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Keeps the current version's files until the guard is dropped.
    pub(crate) async fn reading(&self) -> Result<Reading, IndexError> {
        let version = match self.shared.folder {
            Some(_) => Some(self.dataset().await?.manifest().version),
            None => None,
        };
        if let Some(version) = version {
            *self.care().readers.entry(version).or_default() += 1;
        }
        Ok(Reading {
            store: self.clone(),
            version,
        })
    }

    pub(crate) fn note_deleted(&self, rows: u64) {
        if rows > 0 {
            self.care().deleted_since.get_or_insert_with(Instant::now);
        }
    }

    /// What is worth doing while rows are being written, in the order in which it is best done.
    /// Cheap: it looks at the manifest in memory and counts the versions in one folder.
    pub async fn due(&self) -> Vec<Step> {
        let Ok(dataset) = self.dataset().await else {
            return Vec::new();
        };
        let mut due = Vec::new();
        if self.index_due(&dataset).await {
            due.push(Step::Index);
        }
        if self.next_compaction(&dataset).await.is_some() {
            due.push(Step::Compact);
        }
        let pruned_lately = self
            .care()
            .last_prune
            .is_some_and(|at| at.elapsed() < PRUNE_PAUSE);
        if !pruned_lately && self.versions() >= PRUNE_VERSIONS {
            due.push(Step::Prune);
        }
        due
    }

    /// One step of maintenance, whether due or not.
    ///
    /// Asked for when it is not due, `Compact` rewrites every fragment that has deleted rows
    /// and `Index` takes in the rows that are new, however few.
    pub async fn maintain(&self, step: Step) -> Result<StepReport, IndexError> {
        let _alone = self.shared.maintaining.lock().await;
        let started = Instant::now();
        let (changed, detail) = match step {
            Step::Compact => self.compact().await?,
            Step::Prune => self.prune(PRUNE_KEEP).await?,
            Step::Index => self.index().await?,
            Step::Merge => self.merge().await?,
        };
        Ok(StepReport {
            step,
            took_ms: started.elapsed().as_millis() as u64,
            changed,
            detail,
        })
    }

    /// Removes versions older than `keep` that none of our readers looks at.
    pub(crate) async fn prune(&self, keep: Duration) -> Result<(bool, String), IndexError> {
        let _writing = self.write_lock().await;
        let dataset = self.dataset().await?;
        let oldest_read = self.care().readers.keys().next().copied();
        let policy = CleanupPolicy {
            before_timestamp: Some((std::time::SystemTime::now() - keep).into()),
            before_version: oldest_read,
            // Safe: the write lock and the one step at a time say that nobody is in the
            // middle of a commit.
            delete_unverified: true,
            error_if_tagged_old_versions: false,
            ..CleanupPolicy::default()
        };
        let removed = dataset.cleanup_with_policy(policy).await;
        let removed = removed.map_err(IndexError::lance("remove old versions"))?;
        self.care().last_prune = Some(Instant::now());
        let detail = format!(
            "{} versions and {} bytes removed",
            removed.old_versions, removed.bytes_removed
        );
        Ok((removed.bytes_removed > 0, detail))
    }

    /// The table at a glance.
    pub async fn stats(&self) -> Result<Stats, IndexError> {
        let _reading = self.reading().await?;
        let dataset = self.dataset().await?;
        let health = health(&dataset).await?;
        let words = health.iter().find(|i| i.column == c::WORDS);
        let rows = dataset
            .fragments()
            .iter()
            .map(|f| live_rows(f) as u64)
            .sum();
        let columns = self.columns();
        let indexed = columns.iter().filter(|column| is_indexed(&health, column));
        let folder = self.shared.folder.clone();
        let bytes = tokio::task::spawn_blocking(move || folder.map_or(0, |f| bytes_under(&f)));
        Ok(Stats {
            rows,
            unindexed: words.map_or(rows, |i| i.unindexed),
            spaces_indexed: indexed.map(|column| column.space.name.clone()).collect(),
            indexes: health.into_iter().map(|i| i.name).collect(),
            fragments: dataset.fragments().len() as u64,
            bytes: bytes.await.unwrap_or(0),
            versions: self.versions() as u64,
        })
    }

    /// Versions on the disk; 0 for a remote table.
    fn versions(&self) -> usize {
        let folder = self.shared.folder.as_ref().map(|f| f.join("_versions"));
        let entries = folder.and_then(|f| std::fs::read_dir(f).ok());
        entries
            .into_iter()
            .flatten()
            .flatten()
            .filter(is_manifest)
            .count()
    }
}

fn is_manifest(entry: &std::fs::DirEntry) -> bool {
    std::path::Path::new(&entry.file_name())
        .extension()
        .is_some_and(|e| e == "manifest")
}

fn bytes_under(folder: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(m) if m.is_dir() => bytes_under(&entry.path()),
            Ok(m) => m.len(),
            Err(_) => 0,
        })
        .sum()
}
