//! The query language, made so that plain questions need none of it.
//!
//! Words are alternatives (OR), best matches first. `"a phrase"` must stand, `-word` must not,
//! and `kind:`, `in:`, `before:`, `after:`, `lang:`, `camera:`, `place:`, `show:`, `speaker:` narrow the
//! search; `sort:` orders what was found. Full-width colons and the quotes “ ” 「 」 『 』 mean the
//! same as theirs. Promises: no input panics; what is not clearly a filter is a word
//! (`https://…`, `10:30`, `std::fs`); what is clearly a slip (`knid:pdf`) is an error that says
//! what was meant; [`Query`]'s `Display` parses back to the same query.

use std::fmt;

use jiff::Zoned;

use super::lex::{Cursor, QUOTES, Token, key_before_colon};
use super::names::{Key, kind_of, lang_of, list, near_miss};
pub use super::query_error::QueryError;
use super::sort::Sort;
use super::when;

/// Longer questions are pasted documents: the legs would gain nothing from them.
pub const MAX_QUERY_BYTES: usize = 8 * 1024;
/// More words than this would make a words search as large as the table.
pub const MAX_TERMS: usize = 256;
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
    /// Only what is dated before this: taken, published or else changed.
    pub before: Option<Moment>,
    /// Only what is dated at or after this.
    pub after: Option<Moment>,
    /// Languages wanted; empty means all.
    pub langs: Vec<String>,
    /// Cameras wanted, as typed; empty means any file.
    pub cameras: Vec<String>,
    /// Places wanted, as typed; empty means any file.
    pub places: Vec<String>,
    /// Shows wanted, as typed; empty means any file.
    pub shows: Vec<String>,
    /// Speakers wanted, as typed; empty means anybody or nobody.
    pub speakers: Vec<String>,
    /// What comes first, where that was said.
    pub sort: Option<Sort>,
}

/// A moment and how it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// As typed.
    pub spec: String,
    /// Milliseconds since the epoch.
    pub epoch_ms: i64,
}

impl Query {
    /// Reads a question. `now` gives the zone and the day for `yesterday` and `7d`.
    pub fn parse(text: &str, now: &Zoned) -> Result<Query, QueryError> {
        let query = Query::beside(text, now)?;
        query.check()?;
        Ok(query)
    }

    /// Reads what stands beside another question, and may be nothing.
    pub fn beside(text: &str, now: &Zoned) -> Result<Query, QueryError> {
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
        let terms = query.words.len() + query.phrases.len() + query.none.len();
        if terms > MAX_TERMS {
            return Err(QueryError::TooManyTerms { terms });
        }
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
            // Names have commas in them.
            Key::Camera => push_once(&mut self.cameras, value.to_owned()),
            Key::Place => push_once(&mut self.places, value.to_owned()),
            Key::Show => push_once(&mut self.shows, value.to_owned()),
            Key::Speaker => push_once(&mut self.speakers, value.to_owned()),
            Key::Before | Key::After => self.date(key, value, now)?,
            // The last one is meant, as with any switch.
            Key::Sort => {
                let sort = Sort::named(value).ok_or_else(|| QueryError::UnknownSort {
                    value: value.to_owned(),
                })?;
                self.sort = Some(sort);
            }
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
            ("camera", &self.cameras),
            ("place", &self.places),
            ("show", &self.shows),
            ("speaker", &self.speakers),
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
        parts.extend(
            self.sort
                .iter()
                .map(|sort| format!("sort:{}", sort.as_str())),
        );
        f.write_str(&parts.join(" "))
    }
}

fn quote_if_needed(value: &str) -> String {
    let special = |c: char| c.is_whitespace() || QUOTES.iter().any(|(q, _)| *q == c);
    // Bare, `in::x` and `in://x` are words.
    let code = value.starts_with([':', '：']) || value.starts_with("//");
    if code || value.contains(special) {
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
