//! What is shown of a ranking: the segments, whole.
//!
//! Legs bring no more of a segment than a ranking goes by; the rest is read for what is shown.
//! Promise: what has gone from the table since it was ranked is not shown.

use hippo_index::Hit;

use super::fuse::Fused;
use super::memory::Memory;
use super::neighbours::Place;
use super::query_error::SearchError;

/// A segment with its place in the ranking.
pub(super) struct Shown {
    /// What fusion made of it.
    pub(super) fused: Fused,
    /// The segment, under the path that its file has now; for a picture without words, the one
    /// beside it that has them (`wordless`).
    pub(super) row: Hit,
}

impl Shown {
    /// Reads the rows of a ranking, in its order.
    pub(super) async fn read<M: Memory>(
        memory: &M,
        order: Vec<Fused>,
    ) -> Result<Vec<Shown>, SearchError> {
        if order.is_empty() {
            return Ok(Vec::new());
        }
        let leads = order.iter().map(|fused| fused.row.lead.clone()).collect();
        let rows = memory.read(leads).await.map_err(SearchError::Table)?;
        let shown = |(fused, row): (Fused, Option<Hit>)| {
            let path = fused.row.path.clone();
            let row = Hit { path, ..row? };
            Some(Shown { fused, row })
        };
        Ok(order.into_iter().zip(rows).filter_map(shown).collect())
    }

    /// Where it stands.
    pub(super) fn place(&self) -> Place {
        Place {
            file: self.row.file,
            ordinal: self.row.ordinal,
        }
    }
}
