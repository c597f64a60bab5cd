//! Merging fragments, in tiers as a log-structured store does, and rewriting those with much that
//! was deleted.
//!
//! Promises: a step rewrites a bounded number of rows; what cannot be merged is not due; a save in
//! the same fragments goes first.

use std::time::Duration;

use lance::Dataset;
use lance::dataset::optimize::{CompactionOptions, plan_compaction};
use lancedb::table::OptimizeAction;

use crate::error::IndexError;
use crate::maintenance::live_rows;
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
/// The same where a tier is full, in rows of the tier: new rows wait for it to be indexed.
const TIER_ROWS_MAX: usize = 3;
/// Rows in one batch of a compaction: of 2 KiB, 2 MiB.
const COMPACT_BATCH_ROWS: usize = 1_024;

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
    pub(crate) async fn next_compaction(&self, dataset: &Dataset) -> Option<CompactionOptions> {
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
                return Some(CompactionOptions {
                    max_source_rows: Some(TIER_ROWS_MAX * target),
                    ..options
                });
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

    pub(crate) async fn compact(&self) -> Result<(bool, String), IndexError> {
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
