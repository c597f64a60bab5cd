//! When the words of a transcript without times were said, by what a recogniser heard.
//!
//! Both are cut into words, folded (Han characters one by one). Three words in a row that stand
//! once in each are a landmark; the longest chain of landmarks that goes forward in both is what
//! is believed, as in patience diff (Bram Cohen), so that a refrain or a wrong word misleads
//! nothing. Words between landmarks are as far from the nearest one as they take to say; but a
//! sentence begins by its own words, for pauses and music stand before sentences.
//!
//! Promises: every sentence of the transcript comes out, in order, with times that never go back;
//! where the two have too little in common, nothing does. Pure.

use std::collections::HashMap;

use hippo_extractors::infer::speech::Utterance;
use hippo_index::fold::fold;
use unicode_segmentation::UnicodeSegmentation as _;

/// Words in a landmark.
const LANDMARK_WORDS: usize = 3;
/// At least one landmark for so many words of the transcript: fewer are chance.
const WORDS_A_LANDMARK: usize = 40;
/// A landmark that stands alone proves nothing.
const LANDMARKS_MIN: usize = 2;

/// The transcript's sentences with their times; `None` where it is not what was heard.
pub fn align(transcript: &str, heard: &[Utterance]) -> Option<Vec<Utterance>> {
    let (sentences, words) = sentences(transcript);
    let (said, times) = timed(heard);
    let chain = longest_chain(&landmarks(&words, &said));
    if chain.len() < LANDMARKS_MIN.max(words.len() / WORDS_A_LANDMARK) {
        return None;
    }
    let known = chain.into_iter().map(|(at, then)| (at, times[then]));
    let clock = Clock::new(known.collect());
    let mut before = 0;
    let timed = sentences.into_iter().map(|(text, from, to)| {
        let t0_ms = clock.begins(from, to).max(before);
        // No sentence lasts into the next one's silence.
        let longest = t0_ms + (to - from) as u64 * 2 * clock.pace as u64;
        let t1_ms = clock.at(to).clamp(t0_ms, longest);
        before = t0_ms;
        Utterance {
            t0_ms,
            t1_ms,
            text,
            lang: None,
        }
    });
    Some(timed.collect())
}

/// The words of a text, folded; a Han character is a word.
fn words_of(text: &str) -> Vec<String> {
    let folded = fold(text);
    let words = folded.unicode_words();
    words.map(str::to_owned).collect()
}

/// The sentences of a text, each with where its words begin and end among all words.
fn sentences(text: &str) -> (Vec<(String, usize, usize)>, Vec<String>) {
    let (mut sentences, mut words) = (Vec::new(), Vec::new());
    for line in text.lines() {
        for sentence in line.split_sentence_bounds() {
            let from = words.len();
            words.extend(words_of(sentence));
            let sentence = sentence.trim();
            if !sentence.is_empty() {
                sentences.push((sentence.to_owned(), from, words.len()));
            }
        }
    }
    (sentences, words)
}

/// What was heard, word by word, and when each word began.
fn timed(heard: &[Utterance]) -> (Vec<String>, Vec<u64>) {
    let (mut words, mut times) = (Vec::new(), Vec::new());
    for said in heard {
        let its = words_of(&said.text);
        let long = said.t1_ms.saturating_sub(said.t0_ms);
        for at in 0..its.len() as u64 {
            times.push(said.t0_ms + long * at / its.len() as u64);
        }
        words.extend(its);
    }
    (words, times)
}

/// Where the landmarks are in the one and in the other, in the order of the first.
fn landmarks(one: &[String], other: &[String]) -> Vec<(usize, usize)> {
    let there = once(other);
    let mut found: Vec<_> = once(one)
        .into_iter()
        .filter_map(|(words, at)| Some((at, *there.get(words)?)))
        .collect();
    found.sort_unstable();
    found
}

/// Runs of words that stand once, and where.
fn once(words: &[String]) -> HashMap<&[String], usize> {
    let mut seen: HashMap<&[String], Option<usize>> = HashMap::new();
    for (at, run) in words.windows(LANDMARK_WORDS).enumerate() {
        seen.entry(run)
            .and_modify(|at| *at = None)
            .or_insert(Some(at));
    }
    seen.into_iter()
        .filter_map(|(run, at)| Some((run, at?)))
        .collect()
}

/// The longest run of landmarks that also goes forward in the second place.
fn longest_chain(landmarks: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // For each length, the chain of it that ends earliest; and for each landmark the one before.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(landmarks.len());
    for (at, (_, then)) in landmarks.iter().enumerate() {
        let length = ends.partition_point(|end| landmarks[*end].1 < *then);
        before.push(length.checked_sub(1).map(|last| ends[last]));
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut chain = Vec::with_capacity(ends.len());
    let mut next = ends.last().copied();
    while let Some(at) = next {
        chain.push(landmarks[at]);
        next = before[at];
    }
    chain.reverse();
    chain
}

/// Tells when a word was said, by words of which it is known; there are two at least.
struct Clock {
    known: Vec<(usize, u64)>,
    /// How long a word takes, in milliseconds.
    pace: f64,
}

impl Clock {
    fn new(known: Vec<(usize, u64)>) -> Clock {
        let pairs = known.windows(2);
        let mut paces: Vec<f64> = pairs
            .map(|pair| pair[1].1.saturating_sub(pair[0].1) as f64 / (pair[1].0 - pair[0].0) as f64)
            .collect();
        paces.sort_by(f64::total_cmp);
        // The middle one: pauses, music and what is left out are in others.
        let pace = paces[paces.len() / 2];
        Clock { known, pace }
    }

    /// When a sentence of these words begins: by the first of them that is known, if time allows
    /// for the words before it.
    fn begins(&self, from: usize, to: usize) -> u64 {
        let next = self.known.partition_point(|(at, _)| *at < from);
        let Some((at, then)) = self.known.get(next).filter(|(at, _)| *at < to) else {
            return self.at(from);
        };
        let begins = *then as f64 - (at - from) as f64 * self.pace;
        let left = next.checked_sub(1).map(|left| self.known[left]);
        let free_from = left.map_or(0.0, |(at, then)| {
            then as f64 + (from - at) as f64 * self.pace
        });
        if begins < free_from {
            return self.at(from);
        }
        begins.round() as u64
    }

    /// As far from the nearest known word as the words between take, where time allows that.
    fn at(&self, word: usize) -> u64 {
        let after = self.known.partition_point(|(at, _)| *at <= word);
        let right = self
            .known
            .get(after)
            .map(|(at, then)| (at - word, *then as f64));
        let left = after.checked_sub(1).map(|left| self.known[left]);
        let left = left.map(|(at, then)| (word - at, then as f64));
        let on = |(words, then): (usize, f64)| then + words as f64 * self.pace;
        let back = |(words, then): (usize, f64)| then - words as f64 * self.pace;
        let time = match (left, right) {
            (Some(left), Some(right)) if on(left) > back(right) => {
                let share = left.0 as f64 / (left.0 + right.0) as f64;
                left.1 + (right.1 - left.1) * share
            }
            (Some(left), Some(right)) if left.0 > right.0 => back(right),
            (Some(left), _) => on(left),
            (None, Some(right)) => back(right),
            (None, None) => 0.0,
        };
        // A negative float becomes 0.
        time.round() as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(t0_ms: u64, t1_ms: u64, text: &str) -> Utterance {
        Utterance {
            t0_ms,
            t1_ms,
            text: text.to_owned(),
            lang: None,
        }
    }

    #[test]
    fn sentences_get_the_times_at_which_they_were_heard() {
        let heard = [
            said(1_000, 5_000, "good evening and welcome to the show"),
            said(
                8_000,
                14_000,
                "tonite we talk about the otters of the danube",
            ),
            said(60_000, 64_000, "that was it thank you for listening"),
        ];
        let text = "Good evening, and welcome to the show! Tonight we talk about the otters of the \
                    Danube.\nThat was it. Thank you for listening.";
        let timed = align(text, &heard).unwrap();
        let texts: Vec<_> = timed.iter().map(|u| u.text.as_str()).collect();
        assert_eq!(texts[1], "Tonight we talk about the otters of the Danube.");
        let starts: Vec<_> = timed.iter().map(|u| u.t0_ms).collect();
        for (start, truth) in starts.iter().zip([1_000, 8_000, 60_000, 62_000]) {
            assert!(start.abs_diff(truth) < 1_500, "{starts:?}");
        }
    }

    #[test]
    fn a_sentence_begins_behind_the_music() {
        let heard = [
            said(0, 4_000, "this elephant lives beside this archive"),
            said(19_500, 22_500, "walks as a lawyer in japan"),
        ];
        let text = "This elephant lives beside this archive. Julia works as a lawyer in Japan.";
        let timed = align(text, &heard).unwrap();
        assert!((17_500..20_000).contains(&timed[1].t0_ms), "{timed:?}");
    }

    #[test]
    fn it_works_across_scripts_and_refrains() {
        let refrain = "我們的播客";
        let heard = [
            said(0, 4_000, "欢迎收听我们的播客"),
            said(10_000, 14_000, "今天聊一聊脑机接口"),
            said(20_000, 24_000, "感谢大家收听我们的播客"),
        ];
        let text = format!("歡迎收聽{refrain}。今天聊一聊腦機接口。感謝大家收聽{refrain}。");
        let timed = align(&text, &heard).unwrap();
        let starts: Vec<_> = timed.iter().map(|u| u.t0_ms / 1_000).collect();
        assert_eq!(starts, [0, 10, 20]);
    }

    #[test]
    fn another_talk_is_not_aligned() {
        let heard = [said(
            0,
            9_000,
            "a recipe for soup with beans and a little salt in it",
        )];
        assert_eq!(
            align("The otters of the Danube. They swim all winter.", &heard),
            None
        );
        assert_eq!(align("", &heard), None);
        assert_eq!(align("The otters of the Danube.", &[]), None);
    }

    proptest! {
        #[test]
        fn every_sentence_comes_out_in_order(
            text in "([a-d]{1,2}[ .\n]){0,60}",
            heard in proptest::collection::vec("([a-d]{1,2} ){1,8}", 0..12),
        ) {
            let mut heard: Vec<_> = heard.iter().enumerate()
                .map(|(at, words)| said(at as u64 * 1_000, at as u64 * 1_000 + 700, words))
                .collect();
            // Something that surely is in both.
            heard.push(said(90_000, 91_000, "one two three four five six"));
            let text = format!("{text} one two three four five six");
            if let Some(timed) = align(&text, &heard) {
                let squeezed = |text: &str| text.split_whitespace().collect::<String>();
                let out: String = timed.iter().map(|u| squeezed(&u.text)).collect();
                prop_assert_eq!(out, squeezed(&text));
                prop_assert!(timed.is_sorted_by_key(|u| u.t0_ms));
                prop_assert!(timed.iter().all(|u| u.t0_ms <= u.t1_ms));
            }
        }
    }
}
