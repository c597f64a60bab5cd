//! What is a good match, and what is only the least bad one.
//!
//! Scores are relative: the best of ten useless texts scores 1. The quality of a hit says how
//! much of the question it answers by the strongest of its evidence (the share of the content
//! words that its text has, how far it stands out in the passage leg, its file's name, its looks)
//! against the best hit of the same answer, or against [`STRONG`] where even that one has less.
//! Hits below the floor are left out; when all are, nothing good was found, and the answer says
//! so. Only words like "where is my" in common is no match at all.
//!
//! The numbers were chosen on the tuning half of `make eval`: there, the floor drops every sixth
//! hit of the first page and no answer.

use super::fuse::Fused;
use super::spelling::Term;
use super::trust::coverage;

/// The floor when a request does not name one. A text with one of three words stays, one with a
/// quarter of what the best has goes.
pub const DEFAULT_FLOOR: f64 = 0.3;
/// The evidence of an answer that deserves the name: long questions put in other words than the
/// text's share a fifth of their Han 2-grams with it.
const STRONG: f64 = 0.3;
/// The hits among which the best evidence is.
const FIRST: usize = 50;
/// After so many hits in a row that are no good, none is expected: looking into a text takes 20 us.
const GIVE_UP: usize = 50;

/// Tells good matches for one question from the rest.
pub(super) struct Quality<'a> {
    tokens: &'a [Term],
    best: f64,
    floor: f64,
}

impl<'a> Quality<'a> {
    /// Measures by the best evidence that fusion has seen among the first hits, which are the
    /// same for every page.
    pub(super) fn of(order: &[Fused], tokens: &'a [Term], floor: f64) -> Quality<'a> {
        let seen = |fused: &Fused| fused.covered.unwrap_or(0.0).max(fused.stands_out);
        Quality {
            tokens,
            best: order.iter().take(FIRST).map(seen).fold(STRONG, f64::max),
            floor,
        }
    }

    /// The first `most` that are worth showing, each with its quality.
    pub(super) fn keep(&self, order: Vec<Fused>, most: usize) -> Vec<Fused> {
        let mut kept = Vec::new();
        let mut in_a_row = 0;
        for mut fused in order {
            if kept.len() >= most || in_a_row >= GIVE_UP {
                break;
            }
            let covered = fused.covered;
            let covered = covered.unwrap_or_else(|| coverage(self.tokens, &fused.row.lead));
            fused.quality = (covered.max(fused.stands_out) / self.best).min(1.0);
            if fused.quality >= self.floor {
                in_a_row = 0;
                kept.push(fused);
            } else {
                in_a_row += 1;
            }
        }
        kept
    }
}
