//! Text into passages: the unit that is searched, embedded and shown.
//!
//! Structure first, size second: a parser hands over blocks (headings, paragraphs,
//! lines) in reading order, and the packer joins small ones and splits large ones until
//! each passage weighs about what an embedder reads well and a person reads at a glance:
//! 200-400 Han characters or 120-200 words. A sentence is cut only when it alone is
//! larger than a passage; only there do neighbours overlap.
//!
//! Promises: every non-space character of every block stands in some passage, in order;
//! no passage weighs more than [`MAX_WEIGHT`] (and the prefix); none is blank.

use std::collections::VecDeque;

use unicode_segmentation::UnicodeSegmentation;

pub use crate::weight::weight;
use crate::weight::{Scale, fits, is_cjk, squeezed};

/// Below this a passage looks for more to join. 110 words, 220 Han characters.
pub const MIN_WEIGHT: usize = 220;
/// At about this a passage ends at the next block. 160 words, 320 Han characters.
pub const TARGET_WEIGHT: usize = 320;
/// Above this nothing grows. 200 words, 400 Han characters.
pub const MAX_WEIGHT: usize = 400;
/// A heading starts a new passage when the one before weighs at least this; smaller
/// ones (a title page, a list of one-line sections) stay together.
const HEADING_MIN_WEIGHT: usize = 100;
/// What two halves of a cut sentence share: 20 words, 40 Han characters.
const OVERLAP_WEIGHT: usize = 40;
/// What a block is, which says where it may be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Names what follows; never the end of a passage if that can be helped.
    Heading,
    /// Flowing text: line ends mean nothing, sentences do.
    Prose,
    /// Verse, utterances, code, rows: split at line ends first.
    Lines,
}

/// How a block is set off from the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// Nothing between them: the pieces of one sentence or paragraph.
    None,
    /// The next line.
    Line,
    /// An empty line.
    Paragraph,
}

impl Gap {
    fn as_str(self) -> &'static str {
        match self {
            Gap::None => "",
            Gap::Line => "\n",
            Gap::Paragraph => "\n\n",
        }
    }
}

/// A finished passage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// The text, without blank edges.
    pub text: String,
    /// How many bytes at its start repeat the end of the passage before.
    pub overlap_bytes: usize,
}

/// Packs blocks into passages. Feed it with [`Packer::push`], end a page or a speaker's
/// turn with [`Packer::flush`], take what is ready with [`Packer::pop`].
#[derive(Default)]
pub struct Packer {
    prefix: String,
    prefix_weight: usize,
    text: String,
    weight: usize,
    overlap_bytes: usize,
    /// Byte offset and weight before a heading that is still the last thing in `text`.
    heading: Option<(usize, usize)>,
    ready: VecDeque<Passage>,
}

impl Packer {
    /// A packer of plain text.
    pub fn new() -> Packer {
        Packer::default()
    }

    /// A packer that begins each passage with `prefix` (a table's header, a speaker's
    /// name), as far as that is short enough to leave room for the rest.
    pub fn with_prefix(prefix: &str) -> Packer {
        let prefix_weight = weight(prefix);
        if prefix_weight > MAX_WEIGHT / 4 {
            return Packer::new();
        }
        Packer {
            prefix: prefix.to_owned(),
            prefix_weight,
            ..Packer::default()
        }
    }

    /// What every passage begins with; empty where there is no such thing.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The next finished passage.
    pub fn pop(&mut self) -> Option<Passage> {
        self.ready.pop_front()
    }

    /// Adds a block.
    pub fn push(&mut self, shape: Shape, gap: Gap, text: &str) {
        let text = text.trim_end();
        if text.trim_start().is_empty() {
            return;
        }
        let weight = weight(text);
        let text = &*squeezed(text, weight);
        if shape == Shape::Heading && self.weight >= HEADING_MIN_WEIGHT && self.heading.is_none() {
            self.flush();
        }
        if self.weight + weight <= TARGET_WEIGHT {
            self.append(shape, gap, text, weight);
            return;
        }
        if self.weight >= MIN_WEIGHT {
            self.flush_before_heading();
        }
        if self.weight + weight <= MAX_WEIGHT {
            self.append(shape, gap, text, weight);
            return;
        }
        self.split(shape, gap, text);
    }

    /// Ends the passage: the next block begins another one.
    pub fn flush(&mut self) {
        self.heading = None;
        let text = self.text.trim_end();
        // Blank lines go, the first line's indentation stays.
        let body_start = text
            .char_indices()
            .find(|(_, c)| !c.is_whitespace())
            .map_or(text.len(), |(at, _)| {
                text[..at].rfind('\n').map_or(0, |nl| nl + 1)
            });
        let body = &text[body_start..];
        if !body.is_empty() {
            let mut out = String::with_capacity(self.prefix.len() + body.len() + 1);
            if !self.prefix.is_empty() {
                out.push_str(&self.prefix);
                out.push('\n');
            }
            out.push_str(body);
            self.ready.push_back(Passage {
                text: out,
                overlap_bytes: self.overlap_bytes.saturating_sub(body_start),
            });
        }
        self.text.clear();
        self.weight = 0;
        self.overlap_bytes = 0;
    }

    /// Ends the passage, but takes a heading at its end along into the next one.
    fn flush_before_heading(&mut self) {
        let Some((at, weight)) = self.heading.filter(|(at, _)| *at > 0) else {
            self.flush();
            return;
        };
        let heading = self.text.split_off(at);
        let heading_weight = self.weight - weight;
        self.weight = weight;
        self.flush();
        heading.trim_start_matches('\n').clone_into(&mut self.text);
        self.weight = heading_weight;
        self.heading = Some((0, 0));
    }

    fn append(&mut self, shape: Shape, gap: Gap, text: &str, weight: usize) {
        if shape == Shape::Heading {
            // Of several headings in a row the first is where to cut.
            self.heading = self.heading.or(Some((self.text.len(), self.weight)));
        } else {
            self.heading = None;
        }
        if !self.text.is_empty() {
            self.text.push_str(gap.as_str());
        }
        self.text.push_str(text);
        self.weight += weight;
        if self.weight >= MAX_WEIGHT - self.prefix_weight.min(MAX_WEIGHT / 4) {
            self.flush();
        }
    }

    /// A block that fits nowhere whole: by lines, then sentences, then by force.
    fn split(&mut self, shape: Shape, gap: Gap, text: &str) {
        if shape == Shape::Lines && text.contains('\n') {
            let mut gap = gap;
            for line in text.split('\n') {
                self.push(Shape::Lines, gap, line);
                gap = Gap::Line;
            }
            return;
        }
        let mut gap = gap;
        for sentence in sentences(text) {
            let sentence_weight = weight(sentence);
            if self.weight + sentence_weight > TARGET_WEIGHT && self.weight >= MIN_WEIGHT {
                self.flush_before_heading();
            }
            if self.weight + sentence_weight <= MAX_WEIGHT {
                self.append(Shape::Prose, gap, sentence, sentence_weight);
            } else {
                self.cut(gap, sentence);
            }
            gap = Gap::None;
        }
    }

    /// A sentence larger than what is left: pieces of at most the room there is, each
    /// beginning with a little of the one before.
    fn cut(&mut self, gap: Gap, sentence: &str) {
        if weight(sentence) <= MAX_WEIGHT {
            // It fits a passage of its own: end this one, small as it is.
            self.flush_before_heading();
            if self.weight + weight(sentence) > MAX_WEIGHT {
                self.flush();
            }
            self.append(Shape::Prose, gap, sentence, weight(sentence));
            return;
        }
        let mut gap = gap;
        let mut start = 0;
        loop {
            let rest = &sentence[start..];
            let room = MAX_WEIGHT.saturating_sub(self.weight + self.prefix_weight);
            if fits(rest, room) {
                self.append(Shape::Prose, gap, rest, weight(rest));
                return;
            }
            let end = start + cut_point(rest, room.max(MAX_WEIGHT / 4));
            let piece = &sentence[start..end];
            self.append(Shape::Prose, gap, piece, weight(piece));
            self.flush();
            let back = overlap_start(&sentence[..end], start);
            let overlap = &sentence[back..end];
            self.text.push_str(overlap);
            self.overlap_bytes = overlap.len();
            self.weight = weight(overlap);
            start = end;
            gap = Gap::None;
        }
    }
}

/// The sentences of a text, spaces and all: their concatenation is the text. A line end
/// is a space here.
fn sentences(text: &str) -> Vec<&str> {
    let spaced = text.replace(['\n', '\r'], " ");
    let mut start = 0;
    let mut found = Vec::new();
    for piece in spaced.split_sentence_bounds() {
        let end = start + piece.len();
        found.push(&text[start..end]);
        start = end;
    }
    found
}

/// Where to cut a text so that what is before weighs at most `room`: after a clause, or
/// at a space, or in the middle of things. Never 0.
fn cut_point(text: &str, room: usize) -> usize {
    let mut scale = Scale::default();
    let (mut hard, mut clause, mut space) = (0, 0, 0);
    for (at, c) in text.char_indices() {
        if scale.add(c) > room && hard > 0 {
            break;
        }
        hard = at + c.len_utf8();
        // Only cuts that leave a passage of decent size are worth having.
        if scale.weight * 2 >= room {
            if matches!(c, '，' | '；' | '：' | '、' | '。' | '！' | '？' | ';') {
                clause = hard;
            } else if c.is_whitespace() {
                space = hard;
            }
        }
    }
    [clause, space, hard]
        .into_iter()
        .find(|cut| *cut > 0)
        .unwrap_or(text.len())
}

/// Where the overlap begins in a text that was cut at its end: a word's start, not
/// before `floor`.
fn overlap_start(text: &str, floor: usize) -> usize {
    let mut scale = Scale::default();
    let mut start = text.len();
    for (at, c) in text[floor..].char_indices().rev() {
        if scale.add(c) > OVERLAP_WEIGHT {
            break;
        }
        let at = floor + at;
        let word_starts_here = is_cjk(c)
            || text[..at]
                .chars()
                .next_back()
                .is_none_or(|before| before.is_whitespace() || is_cjk(before));
        if word_starts_here && !c.is_whitespace() {
            start = at;
        }
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pack(blocks: &[(Shape, Gap, &str)]) -> Vec<Passage> {
        let mut packer = Packer::new();
        for (shape, gap, text) in blocks {
            packer.push(*shape, *gap, text);
        }
        packer.flush();
        std::iter::from_fn(|| packer.pop()).collect()
    }

    fn visible(text: &str) -> String {
        text.chars().filter(|c| !c.is_whitespace()).collect()
    }

    fn rejoined(passages: &[Passage]) -> String {
        passages
            .iter()
            .map(|p| visible(&p.text[p.overlap_bytes..]))
            .collect()
    }

    #[test]
    fn utterances_are_packed_by_lines() {
        let line = "这是一句话没有标点大概二十个字左右吧";
        let text = [line; 60].join("\n");
        let passages = pack(&[(Shape::Lines, Gap::Paragraph, &text)]);
        assert_eq!(passages.len(), 4);
        for passage in &passages[..3] {
            assert!(passage.text.lines().all(|l| l == line));
            assert!((MIN_WEIGHT..=TARGET_WEIGHT).contains(&weight(&passage.text)));
        }
    }

    #[test]
    fn a_heading_goes_with_what_it_names() {
        let body = "word ".repeat(140);
        let passages = pack(&[
            (Shape::Prose, Gap::Paragraph, &body),
            (Shape::Heading, Gap::Paragraph, "Second part"),
            (Shape::Heading, Gap::Paragraph, "Its first section"),
            (Shape::Prose, Gap::Paragraph, &body),
        ]);
        assert_eq!(passages.len(), 2);
        assert!(
            passages[1]
                .text
                .starts_with("Second part\n\nIts first section\n\nword")
        );
    }

    #[test]
    fn sentences_stay_whole_and_only_cut_ones_overlap() {
        let sentence = "This sentence has exactly seven words here. ";
        let passages = pack(&[(Shape::Prose, Gap::Paragraph, &sentence.repeat(60))]);
        assert!(passages.len() > 1);
        for passage in &passages {
            assert!(passage.text.ends_with("here."), "{}", passage.text);
            assert_eq!(passage.overlap_bytes, 0);
        }
        let endless = "word ".repeat(1000);
        let passages = pack(&[(Shape::Prose, Gap::Paragraph, &endless)]);
        assert!(passages[1].overlap_bytes > 0);
        assert_eq!(rejoined(&passages), visible(&endless));
    }

    #[test]
    fn endless_lines_and_gaps_are_no_trouble() {
        // A second here would be the square of the length.
        let minified = "a=b(c,d);".repeat(200_000);
        let passages = pack(&[(Shape::Lines, Gap::Paragraph, &minified)]);
        assert_eq!(rejoined(&passages), minified);
        let gap = format!("left{}right", " \n".repeat(1_000_000));
        let passages = pack(&[(Shape::Lines, Gap::Paragraph, &gap)]);
        assert_eq!(rejoined(&passages), "leftright");
        assert!(passages[0].text.len() < 100);
    }

    #[test]
    fn a_prefix_heads_every_passage() {
        let mut packer = Packer::with_prefix("name, age");
        for _ in 0..300 {
            packer.push(Shape::Lines, Gap::Line, "Ada, 36");
        }
        packer.flush();
        let mut count = 0;
        while let Some(passage) = packer.pop() {
            assert!(passage.text.starts_with("name, age\nAda, 36"));
            assert!(weight(&passage.text) <= MAX_WEIGHT);
            count += 1;
        }
        assert!(count >= 3);
    }

    fn block() -> impl Strategy<Value = (Shape, Gap, String)> {
        let shape = prop_oneof![Just(Shape::Heading), Just(Shape::Prose), Just(Shape::Lines)];
        let gap = prop_oneof![Just(Gap::None), Just(Gap::Line), Just(Gap::Paragraph)];
        let text = prop_oneof![
            "[a-z ]{0,60}",
            "([a-z]{1,9}[ .,\n]){0,600}",
            "[\u{4e00}-\u{4e80}，。\n]{0,900}",
            "[A-Za-z0-9+/]{0,9000}",
            "\\PC{0,200}",
            "[ \t\n\u{3000}]{0,20}",
        ];
        (shape, gap, text)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn nothing_is_lost_and_sizes_are_bounded(blocks in prop::collection::vec(block(), 0..12)) {
            let borrowed: Vec<_> = blocks.iter().map(|(s, g, t)| (*s, *g, t.as_str())).collect();
            let passages = pack(&borrowed);
            let all: String = blocks.iter().map(|(_, _, t)| visible(t)).collect();
            prop_assert_eq!(rejoined(&passages), all);
            for passage in &passages {
                prop_assert!(weight(&passage.text) <= MAX_WEIGHT, "{}", weight(&passage.text));
                prop_assert!(!passage.text.trim().is_empty());
            }
        }
    }
}
