//! The indexes of the table but for those of vectors ([`approximate`](crate::approximate)): which
//! there are, how far each covers the table, and when rows are taken in.
//!
//! New rows become small segments of their own. While rows come in, eight segments of like size
//! become one, as in a log-structured store; when nothing comes in, segments are merged until each
//! has more than twice the rows of all newer ones. Promise: a row is merged about log8(table) times
//! in the one case, log2(table) times in the other.

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
/// So many segments of like size are merged while rows come in: each merge keeps new rows waiting,
/// and a question reads every row that waits.
const SEGMENTS_ALIKE: usize = 8;
/// Otherwise a segment is merged with all newer ones once they hold half as many rows.
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

    /// How many of the newest segments to merge with the rows that are new.
    fn merge_with_new(&self) -> usize {
        let tier = |rows: u64| rows.max(1).ilog(SEGMENTS_ALIKE as u64);
        let (mut rows, mut merged) = (self.unindexed, 0);
        let newest_first: Vec<u64> = self.segments.iter().rev().copied().collect();
        loop {
            let older = newest_first[merged..].iter();
            let alike = older.take_while(|segment| tier(**segment) <= tier(rows));
            let alike = alike.count();
            if alike + 1 < SEGMENTS_ALIKE {
                return merged;
            }
            rows += newest_first[merged..merged + alike].iter().sum::<u64>();
            merged += alike;
        }
    }

    /// How many of the newest segments to merge when nothing is new.
    fn merge_at_rest(&self) -> usize {
        let (mut newer, mut merged) = (0, 0);
        for (at, rows) in self.segments.iter().rev().enumerate() {
            if *rows <= newer * MERGE_RATIO {
                merged = at + 1;
            }
            newer += rows;
        }
        merged
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
            let merged = index.merge_with_new();
            self.optimize_index(index, merged).await?;
            let (column, rows, segments) = (&index.column, index.unindexed, index.segments.len());
            done.push(format!(
                "{column}: {rows} rows, {merged} of {segments} segments merged"
            ));
        }
        for column in self.spaces_to_index(&dataset, &health) {
            if self.build_approximate(&dataset, &column).await? {
                done.push(format!("{}: an approximate index was built", column.name));
            }
        }
        self.indexed(&done).await
    }

    pub(crate) async fn merge(&self) -> Result<(bool, String), IndexError> {
        let dataset = self.dataset().await?;
        let health = health(&dataset).await?;
        let mut done = Vec::new();
        for index in &health {
            let merged = index.merge_at_rest();
            if merged > 0 {
                self.optimize_index(index, merged).await?;
                let (column, segments) = (&index.column, index.segments.len());
                done.push(format!("{column}: {merged} of {segments} segments merged"));
            }
        }
        self.indexed(&done).await
    }

    /// Takes what is new into an index, together with so many of its newest segments.
    async fn optimize_index(&self, index: &IndexHealth, merged: usize) -> Result<(), IndexError> {
        let mut options = lancedb::table::OptimizeOptions::merge(merged);
        options.index_names = Some(vec![index.name.clone()]);
        let action = OptimizeAction::Index(options);
        let optimized = self.shared.table.optimize(action).await;
        optimized.map_err(IndexError::table("take rows into an index"))?;
        Ok(())
    }

    async fn indexed(&self, done: &[String]) -> Result<(bool, String), IndexError> {
        if done.is_empty() {
            return Ok((false, "nothing new".to_owned()));
        }
        self.flush(&mut *self.write_lock().await).await?;
        Ok((true, done.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn index_of(segments: &[u64], unindexed: u64) -> IndexHealth {
        IndexHealth {
            name: "words_idx".to_owned(),
            column: c::WORDS.to_owned(),
            segments: segments.to_vec(),
            unindexed,
        }
    }

    /// Makes one segment of the newest so many and of new rows; how many rows were merged.
    fn merge(segments: &mut Vec<u64>, newest: usize, new: u64) -> u64 {
        let merged: u64 = segments.split_off(segments.len() - newest).iter().sum();
        segments.push(merged + new);
        merged
    }

    #[test]
    fn new_rows_wait_for_no_merge_but_every_eighth() {
        assert_eq!(index_of(&[], 2_048).merge_with_new(), 0);
        assert_eq!(index_of(&[2_048; 6], 2_048).merge_with_new(), 0);
        assert_eq!(index_of(&[2_048; 7], 2_048).merge_with_new(), 7);
        assert_eq!(
            index_of(&[900_000, 1_700, 2_300, 600, 4_000, 900, 2_000, 3_000], 700).merge_with_new(),
            7,
            "sizes need only be alike, and the large one is not"
        );
        let full = [[16_384; 7].as_slice(), &[2_048; 7]].concat();
        assert_eq!(index_of(&full, 2_048).merge_with_new(), 14, "tier by tier");
    }

    #[test]
    fn at_rest_each_segment_is_more_than_twice_the_newer_ones() {
        assert_eq!(index_of(&[], 0).merge_at_rest(), 0);
        assert_eq!(index_of(&[100], 0).merge_at_rest(), 0);
        assert_eq!(index_of(&[100, 10], 0).merge_at_rest(), 0);
        assert_eq!(index_of(&[100, 90, 10], 0).merge_at_rest(), 3);
        assert_eq!(index_of(&[100, 10, 10], 0).merge_at_rest(), 2);
        assert_eq!(index_of(&[30, 10, 10], 0).merge_at_rest(), 3);
    }

    proptest! {
        #[test]
        fn few_segments_and_few_merges(new in prop::collection::vec(1u64..5_000, 1..400)) {
            let (mut segments, mut merged) = (Vec::new(), 0);
            for rows in &new {
                let newest = index_of(&segments, *rows).merge_with_new();
                merged += merge(&mut segments, newest, *rows);
            }
            let total: u64 = new.iter().sum();
            prop_assert_eq!(segments.iter().sum::<u64>(), total);
            let tiers = u64::from(total.ilog(SEGMENTS_ALIKE as u64)) + 1;
            prop_assert!(segments.len() as u64 <= tiers * (SEGMENTS_ALIKE as u64 - 1), "{segments:?}");
            prop_assert!(merged <= total * tiers, "{merged} of {total} rows");

            let newest = index_of(&segments, 0).merge_at_rest();
            if newest > 0 {
                merge(&mut segments, newest, 0);
            }
            let twice = |pair: &[u64]| pair[0] > pair[1] * MERGE_RATIO;
            prop_assert!(segments.windows(2).all(twice), "{segments:?}");
        }
    }
}
