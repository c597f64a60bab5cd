//! The approximate index of each space: when it is worth building, and how.
//!
//! It is trained on the vectors that are there, so it waits until there are enough of them,
//! however many rows there are. Counting them reads the whole column, so it is done only when
//! enough may have come since it was last done in vain. A space that is being filled in the
//! background is not searched yet and can be held back until it is full: an index trained on
//! its first tenth would serve all of it badly.

use std::collections::{HashMap, HashSet};

use arrow_array::{Array as _, RecordBatch};
use lance::Dataset;
use lancedb::DistanceType;
use lancedb::index::Index;
use lancedb::index::vector::IvfPqIndexBuilder;

use crate::error::IndexError;
use crate::indexes::IndexHealth;
use crate::maintenance::live_rows;
use crate::schema::{self, Column};
use crate::store::Store;

/// Rows in one cell of the approximate index: it is the square root of the table for a
/// million.
const CELL_ROWS: usize = 1_024;
/// Dimensions that share one byte of a compressed vector. With 8, one in seven of the best ten of
/// a million is missed whatever the number of cells.
const DIMENSIONS_PER_CODE: usize = 4;

/// What is remembered between the attempts, by space.
#[derive(Debug, Default)]
pub(crate) struct Approximate {
    /// Vectors that still had to come at the last vain attempt, less those that came since.
    lacking: HashMap<String, usize>,
    /// Not to be indexed yet.
    held: HashSet<String>,
}

/// Whether the space of this column has an approximate index.
pub(crate) fn is_indexed(health: &[IndexHealth], column: &Column) -> bool {
    health.iter().any(|index| index.column == column.name)
}

impl Store {
    /// Holds back the approximate index of a space that is being filled, or lets it be built
    /// by the next [`crate::Step::Index`]. Not remembered across an opening.
    pub fn hold_index(&self, space: &str, hold: bool) {
        let mut care = self.care();
        if hold {
            care.approximate.held.insert(space.to_owned());
        } else {
            care.approximate.held.remove(space);
        }
    }

    /// How many rows have a vector in this space. Reads the whole column.
    pub async fn count_vectors(&self, space: &str) -> Result<u64, IndexError> {
        let Some(column) = self.column_of(space) else {
            return Ok(0);
        };
        let _reading = self.reading().await?;
        let dataset = self.dataset().await?;
        count(&dataset, &column).await
    }

    /// Vectors are about to be added.
    pub(crate) fn note_embedded(&self, batches: &[RecordBatch]) {
        let mut care = self.care();
        for batch in batches {
            for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
                let Some(space) = schema::space_of(field) else {
                    continue;
                };
                if let Some(lacking) = care.approximate.lacking.get_mut(&space.name) {
                    *lacking = lacking.saturating_sub(array.len() - array.null_count());
                }
            }
        }
    }

    /// The spaces whose index may be worth building now.
    pub(crate) fn spaces_to_index(&self, dataset: &Dataset, health: &[IndexHealth]) -> Vec<Column> {
        let rows: usize = dataset.fragments().iter().map(live_rows).sum();
        if rows < self.shared.vector_index_rows.max(1) {
            return Vec::new();
        }
        let care = self.care();
        let worth_it = |column: &&Column| {
            let space = &column.space.name;
            !is_indexed(health, column)
                && !care.approximate.held.contains(space)
                && care.approximate.lacking.get(space).is_none_or(|n| *n == 0)
        };
        self.columns().iter().filter(worth_it).cloned().collect()
    }

    /// Builds the index of a space, if enough of its vectors are there.
    pub(crate) async fn build_approximate(
        &self,
        dataset: &Dataset,
        column: &Column,
    ) -> Result<bool, IndexError> {
        let embedded = count(dataset, column).await? as usize;
        let wanted = self.shared.vector_index_rows;
        if embedded < wanted {
            let mut care = self.care();
            let lacking = &mut care.approximate.lacking;
            lacking.insert(column.space.name.clone(), wanted - embedded);
            return Ok(false);
        }
        let mut index = IvfPqIndexBuilder::default()
            .distance_type(DistanceType::Cosine)
            .num_partitions((embedded / CELL_ROWS).max(1) as u32);
        let dim = column.space.dim;
        if dim.is_multiple_of(DIMENSIONS_PER_CODE) {
            index = index.num_sub_vectors((dim / DIMENSIONS_PER_CODE) as u32);
        }
        let built = self
            .shared
            .table
            .create_index(&[&column.name], Index::IvfPq(index))
            .execute()
            .await;
        built.map_err(IndexError::table("build its index of vectors"))?;
        self.care().approximate.lacking.remove(&column.space.name);
        Ok(true)
    }
}

async fn count(dataset: &Dataset, column: &Column) -> Result<u64, IndexError> {
    let counted = dataset
        .count_rows(Some(format!("{} IS NOT NULL", column.name)))
        .await;
    counted
        .map(|rows| rows as u64)
        .map_err(IndexError::lance("count its vectors"))
}
