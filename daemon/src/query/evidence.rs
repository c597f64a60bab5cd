//! From hits to what a language model reads: spans of text within a budget of tokens.
//!
//! The best segments are taken as long as they fit, each with a claim for the segments beside
//! it; segments of one file that follow each other on the same page become one span. Promises:
//! the spans as [`markdown`] never take more tokens than the budget; no text stands in two
//! spans, be it that segments overlap or that two files have the same passage; the outcome
//! depends on nothing but the input.

use std::collections::BTreeMap;
use std::path::Path;

use hippo_index::{Hit, fold};

use super::link::{fragment, link};
use super::tokens::tokens;
use crate::service::wire::Span;

/// Stands for a span's number until all are known: no search gives more hits than this.
const WIDEST_NUMBER: usize = 9_999;
/// The least that two segments have in common when one goes on where the other was cut. Less is
/// chance.
const LEAST_OVERLAP_BYTES: usize = 12;
/// The most that they have, and then some: 20 long words or 40 Han characters.
const MOST_OVERLAP_BYTES: usize = 600;
/// The least that two files' passages have in common when one repeats the other: some words.
const LEAST_REPEAT_BYTES: usize = 24;

/// A segment that may be taken.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) row: Hit,
    pub(super) score: f64,
    /// For what is no hit itself: the hit that it stands beside, by ordinal. Without it, it is
    /// nothing.
    pub(super) beside: Option<u32>,
}

/// Whether `next` goes on where `row` ends.
pub(super) fn goes_on(row: &Hit, next: &Hit) -> bool {
    row.file == next.file
        && row.ordinal.checked_add(1) == Some(next.ordinal)
        && row.page == next.page
        && row.source == next.source
}

/// A span as Markdown: a heading that says where it stands, and the text.
///
/// ```text
/// [1] /home/me/guide.pdf#page=3 (A guide to the town)
///
/// The last boat leaves at …
/// ```
pub fn markdown(span: &Span) -> String {
    let place = fragment(span.page, span.t0_ms);
    let title = span.title.as_deref().unwrap_or_default();
    let title = match title.split_whitespace().collect::<Vec<_>>().join(" ") {
        title if title.is_empty() => title,
        title => format!(" ({title})"),
    };
    let text = match span.text.trim() {
        "" if span.kind == "image" => "(a picture)",
        text => text,
    };
    format!("[{}] {}{place}{title}\n\n{text}\n\n", span.n, span.path)
}

/// Takes what fits, best first, and puts it together.
pub(super) fn pack(mut candidates: Vec<Candidate>, budget: usize) -> Vec<Span> {
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    let best = candidates.first().cloned();
    let mut taken = Taken::default();
    let mut used = 0;
    for candidate in candidates {
        let file = candidate.row.file;
        if used + tokens(&candidate.row.text) > budget || !taken.wants(&candidate) {
            continue;
        }
        let place = candidate.row.ordinal;
        let before = taken.cost(file);
        taken.put(candidate);
        let after = used - before + taken.cost(file);
        if after > budget {
            taken.drop(file, place);
        } else {
            used = after;
        }
    }
    if used == 0
        && let Some(cut) = best.and_then(|best| beginning(&best, budget))
    {
        taken.put(cut);
    }
    taken.into_spans()
}

/// As much of a segment as fits: better than nothing where none fits whole.
fn beginning(candidate: &Candidate, budget: usize) -> Option<Candidate> {
    let whole = candidate.row.text.trim();
    let cut = |end: usize| Hit {
        text: format!("{}…", &whole[..end]),
        ..candidate.row.clone()
    };
    let ends: Vec<usize> = whole.char_indices().map(|(at, _)| at).skip(1).collect();
    let fits = |end: &usize| tokens(&markdown(&span(&cut(*end), 0.0))) <= budget;
    let end = ends.partition_point(fits).checked_sub(1)?;
    Some(Candidate {
        row: cut(ends[end]),
        ..candidate.clone()
    })
}

/// The segments taken so far, by file and ordinal.
#[derive(Default)]
struct Taken {
    files: BTreeMap<u64, BTreeMap<u32, Candidate>>,
    /// The letters of their texts, to know them again in other files.
    texts: Vec<(u64, u32, String)>,
}

impl Taken {
    /// Whether it is neither here already nor beside something that is not.
    fn wants(&self, candidate: &Candidate) -> bool {
        let row = &candidate.row;
        let file = self.files.get(&row.file);
        let has = |ordinal: u32| file.is_some_and(|rows| rows.contains_key(&ordinal));
        if has(row.ordinal) || candidate.beside.is_some_and(|hit| !has(hit)) {
            return false;
        }
        let text = letters(&row.text);
        let mut others = self.texts.iter().filter(|(file, ..)| *file != row.file);
        text.is_empty() || !others.any(|(.., other)| repeats(&text, other))
    }

    fn put(&mut self, candidate: Candidate) {
        let row = &candidate.row;
        self.texts.push((row.file, row.ordinal, letters(&row.text)));
        let rows = self.files.entry(row.file).or_default();
        rows.insert(row.ordinal, candidate);
    }

    fn drop(&mut self, file: u64, ordinal: u32) {
        self.texts.retain(|(f, o, _)| (*f, *o) != (file, ordinal));
        if let Some(rows) = self.files.get_mut(&file) {
            rows.remove(&ordinal);
        }
    }

    /// What a file's spans take, whatever their numbers will be.
    fn cost(&self, file: u64) -> usize {
        let spans = self.files.get(&file).into_iter().flat_map(spans_of);
        spans.map(|span| tokens(&markdown(&span))).sum()
    }

    fn into_spans(self) -> Vec<Span> {
        let mut spans: Vec<Span> = self.files.values().flat_map(spans_of).collect();
        // Stable: spans of one score stay in the order of their places.
        spans.sort_by(|a, b| b.score.total_cmp(&a.score));
        for (i, span) in spans.iter_mut().enumerate() {
            span.n = i + 1;
            span.tokens = tokens(&markdown(span));
            span.score = (span.score * 1e6).round() / 1e6;
        }
        spans
    }
}

/// What a text says whatever its marks, spaces and scripts: a page of a PDF and the Markdown that
/// it was made from are the same passage.
fn letters(text: &str) -> String {
    let folded = fold::fold(text);
    folded.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Whether `text` says little that `other` does not.
fn repeats(text: &str, other: &str) -> bool {
    let (short, long) = if other.len() < text.len() {
        (other, text)
    } else {
        (text, other)
    };
    // A word stands in many a text, and a short text in a long one about something else.
    let much = short.len() >= LEAST_REPEAT_BYTES && 2 * short.len() > text.len();
    text == other || (much && long.contains(short))
}

/// The spans of one file, in its order.
fn spans_of(rows: &BTreeMap<u32, Candidate>) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut last: Option<&Hit> = None;
    for Candidate { row, score, .. } in rows.values() {
        match spans.last_mut() {
            Some(span) if last.is_some_and(|last| goes_on(last, row)) => {
                // What is said goes on line by line, what is written by paragraphs.
                let gap = if row.t0_ms.is_some() { "\n" } else { "\n\n" };
                append(&mut span.text, gap, row.text.trim());
                span.t1_ms = row.t1_ms.or(span.t1_ms);
                span.score = span.score.max(*score);
            }
            _ => spans.push(span(row, *score)),
        }
        last = Some(row);
    }
    spans
}

/// One segment as a span.
fn span(row: &Hit, score: f64) -> Span {
    Span {
        n: WIDEST_NUMBER,
        link: link(Path::new(&row.path), row.page, row.t0_ms),
        path: row.path.clone(),
        title: row.title.clone(),
        kind: row.kind.clone(),
        page: row.page,
        t0_ms: row.t0_ms,
        t1_ms: row.t1_ms,
        text: row.text.trim().to_owned(),
        tokens: 0,
        score,
    }
}

/// Adds what follows. Segments overlap only where a sentence was cut: there it goes on.
fn append(text: &mut String, gap: &str, next: &str) {
    let lengths = next.char_indices().map(|(at, c)| at + c.len_utf8());
    let overlap = lengths
        .take_while(|end| *end <= MOST_OVERLAP_BYTES)
        .filter(|end| *end >= LEAST_OVERLAP_BYTES && text.ends_with(&next[..*end]))
        .last();
    if overlap.is_none() {
        text.push_str(gap);
    }
    text.push_str(&next[overlap.unwrap_or(0)..]);
}

#[cfg(test)]
#[path = "evidence_tests.rs"]
mod tests;
