//! How much of a passage a text fills.
//!
//! Passages are measured so that both of our languages come out as they should: a Han
//! character weighs 1, a word 2. Text without spaces (hashes, base64, minified code) weighs
//! by its length, and text of little but spaces is squeezed, so that a bound on the weight
//! bounds the bytes too.

use std::borrow::Cow;

/// A word weighs as much as two Han characters, as the ratio of the bounds has it.
const WORD_WEIGHT: usize = 2;
/// Of what has no spaces (hashes, paths, long compounds) so many characters weigh like
/// one word, so that a line of base64 is no passage of a single "word".
const WORD_MAX_CHARS: usize = 12;

/// Whether a character is written without spaces around words: Han, kana, Hangul
/// syllables (shorter words than ours), and their full-width punctuation.
pub(crate) fn is_cjk(c: char) -> bool {
    matches!(c,
        '\u{2E80}'..='\u{312F}' | '\u{3190}'..='\u{31FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}'
        | '\u{AC00}'..='\u{D7AF}' | '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE4F}' | '\u{FF01}'..='\u{FFEF}'
        | '\u{20000}'..='\u{323AF}')
}

/// The weight of a growing text, character by character.
#[derive(Default, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) weight: usize,
    run_chars: usize,
}

impl Scale {
    /// Adds a character and returns the weight so far.
    pub(crate) fn add(&mut self, c: char) -> usize {
        if c.is_whitespace() {
            self.run_chars = 0;
        } else if is_cjk(c) {
            self.run_chars = 0;
            self.weight += 1;
        } else {
            if self.run_chars.is_multiple_of(WORD_MAX_CHARS) {
                self.weight += WORD_WEIGHT;
            }
            self.run_chars += 1;
        }
        self.weight
    }
}

/// How much of a passage a text fills: 1 for a Han character, 2 for a word.
pub fn weight(text: &str) -> usize {
    let mut scale = Scale::default();
    for c in text.chars() {
        scale.add(c);
    }
    scale.weight
}

/// Whether a text weighs at most `limit`, without reading more of it than that takes.
pub(crate) fn fits(text: &str, limit: usize) -> bool {
    let mut scale = Scale::default();
    text.chars().all(|c| scale.add(c) <= limit)
}

/// Of text that is mostly space (a table drawn with blanks, a hostile gap of megabytes)
/// so much of each gap is kept.
const GAP_MAX_CHARS: usize = 16;
/// Text with more bytes than this for its weight is mostly space: the widest words have 25.
const BYTES_PER_WEIGHT: usize = 32;
/// A short text may be as sparse as it likes.
const SPARSE_FREE_BYTES: usize = 256;

/// The text with its gaps cut short, where they are most of it: a passage's weight must
/// bound its bytes.
pub(crate) fn squeezed(text: &str, weight: usize) -> Cow<'_, str> {
    if text.len() <= weight * BYTES_PER_WEIGHT + SPARSE_FREE_BYTES {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut gap = 0;
    for c in text.chars() {
        gap = if c.is_whitespace() { gap + 1 } else { 0 };
        if gap <= GAP_MAX_CHARS {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_han_weigh_as_the_bounds_say() {
        assert_eq!(weight("two words"), 4);
        assert_eq!(weight("训练成本"), 4);
        assert_eq!(weight("用 GPT 训练"), 5);
        assert_eq!(weight(&"x".repeat(120)), 20);
        assert_eq!(weight(" \n "), 0);
    }

    #[test]
    fn a_gap_of_megabytes_is_squeezed() {
        let text = format!("left{}right", " ".repeat(1_000_000));
        assert_eq!(squeezed(&text, weight(&text)).len(), 4 + GAP_MAX_CHARS + 5);
        let table = "a      b      c";
        assert_eq!(squeezed(table, weight(table)), table);
    }
}
