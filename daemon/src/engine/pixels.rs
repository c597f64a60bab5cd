//! What is written in a file's pixels: its scans read as they come, and what they said as rows
//! behind those that the worker made.

use hippo_extractors::{Metadata, Segment, reading};

use super::reader::Reader;

/// What came of a file's scans.
pub(super) enum Pixels {
    /// There is no model for OCR.
    NotLooked,
    /// Read by this model: pages, and what stands on each.
    Read(Reader, Vec<(Option<u32>, String)>),
    /// They could not be read.
    Failed(Reader, String),
}

impl Pixels {
    /// By which model the writing was read, for a file that has some in its pixels: nobody's
    /// name where it still waits for one.
    pub(super) fn read_by(&self, metadata: &Metadata) -> Option<String> {
        (metadata.in_pixels > 0).then(|| match self {
            Pixels::Read(reader, _) => reader.id.clone(),
            Pixels::NotLooked | Pixels::Failed(..) => String::new(),
        })
    }

    /// The segments that they make, numbered from `ordinal`.
    pub(super) fn segments(&self, mut ordinal: u32) -> Vec<Segment> {
        let Pixels::Read(_, pages) = self else {
            return Vec::new();
        };
        let mut segments = Vec::new();
        for (page, text) in pages {
            let page = reading::segments(*page, text, ordinal);
            ordinal += page.len() as u32;
            segments.extend(page);
        }
        segments
    }

    /// What `hippo why` says of it.
    pub(super) fn note(&self, metadata: &Metadata) -> Option<String> {
        match self {
            _ if metadata.in_pixels == 0 => None,
            Pixels::NotLooked => None,
            Pixels::Failed(reader, reason) => Some(format!(
                "what is written in its pixels was not read: {}: {reason}",
                reader.name
            )),
            Pixels::Read(reader, pages) => {
                let lines = |text: &String| text.lines().filter(|l| !l.is_empty()).count();
                let lines: usize = pages.iter().map(|(_, text)| lines(text)).sum();
                let name = &reader.name;
                Some(match (lines, pages.first()) {
                    (0, _) => format!("no writing was found in its pixels by {name}"),
                    (_, Some((Some(_), _))) => {
                        format!("OCR: {lines} lines on {} pages, by {name}", pages.len())
                    }
                    _ => format!("OCR: {lines} lines, by {name}"),
                })
            }
        }
    }
}
