//! Words, as the full-text index and the query see them.
//!
//! - Runs of Han characters, kana, Hangul and of the scripts of South-East Asia, which write
//!   no spaces (or not between words), become 1-grams and 2-grams. A query's run of one is its
//!   1-gram, a longer one its 2-grams alone, so that every query token of a run which stands
//!   in a text is a token of that text. No dictionary: none knows 脑机接口 on the day it is
//!   coined, and two dictionaries never cut alike.
//! - Everything else is cut by Unicode's rules for words. A word with parts (snake_case,
//!   camelCase, lib.rs, C3PO's) is indexed whole and in parts.

use unicode_segmentation::UnicodeSegmentation as _;

use super::{case_fold_into, cased};

/// Longer words are cut here: a base64 blob is one "word" of a megabyte, and 128 characters
/// tell identifiers and hashes (SHA-512 in hex) apart.
const MAX_WORD_CHARS: usize = 128;

/// The tokens of a text as they are indexed, separated by spaces.
pub fn words(text: &str) -> String {
    // Each Han character of 3 bytes becomes a 1-gram and a 2-gram.
    let mut out = String::with_capacity(text.len() * 2);
    let mut push = |token: &str| {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(token);
    };
    tokenize(&cased(text), |piece| match piece {
        Piece::Run(run) => {
            for_each_gram(run, 1, &mut push);
            for_each_gram(run, 2, &mut push);
        }
        Piece::Word(word) => for_each_form(word, Forms::All, &mut push),
    });
    out
}

/// The tokens of a question: any of them may match. Each stands once.
pub fn query_tokens(text: &str) -> Vec<String> {
    collect(text, Forms::All)
}

/// The tokens that a segment must have if it contains this phrase. Only the smallest parts of
/// words: `foo.bar` stands in a text whose word is `foo.bar.baz`; and no humps, for
/// `getUser` is the same phrase as `getuser`.
pub(crate) fn phrase_tokens(text: &str) -> Vec<String> {
    collect(text, Forms::Parts)
}

fn collect(text: &str, forms: Forms) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut push = |token: &str| {
        if seen.insert(token.to_owned()) {
            tokens.push(token.to_owned());
        }
    };
    tokenize(&cased(text), |piece| match piece {
        Piece::Run(run) => for_each_gram(run, run.len().min(2), &mut push),
        Piece::Word(word) => for_each_form(word, forms, &mut push),
    });
    tokens
}

enum Piece<'a> {
    /// Characters of a script that puts no spaces between words.
    Run(&'a [char]),
    /// A word of any other.
    Word(&'a str),
}

/// Calls `found` for each run and each word, in order.
fn tokenize(text: &str, mut found: impl FnMut(Piece)) {
    let mut chars: Vec<char> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let spaced = rest.find(is_unspaced).unwrap_or(rest.len());
        for word in rest[..spaced].unicode_words() {
            found(Piece::Word(word));
        }
        rest = &rest[spaced..];
        chars.clear();
        while let Some(c) = rest.chars().next() {
            if is_unspaced(c) {
                chars.push(c);
                rest = &rest[c.len_utf8()..];
            } else if let Some(broken) = after_line_break(rest) {
                rest = broken;
            } else {
                break;
            }
        }
        if !chars.is_empty() {
            found(Piece::Run(&chars));
        }
    }
}

/// What follows a single line break, if the run goes on there: a sentence that was wrapped in
/// a PDF or a subtitle is one sentence.
pub(super) fn after_line_break(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('\r').unwrap_or(text).strip_prefix('\n')?;
    rest.chars().next().filter(|c| is_unspaced(*c))?;
    Some(rest)
}

fn for_each_gram(run: &[char], n: usize, push: &mut impl FnMut(&str)) {
    let mut gram = String::with_capacity(8);
    for window in run.windows(n) {
        gram.clear();
        gram.extend(window);
        push(&gram);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Forms {
    /// The whole word, its parts, and the humps of the parts.
    All,
    /// The parts alone.
    Parts,
}

/// The forms in which one word is indexed or asked for. No form is pushed twice.
fn for_each_form(word: &str, forms: Forms, push: &mut impl FnMut(&str)) {
    let mut folded = String::with_capacity(word.len());
    let mut emit = |form: &str| {
        folded.clear();
        case_fold_into(form, &mut folded);
        if let Some((cut, _)) = folded.char_indices().nth(MAX_WORD_CHARS) {
            folded.truncate(cut);
        }
        push(&folded);
    };
    // NFKC makes some lone accents a space and a mark, and Unicode's rules take both for a word.
    let word = word.trim();
    let is_part = |c: &char| c.is_alphanumeric() || is_mark(*c);
    let whole = word.chars().all(|c| is_part(&c));
    let spaced = word.chars().any(char::is_whitespace);
    if (forms == Forms::All || whole) && !spaced && !word.is_empty() {
        emit(word);
    }
    for part in word.split(|c| !is_part(&c)).filter(|p| !p.is_empty()) {
        if !whole {
            emit(part);
        }
        if forms == Forms::All {
            for_each_hump(part, &mut emit);
        }
    }
}

/// The humps of camelCase and HTTPServer, where there are at least two.
fn for_each_hump(part: &str, emit: &mut impl FnMut(&str)) {
    let chars: Vec<(usize, char)> = part.char_indices().collect();
    let mut start = 0;
    for (i, (at, c)) in chars.iter().enumerate().skip(1) {
        let before = chars[i - 1].1;
        let lower_after = chars
            .get(i + 1)
            .is_some_and(|(_, next)| next.is_lowercase());
        let starts_hump =
            c.is_uppercase() && (before.is_lowercase() || (before.is_uppercase() && lower_after));
        if starts_hump {
            emit(&part[start..*at]);
            start = *at;
        }
    }
    if start > 0 {
        emit(&part[start..]);
    }
}

/// Combining marks belong to the letter before them.
fn is_mark(c: char) -> bool {
    !c.is_ascii() && unicode_normalization::char::is_combining_mark(c)
}

/// Scripts that are cut into 1-grams and 2-grams.
pub(super) fn is_unspaced(c: char) -> bool {
    let code = c as u32;
    if code < 0x0E00 {
        return false;
    }
    matches!(code,
        // Thai, Lao, Myanmar, Khmer: letters and vowel signs, not digits or punctuation.
        0x0E01..=0x0E3A | 0x0E40..=0x0E4E | 0x0E81..=0x0ECD | 0x1000..=0x103F | 0x1780..=0x17D3
        // Hangul.
        | 0x1100..=0x11FF | 0x3131..=0x318E | 0xA960..=0xA97F | 0xAC00..=0xD7FB
        // Kana and bopomofo.
        | 0x3041..=0x3096 | 0x309D..=0x309F | 0x30A1..=0x30FA | 0x30FC..=0x312F | 0x31A0..=0x31BF
        | 0x31F0..=0x31FF | 0x1B000..=0x1B16F
        // Han.
        | 0x3005..=0x3007 | 0x3021..=0x3029 | 0x3038..=0x303B | 0x3400..=0x4DBF | 0x4E00..=0x9FFF
        | 0xF900..=0xFAFF | 0x20000..=0x323AF)
}
