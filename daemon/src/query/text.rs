//! Small things that both ranking and snippets need to know about a text.
//!
//! [`Squeezed`] is a text as the index sees it (folded, white space evened out, no line break
//! inside a run of Han characters) that still knows where each byte stood in the original.

use std::ops::Range;

use hippo_index::fold::Folded;

/// English words that say nothing about what a text is about. They are looked for all the
/// same, but neither marked nor counted: a snippet full of marked "the" helps nobody. Short on
/// purpose; BM25 already weighs common words down.
const COMMON: [&str; 46] = [
    "a", "an", "and", "are", "as", "at", "be", "by", "can", "did", "do", "does", "for", "from",
    "had", "has", "have", "how", "i", "in", "is", "it", "its", "me", "my", "of", "on", "or",
    "that", "the", "their", "this", "to", "was", "we", "were", "what", "when", "where", "which",
    "who", "why", "will", "with", "you", "your",
];

/// Whether a folded token is one of the common English words.
pub fn is_common(token: &str) -> bool {
    COMMON.binary_search(&token).is_ok()
}

/// Characters of scripts that put no spaces between words; two columns wide on a terminal.
pub fn is_wide(c: char) -> bool {
    matches!(c,
        '\u{1100}'..='\u{115F}' | '\u{2E80}'..='\u{303E}' | '\u{3041}'..='\u{A4CF}'
        | '\u{AC00}'..='\u{D7AF}' | '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE6F}'
        | '\u{FF00}'..='\u{FF60}' | '\u{FFE0}'..='\u{FFE6}' | '\u{1F300}'..='\u{1F64F}'
        | '\u{1F900}'..='\u{1F9FF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Columns that a character takes on a terminal.
pub fn columns(c: char) -> usize {
    match c {
        _ if c.is_control() => 0,
        '\u{300}'..='\u{36F}' | '\u{200B}'..='\u{200F}' | '\u{FE00}'..='\u{FE0F}' => 0,
        _ if is_wide(c) => 2,
        _ => 1,
    }
}

/// Columns that a text takes on a terminal.
pub fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// A folded text with its white space evened out.
pub struct Squeezed {
    /// The text to look into.
    pub text: String,
    /// For each byte of `text`, where it stands in the folded text.
    places: Vec<usize>,
    folded: Folded,
}

impl Squeezed {
    /// Folds and evens out `original`.
    pub fn new(original: &str) -> Squeezed {
        let folded = Folded::new(original);
        let mut text = String::with_capacity(folded.text.len());
        let mut places = Vec::with_capacity(folded.text.len());
        let mut chars = folded.text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let mut piece = c;
            if c.is_whitespace() {
                let mut breaks = c == '\n' || c == '\r';
                while let Some((_, more)) = chars.next_if(|(_, next)| next.is_whitespace()) {
                    breaks &= more == '\n' || more == '\r';
                }
                let inside_run = text.chars().next_back().is_some_and(is_wide)
                    && chars.peek().is_some_and(|(_, next)| is_wide(*next));
                if breaks && inside_run {
                    continue;
                }
                piece = ' ';
            }
            text.push(piece);
            places.resize(text.len(), at);
        }
        Squeezed {
            text,
            places,
            folded,
        }
    }

    /// Where `needle`, which is folded, stands: byte ranges of the original. A needle that
    /// begins or ends with a letter of a script with spaces does so at a word's boundary.
    pub fn find_all(&self, needle: &str) -> Vec<Range<usize>> {
        if needle.is_empty() {
            return Vec::new();
        }
        let found = self
            .text
            .match_indices(needle)
            .map(|(at, _)| at..at + needle.len());
        found
            .filter(|range| self.at_boundaries(range))
            .map(|range| self.original(&range))
            .collect()
    }

    /// Whether `needle` stands anywhere.
    pub fn contains(&self, needle: &str) -> bool {
        let mut found = self.text.match_indices(needle);
        !needle.is_empty() && found.any(|(at, _)| self.at_boundaries(&(at..at + needle.len())))
    }

    fn at_boundaries(&self, range: &Range<usize>) -> bool {
        let inside = &self.text[range.clone()];
        let before = self.text[..range.start].chars().next_back();
        let after = self.text[range.end..].chars().next();
        let joined =
            |a: Option<char>, b: Option<char>| a.is_some_and(is_letter) && b.is_some_and(is_letter);
        !joined(before, inside.chars().next()) && !joined(inside.chars().next_back(), after)
    }

    fn original(&self, range: &Range<usize>) -> Range<usize> {
        let first = self.places[range.start];
        let last = self.text[range.clone()]
            .char_indices()
            .next_back()
            .map_or(range.start, |(at, _)| range.start + at);
        let end = self.places[last];
        let length = self.folded.text[end..]
            .chars()
            .next()
            .map_or(0, char::len_utf8);
        self.folded.original_range(first..end + length)
    }
}

/// A letter or digit of a script that puts spaces between words.
fn is_letter(c: char) -> bool {
    c.is_alphanumeric() && !is_wide(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_words_are_sorted_for_the_search() {
        assert!(COMMON.is_sorted());
        assert!(is_common("the") && !is_common("training"));
    }

    #[test]
    fn places_lead_back_through_folding_and_line_breaks() {
        let original = "個人知\n識庫  與Ｎｏｔｉｏｎ AI";
        let text = Squeezed::new(original);
        let at = |needle: &str| -> Vec<&str> {
            text.find_all(needle)
                .into_iter()
                .map(|r| &original[r])
                .collect()
        };
        assert_eq!(at("知识"), ["知\n識"]);
        assert_eq!(at("notion ai"), ["Ｎｏｔｉｏｎ AI"]);
        assert_eq!(at("与"), ["與"]);
        assert!(!text.contains("oti") && text.contains("ai"));
    }
}
