//! What the words of a question are taken to mean: a mistyped word for the one that was meant,
//! and the last word, while it is being typed, for all that it may become.
//!
//! A word was mistyped when no segment and no name has it and some have one that is very near. The
//! answer is then to that one, and says so. Promises: a word that stands in any segment or name,
//! and what is quoted, is never taken for another; a question whose words were all found costs
//! nothing.

use std::collections::HashSet;

use hippo_index::{Lead, Near, Scored, fold};

use super::memory::Memory;
use super::parse::Query;
use super::route;
use super::text::is_wide;
use crate::service::wire::Correction;

/// Shorter words have too many neighbours: `cats` is one letter from `cars`.
const LEAST_LETTERS: usize = 5;
/// From so many letters on two slips are forgiven; before, one.
const TWO_SLIPS: usize = 8;
/// The best hits, among which a word that any segment has is found: it is rarer than the others.
const LOOKED_INTO: usize = 20;
/// Words that one being typed is looked for as; the commonest.
const COMPLETIONS: usize = 16;
/// Above all letters of the Latin script with their marks.
const LATIN_END: char = '\u{250}';

/// What the words were taken for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Meant {
    /// Words that were taken for others.
    pub(super) corrected: Vec<Correction>,
    /// The word that is being typed, folded; none where all are whole.
    pub(super) beginning: Option<String>,
    /// What it may become.
    completions: Vec<String>,
}

/// A content word of a question: each of the words that count for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term(pub Vec<String>);

impl Meant {
    /// What the words of a question mean as they stand, and its last one as far as it was typed.
    pub(super) async fn at_first<M: Memory>(memory: &M, query: &Query, open: bool) -> Meant {
        let last = query.words.last().filter(|_| open);
        let Some(beginning) = last.and_then(|word| single_token(word)) else {
            return Meant::default();
        };
        // Every character of a run of Han is a word of the index already.
        if beginning.chars().any(is_wide) {
            return Meant::default();
        }
        let known = memory.vocabulary(beginning.clone(), Near::Beginning).await;
        let known = known.unwrap_or_else(|reason| {
            tracing::warn!(
                reason,
                "the words that one may become could not be looked up"
            );
            Vec::new()
        });
        let completions = known.into_iter().map(|known| known.word);
        Meant {
            completions: completions
                .filter(|word| *word != beginning)
                .take(COMPLETIONS)
                .collect(),
            beginning: Some(beginning),
            corrected: Vec::new(),
        }
    }

    /// Takes the words that no hit has for those that were meant; whether there are any.
    pub(super) async fn correct<M: Memory>(
        &mut self,
        memory: &M,
        query: &Query,
        found: &[Scored],
    ) -> bool {
        let whole = query.words.len() - usize::from(self.beginning.is_some());
        let mut seen = HashSet::new();
        for typed in &query.words[..whole] {
            let Some(token) = single_token(typed).filter(|token| may_be_a_slip(token)) else {
                continue;
            };
            let known = || found.iter().take(LOOKED_INTO).any(|s| has(&s.row, &token));
            if !seen.insert(token.clone()) || known() {
                continue;
            }
            if let Some(meant) = nearest(memory, &token).await {
                self.corrected.push(Correction {
                    typed: typed.clone(),
                    meant,
                });
            }
        }
        !self.corrected.is_empty()
    }

    /// The words to look for and to mark.
    pub(super) fn words(&self, query: &Query) -> Vec<String> {
        let meant = |word: &String| {
            let mut corrected = self.corrected.iter();
            let corrected = corrected.find(|c| c.typed == *word);
            corrected.map_or_else(|| word.clone(), |c| c.meant.clone())
        };
        let words = query.words.iter().map(meant);
        words.chain(self.completions.iter().cloned()).collect()
    }

    /// The same with the phrases, as one text.
    pub(super) fn text(&self, query: &Query) -> String {
        let mut words = self.words(query);
        words.extend(query.phrases.iter().cloned());
        words.join(" ")
    }

    /// The question with what was meant in the place of slips, and its last word as far as it
    /// was typed.
    pub(super) fn asked(&self, query: &Query) -> String {
        let whole = Meant {
            completions: Vec::new(),
            ..self.clone()
        };
        let asked = Query {
            words: whole.words(query),
            phrases: query.phrases.clone(),
            ..Query::default()
        };
        asked.text()
    }

    /// The content words of the question.
    pub(super) fn terms(&self, query: &Query) -> Vec<Term> {
        let form = |token: String| {
            let open = self.beginning.as_ref() == Some(&token);
            let completions = self.completions.iter().filter(|_| open).cloned();
            Term(std::iter::once(token).chain(completions).collect())
        };
        let tokens = route::content_tokens(&self.asked(query));
        tokens.into_iter().map(form).collect()
    }
}

/// The one word that the index makes of a word as typed; none of `lib.rs` or 训练.
fn single_token(word: &str) -> Option<String> {
    let mut tokens = fold::query_tokens(word).into_iter();
    tokens.next().filter(|_| tokens.next().is_none())
}

fn may_be_a_slip(token: &str) -> bool {
    token.chars().count() >= LEAST_LETTERS
        && token.chars().all(|c| c.is_alphabetic() && c < LATIN_END)
}

/// Whether a segment has a word, in its text or its title.
fn has(row: &Lead, token: &str) -> bool {
    let stands = |text: &str| fold::words(text).split(' ').any(|word| word == token);
    stands(&row.text) || row.title.as_deref().is_some_and(stands)
}

/// The word of the index that was meant; none where the word itself is one, or none is near.
async fn nearest<M: Memory>(memory: &M, token: &str) -> Option<String> {
    let letters = token.chars().count();
    let slips = if letters < TWO_SLIPS { 1 } else { 2 };
    let mut known = Vec::new();
    // Two letters exchanged are one slip, but two edits.
    for edits in [1, 2] {
        let near = memory
            .vocabulary(token.to_owned(), Near::Edits(edits))
            .await;
        known.extend(near.unwrap_or_else(|reason| {
            tracing::warn!(reason, "the words near another could not be looked up");
            Vec::new()
        }));
    }
    let known = known.into_iter().map(|known| known.word);
    let near = known.map(|word| (strsim::osa_distance(token, &word), word));
    let near = near.filter(|(away, _)| *away <= slips);
    // Letters are exchanged or mistaken more often than forgotten: `modle` is a model, no mode.
    // Of equals the first is taken, which is the commonest.
    let (away, meant) = near.min_by_key(|(away, word)| (*away, word.chars().count() != letters))?;
    (away > 0).then_some(meant)
}

#[cfg(test)]
#[path = "spelling_tests.rs"]
mod tests;
