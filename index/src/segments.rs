//! Segments that are known: the whole of what a leg found, what stands before and after it, the
//! head of a file.
//!
//! Reading alone, on the version of now; never waits for a writer. Rows of every revision come
//! back: which of them counts is the catalog's to say. What a leg found is read where it lay, a
//! third of what looking it up costs; where care has moved it since, it is looked up after all.

use std::collections::HashMap;

use arrow_array::RecordBatch;
use futures::TryStreamExt as _;
use lance::dataset::ProjectionRequest;
use lancedb::expr::DfExpr;
use lancedb::query::{ExecutableQuery, QueryBase as _, Select};

use crate::columns::Columns;
use crate::error::IndexError;
use crate::predicate;
use crate::query::Filter;
use crate::row::{Hit, Lead};
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

/// What reading is called in an error.
const READ: &str = "read segments by place";

/// Spans of one read: as many as an answer has hits, and planning stays in milliseconds.
const SPANS_MAX: usize = 200;

/// What a segment is known by when it is read again: its file, its ordinal there, and what it
/// says. Revisions that say different things lie side by side until the catalog has chosen.
type Said = (u64, u32, String);

impl Store {
    /// The segments of these spans, by file, revision and ordinal. What is not there is absent.
    pub async fn segments(&self, spans: &[Span]) -> Result<Vec<Hit>, IndexError> {
        let _reading = self.reading().await?;
        let mut found = Vec::new();
        for spans in spans.chunks(SPANS_MAX) {
            let query = self.shared.table.query();
            let query = query.only_if_expr(predicate::spans(spans));
            let query = query.select(Select::columns(&c::HIT));
            for batch in batches(query, READ).await? {
                found.extend(Columns(&batch).hits()?);
            }
        }
        found.sort_by_key(|row| (row.file, row.revision, row.ordinal));
        Ok(found)
    }

    /// The same as leads, of those that the filter lets through (but for its phrases and
    /// excluded words).
    pub async fn leads(&self, spans: &[Span], filter: &Filter) -> Result<Vec<Lead>, IndexError> {
        let _reading = self.reading().await?;
        let filter = predicate::filter(filter);
        let mut found = Vec::new();
        for spans in spans.chunks(SPANS_MAX) {
            let wanted = predicate::spans(spans);
            let wanted = filter.iter().cloned().fold(wanted, DfExpr::and);
            let query = self.shared.table.query().with_row_id();
            let query = query.only_if_expr(wanted);
            let query = query.select(Select::columns(&c::LEAD));
            for batch in batches(query, READ).await? {
                found.extend(Columns(&batch).leads()?);
            }
        }
        found.sort_by_key(|lead| (lead.file, lead.revision, lead.ordinal));
        Ok(found)
    }

    /// The whole segment of each of these leads, in their order, of whatever revision says the
    /// same by now; none for one that is gone.
    pub async fn read(&self, leads: &[Lead]) -> Result<Vec<Option<Hit>>, IndexError> {
        if leads.is_empty() {
            return Ok(Vec::new());
        }
        let _reading = self.reading().await?;
        let mut rows = by_what_is_said(self.where_they_lay(leads).await);
        let astray = leads.iter().filter(|lead| !rows.contains_key(&said(lead)));
        let astray: Vec<Span> = astray.map(span).collect();
        // They come by revision: of a row that was written again meanwhile, with another vector
        // say, the newer stays.
        rows.extend(by_what_is_said(self.segments(&astray).await?));
        Ok(leads
            .iter()
            .map(|lead| rows.get(&said(lead)).cloned())
            .collect())
    }

    /// What is now where these leads were found: often their rows, but that is not sure.
    async fn where_they_lay(&self, leads: &[Lead]) -> Vec<Hit> {
        let mut addresses: Vec<u64> = leads.iter().map(|lead| lead.address).collect();
        addresses.sort_unstable();
        addresses.dedup();
        let Ok(dataset) = self.dataset().await else {
            return Vec::new();
        };
        let wanted = ProjectionRequest::from_columns(c::HIT, dataset.schema());
        match dataset.take_rows(&addresses, wanted).await {
            Ok(batch) => Columns(&batch).hits().unwrap_or_default(),
            Err(error) => {
                tracing::debug!(%error, "rows are not where they were found");
                Vec::new()
            }
        }
    }
}

fn by_what_is_said(hits: Vec<Hit>) -> HashMap<Said, Hit> {
    let known = |hit: Hit| ((hit.file, hit.ordinal, hit.text.clone()), hit);
    hits.into_iter().map(known).collect()
}

fn said(lead: &Lead) -> Said {
    (lead.file, lead.ordinal, lead.text.clone())
}

fn span(lead: &Lead) -> Span {
    Span {
        file: lead.file,
        first: lead.ordinal,
        last: lead.ordinal,
    }
}

/// All that a query finds. `action` says, in an error, what the table cannot do.
pub(crate) async fn batches(
    query: impl ExecutableQuery + Send + Sync,
    action: &'static str,
) -> Result<Vec<RecordBatch>, IndexError> {
    let batches = query.execute().await;
    let batches = batches.map_err(IndexError::table(action))?;
    let batches: Result<Vec<RecordBatch>, _> = batches.try_collect().await;
    batches.map_err(IndexError::table(action))
}
