//! What can be asked of the table.
//!
//! Filters are hard: each leg applies them before its cut, never after, so that a search in
//! one small folder of a large collection still fills its page.

/// What the words leg looks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WordsQuery {
    /// Plain text of the question: any of its words may match (OR), best first.
    pub any: String,
    /// All of these must stand in the segment (or in its file's title), exactly but for
    /// folding.
    pub phrases: Vec<String>,
    /// None of these may stand in it.
    pub none: Vec<String>,
}

/// Which segments may be found at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Any of these kinds; empty means all.
    pub kinds: Vec<String>,
    /// In or under any of these absolute folders; empty means everywhere.
    pub under: Vec<String>,
    /// Dated before this moment, milliseconds since the epoch: taken, published or else
    /// modified.
    pub before_ms: Option<i64>,
    /// Dated at or after this moment, milliseconds since the epoch.
    pub after_ms: Option<i64>,
    /// Taken with any of these cameras, each by its whole name; empty means any file.
    pub cameras: Vec<String>,
    /// Taken at any of these places, each by its whole name; empty means any file.
    pub places: Vec<String>,
    /// Of any of these shows, each by its whole name; empty means any file.
    pub shows: Vec<String>,
    /// Said by any of these, each by the whole name; empty means any segment.
    pub speakers: Vec<String>,
    /// Any of these languages; empty means all.
    pub langs: Vec<String>,
    /// Segments with any of these words are left out.
    pub none: Vec<String>,
    /// Only segments with all of these phrases, exact but for folding.
    pub phrases: Vec<String>,
}
