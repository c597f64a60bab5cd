//! The words that names and titles have, near another: what a mistyped one may have been meant to
//! be, and what one may become that is still being typed. As the table's own vocabulary gives them
//! for texts.

use std::ops::Range;

use hippo_index::{Known, Near};
use rusqlite::{Connection, params};

use super::{Journal, Result};

/// Words of names that are looked through, each as often as a name has it: more than those of a
/// million names of five words each that begin with one letter of ten.
const LOOKED_THROUGH: i64 = 500_000;
/// Words that are given at most, the commonest.
const WORDS_MAX: usize = 256;

impl Journal {
    /// The words of names near a folded word, the commonest first; what counts is files.
    pub fn name_words(&self, word: &str, near: Near) -> Result<Vec<Known>> {
        let begins = match near {
            Near::Beginning => word.to_owned(),
            // As in the table, the first letter is taken to be right.
            Near::Edits(_) => word.chars().take(1).collect(),
        };
        if begins.is_empty() {
            return Ok(Vec::new());
        }
        let is_near = |other: &str| match near {
            Near::Beginning => true,
            Near::Edits(edits) => strsim::levenshtein(other, word) <= edits as usize,
        };
        let all = beginning_with(&begins);
        let mut known = self.read("looking up the words of names", |c| {
            words_within(c, &all, is_near)
        })?;
        Known::commonest_first(&mut known);
        known.truncate(WORDS_MAX);
        Ok(known)
    }
}

/// All that begins so, as SQLite compares text.
pub(super) fn beginning_with(beginning: &str) -> Range<String> {
    beginning.to_owned()..format!("{beginning}{}", char::MAX)
}

fn words_within(
    c: &Connection,
    all: &Range<String>,
    is_near: impl Fn(&str) -> bool,
) -> rusqlite::Result<Vec<Known>> {
    let mut words = c.prepare_cached(
        "SELECT word, count(*)
         FROM (SELECT word FROM name_word WHERE word >= ?1 AND word < ?2 LIMIT ?3)
         GROUP BY word",
    )?;
    let mut rows = words.query(params![all.start, all.end, LOOKED_THROUGH])?;
    let mut known = Vec::new();
    while let Some(row) = rows.next()? {
        let word = row.get_ref(0)?.as_str()?;
        if is_near(word) {
            known.push(Known {
                word: word.to_owned(),
                segments: row.get::<_, i64>(1)?.unsigned_abs(),
            });
        }
    }
    Ok(known)
}
