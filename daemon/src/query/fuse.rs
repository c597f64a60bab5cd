//! Several legs, one order.
//!
//! Raw scores of different legs are never compared: each leg is normalised by itself, then
//! combined convexly (arXiv 2210.11934 finds that better than reciprocal ranks), with weights
//! scaled by how far each leg can be trusted for this question (`trust`).
//!
//! The joint leg ranks pictures among themselves, for text is always nearer to text than a
//! picture is (arXiv 2507.19054). How far a picture answers is told by its similarity on its
//! model's own scale, and adds to what words found in it. Where a picture is asked for by name and
//! one answers, a text counts as far as it has the question's words.
//!
//! The names leg says which files are called what was asked. That is evidence for the file as a
//! whole, so it adds to whatever the other legs found in it, and a file in which they found
//! nothing is shown by its first segment. The best text scores 1 however little of the question
//! it has; where a name or a picture answers more of it than any text, texts give way by the
//! difference.
//!
//! Promises: an absent or empty leg lowers nothing; a segment that contains every content word
//! is never outranked by one that only resembles the question weakly; the order is total and
//! depends on nothing but the input; pages cut from it never overlap.

use std::collections::{HashMap, HashSet};

use hippo_index::Lead;

use super::memory::Content;
use super::spelling::Term;
use super::trust::{Normal, Trust, coverages, finite, ratio};

/// The most that a picture can have by its looks alone: what contains every word of the question
/// is above it, unless the question asks for pictures.
const PICTURE_CEILING: f64 = 0.8;
/// The most that a file can have by its name alone: as much as a segment with all the words of
/// the question and a middling rank.
const NAME_CEILING: f64 = 0.8;
/// Shorter texts (a heading, "Yes.") stand in many files and are no copies of each other.
const SAME_TEXT_MIN_BYTES: usize = 40;
/// The kind of pictures.
const PICTURE: &str = "image";
/// The source of words for what a picture shows.
const TAGS: &str = "tags";
/// The source of what is written in pictures.
pub(super) const READ: &str = "ocr";

/// What the legs found, each best first.
#[derive(Debug, Clone, Copy, Default)]
pub struct Found<'a> {
    /// By words.
    pub words: &'a [Ranked],
    /// By the meaning of passages.
    pub passage: &'a [Ranked],
    /// Pictures, by what they show.
    pub joint: &'a [Ranked],
    /// First segments of files, by what the files are called.
    pub names: &'a [Ranked],
}

impl<'a> Found<'a> {
    fn all(self) -> impl Iterator<Item = &'a Ranked> {
        let texts = self.words.iter().chain(self.passage);
        texts.chain(self.joint).chain(self.names)
    }
}

/// One of a leg's results, with its place in the leg before anything was dropped.
#[derive(Debug, Clone)]
pub struct Ranked {
    /// From 0.
    pub rank: usize,
    /// The result.
    pub row: Segment,
    /// What its leg gave it.
    pub score: f32,
}

/// A segment that was found, with what the catalog knows of its file.
#[derive(Debug, Clone)]
pub struct Segment {
    /// What the table says.
    pub lead: Lead,
    /// Where the file is now.
    pub path: String,
    /// What the file holds.
    pub content: Content,
}

/// The same content read twice gives the same segments at the same places.
pub(super) type Id = (Content, u32);

impl Segment {
    /// What is the same in all copies of the file.
    pub(super) fn id(&self) -> Id {
        (self.content, self.lead.ordinal)
    }
}

/// A segment in its final place.
#[derive(Debug, Clone)]
pub struct Fused {
    /// The segment; of several files with the same content, the one that is called what was
    /// asked, or the first by path.
    pub row: Segment,
    /// 0 to 1.
    pub score: f64,
    /// What the words leg gave.
    pub words: Option<f32>,
    /// What the passage leg gave.
    pub passage: Option<f32>,
    /// What the joint leg gave.
    pub joint: Option<f32>,
    /// What the names leg gave its file.
    pub names: Option<f32>,
    /// Paths of other files with the same segment.
    pub also_at: Vec<String>,
    /// Paths of pictures that look alike; `alike` fills it in.
    pub alike: Vec<String>,
    /// The share of the question's content words in its text, where that was looked into.
    pub covered: Option<f64>,
    /// How far it stands out by anything but words, 0 to 1: passage, looks or name.
    pub stands_out: f64,
    /// How much of the question it answers, 0 to 1; `quality` fills it in.
    pub quality: f64,
}

/// The question, as far as fusion needs to know it.
#[derive(Debug, Clone)]
pub struct Question {
    /// Its folded content words.
    pub tokens: Vec<Term>,
    /// It is one word and nothing else, not even a common one.
    pub one_word: bool,
    /// How much vectors count for its sort, 0 to 1.
    pub dense_weight: f64,
    /// It asks for pictures by name: "photo", 照片.
    pub for_pictures: bool,
    /// The similarities at which a picture begins to answer, and surely does.
    pub picture_scale: [f32; 2],
}

/// For each segment's id, the id under which all segments of its text go: the same passage in two
/// files is one answer. What a file says twice are two, and short texts are nobody's copy. All
/// that belongs to a picture, what it shows and what is written in it, is one answer too.
fn same(found: Found<'_>) -> HashMap<Id, Id> {
    let mut times_in_file: HashMap<(&str, u64), usize> = HashMap::new();
    let mut first: HashMap<(&str, usize), Id> = HashMap::new();
    let mut pictures: HashMap<u64, Id> = HashMap::new();
    let mut same = HashMap::new();
    for row in found.all().map(|ranked| &ranked.row) {
        let (id, lead) = (row.id(), &row.lead);
        let text = lead.text.as_str();
        if same.contains_key(&id) {
            continue;
        }
        if lead.kind == PICTURE {
            same.insert(id, *pictures.entry(lead.file).or_insert(id));
            continue;
        }
        if text.len() < SAME_TEXT_MIN_BYTES {
            same.insert(id, id);
            continue;
        }
        let times = times_in_file.entry((text, lead.file)).or_default();
        same.insert(id, *first.entry((text, *times)).or_insert(id));
        *times += 1;
    }
    same
}

/// Fuses in tiers: first the best `tier` of each leg, then the rest of the best `2 * tier`, and
/// so on. What is deeper never moves what is above it, so that pages do not depend on how much
/// was fetched.
pub fn fuse(question: &Question, found: Found<'_>, tier: usize) -> Vec<Fused> {
    let deepest = found.all().map(|r| r.rank).max();
    let mut size = tier.max(1);
    let mut order: Vec<Fused> = Vec::new();
    let mut seen: HashSet<Id> = HashSet::new();
    let same = same(found);
    loop {
        let ceiling = order.last().map_or(1.0, |last| last.score);
        let [words, passage, joint, names] = [found.words, found.passage, found.joint, found.names]
            .map(|leg| leg.iter().filter(|r| r.rank < size).collect::<Vec<_>>());
        let legs = [words, passage, joint];
        for mut fused in fuse_tier(question, &legs, &names, &same) {
            if same.get(&fused.row.id()).is_none_or(|id| seen.insert(*id)) {
                fused.score = fused.score.min(ceiling);
                order.push(fused);
            }
        }
        if deepest.is_none_or(|deepest| deepest < size) {
            return order;
        }
        size = size.saturating_mul(2);
    }
}

#[derive(Default)]
struct Candidate<'a> {
    rows: Vec<&'a Segment>,
    /// What each leg gave: words, passage, joint.
    scores: [Option<f32>; 3],
}

fn fuse_tier(
    question: &Question,
    legs: &[Vec<&Ranked>; 3],
    names: &[&Ranked],
    same: &HashMap<Id, Id>,
) -> Vec<Fused> {
    let [words, passage, _] = legs;
    let covered = coverages(question, words);
    let passages = Normal::of(passage);
    let trust = Trust::of(question, words, &covered, &passages, passage);
    let best_words = words.iter().map(|s| finite(s.score)).fold(0.0, f64::max);

    let key = |row: &Segment| same.get(&row.id()).copied().unwrap_or_else(|| row.id());
    let mut candidates: HashMap<Id, Candidate<'_>> = HashMap::new();
    for (leg, found) in legs.iter().enumerate() {
        for Ranked { row, score, .. } in found {
            let candidate = candidates.entry(key(row)).or_default();
            let mut rows = candidate.rows.iter_mut();
            match rows.find(|known| known.lead.file == row.lead.file) {
                None => candidate.rows.push(row),
                // What is written in a picture says more than what a model calls it.
                Some(known) if row.lead.source == READ && known.lead.source == TAGS => {
                    *known = row;
                }
                Some(_) => {}
            }
            let slot = &mut candidate.scores[leg];
            *slot = Some(slot.map_or(*score, |old| old.max(*score)));
        }
    }

    let file = |ranked: &&Ranked| ranked.row.lead.file;
    let called: HashMap<u64, f32> = names.iter().map(|s| (file(s), s.score)).collect();
    let known: HashSet<u64> = legs.iter().flatten().map(file).collect();
    for ranked in names.iter().filter(|s| !known.contains(&file(s))) {
        let candidate = candidates.entry(key(&ranked.row)).or_default();
        candidate.rows.push(&ranked.row);
    }

    let seen = legs[2].iter().any(|s| question.looks(s.score) > 0.0);
    let picture_wanted = question.for_pictures && seen;
    let best_name = names.iter().map(|s| finite(s.score)).fold(0.0, f64::max);
    let best_look = legs[2].iter().map(|s| question.surely(s.score));
    let answered = best_look.fold(best_name, f64::max);
    let texts_keep = 1.0 - answered.powi(2) * (1.0 - trust.covered);

    let mut order: Vec<Fused> = candidates
        .into_values()
        .filter_map(|candidate| {
            let inside = |row: &&Segment| covered.get(&row.id()).copied();
            let share = candidate.rows.iter().filter_map(inside).reduce(f64::max);
            let [words, passage, joint] = candidate.scores;
            let w = words.map_or(0.0, |s| ratio(finite(s), best_words));
            let p = passage.map_or(0.0, |s| passages.of_score(finite(s)));
            let exact = words.is_some() && share.is_some_and(|share| share >= 1.0);
            let pictured = candidate.rows.iter().any(|row| row.lead.kind == PICTURE);
            let keep = share.filter(|_| picture_wanted && !pictured).unwrap_or(1.0);
            let text = if words.is_some() || passage.is_some() {
                trust.combine(w, p, exact, words.is_some()) * texts_keep * keep
            } else {
                0.0
            };
            let looks = joint.map_or(0.0, |s| question.looks(s));
            let score = if candidate.rows.iter().all(|row| row.lead.source == TAGS) {
                // A model's words for a picture are its looks once more.
                looks.max(text * question.picture_ceiling())
            } else {
                // Both are evidence: neither takes from the other.
                1.0 - (1.0 - text) * (1.0 - looks)
            };
            let by_name = candidate.called(&called);
            let named = by_name.map_or(0.0, |share| finite(share).powi(2) * NAME_CEILING);
            let score = 1.0 - (1.0 - score) * (1.0 - named);
            let mut fused = candidate.into_fused(score, by_name, &called)?;
            fused.covered = share;
            fused.stands_out = [
                passage.map_or(0.0, |s| passages.stands_out(finite(s))),
                joint.map_or(0.0, |s| question.looks(s)),
                by_name.map_or(0.0, finite),
            ]
            .into_iter()
            .fold(0.0, f64::max);
            Some(fused)
        })
        // A picture that answers nothing is no hit.
        .filter(|fused| fused.words.is_some() || fused.passage.is_some() || fused.score > 0.0)
        .collect();
    order.sort_by(before);
    order
}

impl Question {
    /// What a picture of this similarity has by its looks, 0 to 1.
    fn looks(&self, similarity: f32) -> f64 {
        self.surely(similarity) * self.picture_ceiling()
    }

    /// How surely a picture of this similarity answers, 0 to 1.
    fn surely(&self, similarity: f32) -> f64 {
        let [from, to] = self.picture_scale.map(f64::from);
        ratio(finite(similarity) - from, to - from)
    }

    fn picture_ceiling(&self) -> f64 {
        if self.for_pictures {
            1.0
        } else {
            PICTURE_CEILING
        }
    }
}

impl Candidate<'_> {
    /// The best that the names leg gave one of its files.
    fn called(&self, called: &HashMap<u64, f32>) -> Option<f32> {
        let shares = self
            .rows
            .iter()
            .filter_map(|row| called.get(&row.lead.file));
        shares.copied().max_by(f32::total_cmp)
    }

    /// Of several files with the same passage, the one that can be played, then the one that is
    /// called what was asked.
    fn into_fused(
        mut self,
        score: f64,
        names: Option<f32>,
        called: &HashMap<u64, f32>,
    ) -> Option<Fused> {
        let share = |row: &Segment| called.get(&row.lead.file).copied().unwrap_or(0.0);
        let plays = |row: &Segment| matches!(row.lead.kind.as_str(), "audio" | "video");
        self.rows.sort_by(|a, b| {
            let by_name = share(b).total_cmp(&share(a));
            let by_sound = plays(b).cmp(&plays(a));
            by_sound.then(by_name).then_with(|| a.path.cmp(&b.path))
        });
        let mut rows = self.rows.into_iter();
        Some(Fused {
            row: rows.next()?.clone(),
            score,
            words: self.scores[0],
            passage: self.scores[1],
            joint: self.scores[2],
            names,
            also_at: rows.map(|row| row.path.clone()).collect(),
            alike: Vec::new(),
            covered: None,
            stands_out: 0.0,
            quality: 0.0,
        })
    }
}

/// A total order: equal scores go by what the words leg gave, then by place.
fn before(a: &Fused, b: &Fused) -> std::cmp::Ordering {
    let leg = |x: Option<f32>| x.map_or(f64::NEG_INFINITY, finite);
    b.score
        .total_cmp(&a.score)
        .then_with(|| leg(b.words).total_cmp(&leg(a.words)))
        .then_with(|| leg(b.passage).total_cmp(&leg(a.passage)))
        .then_with(|| leg(b.joint).total_cmp(&leg(a.joint)))
        .then_with(|| leg(b.names).total_cmp(&leg(a.names)))
        .then_with(|| a.row.path.cmp(&b.row.path))
        .then_with(|| a.row.lead.ordinal.cmp(&b.row.lead.ordinal))
        .then_with(|| a.row.id().cmp(&b.row.id()))
}

#[cfg(test)]
#[path = "fuse_tests.rs"]
mod tests;
#[cfg(test)]
#[path = "fuse_support.rs"]
pub(crate) mod tests_support;
