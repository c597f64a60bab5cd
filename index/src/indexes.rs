//! The indexes of the table but for those of vectors ([`approximate`](crate::approximate)): which
//! there are, how far each covers the table, and when rows are taken in.
//!
//! New rows become small segments of their own, and segments of like size are merged, in tiers.
//! Promise: a row is merged about log2(table) times.

use lance::Dataset;
use lance::index::DatasetIndexExt as _;
use lancedb::Table;
use lancedb::index::Index;
use lancedb::index::scalar::{BTreeIndexBuilder, BitmapIndexBuilder, FtsIndexBuilder};
use lancedb::table::OptimizeAction;

use crate::error::IndexError;
use crate::maintenance::live_rows;
use crate::schema as c;
use crate::store::Store;

/// Rows outside an index that are worth taking in: each search reads them all, and their words
/// are not in the vocabulary. A share of what is indexed, so that growing stays cheap, but at
/// least and at most so many.
const INDEX_TAIL_SHARE: u64 = 8;
const INDEX_TAIL_ROWS: (u64, u64) = (16, 2_048);
/// A segment of an index is merged with newer ones that hold at least half as many rows.
const MERGE_RATIO: u64 = 2;

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
    pub(crate) name: String,
    pub(crate) column: String,
    /// Rows of each segment, oldest first.
    segments: Vec<u64>,
    pub(crate) unindexed: u64,
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

pub(crate) async fn health(dataset: &Dataset) -> Result<Vec<IndexHealth>, IndexError> {
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

impl Store {
    pub(crate) async fn index_due(&self, dataset: &Dataset) -> bool {
        let Ok(health) = health(dataset).await else {
            return false;
        };
        health.iter().any(IndexHealth::is_due) || !self.spaces_to_index(dataset, &health).is_empty()
    }

    pub(crate) async fn index(&self) -> Result<(bool, String), IndexError> {
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
}
