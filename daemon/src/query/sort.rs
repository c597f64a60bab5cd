//! `sort:`: in which order hits are shown.
//!
//! By time, what is sorted is what a search holds good: the best [`SORTED_DEPTH`] of each leg,
//! whatever page is asked for. So pages fit together, and the newest file that has one word of
//! ten comes only if it is among them.

use std::cmp::Reverse;

use super::shown::Shown;

/// Results of each leg that are sorted by time. All that one reads, and 20 ms.
pub const SORTED_DEPTH: usize = 1_000;

/// What comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// The best match.
    #[default]
    Best,
    /// The file that is dated last: taken, published or else changed.
    Newest,
    /// The file that is dated first.
    Oldest,
}

impl Sort {
    /// The order of this name.
    pub fn named(name: &str) -> Option<Sort> {
        Some(match name.to_lowercase().as_str() {
            "best" | "relevance" | "score" => Sort::Best,
            "time" | "newest" | "latest" | "date" | "最新" => Sort::Newest,
            "oldest" | "最早" => Sort::Oldest,
            _ => return None,
        })
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Sort::Best => "best",
            Sort::Newest => "newest",
            Sort::Oldest => "oldest",
        }
    }

    /// Puts hits, which come best first, into this order. Those of one time stay as they are.
    pub(super) fn apply(self, order: &mut [Shown]) {
        match self {
            Sort::Best => {}
            Sort::Newest => order.sort_by_key(|shown| Reverse(dated(shown))),
            Sort::Oldest => order.sort_by_key(dated),
        }
    }
}

fn dated(shown: &Shown) -> i64 {
    shown.row.facts.dated_ms.unwrap_or(shown.row.mtime_ms)
}
