//! One folding for the index, the query and the snippet.
//!
//! Folding is NFKC, full Unicode case folding and Traditional to Simplified Chinese. It is
//! made piece by piece, a piece being a character and whatever composes with it, and the
//! fold of a piece depends on nothing around it. That is a promise, not a detail: the fold of
//! a part of a text is a part of the fold of the text, so that whatever a person copies out
//! of a page is found again. (Context-dependent conversion, 乾 kept in 乾隆 and 干 elsewhere,
//! would break it and gains nothing here, for folded text is never shown.)
//!
//! [`words`] and [`query_tokens`] are the tokenizer of the full-text index: the index itself
//! only splits at spaces. [`Phrase`] is the exact match that the index's tokens cannot give.

mod phrase;
mod simplify;
mod tokens;

use std::ops::Range;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::canonical_combining_class;

pub use phrase::{Phrase, Prepared};
pub(crate) use tokens::phrase_tokens;
pub use tokens::{query_tokens, words};

/// Folds a text: NFKC, case, Traditional to Simplified, invisible characters dropped.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for_each_piece(text, |piece, _| case_fold_into(piece, &mut out));
    out
}

/// NFKC and Simplified, but with its case kept: what words are cut from, since the humps of
/// an identifier are gone once it is in lower case.
pub(crate) fn cased(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for_each_piece(text, |piece, _| out.push_str(piece));
    out
}

/// A folded text that remembers where each of its bytes came from.
#[derive(Debug, Clone)]
pub struct Folded {
    /// The folded text.
    pub text: String,
    /// For each piece, where it starts in `text` and in the original.
    pieces: Vec<(usize, usize)>,
    original_len: usize,
}

impl Folded {
    /// Folds `original`.
    pub fn new(original: &str) -> Folded {
        let mut text = String::with_capacity(original.len());
        let mut pieces = Vec::with_capacity(original.len() / 2);
        for_each_piece(original, |piece, start| {
            pieces.push((text.len(), start));
            case_fold_into(piece, &mut text);
        });
        Folded {
            text,
            pieces,
            original_len: original.len(),
        }
    }

    /// The bytes of the original from which these bytes of `text` came, whole pieces always:
    /// in bounds and on character boundaries whatever is asked for.
    pub fn original_range(&self, folded: Range<usize>) -> Range<usize> {
        let start = folded.start.min(self.text.len());
        let end = folded.end.clamp(start, self.text.len());
        // The last piece that starts at or before `start`: pieces that fold to nothing share
        // their start with the one after them, which is the one that is meant.
        let first = self.pieces.partition_point(|(f, _)| *f <= start);
        let from = first.checked_sub(1).map_or(0, |i| {
            if start == self.text.len() {
                self.original_len
            } else {
                self.pieces[i].1
            }
        });
        if start == end {
            return from..from;
        }
        let after = self.pieces.partition_point(|(f, _)| *f < end);
        let to = self
            .pieces
            .get(after)
            .map_or(self.original_len, |(_, original)| *original);
        from..to.max(from)
    }
}

/// Calls `emit` with the normalised form of each piece and where it starts.
fn for_each_piece(text: &str, mut emit: impl FnMut(&str, usize)) {
    let mut buffer = String::with_capacity(16);
    let mut chars = text.char_indices().peekable();
    while let Some((start, first)) = chars.next() {
        let alone = chars.peek().is_none_or(|(_, next)| !continues(*next));
        buffer.clear();
        if alone && is_normal(first) {
            buffer.push(simplify::simplify(first));
        } else {
            let mut end = start + first.len_utf8();
            while let Some((at, next)) = chars.next_if(|(_, next)| continues(*next)) {
                end = at + next.len_utf8();
            }
            buffer.extend(
                text[start..end]
                    .nfkc()
                    .filter(|c| !is_invisible(*c))
                    .map(simplify::simplify),
            );
        }
        emit(&buffer, start);
    }
}

/// NFKC leaves these as they are, whatever stands around them but for combining characters.
fn is_normal(c: char) -> bool {
    c.is_ascii() || ('\u{4E00}'..='\u{9FFF}').contains(&c) || ('\u{3041}'..='\u{3096}').contains(&c)
}

/// Whether `c` may compose with what stands before it, so that both are one piece.
fn continues(c: char) -> bool {
    if c.is_ascii() || ('\u{4E00}'..='\u{9FFF}').contains(&c) {
        return false;
    }
    canonical_combining_class(c) != 0
        || is_invisible(c)
        // Halfwidth voiced sound marks, which NFKC turns into combining ones.
        || matches!(c, '\u{FF9E}' | '\u{FF9F}')
        || unicode_normalization::is_nfkc_quick(std::iter::once(c))
            == unicode_normalization::IsNormalized::Maybe
}

/// Characters that are not seen and that split words when they are taken seriously: soft
/// hyphen, zero-width spaces and joiners, word joiner, byte order mark, variation selectors.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

/// Full case folding: through upper case and back, which makes ß and ss, σ and ς one.
fn case_fold_into(piece: &str, out: &mut String) {
    for c in piece.chars() {
        if c.is_ascii() {
            out.push(c.to_ascii_lowercase());
        } else if c == 'İ' {
            out.push('i');
        } else if ('\u{2E80}'..='\u{A4CF}').contains(&c) {
            // Han, kana, bopomofo: no case.
            out.push(c);
        } else {
            for upper in c.to_uppercase() {
                out.extend(upper.to_lowercase());
            }
        }
    }
}

#[cfg(test)]
mod tests;
