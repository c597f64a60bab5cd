//! The query language, made so that plain questions need none of it.
//!
//! Words are alternatives (OR), best matches first. `"a phrase"` must stand, `-word` must not,
//! and `kind:`, `in:`, `before:`, `after:`, `lang:` narrow the search. Full-width colons and the
//! quotes “ ” 「 」 『 』 mean the same as theirs. Promises: no input panics; what is not clearly a
//! filter is a word (`https://…`, `10:30`, `std::fs`); what is clearly a slip (`knid:pdf`) is an
//! error that says what was meant; [`Query`]'s `Display` parses back to the same query.

use std::fmt;

use jiff::Zoned;

use super::text::is_wide;
use super::when;

/// Longer questions are pasted documents: the legs would gain nothing from them.
pub const MAX_QUERY_BYTES: usize = 8 * 1024;
/// More words than this would make a words search as large as the table.
pub const MAX_TERMS: usize = 256;
/// The kinds of `kind:`.
pub const KINDS: [&str; 5] = ["text", "pdf", "image", "audio", "video"];
/// Words that people type for kinds.
const KIND_ALIASES: [(&str, &str); 11] = [
    ("texts", "text"),
    ("note", "text"),
    ("notes", "text"),
    ("pdfs", "pdf"),
    ("images", "image"),
    ("picture", "image"),
    ("pictures", "image"),
    ("photo", "image"),
    ("photos", "image"),
    ("podcast", "audio"),
    ("videos", "video"),
];
/// Words that people type for languages; any other code of two or three letters is taken as is.
const LANG_ALIASES: [(&str, &str); 10] = [
    ("zh-cn", "zh"),
    ("zh-tw", "zh"),
    ("zh-hk", "zh"),
    ("zh-hans", "zh"),
    ("zh-hant", "zh"),
    ("cmn", "zh"),
    ("chinese", "zh"),
    ("中文", "zh"),
    ("english", "en"),
    ("eng", "en"),
];
/// Names for filters that other programs use, and ours.
const KEY_ALIASES: [(&str, Key); 10] = [
    ("type", Key::Kind),
    ("ext", Key::Kind),
    ("filetype", Key::Kind),
    ("path", Key::In),
    ("dir", Key::In),
    ("folder", Key::In),
    ("since", Key::After),
    ("until", Key::Before),
    ("language", Key::Lang),
    ("date", Key::After),
];
/// Opening quotes and what closes them.
const QUOTES: [(char, &[char]); 5] = [
    ('"', &['"', '”']),
    ('“', &['”', '"']),
    ('「', &['」']),
    ('『', &['』']),
    ('＂', &['＂']),
];

/// A question, understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// The words, as typed.
    pub words: Vec<String>,
    /// What must stand exactly (but for folding).
    pub phrases: Vec<String>,
    /// What must not stand.
    pub none: Vec<String>,
    /// Kinds wanted; empty means all.
    pub kinds: Vec<String>,
    /// Folders, as typed; `answer` resolves them.
    pub within: Vec<String>,
    /// Only what changed before this.
    pub before: Option<Moment>,
    /// Only what changed at or after this.
    pub after: Option<Moment>,
    /// Languages wanted; empty means all.
    pub langs: Vec<String>,
}

/// A moment and how it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// As typed.
    pub spec: String,
    /// Milliseconds since the epoch.
    pub epoch_ms: i64,
}

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

impl QueryError {
    /// Stable, for programs.
    pub fn code(&self) -> &'static str {
        "bad_query"
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Kind,
    In,
    Before,
    After,
    Lang,
}

impl Key {
    const ALL: [Key; 5] = [Key::Kind, Key::In, Key::Before, Key::After, Key::Lang];

    fn name(self) -> &'static str {
        match self {
            Key::Kind => "kind",
            Key::In => "in",
            Key::Before => "before",
            Key::After => "after",
            Key::Lang => "lang",
        }
    }

    fn example(self) -> &'static str {
        match self {
            Key::Kind => "`kind:pdf`",
            Key::In => "`in:~/Papers`",
            Key::Before => "`before:2024-03-01`",
            Key::After => "`after:7d`",
            Key::Lang => "`lang:zh`",
        }
    }
}

impl Query {
    /// Reads a question. `now` gives the zone and the day for `yesterday` and `7d`.
    pub fn parse(text: &str, now: &Zoned) -> Result<Query, QueryError> {
        if text.len() > MAX_QUERY_BYTES {
            return Err(QueryError::TooLong { bytes: text.len() });
        }
        let mut query = Query::default();
        let mut rest = Cursor { rest: text };
        while let Some(token) = rest.next_token() {
            match token {
                Token::Phrase { text, negated } => query.phrase(text, negated),
                Token::Word { text, negated } => query.word(text, negated),
                Token::Pair {
                    key,
                    value,
                    start,
                    negated,
                } => {
                    if !query.pair(key, value, negated, now)? {
                        // Not a filter after all: a word up to the next space.
                        rest.rest = start;
                        query.word(rest.run(), negated);
                    }
                }
            }
        }
        query.check()?;
        Ok(query)
    }

    /// Adds `kind:` and its like from elsewhere than the text (options, parameters).
    pub fn narrow(&mut self, key: &str, value: &str, now: &Zoned) -> Result<(), QueryError> {
        match Key::ALL.into_iter().find(|k| k.name() == key) {
            Some(key) => self.filter(key, value, now),
            None => Ok(()),
        }
    }

    /// Whether the range of dates can hold anything; to be asked after the last `narrow`.
    pub fn check_range(&self) -> Result<(), QueryError> {
        match (&self.after, &self.before) {
            (Some(after), Some(before)) if after.epoch_ms >= before.epoch_ms => {
                Err(QueryError::EmptyRange {
                    after: after.spec.clone(),
                    before: before.spec.clone(),
                })
            }
            _ => Ok(()),
        }
    }

    /// The words and phrases as one text: for ranking and for embedding.
    pub fn text(&self) -> String {
        let parts: Vec<&str> = self
            .words
            .iter()
            .chain(&self.phrases)
            .map(String::as_str)
            .collect();
        parts.join(" ")
    }

    fn check(&self) -> Result<(), QueryError> {
        let terms = self.words.len() + self.phrases.len() + self.none.len();
        if terms > MAX_TERMS {
            return Err(QueryError::TooManyTerms { terms });
        }
        if self.words.is_empty() && self.phrases.is_empty() {
            return Err(if *self == Query::default() {
                QueryError::Empty
            } else {
                QueryError::OnlyFilters {
                    filters: self.to_string(),
                }
            });
        }
        Ok(())
    }

    fn phrase(&mut self, text: &str, negated: bool) {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let list = if negated {
            &mut self.none
        } else {
            &mut self.phrases
        };
        // A phrase of punctuation alone would be folded to nothing.
        if text.chars().any(char::is_alphanumeric) {
            list.push(text);
        }
    }

    fn word(&mut self, text: &str, negated: bool) {
        let list = if negated {
            &mut self.none
        } else {
            &mut self.words
        };
        if text.chars().any(char::is_alphanumeric) {
            list.push(text.to_owned());
        }
    }

    /// Takes `key:value` as a filter; false when it is none.
    fn pair(
        &mut self,
        key: &str,
        value: &str,
        negated: bool,
        now: &Zoned,
    ) -> Result<bool, QueryError> {
        let typed = key.to_lowercase();
        if let Some(known) = Key::ALL.into_iter().find(|k| k.name() == typed) {
            if negated {
                return Err(QueryError::NegatedFilter {
                    key: known.name(),
                    example: known.example(),
                });
            }
            return self.filter(known, value, now).map(|()| true);
        }
        match near_miss(&typed, value, now) {
            Some(meant) => Err(QueryError::NearMiss {
                typed: key.to_owned(),
                meant: meant.name(),
                value: value.to_owned(),
            }),
            None => Ok(false),
        }
    }

    fn filter(&mut self, key: Key, value: &str, now: &Zoned) -> Result<(), QueryError> {
        let value = value.trim();
        if value.is_empty() {
            return Err(QueryError::NoValue {
                key: key.name(),
                example: key.example(),
            });
        }
        match key {
            Key::Kind => {
                for part in list(value) {
                    let kind = kind_of(part).ok_or_else(|| QueryError::UnknownKind {
                        value: part.to_owned(),
                    })?;
                    push_once(&mut self.kinds, kind.to_owned());
                }
            }
            Key::Lang => {
                for part in list(value) {
                    let lang = lang_of(part).ok_or_else(|| QueryError::BadLang {
                        value: part.to_owned(),
                    })?;
                    push_once(&mut self.langs, lang);
                }
            }
            Key::In => push_once(&mut self.within, value.to_owned()),
            Key::Before | Key::After => self.date(key, value, now)?,
        }
        Ok(())
    }

    /// Two `before:` mean the earlier, two `after:` the later.
    fn date(&mut self, key: Key, value: &str, now: &Zoned) -> Result<(), QueryError> {
        let epoch_ms = when::moment(value, now).ok_or_else(|| QueryError::BadDate {
            key: key.name(),
            value: value.to_owned(),
        })?;
        let new = Moment {
            spec: value.to_owned(),
            epoch_ms,
        };
        let (slot, narrower): (_, fn(i64, i64) -> bool) = match key {
            Key::Before => (&mut self.before, |new, old| new < old),
            _ => (&mut self.after, |new, old| new > old),
        };
        if slot
            .as_ref()
            .is_none_or(|old| narrower(new.epoch_ms, old.epoch_ms))
        {
            *slot = Some(new);
        }
        Ok(())
    }
}

fn push_once(list: &mut Vec<String>, item: String) {
    if !list.contains(&item) {
        list.push(item);
    }
}

fn list(value: &str) -> impl Iterator<Item = &str> {
    value
        .split([',', '，', '|'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

fn kind_of(value: &str) -> Option<&'static str> {
    let value = value.to_lowercase();
    let value = value.trim_start_matches('.');
    KINDS.into_iter().find(|kind| *kind == value).or_else(|| {
        let alias = KIND_ALIASES.iter().find(|(alias, _)| *alias == value)?;
        Some(alias.1)
    })
}

fn lang_of(value: &str) -> Option<String> {
    let value = value.to_lowercase();
    if let Some((_, lang)) = LANG_ALIASES.iter().find(|(alias, _)| *alias == value) {
        return Some((*lang).to_owned());
    }
    let code = (2..=3).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_lowercase());
    code.then_some(value)
}

/// A slip is only called one when the value fits the filter: `find:it` stays a word.
fn near_miss(typed: &str, value: &str, now: &Zoned) -> Option<Key> {
    let fits = |key: Key| match key {
        Key::Kind => kind_of(value).is_some(),
        Key::Lang => lang_of(value).is_some_and(|lang| ["zh", "en"].contains(&lang.as_str())),
        Key::In => value.starts_with(['/', '~', '.']) && !value.starts_with("//"),
        Key::Before | Key::After => when::moment(value, now).is_some(),
    };
    let alias = KEY_ALIASES.iter().find(|(alias, _)| *alias == typed);
    alias
        .map(|(_, key)| *key)
        .into_iter()
        .chain(
            Key::ALL
                .into_iter()
                .filter(|key| one_slip(typed, key.name())),
        )
        .find(|key| fits(*key))
}

/// Whether one letter added, dropped, changed or swapped with its neighbour makes the two alike.
fn one_slip(typed: &str, name: &str) -> bool {
    // In shorter names one slip makes another word.
    const SHORTEST: usize = 4;
    let (a, b) = (typed.as_bytes(), name.as_bytes());
    if b.len() < SHORTEST || a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let head = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let tail = a[head..]
        .iter()
        .rev()
        .zip(b[head..].iter().rev())
        .take_while(|(x, y)| x == y)
        .count();
    let (a, b) = (&a[head..a.len() - tail], &b[head..b.len() - tail]);
    matches!((a, b), ([], [_]) | ([_], [] | [_]))
        || matches!((a, b), ([x, y], [z, w]) if x == w && y == z)
}

enum Token<'a> {
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

struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn next_token(&mut self) -> Option<Token<'a>> {
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
    fn run(&mut self) -> &'a str {
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
fn key_before_colon(text: &str) -> Option<(&str, char)> {
    let end = text.find(|c: char| !c.is_ascii_alphabetic())?;
    let colon = text[end..]
        .chars()
        .next()
        .filter(|c| matches!(c, ':' | '：'))?;
    let after = &text[end + colon.len_utf8()..];
    let code = after.starts_with([':', '：']) || after.starts_with("//");
    (end > 0 && !code).then(|| (&text[..end], colon))
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = self.words.clone();
        parts.extend(self.phrases.iter().map(|p| quote(p)));
        for none in &self.none {
            let plain = !none.contains(char::is_whitespace)
                && !none.contains(|c| QUOTES.iter().any(|(q, _)| *q == c));
            let bare = plain && key_before_colon(none).is_none() && !none.starts_with(['-', '－']);
            parts.push(if bare {
                format!("-{none}")
            } else {
                format!("-{}", quote(none))
            });
        }
        let lists = [
            ("kind", &self.kinds),
            ("in", &self.within),
            ("lang", &self.langs),
        ];
        for (key, values) in lists {
            parts.extend(
                values
                    .iter()
                    .map(|value| format!("{key}:{}", quote_if_needed(value))),
            );
        }
        for (key, moment) in [("before", &self.before), ("after", &self.after)] {
            parts.extend(
                moment
                    .iter()
                    .map(|m| format!("{key}:{}", quote_if_needed(&m.spec))),
            );
        }
        f.write_str(&parts.join(" "))
    }
}

fn quote_if_needed(value: &str) -> String {
    let special = |c: char| c.is_whitespace() || QUOTES.iter().any(|(q, _)| *q == c);
    if value.contains(special) {
        quote(value)
    } else {
        value.to_owned()
    }
}

/// In the first pair of quotes whose closing one is not inside.
fn quote(text: &str) -> String {
    let (open, closers) = QUOTES
        .iter()
        .find(|(_, closers)| !text.contains(*closers))
        .unwrap_or(&QUOTES[0]);
    format!("{open}{text}{}", closers[0])
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
