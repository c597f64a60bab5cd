//! The part of a segment that answers, with what matched marked.
//!
//! Matching goes through the index's own folding, so that a Traditional question marks
//! Simplified text, full-width letters match plain ones, and a sentence wrapped over two lines
//! is one sentence. The snippet is one line of plain text: `<mark>` and `</mark>` stand around
//! what matched, nothing else is escaped, and `…` stands where the text goes on. `marks` gives
//! the same as numbers, counted in the snippet without its markers, so that a program needs no
//! parsing. (Markers that stand in the text itself are left out of the snippet.)

use std::ops::Range;

use hippo_index::fold;

use super::text::{Squeezed, columns, is_common, is_wide};

/// Before what matched.
pub const OPEN: &str = "<mark>";
/// After what matched.
pub const CLOSE: &str = "</mark>";
/// Room for about two and a half lines of a terminal, or 120 Han characters.
const MAX_COLUMNS: usize = 240;
/// At most so much stands before the first match.
const LEAD_COLUMNS: usize = 60;
/// More matches than this are not looked at: a segment is about a thousand characters.
const MAX_MATCHES: usize = 512;

/// What is to be marked.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    needles: Vec<Needle>,
}

#[derive(Debug, Clone)]
struct Needle {
    folded: String,
    weight: f32,
}

impl Wanted {
    /// The words and the phrases of a question.
    pub fn new(words: &[String], phrases: &[String]) -> Wanted {
        let mut needles: Vec<Needle> = Vec::new();
        let mut add = |folded: String, weight: f32| {
            if !folded.is_empty() && needles.iter().all(|n| n.folded != folded) {
                needles.push(Needle { folded, weight });
            }
        };
        for phrase in phrases {
            add(Squeezed::new(phrase.trim()).text, 4.0);
        }
        let tokens = fold::query_tokens(&words.join(" "));
        let content = tokens.iter().any(|token| !is_common(token));
        for token in tokens.into_iter().filter(|t| !content || !is_common(t)) {
            add(token, 1.0);
        }
        Wanted { needles }
    }

    /// Where they stand in a text, first places first, and which of them stands there.
    pub(super) fn matches(&self, text: &str) -> Vec<(Range<usize>, usize)> {
        let squeezed = Squeezed::new(text);
        let mut found: Vec<(Range<usize>, usize)> = Vec::new();
        for (which, needle) in self.needles.iter().enumerate() {
            let places = squeezed.find_all(&needle.folded).into_iter();
            found.extend(
                places
                    .take(MAX_MATCHES - found.len().min(MAX_MATCHES))
                    .map(|r| (r, which)),
            );
        }
        found.sort_by_key(|(range, which)| (range.start, range.end, *which));
        found
    }

    /// How much one of them counts.
    pub(super) fn weight(&self, which: usize) -> f32 {
        self.needles[which].weight
    }
}

/// A cut-out of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snippet {
    /// With markers.
    pub marked: String,
    /// `[start, end)` of each mark, in characters of the snippet without markers.
    pub marks: Vec<[usize; 2]>,
}

/// Cuts the best window out of `text`.
pub fn snippet(text: &str, wanted: &Wanted) -> Snippet {
    let found = wanted.matches(text);
    let layout = Layout::new(text);
    let window = layout.window(&found, wanted);
    layout.render(&window, &merged(&found))
}

/// Overlapping and touching matches become one: the 2-grams of 人工智能 mark one word.
fn merged(found: &[(Range<usize>, usize)]) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = Vec::new();
    for (range, _) in found {
        match out.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => out.push(range.clone()),
        }
    }
    out
}

/// A text laid out in columns.
struct Layout {
    /// Where each character stands in the text, and the columns before it.
    chars: Vec<(usize, char, usize)>,
    bytes: usize,
    total: usize,
}

impl Layout {
    fn new(text: &str) -> Layout {
        let mut total = 0;
        let mut space = false;
        let mut place = |(at, c): (usize, char)| {
            let before = total;
            // A run of white space is shown as one space.
            total += match c.is_whitespace() {
                true if space => 0,
                true => 1,
                false => columns(c),
            };
            space = c.is_whitespace();
            (at, c, before)
        };
        let chars = text.char_indices().map(&mut place).collect();
        Layout {
            chars,
            bytes: text.len(),
            total,
        }
    }

    /// The characters to show.
    fn window(&self, found: &[(Range<usize>, usize)], wanted: &Wanted) -> Range<usize> {
        if self.total <= MAX_COLUMNS {
            return 0..self.chars.len();
        }
        let first = self.best_start(found, wanted);
        let start = self.start_near(self.index_of(first));
        let from = self.chars.get(start).map_or(0, |c| c.2);
        let end = self
            .chars
            .partition_point(|c| c.2 + columns(c.1) <= from + MAX_COLUMNS);
        // The text's end with little after it: show more of what stands before.
        let start = if end == self.chars.len() {
            let least = self.total.saturating_sub(MAX_COLUMNS);
            self.word_start(self.chars.partition_point(|c| c.2 < least))
                .min(start)
        } else {
            start
        };
        start..self.word_end(start, end)
    }

    /// The match from which one window holds the most: different words first, then their number.
    fn best_start(&self, found: &[(Range<usize>, usize)], wanted: &Wanted) -> usize {
        let column = |byte: usize| {
            self.chars
                .get(self.index_of(byte))
                .map_or(self.total, |c| c.2)
        };
        let mut counts = vec![0_usize; wanted.needles.len()];
        let mut value = 0.0_f32;
        let mut best = (0.0_f32, 0_usize);
        let mut end = 0;
        for (range, which) in found {
            let reach = column(range.start) + MAX_COLUMNS - LEAD_COLUMNS;
            while let Some((next, w)) = found.get(end)
                && column(next.end) <= reach
            {
                counts[*w] += 1;
                value += wanted.needles[*w].weight * if counts[*w] == 1 { 1.0 } else { 0.05 };
                end += 1;
            }
            // A whisker of tolerance: sums of floats do not come out alike.
            if value > best.0 + 1e-3 {
                best = (value, range.start);
            }
            if counts[*which] > 0 {
                value -=
                    wanted.needles[*which].weight * if counts[*which] == 1 { 1.0 } else { 0.05 };
                counts[*which] -= 1;
            }
        }
        best.1
    }

    fn index_of(&self, byte: usize) -> usize {
        self.chars.partition_point(|c| c.0 < byte)
    }

    /// A good place to begin, not far before `at`: a sentence's beginning, or a word's.
    fn start_near(&self, at: usize) -> usize {
        let column = self.chars.get(at).map_or(self.total, |c| c.2);
        let least = column.saturating_sub(LEAD_COLUMNS);
        let lowest = self.chars.partition_point(|c| c.2 < least);
        if lowest == 0 {
            return 0;
        }
        (lowest..=at)
            .rev()
            .find(|i| *i > 0 && ends_sentence(self.chars[i - 1].1))
            .unwrap_or_else(|| self.word_start(lowest))
    }

    fn word_start(&self, at: usize) -> usize {
        const LONGEST: usize = 24;
        let breaks = |i: &usize| *i == 0 || self.break_before(*i);
        let last = (at + LONGEST).min(self.chars.len());
        (at..last).find(breaks).unwrap_or(at)
    }

    fn word_end(&self, start: usize, end: usize) -> usize {
        const LONGEST: usize = 24;
        if end == self.chars.len() {
            return end;
        }
        let least = end.saturating_sub(LONGEST).max(start + 1);
        (least..=end)
            .rev()
            .find(|i| self.break_before(*i))
            .unwrap_or(end)
    }

    fn break_before(&self, i: usize) -> bool {
        let (Some(a), Some(b)) = (self.chars.get(i.wrapping_sub(1)), self.chars.get(i)) else {
            return true;
        };
        a.1.is_whitespace() || b.1.is_whitespace() || is_wide(a.1) || is_wide(b.1)
    }

    fn render(&self, window: &Range<usize>, marks: &[Range<usize>]) -> Snippet {
        let mut out = Line::default();
        if window.start > 0 {
            out.push('…');
        }
        let mut marks = marks.iter().peekable();
        for (at, c, _) in &self.chars[window.clone()] {
            while marks.next_if(|m| m.end <= *at).is_some() {
                out.close();
            }
            match marks.peek() {
                Some(mark) if mark.start <= *at => out.open(),
                _ => out.close(),
            }
            out.push(*c);
        }
        out.close();
        let shown_to = self.chars.get(window.end).map_or(self.bytes, |c| c.0);
        if shown_to < self.bytes {
            out.trim();
            out.push('…');
        }
        out.finish()
    }
}

fn ends_sentence(c: char) -> bool {
    matches!(c, '\n' | '.' | '!' | '?' | '。' | '！' | '？' | '；' | '…')
}

/// The snippet as it is written: white space evened out, marks counted.
#[derive(Default)]
struct Line {
    chars: Vec<char>,
    marks: Vec<[usize; 2]>,
    open: Option<usize>,
}

impl Line {
    fn push(&mut self, c: char) {
        if c.is_whitespace() || c.is_control() {
            // None at the beginning, nor after the `…` that stands there.
            let begun = !matches!(self.chars.as_slice(), [] | ['…']);
            if begun && self.chars.last() != Some(&' ') {
                self.chars.push(' ');
            }
        } else {
            self.chars.push(c);
        }
    }

    fn open(&mut self) {
        self.open.get_or_insert(self.chars.len());
    }

    fn close(&mut self) {
        let Some(start) = self.open.take() else {
            return;
        };
        let blank = |c: &char| *c == ' ';
        let skip = self.chars[start..].iter().take_while(|c| blank(c)).count();
        let kept = self.chars[start..]
            .iter()
            .rev()
            .take_while(|c| blank(c))
            .count();
        let (start, end) = (start + skip, self.chars.len() - kept);
        if start < end {
            self.marks.push([start, end]);
        }
    }

    fn trim(&mut self) {
        while self.chars.last() == Some(&' ') {
            self.chars.pop();
        }
    }

    fn finish(mut self) -> Snippet {
        self.trim();
        self.drop_literal_markers();
        let mut marked = String::with_capacity(self.chars.len() * 3);
        let mut next = self.marks.iter().peekable();
        for (i, c) in self.chars.iter().enumerate() {
            if next.peek().is_some_and(|m| m[0] == i) {
                marked.push_str(OPEN);
            }
            marked.push(*c);
            if next.next_if(|m| m[1] == i + 1).is_some() {
                marked.push_str(CLOSE);
            }
        }
        Snippet {
            marked,
            marks: self.marks,
        }
    }

    /// A page about HTML may hold `<mark>` itself; in the snippet it could not be told apart.
    fn drop_literal_markers(&mut self) {
        for marker in [OPEN, CLOSE] {
            let marker: Vec<char> = marker.chars().collect();
            let len = marker.len();
            while let Some(at) = self.chars.windows(len).position(|w| w == marker) {
                self.chars.drain(at..at + len);
                let moved = |i: usize| if i <= at { i } else { (i - len.min(i)).max(at) };
                for mark in &mut self.marks {
                    *mark = [moved(mark[0]), moved(mark[1])];
                }
                self.marks.retain(|m| m[0] < m[1]);
            }
        }
    }
}

#[cfg(test)]
#[path = "snippet_tests.rs"]
mod tests;
