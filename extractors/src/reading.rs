//! Lines that were read off pixels into segments.
//!
//! They are paragraphs again by the same rules as a PDF's own lines, and are cut as all prose
//! is; no segment crosses a page.

use crate::extraction::{Segment, Source};
use crate::language;
use crate::passage::Packer;
use crate::reflow;

/// A page's text, line by line, cut into passages.
pub(crate) fn packed(text: &str) -> Packer {
    let mut packer = Packer::new();
    for block in reflow::blocks(text) {
        packer.push(block.shape, block.gap, &block.text);
    }
    packer.flush();
    packer
}

/// The segments of a page (none: of a picture) that this was read off, line by line; the
/// first is number `ordinal`.
pub fn segments(page: Option<u32>, text: &str, ordinal: u32) -> Vec<Segment> {
    let mut packer = packed(text);
    std::iter::from_fn(|| packer.pop())
        .filter(|passage| !passage.text.trim().is_empty())
        .zip(ordinal..)
        .map(|(passage, ordinal)| Segment {
            ordinal,
            page,
            t0_ms: None,
            t1_ms: None,
            source: Source::Ocr,
            lang: language::detect(&passage.text).map(str::to_owned),
            text: passage.text,
            picture: false,
            speaker: None,
            lines: Vec::new(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_off_a_page_is_cut_as_prose_is() {
        let line = "The committee met on Tuesday and agreed to plant forty lime trees";
        let text = [line; 40].join("\n");
        let segments = segments(Some(3), &text, 7);
        assert!(segments.len() > 1);
        for (at, segment) in segments.iter().enumerate() {
            assert_eq!(segment.ordinal, 7 + at as u32);
            assert_eq!((segment.page, segment.source), (Some(3), Source::Ocr));
            assert_eq!(segment.lang.as_deref(), Some("en"));
        }
        assert!(super::segments(None, " \n\n ", 0).is_empty());
    }
}
