//! The names in filters: kinds, languages, the filters themselves, and slips in typing them.

use jiff::Zoned;

use super::sort::Sort;
use super::when;
use crate::journal::Facet;

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
const KEY_ALIASES: [(&str, Key); 12] = [
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
    ("order", Key::Sort),
    ("orderby", Key::Sort),
];
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Kind,
    In,
    Before,
    After,
    Lang,
    Camera,
    Place,
    Show,
    Speaker,
    Sort,
}

impl Key {
    pub(super) const ALL: [Key; 10] = [
        Key::Kind,
        Key::In,
        Key::Before,
        Key::After,
        Key::Lang,
        Key::Camera,
        Key::Place,
        Key::Show,
        Key::Speaker,
        Key::Sort,
    ];

    /// The filter by this.
    pub(super) fn of(facet: Facet) -> Key {
        match facet {
            Facet::Camera => Key::Camera,
            Facet::Place => Key::Place,
            Facet::Show => Key::Show,
            Facet::Speaker => Key::Speaker,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Key::Kind => "kind",
            Key::In => "in",
            Key::Before => "before",
            Key::After => "after",
            Key::Lang => "lang",
            Key::Camera => "camera",
            Key::Place => "place",
            Key::Show => "show",
            Key::Speaker => "speaker",
            Key::Sort => "sort",
        }
    }

    pub(super) fn example(self) -> &'static str {
        match self {
            Key::Kind => "`kind:pdf`",
            Key::In => "`in:~/Papers`",
            Key::Before => "`before:2024-03-01`",
            Key::After => "`after:7d`",
            Key::Lang => "`lang:zh`",
            Key::Camera => "`camera:canon`",
            Key::Place => "`place:berlin`",
            Key::Show => "`show:\"morning news\"`",
            Key::Speaker => "`speaker:\"ada lovelace\"`",
            Key::Sort => "`sort:newest`",
        }
    }
}

pub(super) fn list(value: &str) -> impl Iterator<Item = &str> {
    value
        .split([',', '，', '|'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

pub(super) fn kind_of(value: &str) -> Option<&'static str> {
    let value = value.to_lowercase();
    let value = value.trim_start_matches('.');
    KINDS.into_iter().find(|kind| *kind == value).or_else(|| {
        let alias = KIND_ALIASES.iter().find(|(alias, _)| *alias == value)?;
        Some(alias.1)
    })
}

pub(super) fn lang_of(value: &str) -> Option<String> {
    let value = value.to_lowercase();
    if let Some((_, lang)) = LANG_ALIASES.iter().find(|(alias, _)| *alias == value) {
        return Some((*lang).to_owned());
    }
    let code = (2..=3).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_lowercase());
    code.then_some(value)
}

/// A slip is only called one when the value fits the filter: `find:it` stays a word.
pub(super) fn near_miss(typed: &str, value: &str, now: &Zoned) -> Option<Key> {
    let fits = |key: Key| match key {
        Key::Kind => kind_of(value).is_some(),
        Key::Lang => lang_of(value).is_some_and(|lang| ["zh", "en"].contains(&lang.as_str())),
        Key::In => value.starts_with(['/', '~', '.']) && !value.starts_with("//"),
        Key::Before | Key::After => when::moment(value, now).is_some(),
        Key::Sort => Sort::named(value).is_some(),
        Key::Camera | Key::Speaker => true,
        // `shop:`, `slow:` and `plate:` are words.
        Key::Show | Key::Place => false,
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
pub(super) fn one_slip(typed: &str, name: &str) -> bool {
    // In shorter names one slip makes another word.
    const SHORTEST: usize = 4;
    let (typed, name) = (typed.as_bytes(), name.as_bytes());
    if name.len() < SHORTEST || typed.len().abs_diff(name.len()) > 1 {
        return false;
    }
    let alike =
        |pairs: &mut dyn Iterator<Item = (&u8, &u8)>| pairs.take_while(|(x, y)| x == y).count();
    let head = alike(&mut typed.iter().zip(name));
    let (typed, name) = (&typed[head..], &name[head..]);
    let tail = alike(&mut typed.iter().rev().zip(name.iter().rev()));
    match (&typed[..typed.len() - tail], &name[..name.len() - tail]) {
        ([], [_]) | ([_], [] | [_]) => true,
        ([x, y], [z, w]) => x == w && y == z,
        _ => false,
    }
}
