//! What can be wrong with a question. Each says what to write instead.

use super::parse::{MAX_QUERY_BYTES, MAX_TERMS};
use super::when;

/// Why a question cannot be answered as it stands; each says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Nothing to look for.
    #[error(
        "the question is empty: say what to look for, such as `hippo search \"training cost\"`"
    )]
    Empty,
    /// Filters or exclusions alone.
    #[error("there is nothing to look for but filters: add a word, such as `budget {filters}`")]
    OnlyFilters {
        /// The filters, as typed.
        filters: String,
    },
    /// Too long.
    #[error("the question has {bytes} bytes; at most {MAX_QUERY_BYTES} are taken: shorten it")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Too many words.
    #[error("the question has {terms} words; at most {MAX_TERMS} are taken: shorten it")]
    TooManyTerms {
        /// How many.
        terms: usize,
    },
    /// A filter with nothing after the colon.
    #[error("`{key}:` has no value: write {example} with no space after the colon")]
    NoValue {
        /// Which filter.
        key: &'static str,
        /// A good one.
        example: &'static str,
    },
    /// A kind that hippo does not have.
    #[error("there is no kind `{value}`: the kinds are text, pdf, image, audio and video")]
    UnknownKind {
        /// As typed.
        value: String,
    },
    /// Not a date.
    #[error("`{key}:{value}` is no date: write {forms}", forms = when::FORMS)]
    BadDate {
        /// Which filter.
        key: &'static str,
        /// As typed.
        value: String,
    },
    /// Not a language.
    #[error("`lang:{value}` is no language: write a code such as `lang:en` or `lang:zh`")]
    BadLang {
        /// As typed.
        value: String,
    },
    /// An order that hippo does not have.
    #[error(
        "there is no order `{value}`: `sort:` takes best, newest (`time` is the same) and oldest"
    )]
    UnknownSort {
        /// As typed.
        value: String,
    },
    /// A camera, a place, a show or a speaker that no file has.
    #[error("no file has a {key} like `{value}`{}", known_ones(.known))]
    UnknownValue {
        /// Which filter.
        key: &'static str,
        /// As typed.
        value: String,
        /// Some that there are; empty where there is none.
        known: String,
    },
    /// A range with nothing in it.
    #[error("nothing is both after {after} and before {before}: swap the two")]
    EmptyRange {
        /// As typed.
        after: String,
        /// As typed.
        before: String,
    },
    /// A filter's name with a slip in it.
    #[error(
        "`{typed}:` is not a filter; did you mean `{meant}:{value}`? To look for the words, write \"{typed}:{value}\" in quotes"
    )]
    NearMiss {
        /// As typed.
        typed: String,
        /// The filter that was probably meant.
        meant: &'static str,
        /// What followed.
        value: String,
    },
    /// `-kind:pdf` and the like.
    #[error("`-{key}:` cannot be left out; name what is wanted instead: {example}")]
    NegatedFilter {
        /// Which filter.
        key: &'static str,
        /// A good one.
        example: &'static str,
    },
    /// A folder that cannot be resolved.
    #[error("{0}")]
    Folder(String),
}

fn known_ones(known: &str) -> String {
    if known.is_empty() {
        return ": none says which it has".to_owned();
    }
    format!(": there are {known}")
}

impl QueryError {
    /// Stable, for programs.
    pub fn code(&self) -> &'static str {
        "bad_query"
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// The question cannot be understood.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// `limit`, `offset`, `context` or `min_quality` out of bounds.
    #[error("{0}")]
    Page(String),
    /// `tokens` out of bounds.
    #[error("{0}")]
    Budget(String),
    /// A leg that does not exist.
    #[error("there is no leg `{0}`: the legs are words, passage, joint and names")]
    UnknownLeg(String),
    /// No leg could answer.
    #[error("no leg could answer: {0}")]
    NoLeg(String),
    /// The file that is the question cannot be looked at.
    #[error("{0}")]
    Like(String),
    /// What was found could not be read.
    #[error("what was found could not be read: {0}")]
    Table(String),
    /// The catalog could not be read.
    #[error("the catalog could not be read: {0}")]
    Catalog(String),
}
