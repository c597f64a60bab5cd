//! What sort of question it is, and how much vectors should count for it.
//!
//! Soft rules only: they move a weight, they never drop a leg. The weights are settings; where
//! they come from is told in ARCHITECTURE.md (nDCG@10 of BM25 and dense legs on MIRACL).

use hippo_config::SearchSettings;
use hippo_index::fold;

use super::parse::Query;
use super::text::{is_common, is_wide};

/// What sort of question it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Words of scripts with spaces.
    English,
    /// Han, kana, Hangul.
    Chinese,
    /// Both.
    Mixed,
    /// Quotes, identifiers, file names: what is meant is what stands there.
    Exact,
}

/// Looks at a question.
pub fn asked(query: &Query) -> Asked {
    let identifiers = query
        .words
        .iter()
        .filter(|word| is_identifier(word))
        .count();
    if !query.phrases.is_empty() || identifiers * 2 > query.words.len() {
        return Asked::Exact;
    }
    let han = query.words.iter().any(|word| word.chars().any(is_wide));
    let spaced = query
        .words
        .iter()
        .any(|word| word.chars().any(|c| c.is_alphabetic() && !is_wide(c)));
    match (han, spaced) {
        (true, true) => Asked::Mixed,
        (true, false) => Asked::Chinese,
        (false, _) => Asked::English,
    }
}

/// Words by which a person says that a picture is meant.
const PICTURE_WORDS: [&str; 22] = [
    "photo",
    "photos",
    "picture",
    "pictures",
    "image",
    "images",
    "screenshot",
    "screenshots",
    "drawing",
    "snapshot",
    "照片",
    "图片",
    "圖片",
    "相片",
    "截图",
    "截圖",
    "图像",
    "圖像",
    "图标",
    "张图",
    "張圖",
    "画",
];

/// Whether it asks for pictures by name.
pub fn for_pictures(query: &Query) -> bool {
    let text = query.text().to_lowercase();
    let spaced = |word: &str| {
        text.split(|c: char| !c.is_alphanumeric())
            .any(|token| token == word)
    };
    PICTURE_WORDS
        .iter()
        .any(|word| spaced(word) || (word.chars().any(is_wide) && text.contains(word)))
}

/// How much vectors count, from 0 to 1.
pub fn dense_weight(asked: Asked, settings: &SearchSettings) -> f64 {
    let weight = match asked {
        Asked::English => settings.dense_weight_en,
        Asked::Chinese => settings.dense_weight_zh,
        Asked::Mixed => settings.dense_weight_mixed,
        Asked::Exact => settings.dense_weight_exact,
    };
    f64::from(weight)
}

/// The folded tokens of a question that say what it is about; all of them where none does.
pub fn content_tokens(text: &str) -> Vec<String> {
    let all = fold::query_tokens(text);
    let content: Vec<String> = all.iter().filter(|t| !is_common(t)).cloned().collect();
    if content.is_empty() { all } else { content }
}

/// `snake_case`, `camelCase`, `lib.rs`, `E0308`, `std::fs`, `GPT-4`: written by machines or
/// for them.
fn is_identifier(word: &str) -> bool {
    let word =
        word.trim_matches(|c: char| matches!(c, '.' | ',' | ';' | ':' | '!' | '?' | '(' | ')'));
    if word.chars().any(is_wide) {
        return false;
    }
    let inner = word.char_indices().skip(1);
    let digit = word.chars().any(|c| c.is_ascii_digit());
    let letter = word.chars().any(char::is_alphabetic);
    let hump = word
        .chars()
        .zip(word.chars().skip(1))
        .any(|(a, b)| a.is_lowercase() && b.is_uppercase());
    let joint = inner
        .clone()
        .any(|(at, c)| matches!(c, '_' | '.' | '/' | '\\' | '=') && at + 1 < word.len());
    (digit && letter) || hump || joint || word.contains("::") || word.starts_with("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_sorted_softly() {
        let now = jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
        for (text, expect) in [
            ("training cost", Asked::English),
            ("coût de l'entraînement", Asked::English),
            ("训练成本每年下降多少", Asked::Chinese),
            ("stable diffusion 插件 野蛮生长", Asked::Mixed),
            ("Notion AI 续写", Asked::Mixed),
            ("\"training cost\"", Asked::Exact),
            ("snake_case", Asked::Exact),
            ("read std::fs", Asked::English),
            ("E0308", Asked::Exact),
            ("report.pdf", Asked::Exact),
            ("end.", Asked::English),
            ("2024", Asked::English),
        ] {
            assert_eq!(asked(&Query::parse(text, &now).unwrap()), expect, "{text}");
        }
    }

    #[test]
    fn pictures_are_asked_for_in_both_languages() {
        let now = jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
        for (text, expect) in [
            ("the photo of the whiteboard", true),
            ("找那张白板照片", true),
            ("Screenshots", true),
            ("有 rocket 的那张图", true),
            ("图书馆", false),
            ("photosynthesis", false),
            ("白板", false),
        ] {
            let query = Query::parse(text, &now).unwrap();
            assert_eq!(for_pictures(&query), expect, "{text}");
        }
    }

    #[test]
    fn common_words_count_only_when_there_is_nothing_else() {
        assert_eq!(
            content_tokens("what is the training cost"),
            ["training", "cost"]
        );
        assert_eq!(content_tokens("to be or"), ["to", "be", "or"]);
    }
}
