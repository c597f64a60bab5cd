//! The words that the full-text index knows: what a mistyped word may have been meant to be, and
//! what a word may become that is still being typed.
//!
//! The index keeps its words in automata (`fst`), so both are walks that never look at a text.
//! Rows that the index does not cover yet have no part in it.

use std::collections::HashMap;

use lance::index::{DatasetIndexExt as _, DatasetIndexInternalExt as _};
use lance_index::metrics::NoOpMetricsCollector;
use lance_index::scalar::inverted::InvertedIndex;
use lance_index::scalar::inverted::document_tokenizer::DocType;
use lance_index::scalar::inverted::query::{FtsSearchParams, Tokens};

use crate::error::IndexError;
use crate::schema as c;
use crate::store::Store;

/// Words that one segment of the index gives at most, the first by the alphabet.
const WORDS_MAX: usize = 256;
/// Letters that a word being typed may still get.
const REST_MAX: u32 = 24;
/// A character of private use, which no word has. LanceDB has no search for beginnings, but holds
/// the first letters fixed in a search for near words: with this as the only letter behind them,
/// all that goes on with at most so many others is near, and the automaton stays small.
const ANY_LETTER: char = '\u{F8FF}';

/// Which words are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Near {
    /// Those that begin with it.
    Beginning,
    /// Those from which it differs by so many letters put in, left out or exchanged, but not by
    /// its first one.
    Edits(u32),
}

/// A word of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Folded.
    pub word: String,
    /// Segments that have it, those deleted lately included.
    pub segments: u64,
}

impl Store {
    /// The words near a folded word, the commonest first.
    pub async fn vocabulary(&self, word: &str, near: Near) -> Result<Vec<Known>, IndexError> {
        let params = FtsSearchParams::new().with_max_expansions(WORDS_MAX);
        let (word, params) = match near {
            Near::Beginning => {
                let fixed = params.with_prefix_length(word.chars().count() as u32);
                let open = format!("{word}{ANY_LETTER}");
                (open, fixed.with_fuzziness(Some(REST_MAX)))
            }
            Near::Edits(edits) => {
                let first = params.with_prefix_length(1);
                (word.to_owned(), first.with_fuzziness(Some(edits)))
            }
        };
        let _reading = self.reading().await?;
        let dataset = self.dataset().await?;
        let indexes = dataset.load_indices().await;
        let indexes = indexes.map_err(IndexError::lance("list its indexes"))?;
        let failed = || IndexError::lance("look up its words");
        let field = dataset.schema().field(c::WORDS).map(|field| field.id);
        let mut known: HashMap<String, u64> = HashMap::new();
        for index in indexes
            .iter()
            .filter(|index| index.fields.first() == field.as_ref())
        {
            let opened = dataset.open_generic_index(c::WORDS, &index.uuid, &NoOpMetricsCollector);
            let opened = opened.await.map_err(failed())?;
            let Some(words) = opened.as_any().downcast_ref::<InvertedIndex>() else {
                continue;
            };
            let word = Tokens::new(vec![word.clone()], DocType::Text);
            let found = words
                .expand_fuzzy_tokens(&word, &params)
                .map_err(failed())?;
            let found: Vec<String> = (0..found.len())
                .map(|i| found.get_token(i).to_owned())
                .collect();
            let stats = words.bm25_stats_for_terms(&found, None).await;
            let (_, _, segments) = stats.map_err(failed())?;
            for (word, segments) in found.into_iter().zip(segments) {
                *known.entry(word).or_default() += segments as u64;
            }
        }
        let mut known: Vec<Known> = known
            .into_iter()
            .map(|(word, segments)| Known { word, segments })
            .collect();
        Known::commonest_first(&mut known);
        Ok(known)
    }
}

impl Known {
    /// Puts words into the order in which they are given: the commonest first, equals by the
    /// alphabet.
    pub fn commonest_first(known: &mut [Known]) {
        known.sort_by(|a, b| {
            let commonest = b.segments.cmp(&a.segments);
            commonest.then_with(|| a.word.cmp(&b.word))
        });
    }
}
