//! What speech models say when nothing is said, taken out again.
//!
//! Three habits: credits and farewells learnt from subtitles ("Thanks for watching",
//! "请不吝点赞"), names of noises ("[Music]"), and loops. Rules are cautious: a farewell that
//! is heard clearly stays, and so does a word that somebody says three times.

use std::collections::VecDeque;

use unicode_segmentation::UnicodeSegmentation;

use super::Said;
use crate::weight::is_cjk;

/// Said by nobody: credits of subtitles. Compared without spaces, punctuation and case, as
/// a part of what was heard.
const CREDITS: [&str; 16] = [
    "amaraorg",
    "subtitlesby",
    "subtitledby",
    "captionsby",
    "captioningby",
    "transcriptionby",
    "transcribedby",
    "翻译字幕",
    "字幕由",
    "字幕by",
    "字幕志愿者",
    "字幕製作",
    "字幕制作",
    "中文字幕",
    "明镜与点点",
    "明鏡與點點",
];
/// Said by some, invented by models: kept where it is heard clearly. Compared as a whole.
const FAREWELLS: [&str; 18] = [
    "thanksforwatching",
    "thankyouforwatching",
    "thankyousomuchforwatching",
    "thankyouverymuchforwatching",
    "thanksforlistening",
    "thankyou",
    "bye",
    "byebye",
    "pleasesubscribe",
    "likeandsubscribe",
    "pleasesubscribetomychannel",
    "谢谢观看",
    "谢谢大家",
    "谢谢收看",
    "感谢观看",
    "感谢收看",
    "請不吝點贊訂閱轉發打賞支持",
    "请不吝点赞订阅转发打赏支持",
];
/// More than this and a farewell was not said: silence is more than a suspicion.
const FAREWELL_SILENCE_MAX: f32 = 0.3;
/// Less than this and it was guessed.
const FAREWELL_SURE_MIN: f32 = 0.5;
/// Both at once, and any text is an invention: Whisper's own bound for silence, and words that
/// are less sure than every third guess.
const TEXT_SILENCE_MAX: f32 = 0.6;
const TEXT_SURE_MIN: f32 = 0.35;
/// The same words in a row: three times is emphasis, a fourth time is a loop.
const REPEATS_MAX: usize = 3;
/// Units (words, Han characters) in what loops, at most.
const LOOP_MAX_UNITS: usize = 24;
/// The same utterance in a row: twice is an answer, a third time is a loop.
const SAME_MAX: usize = 2;

/// Remembers what was said, to know when it is said again.
#[derive(Debug, Default)]
pub(super) struct Hygiene {
    recent: VecDeque<String>,
}

impl Hygiene {
    /// After an utterance that was said before.
    pub(super) fn new(last: Option<String>) -> Hygiene {
        Hygiene {
            recent: last.into_iter().collect(),
        }
    }

    /// The last utterance that stayed.
    pub(super) fn last(&self) -> Option<&str> {
        self.recent.back().map(String::as_str)
    }

    /// What was really said.
    pub(super) fn clean(&mut self, said: Vec<Said>) -> Vec<Said> {
        said.into_iter()
            .filter_map(|said| self.clean_one(said))
            .collect()
    }

    fn clean_one(&mut self, mut said: Said) -> Option<Said> {
        said.text = without_noises(&said.text);
        said.text = without_loops(&said.text);
        if is_invented(&said) {
            return None;
        }
        let same = self
            .recent
            .iter()
            .rev()
            .take_while(|text| **text == said.text)
            .count();
        if same >= SAME_MAX {
            return None;
        }
        if self.recent.len() >= SAME_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(said.text.clone());
        Some(said)
    }
}

/// Whether an utterance is one of those that nobody made.
fn is_invented(said: &Said) -> bool {
    let bare: String = said
        .text
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    if bare.is_empty() || CREDITS.iter().any(|credit| bare.contains(credit)) {
        return true;
    }
    let farewell = FAREWELLS
        .iter()
        .any(|phrase| bare.replace(phrase, "").is_empty());
    let doubted = said.silence > FAREWELL_SILENCE_MAX || said.sure < FAREWELL_SURE_MIN;
    (farewell && doubted) || (said.silence > TEXT_SILENCE_MAX && said.sure < TEXT_SURE_MIN)
}

/// The text without "[Music]", "(applause)", "*laughs*", "【音乐】" and notes.
fn without_noises(text: &str) -> String {
    const PAIRS: [(char, char); 6] = [
        ('[', ']'),
        ('(', ')'),
        ('*', '*'),
        ('【', '】'),
        ('（', '）'),
        ('♪', '♪'),
    ];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, open)) = rest
        .char_indices()
        .find(|(_, c)| PAIRS.iter().any(|(open, _)| open == c))
    {
        out.push_str(&rest[..at]);
        let after = &rest[at + open.len_utf8()..];
        let close = PAIRS
            .iter()
            .find(|(o, _)| *o == open)
            .map(|(_, close)| *close);
        match close.and_then(|close| Some((after.find(close)?, close))) {
            Some((end, close)) => rest = &after[end + close.len_utf8()..],
            None => rest = after,
        }
    }
    out.push_str(rest);
    let out = out.replace(['♪', '♫'], "");
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What repetition is measured in: a word, or one character of a language without spaces.
/// Punctuation and spaces belong to the unit before them.
fn units(text: &str) -> Vec<(usize, String)> {
    let mut units = Vec::new();
    for (at, word) in text.unicode_word_indices() {
        if word.chars().any(is_cjk) {
            for (offset, c) in word.char_indices() {
                units.push((at + offset, c.to_string()));
            }
        } else {
            units.push((at, word.to_lowercase()));
        }
    }
    units
}

/// The text with every loop said once.
fn without_loops(text: &str) -> String {
    let units = units(text);
    let mut kept = String::with_capacity(text.len());
    let mut from = 0;
    let mut at = 0;
    while at < units.len() {
        let Some((period, repeats)) = loop_at(&units[at..]) else {
            at += 1;
            continue;
        };
        let byte = |unit: usize| units.get(unit).map_or(text.len(), |(byte, _)| *byte);
        kept.push_str(&text[from..byte(at + period)]);
        at += period * repeats;
        from = byte(at);
    }
    kept.push_str(&text[from..]);
    kept.trim().to_owned()
}

/// The loop that begins here: its length, and how often it comes. Digits may well repeat.
fn loop_at(units: &[(usize, String)]) -> Option<(usize, usize)> {
    let same = |a: usize, b: usize| units[a].1 == units[b].1;
    (1..=LOOP_MAX_UNITS)
        .take_while(|period| period * (REPEATS_MAX + 1) <= units.len())
        .find_map(|period| {
            let alike = (period..units.len())
                .take_while(|n| same(*n, n - period))
                .count();
            let repeats = 1 + alike / period;
            let digits = units[..period]
                .iter()
                .all(|(_, unit)| unit.chars().all(char::is_numeric));
            (repeats > REPEATS_MAX && !digits).then_some((period, repeats))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str, silence: f32, sure: f32) -> Said {
        Said {
            t0_ms: 0,
            t1_ms: Some(1_000),
            text: text.to_owned(),
            silence,
            sure,
        }
    }

    fn clean(texts: &[&str]) -> Vec<String> {
        let said = texts.iter().map(|text| said(text, 0.0, 0.9)).collect();
        let cleaned = Hygiene::default().clean(said);
        cleaned.into_iter().map(|said| said.text).collect()
    }

    #[test]
    fn credits_of_subtitles_go_always() {
        for text in [
            "Subtitles by the Amara.org community",
            "字幕by索兰娅",
            "字幕由 Amara.org 社群提供",
            "中文字幕志愿者 杨茜茜",
            "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目",
        ] {
            assert_eq!(clean(&[text]), Vec::<String>::new(), "{text}");
        }
        let real = "We put subtitles on every episode, and 字幕 is the word for it.";
        assert_eq!(clean(&[real]), [real]);
    }

    #[test]
    fn farewells_stay_where_they_are_heard() {
        let heard = |text: &str, silence: f32, sure: f32| {
            !Hygiene::default()
                .clean(vec![said(text, silence, sure)])
                .is_empty()
        };
        for text in [
            "Thanks for watching!",
            "Thank you. Thank you.",
            "谢谢观看。",
            "Bye.",
        ] {
            assert!(heard(text, 0.01, 0.95), "{text}");
            assert!(!heard(text, 0.5, 0.95), "{text}");
            assert!(!heard(text, 0.01, 0.3), "{text}");
        }
        assert!(heard("Thanks for watching the children play", 0.5, 0.6));
        assert!(!heard("Anything at all", 0.8, 0.2));
        assert!(heard("Anything at all", 0.8, 0.9));
    }

    #[test]
    fn noises_are_no_words() {
        assert_eq!(
            clean(&["[Music]", "(applause)", "♪ la la ♪", "【音乐】", "..."]),
            [""; 0]
        );
        assert_eq!(clean(&["Well [laughs] yes."]), ["Well yes."]);
        assert_eq!(clean(&["f(x) is not closed ("]), ["f is not closed"]);
    }

    #[test]
    fn loops_are_said_once() {
        assert_eq!(
            clean(&[
                "The hidden planet is hidden planet is hidden planet is hidden planet is red."
            ]),
            ["The hidden planet is red."]
        );
        assert_eq!(clean(&["no no no no no no no no"]), ["no"]);
        assert_eq!(clean(&["No, no, no."]), ["No, no, no."]);
        assert_eq!(clean(&["我们我们我们我们我们我们今天"]), ["我们今天"]);
        assert_eq!(clean(&["哈哈哈，好"]), ["哈哈哈，好"]);
        assert_eq!(
            clean(&["Again.", "Again.", "Again.", "Again.", "And on.", "Again."]),
            ["Again.", "Again.", "And on.", "Again."]
        );
    }

    #[test]
    fn numbers_and_ordinary_text_are_left_alone() {
        for text in [
            "The cost fell by 40 % in 2024, to $5.6 million.",
            "训练成本从 1 亿美元降到了 560 万美元。",
            "Call 1 1 1 1 2 3.",
            "had had had",
        ] {
            assert_eq!(clean(&[text]), [text]);
        }
    }

    #[test]
    fn a_loop_is_known_across_windows() {
        let mut hygiene = Hygiene::new(Some("Again.".to_owned()));
        assert_eq!(hygiene.last(), Some("Again."));
        assert_eq!(hygiene.clean(vec![said("Again.", 0.0, 0.9)]).len(), 1);
        assert_eq!(hygiene.clean(vec![said("Again.", 0.0, 0.9)]).len(), 0);
        assert_eq!(hygiene.clean(vec![said("On.", 0.0, 0.9)]).len(), 1);
    }
}
