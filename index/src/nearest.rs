//! Legs of vectors: cosine similarity in one space, which the caller names.
//!
//! Exact over all rows until the table is large enough for an approximate index; with one,
//! candidates are taken from its nearest cells and ranked again by their full vectors, and
//! rows that it does not cover yet are compared one by one.
//!
//! With phrases it goes the other way round: the words index gives the segments that contain
//! them, and only those are compared, exactly. A phrase that stands in ten segments of a
//! million would otherwise have all million fetched in vain.

use std::collections::HashMap;

use arrow_array::types::{UInt32Type, UInt64Type};
use lancedb::DistanceType;
use lancedb::Table;
use lancedb::query::{QueryBase as _, Select};

use crate::columns::Columns;
use crate::error::IndexError;
use crate::predicate;
use crate::query::{Filter, WordsQuery};
use crate::row::Scored;
use crate::schema as c;
use crate::segments::batches;
use crate::store::Store;
use crate::words::{Conditions, best_first, verified};

/// Cells of the approximate index that are looked into.
const CELLS: usize = 20;
/// Candidates ranked again by their full vectors; each is a read of its own, so a long page gets
/// fewer times its length than a short one. Of the best ten of a million, 6 in 1,000 are missed.
const REFINE_CANDIDATES: usize = 400;
/// Times a page's length that is fetched to be ranked again, at least and at most.
const REFINE: (usize, usize) = (2, 10);
/// Segments with the phrases that are compared.
const PHRASE_CANDIDATES: usize = 2_000;

const DISTANCE: &str = "_distance";

/// How far a search by vectors goes where there is an approximate index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// So many cells are looked into, so many candidates ranked again by their full vectors.
    Approximate {
        /// Of about a thousand vectors each.
        cells: usize,
        /// At least twice, at most ten times as many as are asked for.
        candidates: usize,
    },
    /// Every vector is compared: what the other is measured by.
    Exact,
}

impl Default for Effort {
    fn default() -> Effort {
        Effort::Approximate {
            cells: CELLS,
            candidates: REFINE_CANDIDATES,
        }
    }
}

impl Store {
    /// The segments whose vectors of this space are nearest, nearest first; scores are cosine
    /// similarities. Segments without a vector in it are not found.
    pub async fn nearest(
        &self,
        space: &str,
        vector: &[f32],
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Scored>, IndexError> {
        let effort = Effort::default();
        self.nearest_by(effort, space, vector, filter, limit).await
    }

    /// The same with another effort than an answer makes.
    pub async fn nearest_by(
        &self,
        effort: Effort,
        space: &str,
        vector: &[f32],
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Scored>, IndexError> {
        let column = self.column_of(space).ok_or_else(|| IndexError::NoSpace {
            space: space.to_owned(),
        })?;
        if vector.len() != column.space.dim {
            return Err(IndexError::Invalid(format!(
                "the question's vector has {} numbers, those of {space} have {}",
                vector.len(),
                column.space.dim
            )));
        }
        if limit == 0 {
            return Ok(Vec::new());
        }
        if !filter.phrases.is_empty() {
            return self
                .among_phrases(&column.name, vector, filter, limit)
                .await;
        }
        let _reading = self.reading().await?;
        let conditions = Conditions::new([].iter(), filter.none.iter());
        verified(limit, &conditions, |fetch| {
            Box::pin(nearest(
                &self.shared.table,
                effort,
                &column.name,
                vector,
                filter,
                fetch,
            ))
        })
        .await
    }

    /// The segments with all the phrases, by their similarity.
    async fn among_phrases(
        &self,
        column: &str,
        vector: &[f32],
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Scored>, IndexError> {
        let candidates = self
            .words(&WordsQuery::default(), filter, PHRASE_CANDIDATES)
            .await?;
        let mut files: Vec<u64> = candidates.iter().map(|s| s.row.file).collect();
        files.sort_unstable();
        files.dedup();
        let vectors = self.vectors_of(column, &files).await?;
        let mut found: Vec<Scored> = candidates
            .into_iter()
            .filter_map(|mut scored| {
                let row = &scored.row;
                let other = vectors.get(&(row.file, row.revision, row.ordinal))?;
                scored.score = cosine(vector, other)?;
                Some(scored)
            })
            .collect();
        best_first(&mut found);
        found.truncate(limit);
        Ok(found)
    }

    /// The vectors of pictures in this space: of all files, or of one in `every`.
    pub async fn pictures(&self, space: &str, every: u64) -> Result<Vec<Vec<f32>>, IndexError> {
        let Some(column) = self.column_of(space) else {
            return Ok(Vec::new());
        };
        let _reading = self.reading().await?;
        let query = self.shared.table.query();
        let query = query
            .only_if_expr(predicate::pictures(&column.name, every))
            .select(Select::columns(&[column.name.as_str()]));
        let mut found = Vec::new();
        for batch in batches(query, "read vectors").await? {
            let vectors = Columns(&batch).vectors(&column.name)?;
            found.extend(vectors.into_iter().flatten());
        }
        Ok(found)
    }

    /// The vectors of these files, by file, revision and ordinal.
    async fn vectors_of(
        &self,
        column: &str,
        files: &[u64],
    ) -> Result<HashMap<(u64, u64, u32), Vec<f32>>, IndexError> {
        let _reading = self.reading().await?;
        let wanted = [c::FILE, c::REVISION, c::ORDINAL, column];
        let mut vectors = HashMap::new();
        for files in files.chunks(predicate::IN_LIST_MAX) {
            let query = self.shared.table.query();
            let query = query
                .only_if_expr(predicate::files(files))
                .select(Select::columns(&wanted));
            for batch in batches(query, "read vectors").await? {
                let columns = Columns(&batch);
                let file = columns.numbers::<UInt64Type>(c::FILE)?;
                let revision = columns.numbers::<UInt64Type>(c::REVISION)?;
                let ordinal = columns.numbers::<UInt32Type>(c::ORDINAL)?;
                for (i, vector) in columns.vectors(column)?.into_iter().enumerate() {
                    let key = (file.value(i), revision.value(i), ordinal.value(i));
                    vectors.extend(vector.map(|v| (key, v)));
                }
            }
        }
        Ok(vectors)
    }
}

async fn nearest(
    table: &Table,
    effort: Effort,
    column: &str,
    vector: &[f32],
    filter: &Filter,
    limit: usize,
) -> Result<Vec<Scored>, IndexError> {
    let mut wanted = c::LEAD.to_vec();
    wanted.push(DISTANCE);
    let mut query = table
        .query()
        .nearest_to(vector)
        .map_err(IndexError::table("be searched by meaning"))?
        .column(column)
        .distance_type(DistanceType::Cosine)
        .with_row_id()
        .select(Select::columns(&wanted))
        .limit(limit);
    query = match effort {
        Effort::Approximate { cells, candidates } => query
            .nprobes(cells)
            .map_err(IndexError::table("be searched by meaning"))?
            .refine_factor((candidates / limit).clamp(REFINE.0, REFINE.1) as u32),
        Effort::Exact => query.bypass_vector_index(),
    };
    if let Some(filter) = predicate::filter(filter) {
        query = query.only_if_expr(filter);
    }
    let mut found = Vec::new();
    for batch in batches(query, "be searched by meaning").await? {
        found.extend(Columns(&batch).scored(DISTANCE, |distance| 1.0 - distance)?);
    }
    best_first(&mut found);
    Ok(found)
}

/// None for a vector of length 0, which has no direction.
fn cosine(a: &[f32], b: &[f32]) -> Option<f32> {
    let dot: f32 = a.iter().zip(b).map(|(x, y)| x * y).sum();
    let norm = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
    let length = norm(a) * norm(b);
    (length > 0.0).then(|| dot / length)
}
