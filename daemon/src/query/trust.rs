//! How far each leg can be trusted for one question.
//!
//! A fixed weight alone would let a confident-looking but useless leg win: the best of 200
//! unrelated passages still normalises to 1. So each leg's weight is scaled:
//! - words: the share of the question's content words that its best hits contain. A leg that
//!   only matched "the" and "of" weighs nothing.
//! - passage: how far its best hit stands out from its median, and whether it agrees with the
//!   best word hits at all. A model that does not know the language gives a flat list, or one
//!   that has nothing to do with the words.
//!
//! Promise: segments with every content word have the upper half of the scores for themselves.

use std::collections::HashMap;

use hippo_index::Lead;

use super::fuse::{Id, Question, Ranked};
use super::spelling::Term;
use super::text::Squeezed;

/// Word hits whose texts are looked into: 50 texts of 1 KB fold in about a millisecond.
const LOOKED_INTO: usize = 50;
/// The best word hits, whose coverage and agreement stand for the leg.
const BEST_WORDS: usize = 5;
/// How far the best similarity stands out, as a share of what is left between the median and
/// 1 (models differ in where their unrelated texts lie: near 0, or at 0.75). Less than this says
/// nothing. Measured with a small English model: unrelated questions stand out by 0.1 to 0.25,
/// good ones by 0.35 to 0.5.
const CONTRAST_FLOOR: f64 = 0.10;
/// From the floor to full trust.
const CONTRAST_SPAN: f64 = 0.30;
/// Results whose median says where unrelated texts lie.
const LEAST_MEDIAN: usize = 20;
/// A list of a few close neighbours is not stretched: 0.79 beside 0.80 is no zero. In the same
/// measure.
const LEAST_SPREAD: f64 = 0.10;
/// What is left of the trust in a passage leg whose list has none of the best word hits: they
/// may be the ones that are wrong.
const TRUST_WITHOUT_AGREEMENT: f64 = 0.5;
/// How much word hits that contain only a part of the question hold against a mere resemblance.
const PARTIAL_OBJECTION: f64 = 0.5;
/// What texts are taken to cover of the question where the words leg found none to look into.
const UNREAD_COVERAGE: f64 = 0.5;

/// How far each leg can be trusted for this question.
pub(super) struct Trust {
    /// The weight of the passage leg, 0 to 1; the words leg has the rest.
    dense: f64,
    /// The share of the question's content words that the best texts have.
    pub(super) covered: f64,
    /// What a hit keeps of its score that only the passage leg found, 0 to 1.
    without_words: f64,
}

impl Trust {
    pub(super) fn of(
        question: &Question,
        words: &[&Ranked],
        coverage: &HashMap<Id, f64>,
        passages: &Normal,
        passage: &[&Ranked],
    ) -> Trust {
        let best = || words.iter().take(BEST_WORDS);
        let covered = |s: &&Ranked| coverage.get(&s.row.id()).copied().unwrap_or(0.0);
        let trust_words = best().map(covered).fold(0.0, f64::max);
        let scores: HashMap<Id, f64> = passage
            .iter()
            .map(|s| (s.row.id(), finite(s.score)))
            .collect();
        let agrees = |s: &&Ranked| {
            let score = scores.get(&s.row.id());
            score.map_or(0.0, |score| passages.of_score(*score))
        };
        let agreement = if trust_words > 0.0 {
            best().map(agrees).fold(0.0, f64::max)
        } else {
            1.0
        };
        let trust_passage = if passage.is_empty() {
            0.0
        } else {
            let agreed = TRUST_WITHOUT_AGREEMENT + (1.0 - TRUST_WITHOUT_AGREEMENT) * agreement;
            passages.contrast() * agreed
        };
        // Where the words leg has found much, a hit that has none of it must resemble strongly.
        let objection = if trust_words >= 1.0 {
            1.0
        } else {
            PARTIAL_OBJECTION * trust_words
        };
        let (d, w) = (
            question.dense_weight * trust_passage,
            (1.0 - question.dense_weight) * trust_words,
        );
        let dense = match (words.is_empty(), passage.is_empty()) {
            (true, _) => 1.0,
            (false, true) => 0.0,
            // Neither leg is worth trusting: as the settings say.
            (false, false) if d + w <= f64::EPSILON => question.dense_weight,
            (false, false) => d / (d + w),
        };
        Trust {
            dense,
            covered: if words.is_empty() {
                UNREAD_COVERAGE
            } else {
                trust_words
            },
            without_words: 1.0 - objection * (1.0 - trust_passage),
        }
    }

    /// One score from both legs. Segments with every content word get the upper half for
    /// themselves.
    pub(super) fn combine(&self, words: f64, passage: f64, exact: bool, has_words: bool) -> f64 {
        let score = self.dense * passage + (1.0 - self.dense) * words;
        match (exact, has_words) {
            (true, _) => 0.5 + 0.5 * score,
            (false, true) => score,
            (false, false) => score * self.without_words,
        }
    }
}

/// The passage leg's scale: its worst result is 0, its best 1.
pub(super) struct Normal {
    results: usize,
    best: f64,
    median: f64,
    /// From the median to identity.
    room: f64,
    floor: f64,
}

impl Normal {
    pub(super) fn of(leg: &[&Ranked]) -> Normal {
        let mut scores: Vec<f64> = leg.iter().map(|s| finite(s.score)).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        let at = |i: usize| scores.get(i).copied().unwrap_or(0.0);
        let (best, worst, median) = (
            at(0),
            at(scores.len().saturating_sub(1)),
            at(scores.len() / 2),
        );
        let room = (1.0 - median).max(f64::EPSILON);
        Normal {
            results: scores.len(),
            best,
            median,
            room,
            floor: worst.min(best - LEAST_SPREAD * room),
        }
    }

    /// From 0, nothing stands out, to 1.
    fn contrast(&self) -> f64 {
        self.contrast_of(self.best)
    }

    fn contrast_of(&self, score: f64) -> f64 {
        let out = (score - self.median) / self.room;
        ((out - CONTRAST_FLOOR) / CONTRAST_SPAN).clamp(0.0, 1.0)
    }

    /// How far one result stands out. The median of a few results is not that of unrelated
    /// texts: among them, each has its place between the worst and the best.
    pub(super) fn stands_out(&self, score: f64) -> f64 {
        if self.results < LEAST_MEDIAN {
            self.of_score(score)
        } else {
            self.contrast_of(score)
        }
    }

    pub(super) fn of_score(&self, score: f64) -> f64 {
        ratio(score - self.floor, self.best - self.floor)
    }
}

/// For the best word hits: the share of the question's content words that each contains.
pub(super) fn coverages(question: &Question, words: &[&Ranked]) -> HashMap<Id, f64> {
    // Every hit of the leg contains it, or the leg would not have found it.
    if question.one_word {
        return words.iter().map(|s| (s.row.id(), 1.0)).collect();
    }
    let looked_into = words.iter().take(LOOKED_INTO);
    looked_into
        .map(|s| (s.row.id(), coverage(&question.tokens, &s.row.lead)))
        .collect()
}

/// The share of the question's content words that a segment and its file's title contain.
pub(super) fn coverage(tokens: &[Term], row: &Lead) -> f64 {
    let title = row.title.as_deref().unwrap_or_default();
    let text = Squeezed::new(&format!("{title}\n\n{}", row.text));
    let stands = |term: &&Term| term.0.iter().any(|form| text.contains(form));
    let found = tokens.iter().filter(stands).count();
    ratio(found as f64, tokens.len() as f64)
}

pub(super) fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 {
        (part / whole).clamp(0.0, 1.0)
    } else {
        0.0
    }
}

pub(super) fn finite(score: f32) -> f64 {
    if score.is_finite() {
        f64::from(score)
    } else {
        0.0
    }
}
