//! A question cut into words, phrases and `key:value` pairs; what they mean is `parse`'s.

use super::text::is_wide;

/// Opening quotes and what closes them.
pub(super) const QUOTES: [(char, &[char]); 5] = [
    ('"', &['"', '”']),
    ('“', &['”', '"']),
    ('「', &['」']),
    ('『', &['』']),
    ('＂', &['＂']),
];

pub(super) enum Token<'a> {
    Word {
        text: &'a str,
        negated: bool,
    },
    Phrase {
        text: &'a str,
        negated: bool,
    },
    Pair {
        key: &'a str,
        value: &'a str,
        start: &'a str,
        negated: bool,
    },
}

pub(super) struct Cursor<'a> {
    pub(super) rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(super) fn next_token(&mut self) -> Option<Token<'a>> {
        self.rest = self.rest.trim_start();
        let first = self.rest.chars().next()?;
        // `--verbose` is something to look for; `-verbose` is something to leave out.
        let negated = matches!(first, '-' | '－')
            && self.rest[first.len_utf8()..]
                .chars()
                .next()
                .is_some_and(|next| !next.is_whitespace() && !matches!(next, '-' | '－'));
        if negated {
            self.rest = &self.rest[first.len_utf8()..];
        }
        if let Some(text) = self.quoted() {
            return Some(Token::Phrase { text, negated });
        }
        let start = self.rest;
        if let Some((key, colon)) = key_before_colon(start) {
            self.rest = &start[key.len() + colon.len_utf8()..];
            let value = self.quoted().unwrap_or_else(|| self.run());
            return Some(Token::Pair {
                key,
                value,
                start,
                negated,
            });
        }
        let text = self.run();
        Some(Token::Word { text, negated })
    }

    /// What stands between quotes that open right here. Without a closing quote it is all the
    /// rest: somebody is still typing.
    fn quoted(&mut self) -> Option<&'a str> {
        let open = self.rest.chars().next()?;
        let (_, closers) = QUOTES.iter().find(|(q, _)| *q == open)?;
        let inside = &self.rest[open.len_utf8()..];
        let end = inside.find(*closers).unwrap_or(inside.len());
        self.rest = inside[end..].strip_prefix(*closers).unwrap_or("");
        Some(&inside[..end])
    }

    /// Up to the next space, or to a quote that can only be an opening one.
    pub(super) fn run(&mut self) -> &'a str {
        let mut before = None;
        let end = self.rest.char_indices().find_map(|(at, c)| {
            let quote = at > 0 && QUOTES.iter().any(|(open, _)| *open == c);
            // Chinese has no spaces before a quote; English has inches and feet (5").
            let opens = quote && (c != '"' || before.is_some_and(is_wide));
            before = Some(c);
            (c.is_whitespace() || opens).then_some(at)
        });
        let (run, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        run
    }
}

/// `kind:` at the very start, but not `std::` and not `https://`.
pub(super) fn key_before_colon(text: &str) -> Option<(&str, char)> {
    let end = text.find(|c: char| !c.is_ascii_alphabetic())?;
    let colon = text[end..]
        .chars()
        .next()
        .filter(|c| matches!(c, ':' | '：'))?;
    let after = &text[end + colon.len_utf8()..];
    let code = after.starts_with([':', '：']) || after.starts_with("//");
    (end > 0 && !code).then(|| (&text[..end], colon))
}
