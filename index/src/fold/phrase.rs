//! Exact matches but for folding: what quotes and `-word` mean.
//!
//! The index knows which segments have all the tokens of a phrase; whether they stand there
//! in that order is seen in the text. White space of any length is one space, a line break
//! inside a run of Han characters is none, and a phrase that begins or ends with a letter
//! begins or ends there with a word, so that "cat" is not found in "concatenate".

use super::tokens::{after_line_break, is_unspaced};
use super::{cased, fold};

/// A phrase, ready to be looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    needle: String,
}

/// A text, ready to be looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared(String);

impl Phrase {
    /// None for a phrase of white space.
    pub fn new(phrase: &str) -> Option<Phrase> {
        let needle = prepare(phrase);
        (!needle.is_empty()).then_some(Phrase { needle })
    }

    /// Whether the phrase stands in the text.
    pub fn stands_in(&self, text: &Prepared) -> bool {
        let Prepared(haystack) = text;
        let guard_start = self.needle.chars().next().is_some_and(is_letter);
        let guard_end = self.needle.chars().next_back().is_some_and(is_letter);
        let mut from = 0;
        while let Some(found) = haystack[from..].find(&self.needle) {
            let start = from + found;
            let end = start + self.needle.len();
            let before = haystack[..start].chars().next_back();
            let after = haystack[end..].chars().next();
            let inside_word = guard_start && before.is_some_and(is_letter)
                || guard_end && after.is_some_and(is_letter);
            if !inside_word {
                return true;
            }
            from = start + haystack[start..].chars().next().map_or(1, char::len_utf8);
        }
        false
    }
}

impl Prepared {
    /// Folds a text for looking into.
    pub fn new(text: &str) -> Prepared {
        Prepared(prepare(text))
    }
}

/// A letter or digit of a script that puts spaces between words.
fn is_letter(c: char) -> bool {
    c.is_alphanumeric() && !is_unspaced(c)
}

fn prepare(text: &str) -> String {
    // Line breaks are looked at before the case is folded only because `fold` is the last
    // step; neither changes white space.
    let cased = cased(text);
    let mut out = String::with_capacity(cased.len());
    let mut rest = cased.as_str();
    while let Some(c) = rest.chars().next() {
        if out.chars().next_back().is_some_and(is_unspaced)
            && let Some(broken) = after_line_break(rest)
        {
            rest = broken;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        if !c.is_whitespace() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with(' ') {
            out.push(' ');
        }
    }
    if out.ends_with(' ') {
        out.pop();
    }
    fold(&out)
}
