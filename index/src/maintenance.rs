//! Care of the table in three steps, each bounded, each failing alone.
//!
//! - **Compact** merges small fragments, in tiers as a log-structured store does: sixteen of
//!   a size become one of the next, so that a row is rewritten about once a tier and a large
//!   table is not rewritten for a small change. Fragments with many deleted rows are
//!   rewritten alone, and so are those that still hold vectors of a dropped space; deleted
//!   text and vectors are gone for good once that is done and the old versions are pruned.
//! - **Prune** removes old versions. We are the only writer, and our own readers say which
//!   version they look at, so files go at once and not after LanceDB's week of caution.
//! - **Index** takes new rows into the indexes as small segments of their own, and merges
//!   segments of like size, again in tiers.
//!
//! One step runs at a time, and only Prune, which is short, holds the write lock: merging and
//! indexing take seconds on a large table, and a save must not wait for them. LanceDB lets
//! rows be added and deleted meanwhile. Only a delete in a fragment that is being merged is in
//! the way of Compact, which then gives up, changes nothing and is due again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lance::Dataset;
use lance::dataset::cleanup::CleanupPolicy;
use lance::dataset::optimize::{CompactionOptions, plan_compaction};
use lance::index::DatasetIndexExt as _;
use lancedb::Table;
use lancedb::index::Index;
use lancedb::index::scalar::{BTreeIndexBuilder, BitmapIndexBuilder, FtsIndexBuilder};
use lancedb::table::OptimizeAction;

use crate::approximate::{Approximate, is_indexed};
use crate::error::IndexError;
use crate::report::{Stats, Step, StepReport};
use crate::schema as c;
use crate::store::Store;

/// Live rows below which a fragment is small, tier by tier. Above the last a fragment is left
/// alone: 256 Ki rows of 2 KiB are half a gigabyte, as much as one step should rewrite.
const TIERS: [usize; 3] = [1_024, 16_384, 262_144];
/// So many fragments of a tier are worth merging.
const TIER_FULL: usize = 16;
/// A fragment with this share of its rows deleted is worth rewriting.
const DELETED_SHARE: f32 = 0.2;
/// Deleted text leaves the disk after at most this long, however little of it there is.
const DELETED_TEXT_MAX_AGE: Duration = Duration::from_hours(1);
/// Rows that one compaction rewrites at most. What LanceDB merges at once has up to three times
/// the rows that it is meant to have, and a plan that begins with more than the limit is empty:
/// a lower limit would end the care of a large table for good.
const COMPACT_ROWS_MAX: usize = 3 * TIERS[TIERS.len() - 1];
/// Rows in one batch of a compaction: of 2 KiB, 2 MiB.
const COMPACT_BATCH_ROWS: usize = 1_024;

/// So many versions are worth pruning: each is a manifest, and most hold a file that nothing
/// else needs.
const PRUNE_VERSIONS: usize = 32;
/// Versions younger than this stay for other programs that may be reading the table.
const PRUNE_KEEP: Duration = Duration::from_secs(5);
/// Every prune lists the table's folders and reads its manifests: not more often than this.
const PRUNE_PAUSE: Duration = Duration::from_secs(10);

/// Rows outside an index that are worth taking in: each search reads them all, and their words
/// are not in the vocabulary. A share of what is indexed, so that growing stays cheap, but at
/// least and at most so many.
const INDEX_TAIL_SHARE: u64 = 8;
const INDEX_TAIL_ROWS: (u64, u64) = (16, 2_048);
/// A segment of an index is merged with newer ones that hold at least half as many rows.
const MERGE_RATIO: u64 = 2;

/// What maintenance remembers between its steps.
#[derive(Debug, Default)]
pub(crate) struct Care {
    /// Versions that searches look at now, and how many do.
    readers: BTreeMap<u64, usize>,
    /// Since when deleted rows have been waiting to be rewritten away.
    deleted_since: Option<Instant>,
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

/// The indexes of a fresh table, by column. Defined while it is empty: from then on
/// a step takes rows into them, and the words index tells even an unindexed table how to cut
/// words.
pub(crate) async fn define_indexes(table: &Table) -> Result<(), IndexError> {
    let have = table.list_indices().await;
    let have = have.map_err(IndexError::table("list its indexes"))?;
    let wanted = [
        (c::FILE, Index::BTree(BTreeIndexBuilder::default())),
        (c::PATH, Index::BTree(BTreeIndexBuilder::default())),
        (c::DATED, Index::BTree(BTreeIndexBuilder::default())),
        (c::KIND, Index::Bitmap(BitmapIndexBuilder::default())),
        (c::LANG, Index::Bitmap(BitmapIndexBuilder::default())),
        (c::WORDS, Index::FTS(words_index())),
    ];
    for (column, index) in wanted {
        if have.iter().any(|i| i.columns == [column]) {
            continue;
        }
        table
            .create_index(&[column], index)
            .train(false)
            .execute()
            .await
            .map_err(IndexError::table("define an index"))?;
    }
    Ok(())
}

/// Our folding is the tokenizer: the index cuts at spaces and changes nothing.
fn words_index() -> FtsIndexBuilder {
    FtsIndexBuilder::default()
        .base_tokenizer("whitespace".to_owned())
        .lower_case(false)
        .stem(false)
        .remove_stop_words(false)
        .ascii_folding(false)
        .max_token_length(None)
        .with_position(false)
}

/// Drops the indexes of a column that is about to go.
pub(crate) async fn drop_indexes_of(table: &Table, column: &str) -> Result<(), IndexError> {
    let have = table.list_indices().await;
    for index in have.map_err(IndexError::table("list its indexes"))? {
        if index.columns == [column] {
            let dropped = table.drop_index(&index.name).await;
            dropped.map_err(IndexError::table("drop an index"))?;
        }
    }
    Ok(())
}

/// One index as the manifest has it.
#[derive(Debug)]
pub(crate) struct IndexHealth {
    name: String,
    pub(crate) column: String,
    /// Rows of each segment, oldest first.
    segments: Vec<u64>,
    unindexed: u64,
}

impl IndexHealth {
    /// Whether so many rows are outside that they are worth taking in.
    fn is_due(&self) -> bool {
        let (least, most) = INDEX_TAIL_ROWS;
        let indexed: u64 = self.segments.iter().sum();
        self.unindexed >= (indexed / INDEX_TAIL_SHARE).clamp(least, most)
    }

    /// How many of the newest segments to merge with the rows that are new: as a segment is
    /// at most twice what is merged into it, a row is merged about log2(table) times.
    fn merge_count(&self) -> usize {
        let mut rows = self.unindexed;
        let newest_first = self.segments.iter().rev();
        newest_first
            .take_while(|segment| {
                let merge = **segment <= rows.saturating_mul(MERGE_RATIO);
                rows += **segment;
                merge
            })
            .count()
    }
}

async fn health(dataset: &Dataset) -> Result<Vec<IndexHealth>, IndexError> {
    let indexes = dataset.load_indices().await;
    let indexes = indexes.map_err(IndexError::lance("list its indexes"))?;
    let rows_in = |covers: &dyn Fn(u32) -> bool| -> u64 {
        let fragments = dataset.fragments().iter();
        fragments
            .filter(|f| covers(f.id as u32))
            .map(|f| live_rows(f) as u64)
            .sum()
    };
    let total = rows_in(&|_| true);
    let mut found: Vec<IndexHealth> = Vec::new();
    for index in indexes.iter() {
        let Some(field) = index
            .fields
            .first()
            .and_then(|f| dataset.schema().field_by_id(*f))
        else {
            continue;
        };
        let covered = rows_in(&|id| {
            index
                .fragment_bitmap
                .as_ref()
                .is_some_and(|b| b.contains(id))
        });
        if let Some(known) = found.iter_mut().find(|known| known.name == index.name) {
            known.segments.push(covered);
            known.unindexed = known.unindexed.saturating_sub(covered);
        } else {
            found.push(IndexHealth {
                name: index.name.clone(),
                column: field.name.clone(),
                segments: vec![covered],
                unindexed: total.saturating_sub(covered),
            });
        }
    }
    Ok(found)
}

pub(crate) fn live_rows(fragment: &lance::table::format::Fragment) -> usize {
    let deleted = fragment.deletion_file.as_ref();
    let deleted = deleted.and_then(|d| d.num_deleted_rows).unwrap_or(0);
    fragment.physical_rows.unwrap_or(0).saturating_sub(deleted)
}

/// The compaction that is worth most: the largest tier that is full. None when all are not.
fn tier(dataset: &Dataset) -> Option<usize> {
    TIERS.into_iter().rev().find(|tier| {
        let fragments = dataset.fragments().iter();
        fragments.filter(|f| live_rows(f) < *tier).count() >= TIER_FULL
    })
}

fn compaction(target: usize, deleted_share: f32) -> CompactionOptions {
    CompactionOptions {
        target_rows_per_fragment: target,
        materialize_deletions: true,
        materialize_deletions_threshold: deleted_share,
        num_threads: Some(1),
        batch_size: Some(COMPACT_BATCH_ROWS),
        max_source_rows: Some(COMPACT_ROWS_MAX),
        ..CompactionOptions::default()
    }
}

/// The compaction of fragments whose files hold columns that the table has no more; none where
/// there are no such. Dropping a column changes the manifest alone.
fn without_dropped_columns(dataset: &Dataset) -> Option<CompactionOptions> {
    let is_known = |field: &i32| dataset.schema().field_by_id(*field).is_some();
    let fragments = dataset.fragments().iter();
    let (whole, worn): (Vec<_>, Vec<_>) = fragments.partition(|fragment| {
        let fields = fragment.files.iter().flat_map(|file| file.fields.iter());
        fields.into_iter().all(is_known)
    });
    (!worn.is_empty()).then(|| CompactionOptions {
        excluded_fragment_ids: whole.iter().map(|f| f.id as u32).collect(),
        // Below what any share can be: each of the others is rewritten, deletions or none.
        ..compaction(0, -1.0)
    })
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

    /// What is worth doing now, in the order in which it is best done. Cheap: it looks at the
    /// manifest in memory and counts the versions in one folder.
    pub async fn due(&self) -> Vec<Step> {
        let Ok(dataset) = self.dataset().await else {
            return Vec::new();
        };
        let mut due = Vec::new();
        if self.next_compaction(&dataset).await.is_some() {
            due.push(Step::Compact);
        }
        if self.index_due(&dataset).await {
            due.push(Step::Index);
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
        };
        Ok(StepReport {
            step,
            took_ms: started.elapsed().as_millis() as u64,
            changed,
            detail,
        })
    }

    async fn next_compaction(&self, dataset: &Dataset) -> Option<CompactionOptions> {
        if let Some(target) = tier(dataset) {
            let options = compaction(target, DELETED_SHARE);
            // Fragments that different segments of an index cover cannot be merged: what the
            // plan cannot do is not due.
            let plan = plan_compaction(dataset, &options).await.ok()?;
            let merged: usize = plan
                .compaction_tasks()
                .map(|t| t.task.fragments.len())
                .sum();
            if merged >= TIER_FULL / 2 {
                return Some(options);
            }
        }
        let fragments = dataset.fragments();
        let worn = fragments.iter().any(|f| {
            let physical = f.physical_rows.unwrap_or(0);
            (physical - live_rows(f).min(physical)) as f32 > physical as f32 * DELETED_SHARE
        });
        if worn {
            return Some(compaction(0, DELETED_SHARE));
        }
        if let Some(options) = without_dropped_columns(dataset) {
            return Some(options);
        }
        let waiting = self.care().deleted_since;
        let overdue = waiting.is_some_and(|since| since.elapsed() > DELETED_TEXT_MAX_AGE);
        overdue.then(|| compaction(0, 0.0))
    }

    async fn compact(&self) -> Result<(bool, String), IndexError> {
        let dataset = self.dataset().await?;
        let options = self.next_compaction(&dataset).await;
        let options = options.unwrap_or_else(|| compaction(TIERS[0], 0.0));
        let everything = options.materialize_deletions_threshold <= 0.0;
        let waiting = self.care().deleted_since;
        let merged = self
            .shared
            .table
            .optimize(OptimizeAction::Compact {
                options,
                remap_options: None,
            })
            .await;
        let done = match merged {
            Ok(stats) => stats.compaction.unwrap_or_default(),
            Err(e) if is_conflict(&e) => return Ok((false, "gave way to a save".to_owned())),
            Err(e) => return Err(IndexError::table("merge its fragments")(e)),
        };
        if everything {
            let mut care = self.care();
            // Rows deleted meanwhile wait for the next time.
            if care.deleted_since == waiting {
                care.deleted_since = None;
            }
        }
        self.flush(&mut *self.write_lock().await).await?;
        let detail = format!(
            "{} fragments became {}",
            done.fragments_removed, done.fragments_added
        );
        Ok((done.fragments_removed > 0, detail))
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

    async fn index_due(&self, dataset: &Dataset) -> bool {
        let Ok(health) = health(dataset).await else {
            return false;
        };
        health.iter().any(IndexHealth::is_due) || !self.spaces_to_index(dataset, &health).is_empty()
    }

    async fn index(&self) -> Result<(bool, String), IndexError> {
        let dataset = self.dataset().await?;
        let health = health(&dataset).await?;
        let mut done = Vec::new();
        for index in health.iter().filter(|i| i.unindexed > 0) {
            let merge = index.merge_count();
            let mut options = lancedb::table::OptimizeOptions::merge(merge);
            options.index_names = Some(vec![index.name.clone()]);
            let optimized = self
                .shared
                .table
                .optimize(OptimizeAction::Index(options))
                .await;
            optimized.map_err(IndexError::table("take rows into an index"))?;
            done.push(format!(
                "{}: {} rows, {merge} of {} segments merged",
                index.column,
                index.unindexed,
                index.segments.len()
            ));
        }
        for column in self.spaces_to_index(&dataset, &health) {
            if self.build_approximate(&dataset, &column).await? {
                done.push(format!("{}: an approximate index was built", column.name));
            }
        }
        self.flush(&mut *self.write_lock().await).await?;
        let changed = !done.is_empty();
        let detail = if changed {
            done.join("; ")
        } else {
            "nothing new".to_owned()
        };
        Ok((changed, detail))
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

/// Somebody else changed the same fragments first.
fn is_conflict(error: &lancedb::Error) -> bool {
    use lance::Error as E;
    matches!(
        error,
        lancedb::Error::Lance {
            source: E::RetryableCommitConflict { .. }
                | E::CommitConflict { .. }
                | E::TooMuchWriteContention { .. },
        }
    )
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
