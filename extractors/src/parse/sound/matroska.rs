//! The title and the chapters of Matroska and WebM: symphonia does not tell the one, and refuses
//! the whole file when an edition of the others has no number, and ffmpeg writes none.
//!
//! Walks the elements (RFC 8794, RFC 9559) of the segment. Where the chapters stand is told
//! too, so that the demuxer can be kept from seeing them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use crate::extraction::Chapter;

const EBML: u32 = 0x1A45_DFA3;
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_A966;
const INFO_TITLE: u32 = 0x7BA9;
const CHAPTERS: u32 = 0x1043_A770;
const EDITION: u32 = 0x45B9;
const ATOM: u32 = 0xB6;
const TIME_START: u32 = 0x91;
const DISPLAY: u32 = 0x80;
const TITLE: u32 = 0x85;

/// Elements looked at: clusters of a second each in a film of eight hours, and the rest.
const ELEMENTS_MAX: usize = 40_000;
/// `Segment/Chapters/EditionEntry/ChapterAtom/ChapterDisplay/ChapString`, and atoms in atoms.
const DEPTH_MAX: usize = 10;
/// A title, in bytes, and chapters in all.
const TITLE_MAX_BYTES: u64 = 1_000;
const CHAPTERS_MAX: usize = 1_000;
/// Times are in nanoseconds.
const NS_PER_MS: u64 = 1_000_000;

/// What the elements tell.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Elements {
    /// Of the whole recording or film.
    pub(super) title: Option<String>,
    pub(super) chapters: Vec<Chapter>,
    /// Where the last byte of the chapters' id stands, for every element of them.
    pub(super) ids_at: Vec<u64>,
}

/// Whether a file begins like a Matroska.
pub(super) fn is_matroska(head: &[u8]) -> bool {
    head.starts_with(&EBML.to_be_bytes())
}

/// Looks for the title and the chapters.
pub(super) fn look(file: &File, size: u64) -> Elements {
    let mut walk = Walk {
        file,
        left: ELEMENTS_MAX,
        found: Elements::default(),
    };
    // An error is the end of what can be told.
    let _ = walk.children(0, size, 0);
    walk.found
        .chapters
        .retain(|chapter| !chapter.title.is_empty());
    walk.found
}

struct Walk<'a> {
    file: &'a File,
    left: usize,
    found: Elements,
}

impl Walk<'_> {
    fn bytes(&mut self, at: u64, len: u64) -> io::Result<Vec<u8>> {
        self.file.seek(SeekFrom::Start(at))?;
        let mut bytes = vec![0; len as usize];
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// A title; what pads it out to its element are zeros.
    fn text(&mut self, from: u64, to: u64) -> io::Result<String> {
        let bytes = self.bytes(from, (to - from).min(TITLE_MAX_BYTES))?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(text.trim_end_matches('\0').trim().to_owned())
    }

    fn children(&mut self, mut at: u64, end: u64, depth: usize) -> io::Result<()> {
        while at < end && self.left > 0 && depth < DEPTH_MAX {
            self.left -= 1;
            // An id has at most 4 bytes, a size at most 8.
            let header = self.bytes(at, (end - at).min(12))?;
            let Some((id, id_bytes)) = number(&header, false) else {
                return Ok(());
            };
            let Some((size, size_bytes)) = number(&header[id_bytes..], true) else {
                return Ok(());
            };
            let from = at + (id_bytes + size_bytes) as u64;
            // All ones: to the end of what is around it.
            let unknown = size == (1 << (7 * size_bytes)) - 1;
            let to = if unknown {
                end
            } else {
                from.saturating_add(size)
            };
            if from > end {
                return Ok(());
            }
            let id = u32::try_from(id).unwrap_or(0);
            if id == CHAPTERS {
                self.found.ids_at.push(at + id_bytes as u64 - 1);
            }
            self.look_into(id, from, to.min(end), depth)?;
            at = to;
        }
        Ok(())
    }

    fn look_into(&mut self, id: u32, from: u64, to: u64, depth: usize) -> io::Result<()> {
        match id {
            SEGMENT | INFO | CHAPTERS | EDITION | DISPLAY => self.children(from, to, depth + 1),
            ATOM if self.found.chapters.len() < CHAPTERS_MAX => {
                self.found.chapters.push(Chapter {
                    t0_ms: 0,
                    title: String::new(),
                });
                self.children(from, to, depth + 1)
            }
            TIME_START => {
                let bytes = self.bytes(from, (to - from).min(8))?;
                let ns = bytes.iter().fold(0, |ns, b| ns << 8 | u64::from(*b));
                if let Some(chapter) = self.found.chapters.last_mut() {
                    chapter.t0_ms = ns / NS_PER_MS;
                }
                Ok(())
            }
            INFO_TITLE => {
                let title = self.text(from, to)?;
                self.found.title = Some(title).filter(|title| !title.is_empty());
                Ok(())
            }
            TITLE => {
                let title = self.text(from, to)?;
                if let Some(chapter) = self.found.chapters.last_mut()
                    && chapter.title.is_empty()
                {
                    chapter.title = title;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// A number of variable length, and how many bytes it has. The bit that marks its length
/// belongs to an id and not to a size.
fn number(bytes: &[u8], unmarked: bool) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let len = first.leading_zeros() as usize + 1;
    let max = if unmarked { 8 } else { 4 };
    let bytes = bytes.get(..len).filter(|_| len <= max)?;
    let value = bytes.iter().fold(0, |value, b| value << 8 | u64::from(*b));
    Some((
        if unmarked {
            value ^ (1 << (7 * len))
        } else {
            value
        },
        len,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn element(id: u32, content: &[u8]) -> Vec<u8> {
        let id = id.to_be_bytes();
        let mut bytes = id[id.iter().position(|b| *b > 0).unwrap()..].to_vec();
        bytes.extend((0x1000_0000 | content.len() as u32).to_be_bytes());
        bytes.extend(content);
        bytes
    }

    fn look_at(bytes: &[u8]) -> Elements {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        look(&file, bytes.len() as u64)
    }

    #[test]
    fn the_title_and_chapters_are_found_and_cuts_survived() {
        let atom = |ms: u64, title: &str| {
            let time = element(TIME_START, &(ms * NS_PER_MS).to_be_bytes());
            let shown = element(DISPLAY, &element(TITLE, title.as_bytes()));
            element(ATOM, &[time, shown].concat())
        };
        let atoms = [atom(0, "Hello"), atom(90_500, "训练成本")].concat();
        let chapters = element(CHAPTERS, &element(EDITION, &atoms));
        let info = element(INFO, &element(INFO_TITLE, "第七期\0\0".as_bytes()));
        let segment = element(SEGMENT, &[info, chapters].concat());
        let file = [element(EBML, b""), segment].concat();
        assert!(is_matroska(&file));
        let found = look_at(&file);
        assert_eq!(found.title.as_deref(), Some("第七期"));
        let told: Vec<_> = found
            .chapters
            .iter()
            .map(|chapter| (chapter.t0_ms, chapter.title.as_str()))
            .collect();
        assert_eq!(told, [(0, "Hello"), (90_500, "训练成本")]);
        assert_eq!(found.ids_at.len(), 1);
        assert_eq!(file[found.ids_at[0] as usize], 0x70);
        for cut in 0..file.len() {
            look_at(&file[..cut]);
        }
    }

    #[test]
    fn elements_that_hold_themselves_end() {
        let mut nested = Vec::new();
        for _ in 0..1_000 {
            nested.extend(SEGMENT.to_be_bytes());
            nested.extend([0xFF]);
        }
        assert_eq!(look_at(&nested), Elements::default());
    }
}
