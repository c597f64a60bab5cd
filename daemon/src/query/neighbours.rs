//! What stands before and after the hits of a page, in the same file and the same revision.
//!
//! One read of the table for the whole page. Neighbours are a courtesy: where they cannot be
//! read the answer stands without them, and says so in the log.

use std::collections::{BTreeMap, HashMap};

use hippo_index::{Hit, Span};

use super::memory::{Live, Memory};
use crate::service::wire::Neighbour;

/// The most segments on each side: 10 of 1 KiB are a page of reading.
pub const MAX_CONTEXT: usize = 10;

/// Where a hit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file.
    pub file: u64,
    /// The segment's place in it.
    pub ordinal: u32,
}

/// The current segments around these places, by file and ordinal.
pub struct Around {
    rows: HashMap<u64, BTreeMap<u32, Hit>>,
    reach: u32,
}

impl Around {
    /// Reads `reach` segments on each side of every place.
    pub async fn read<M: Memory>(
        memory: &M,
        places: &[Place],
        reach: usize,
        live: &HashMap<u64, Live>,
    ) -> Around {
        let reach = u32::try_from(reach.min(MAX_CONTEXT)).unwrap_or(0);
        let mut around = Around {
            rows: HashMap::new(),
            reach,
        };
        if reach == 0 || places.is_empty() {
            return around;
        }
        let spans = places.iter().map(|place| Span {
            file: place.file,
            first: place.ordinal.saturating_sub(reach),
            last: place.ordinal.saturating_add(reach),
        });
        match memory.segments(spans.collect()).await {
            Ok(rows) => around.take(rows, live),
            Err(reason) => tracing::warn!(reason, "an answer goes without its neighbours"),
        }
        around
    }

    /// Of several rows of one place (one being replaced), any current one says the same.
    fn take(&mut self, rows: Vec<Hit>, live: &HashMap<u64, Live>) {
        for row in rows {
            let current = live
                .get(&row.file)
                .is_some_and(|known| (known.since..=known.revision).contains(&row.revision));
            if current {
                let file = self.rows.entry(row.file).or_default();
                file.insert(row.ordinal, row);
            }
        }
    }

    /// What stands before this place and after it, in the file's order.
    pub fn beside(&self, place: Place) -> (Vec<Neighbour>, Vec<Neighbour>) {
        let shown = |row: &Hit| Neighbour {
            text: row.text.clone(),
            page: row.page,
            t0_ms: row.t0_ms,
            t1_ms: row.t1_ms,
        };
        let (before, after): (Vec<&Hit>, Vec<&Hit>) = self
            .rows_beside(place)
            .partition(|row| row.ordinal < place.ordinal);
        (
            before.into_iter().map(shown).collect(),
            after.into_iter().map(shown).collect(),
        )
    }

    /// The same as rows, without the place itself.
    pub fn rows_beside(&self, place: Place) -> impl Iterator<Item = &Hit> {
        let first = place.ordinal.saturating_sub(self.reach);
        let last = place.ordinal.saturating_add(self.reach);
        let file = self.rows.get(&place.file).into_iter();
        file.flat_map(move |rows| rows.range(first..=last))
            .filter(move |(at, _)| **at != place.ordinal)
            .map(|(_, row)| row)
    }
}
