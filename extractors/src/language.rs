//! Which language a text is in, as ISO 639-1.
//!
//! Scripts decide first: a few Han, kana or Hangul characters say more than trigrams do,
//! and mixed text ("用 GPT 训练模型") is what statistics get wrong. English is told by its
//! function words, which costs a tenth of the trigram model; that is asked last, and
//! believed only when it is sure.

use std::collections::HashMap;

use whatlang::{Lang, Script};

use crate::weight::is_cjk;

/// Trigrams of so many characters decide; more costs time (0.1 ms a thousand) and changes
/// nothing.
const SAMPLE_MAX_CHARS: usize = 600;
/// Fewer letters than this in a script without signs of its own tell nothing.
const LETTERS_MIN: usize = 24;
/// A word of other scripts counts like so many CJK characters.
const WORD_IN_CJK: usize = 2;
/// The commonest words of English that are rare elsewhere.
const ENGLISH: [&str; 24] = [
    "the", "of", "and", "to", "is", "that", "it", "for", "was", "with", "as", "are", "this", "be",
    "by", "you", "not", "have", "from", "or", "which", "your", "at", "can",
];

/// What scripts a text is written in.
#[derive(Default)]
struct Scripts {
    han: usize,
    kana: usize,
    hangul: usize,
    words: usize,
    letters: usize,
    ascii_letters: usize,
    english: usize,
}

impl Scripts {
    fn of(text: &str) -> Scripts {
        let mut scripts = Scripts::default();
        for word in text
            .split(|c: char| !c.is_alphabetic() || is_cjk(c))
            .filter(|w| !w.is_empty())
        {
            scripts.words += 1;
            scripts.letters += word.chars().count();
            scripts.ascii_letters += word.bytes().filter(u8::is_ascii_alphabetic).count();
            if word.len() <= 5
                && ENGLISH
                    .iter()
                    .any(|common| word.eq_ignore_ascii_case(common))
            {
                scripts.english += 1;
            }
        }
        for c in text.chars() {
            match c {
                '\u{3041}'..='\u{30FF}' => scripts.kana += 1,
                '\u{AC00}'..='\u{D7AF}' => scripts.hangul += 1,
                '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}' | '\u{20000}'..='\u{323AF}' => {
                    scripts.han += 1;
                }
                _ => {}
            }
        }
        scripts
    }

    /// The language, where scripts alone settle it.
    fn decide(&self) -> Option<&'static str> {
        let cjk = self.han + self.kana + self.hangul;
        if cjk == 0 || cjk * 3 < self.words * WORD_IN_CJK {
            return None;
        }
        // Japanese is a third kana or more; a tenth allows for headlines.
        if self.kana * 10 > cjk {
            Some("ja")
        } else if self.hangul * 3 > cjk {
            Some("ko")
        } else {
            Some("zh")
        }
    }
}

/// The language of a text, or `None` where it cannot be told.
pub fn detect(text: &str) -> Option<&'static str> {
    let sample = match text.char_indices().nth(SAMPLE_MAX_CHARS) {
        Some((end, _)) => &text[..end],
        None => text,
    };
    let scripts = Scripts::of(sample);
    if let Some(lang) = scripts.decide() {
        return Some(lang);
    }
    // One function word in eight, and hardly a letter outside ASCII: English.
    let plain = scripts.ascii_letters * 100 >= scripts.letters * 98;
    if plain && scripts.words >= 4 && scripts.english * 8 >= scripts.words {
        return Some("en");
    }
    if scripts.letters < LETTERS_MIN {
        return None;
    }
    let info = whatlang::detect(sample)?;
    // A script of its own (Thai, Greek, ...) is certain however short the text.
    let alone = !matches!(
        info.script(),
        Script::Latin | Script::Cyrillic | Script::Arabic | Script::Devanagari | Script::Hebrew
    );
    (alone || info.is_reliable()).then(|| iso_639_1(info.lang()))
}

/// The language of source code: only the scripts of its comments and strings count,
/// since keywords look like English and identifiers like nothing.
pub(crate) fn detect_in_code(text: &str) -> Option<&'static str> {
    let scripts = Scripts::of(text);
    (scripts.han + scripts.kana + scripts.hangul >= LETTERS_MIN)
        .then(|| scripts.decide())
        .flatten()
}

/// A language as people write it ("zh-CN", "eng", "English") as ISO 639-1.
pub(crate) fn normalise(tag: &str) -> Option<String> {
    let primary = tag.trim().split(['-', '_']).next()?.to_ascii_lowercase();
    match primary.len() {
        2 if primary.bytes().all(|b| b.is_ascii_alphabetic()) => Some(primary),
        3 => Lang::from_code(primary).map(|lang| iso_639_1(lang).to_owned()),
        _ => None,
    }
}

fn iso_639_1(lang: Lang) -> &'static str {
    match lang {
        Lang::Epo => "eo",
        Lang::Eng => "en",
        Lang::Rus => "ru",
        Lang::Cmn => "zh",
        Lang::Spa => "es",
        Lang::Por => "pt",
        Lang::Ita => "it",
        Lang::Ben => "bn",
        Lang::Fra => "fr",
        Lang::Deu => "de",
        Lang::Ukr => "uk",
        Lang::Kat => "ka",
        Lang::Ara => "ar",
        Lang::Hin => "hi",
        Lang::Jpn => "ja",
        Lang::Heb => "he",
        Lang::Yid => "yi",
        Lang::Pol => "pl",
        Lang::Amh => "am",
        Lang::Jav => "jv",
        Lang::Kor => "ko",
        Lang::Nob => "no",
        Lang::Dan => "da",
        Lang::Swe => "sv",
        Lang::Fin => "fi",
        Lang::Tur => "tr",
        Lang::Nld => "nl",
        Lang::Hun => "hu",
        Lang::Ces => "cs",
        Lang::Ell => "el",
        Lang::Bul => "bg",
        Lang::Bel => "be",
        Lang::Mar => "mr",
        Lang::Kan => "kn",
        Lang::Ron => "ro",
        Lang::Slv => "sl",
        Lang::Hrv => "hr",
        Lang::Srp => "sr",
        Lang::Mkd => "mk",
        Lang::Lit => "lt",
        Lang::Lav => "lv",
        Lang::Est => "et",
        Lang::Tam => "ta",
        Lang::Vie => "vi",
        Lang::Urd => "ur",
        Lang::Tha => "th",
        Lang::Guj => "gu",
        Lang::Uzb => "uz",
        Lang::Pan => "pa",
        Lang::Aze => "az",
        Lang::Ind => "id",
        Lang::Tel => "te",
        Lang::Pes => "fa",
        Lang::Mal => "ml",
        Lang::Ori => "or",
        Lang::Mya => "my",
        Lang::Nep => "ne",
        Lang::Sin => "si",
        Lang::Khm => "km",
        Lang::Tuk => "tk",
        Lang::Aka => "ak",
        Lang::Zul => "zu",
        Lang::Sna => "sn",
        Lang::Afr => "af",
        Lang::Lat => "la",
        Lang::Slk => "sk",
        Lang::Cat => "ca",
        Lang::Tgl => "tl",
        Lang::Hye => "hy",
        Lang::Cym => "cy",
    }
}

/// Adds up the languages of a document's segments.
#[derive(Default)]
pub(crate) struct Tally {
    by_lang: HashMap<&'static str, usize>,
}

impl Tally {
    pub(crate) fn add(&mut self, lang: Option<&'static str>, weight: usize) {
        if let Some(lang) = lang {
            *self.by_lang.entry(lang).or_default() += weight;
        }
    }

    /// The language of most of the text.
    pub(crate) fn most(&self) -> Option<String> {
        // The name breaks ties, so that the answer never depends on the map's order.
        self.by_lang
            .iter()
            .max_by_key(|(lang, weight)| (**weight, std::cmp::Reverse(**lang)))
            .map(|(lang, _)| (*lang).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_languages_are_told() {
        let cases = [
            ("大家好，我是棕榈资本的创始人", Some("zh")),
            ("用 GPT 训练 embedding 模型", Some("zh")),
            ("個人知識庫與智能代理", Some("zh")),
            ("これは日本語の文章です。", Some("ja")),
            ("人工知能の研究開発", Some("ja")),
            ("이것은 한국어 문장입니다", Some("ko")),
            (
                "A man is eating a piece of bread with the others.",
                Some("en"),
            ),
            (
                "Le renard brun saute par-dessus le chien paresseux, et puis il s'en va dormir dans la forêt.",
                Some("fr"),
            ),
            (
                "Der schnelle braune Fuchs springt über den faulen Hund und läuft danach in den Wald hinein.",
                Some("de"),
            ),
            (
                "Быстрая коричневая лиса перепрыгивает через ленивую собаку и убегает в лес.",
                Some("ru"),
            ),
            ("ภาษาไทยเป็นภาษาที่มีระดับเสียงของคำแน่นอน", Some("th")),
            ("42", None),
            ("x = y + z", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(detect(text), expected, "{text}");
        }
    }

    #[test]
    fn code_has_only_the_language_of_its_comments() {
        assert_eq!(detect_in_code("fn main() { let the = of; }"), None);
        assert_eq!(
            detect_in_code(
                "// 这个函数把文本切成段落，按照标题和空行来分，然后再合并成合适的大小\nfn pack() {}"
            ),
            Some("zh")
        );
    }

    #[test]
    fn tags_are_normalised() {
        assert_eq!(normalise("zh-CN").as_deref(), Some("zh"));
        assert_eq!(normalise("en_US").as_deref(), Some("en"));
        assert_eq!(normalise("eng").as_deref(), Some("en"));
        assert_eq!(normalise("a language"), None);
    }
}
