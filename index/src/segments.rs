//! Segments by their place in a file: what stands before and after a hit, the head of a file.
//!
//! Reading alone, on the version of now; never waits for a writer. Rows of every revision come
//! back: which of them counts is the catalog's to say.

use futures::TryStreamExt as _;
use lancedb::query::{ExecutableQuery as _, QueryBase as _, Select};

use crate::columns::Columns;
use crate::error::IndexError;
use crate::predicate;
use crate::row::Hit;
use crate::schema as c;
use crate::store::Store;

/// Ordinals `first..=last` of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// The catalog's id of the file.
    pub file: u64,
    /// The first ordinal.
    pub first: u32,
    /// The last ordinal.
    pub last: u32,
}

/// Spans of one read: as many as an answer has hits, and planning stays in milliseconds.
const SPANS_MAX: usize = 200;

impl Store {
    /// The segments of these spans, by file, revision and ordinal. What is not there is absent.
    pub async fn segments(&self, spans: &[Span]) -> Result<Vec<Hit>, IndexError> {
        let _reading = self.reading().await?;
        let mut found = Vec::new();
        for spans in spans.chunks(SPANS_MAX) {
            let query = self.shared.table.query();
            let mut batches = query
                .only_if_expr(predicate::spans(spans))
                .select(Select::columns(&c::HIT))
                .execute()
                .await
                .map_err(IndexError::table("read segments by place"))?;
            while let Some(batch) = batches
                .try_next()
                .await
                .map_err(IndexError::table("read segments by place"))?
            {
                found.extend(Columns(&batch).hits()?);
            }
        }
        found.sort_by_key(|row| (row.file, row.revision, row.ordinal));
        Ok(found)
    }
}
