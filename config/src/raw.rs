//! Raw settings: typed look-ups in a TOML document that keep going after a mistake.
//!
//! Serde stops at the first error and knows no lines; a person who has made three
//! mistakes should hear of three, each with its line. So the document is walked by
//! hand: every look-up either gives a checked value or notes an error and gives the
//! default, and what nobody looked up is unknown. Each look-up also records the key
//! it asked for, which is how the reference in `docs/settings.md` is held true.

use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;

use toml_edit::{Item, TableLike, Value};

/// Edits (of letters) within which a wrong name is taken for a slip of the pen.
const SUGGESTION_MAX_EDITS: usize = 3;

/// One thing wrong in a settings file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    /// The dotted key, `watch.settle_ms`; empty where the file as a whole is meant.
    pub key: String,
    /// The line in the file, from 1.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.key.is_empty()) {
            (Some(line), false) => write!(f, "line {line}, {}: {}", self.key, self.message),
            (Some(line), true) => write!(f, "line {line}: {}", self.message),
            (None, false) => write!(f, "{}: {}", self.key, self.message),
            (None, true) => f.write_str(&self.message),
        }
    }
}

/// Everything wrong in a settings file, in the order of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsErrors {
    /// The file.
    pub origin: PathBuf,
    /// What is wrong, at least one thing.
    pub errors: Vec<SettingsError>,
}

impl fmt::Display for SettingsErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.errors.len();
        let noun = if count == 1 { "mistake" } else { "mistakes" };
        write!(f, "{}: {count} {noun}", self.origin.display())?;
        for error in &self.errors {
            write!(f, "\n  {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsErrors {}

/// A setting that exists, as its reference shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// The dotted key.
    pub key: String,
    /// The default as one would write it; "none" where there is none.
    pub default: String,
    /// What may stand there.
    pub allowed: String,
}

/// Collects errors and known keys over one walk through a document.
pub(crate) struct Reader<'a> {
    text: &'a str,
    pub(crate) errors: Vec<SettingsError>,
    pub(crate) keys: Vec<KeyInfo>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            errors: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// The line of a byte position, from 1.
    pub(crate) fn line(&self, span: Option<Range<usize>>) -> Option<usize> {
        let start = span?.start.min(self.text.len());
        let before = &self.text.as_bytes()[..start];
        Some(before.split(|byte| *byte == b'\n').count())
    }

    pub(crate) fn error(&mut self, key: String, span: Option<Range<usize>>, message: String) {
        let line = self.line(span);
        self.errors.push(SettingsError { key, line, message });
    }

    /// A table of the document, or an absent one that gives defaults.
    pub(crate) fn section<'r>(
        &'r mut self,
        prefix: &'static str,
        table: Option<&'r dyn TableLike>,
    ) -> Section<'r, 'a> {
        Section {
            reader: self,
            table,
            prefix,
            asked: Vec::new(),
        }
    }
}

/// One table of settings: ask for each key, then call [`Section::finish`].
pub(crate) struct Section<'r, 'a> {
    pub(crate) reader: &'r mut Reader<'a>,
    table: Option<&'r dyn TableLike>,
    prefix: &'static str,
    asked: Vec<&'static str>,
}

impl<'r> Section<'r, '_> {
    fn dotted(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    /// The value under a name, noting the name, its default and what is allowed.
    fn find(&mut self, name: &'static str, default: &str, allowed: &str) -> Option<&'r Item> {
        self.asked.push(name);
        let key = self.dotted(name);
        if !self.reader.keys.iter().any(|info| info.key == key) {
            self.reader.keys.push(KeyInfo {
                key,
                default: default.to_owned(),
                allowed: allowed.to_owned(),
            });
        }
        self.table?.get(name)
    }

    /// Notes a mistake in the value of `name`.
    pub(crate) fn mistake(&mut self, name: &str, message: String) {
        let span = self.table.and_then(|table| {
            let (key, item) = table.get_key_value(name)?;
            key.span().or_else(|| item.span())
        });
        let key = self.dotted(name);
        self.reader.error(key, span, message);
    }

    fn wrong_type(&mut self, name: &str, wanted: &str, item: &Item) {
        let message = format!("must be {wanted}, not {}", describe(item));
        self.mistake(name, message);
    }

    pub(crate) fn flag(&mut self, name: &'static str, default: bool) -> bool {
        match self.find(name, &default.to_string(), "true or false") {
            None => default,
            Some(item) => item.as_bool().unwrap_or_else(|| {
                self.wrong_type(name, "true or false", item);
                default
            }),
        }
    }

    pub(crate) fn number(
        &mut self,
        name: &'static str,
        default: u64,
        range: &RangeInclusive<u64>,
    ) -> u64 {
        let found = self.find(name, &default.to_string(), &span_of(range));
        self.in_range(name, found, range).unwrap_or(default)
    }

    pub(crate) fn number_or_none(
        &mut self,
        name: &'static str,
        range: &RangeInclusive<u64>,
    ) -> Option<u64> {
        let found = self.find(name, "none", &span_of(range));
        self.in_range(name, found, range)
    }

    fn in_range(
        &mut self,
        name: &str,
        item: Option<&Item>,
        range: &RangeInclusive<u64>,
    ) -> Option<u64> {
        let item = item?;
        let Some(number) = item.as_integer() else {
            self.wrong_type(name, "a whole number", item);
            return None;
        };
        let checked = u64::try_from(number).ok().filter(|n| range.contains(n));
        if checked.is_none() {
            let message = format!("must be {}, not {number}", span_of(range));
            self.mistake(name, message);
        }
        checked
    }

    /// A size: bytes as a whole number, or text with a unit ("32 MiB").
    pub(crate) fn size(
        &mut self,
        name: &'static str,
        default: u64,
        range: &RangeInclusive<u64>,
    ) -> u64 {
        let allowed = format!(
            "{} to {}",
            show_size(*range.start()),
            show_size(*range.end())
        );
        let shown = format!("\"{}\"", show_size(default));
        let Some(item) = self.find(name, &shown, &allowed) else {
            return default;
        };
        let bytes = match (item.as_integer(), item.as_str()) {
            (Some(number), _) => u64::try_from(number).ok(),
            (None, Some(text)) => parse_size(text),
            (None, None) => None,
        };
        match bytes {
            Some(bytes) if range.contains(&bytes) => return bytes,
            Some(bytes) => {
                let message = format!("must be {allowed}, not {}", show_size(bytes));
                self.mistake(name, message);
            }
            None => self.wrong_type(name, "a number of bytes or a size such as \"32 MiB\"", item),
        }
        default
    }

    pub(crate) fn weight(&mut self, name: &'static str, default: f32) -> f32 {
        let Some(item) = self.find(name, &default.to_string(), "0 to 1") else {
            return default;
        };
        let number = item
            .as_float()
            .or_else(|| item.as_integer().map(|n| n as f64));
        match number {
            Some(number) if (0.0..=1.0).contains(&number) => return number as f32,
            Some(number) => self.mistake(name, format!("must be 0 to 1, not {number}")),
            None => self.wrong_type(name, "a number from 0 to 1", item),
        }
        default
    }

    pub(crate) fn text(&mut self, name: &'static str, allowed: &str) -> Option<&'r str> {
        let item = self.find(name, "none", allowed)?;
        let text = item.as_str();
        if text.is_none() {
            self.wrong_type(name, "text in quotes", item);
        }
        text
    }

    pub(crate) fn choice(
        &mut self,
        name: &'static str,
        default: &'static str,
        choices: &[&'static str],
    ) -> &'static str {
        let shown = format!("\"{default}\"");
        let Some(item) = self.find(name, &shown, &choices.join(", ")) else {
            return default;
        };
        let Some(text) = item.as_str() else {
            self.wrong_type(name, "text in quotes", item);
            return default;
        };
        if let Some(choice) = choices.iter().find(|choice| **choice == text) {
            return choice;
        }
        let message = format!("must be one of {}, not \"{text}\"", choices.join(", "));
        self.mistake(name, message);
        default
    }

    pub(crate) fn texts(&mut self, name: &'static str, allowed: &str) -> Vec<String> {
        let Some(item) = self.find(name, "[]", allowed) else {
            return Vec::new();
        };
        let Some(array) = item.as_array() else {
            self.wrong_type(name, "a list such as [\"*.log\"]", item);
            return Vec::new();
        };
        let mut texts = Vec::with_capacity(array.len());
        for value in array {
            match value {
                Value::String(text) => texts.push(text.value().clone()),
                other => {
                    let key = self.dotted(name);
                    let message = format!("must hold text, not {}", describe_value(other));
                    self.reader.error(key, other.span(), message);
                }
            }
        }
        texts
    }

    /// Notes every key that nobody asked for.
    pub(crate) fn finish(self) {
        let Some(table) = self.table else { return };
        for (name, item) in table.iter() {
            if self.asked.contains(&name) {
                continue;
            }
            let span = table.get_key_value(name).and_then(|(key, _)| key.span());
            let hint = suggest(name, &self.asked)
                .map(|found| format!("; did you mean `{found}`?"))
                .unwrap_or_default();
            let message = format!("is not a setting{hint}");
            let key = format!("{}.{name}", self.prefix);
            self.reader
                .error(key, span.or_else(|| item.span()), message);
        }
    }
}

/// The name that a mistyped one most likely meant.
pub(crate) fn suggest<'n>(wrong: &str, names: &[&'n str]) -> Option<&'n str> {
    let allowed = SUGGESTION_MAX_EDITS.min(wrong.chars().count() / 3 + 1);
    names
        .iter()
        .map(|name| (strsim::levenshtein(wrong, name), *name))
        .filter(|(distance, name)| *distance <= allowed || name.starts_with(wrong))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

fn span_of(range: &RangeInclusive<u64>) -> String {
    if *range.end() == u64::MAX {
        format!("{} or more", range.start())
    } else {
        format!("{} to {}", range.start(), range.end())
    }
}

fn describe(item: &Item) -> String {
    match item {
        Item::None => "nothing".to_owned(),
        Item::Value(value) => describe_value(value),
        Item::Table(_) => "a table".to_owned(),
        Item::ArrayOfTables(_) => "a list of tables".to_owned(),
    }
}

fn describe_value(value: &Value) -> String {
    match value {
        Value::String(text) => format!("the text \"{}\"", text.value()),
        Value::Integer(number) => format!("the number {}", number.value()),
        Value::Float(number) => format!("the number {}", number.value()),
        Value::Boolean(flag) => flag.value().to_string(),
        Value::Datetime(_) => "a date".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::InlineTable(_) => "a table".to_owned(),
    }
}

/// Units of sizes, largest first; the decimal ones too, since people write them.
const SIZE_UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// "32 MiB" -> 33,554,432. None for what is no size.
fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit = text[digits..].trim();
    let (_, factor) = SIZE_UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.checked_mul(*factor)
}

/// The shortest exact form in binary units.
fn show_size(bytes: u64) -> String {
    let (name, factor) = SIZE_UNITS[..3]
        .iter()
        .find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor))
        .unwrap_or(&("B", 1));
    format!("{} {name}", bytes / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_and_show() {
        assert_eq!(parse_size("32 MiB"), Some(32 << 20));
        assert_eq!(parse_size("1kb"), Some(1000));
        assert_eq!(parse_size("7 B"), Some(7));
        assert_eq!(parse_size("MiB"), None);
        assert_eq!(parse_size("-1 MiB"), None);
        assert_eq!(parse_size("3 parsecs"), None);
        assert_eq!(parse_size("99999999999999999 GiB"), None, "no overflow");
        assert_eq!(show_size(64 << 20), "64 MiB");
        assert_eq!(show_size(1025), "1025 B");
    }

    #[test]
    fn suggestions_are_near_or_none() {
        let names = ["settle_ms", "max_wait_ms", "poll_seconds"];
        assert_eq!(suggest("setle_ms", &names), Some("settle_ms"));
        assert_eq!(suggest("poll", &names), Some("poll_seconds"));
        assert_eq!(suggest("colour", &names), None);
    }
}
