//! What symphonia does not tell of an MP4: whether a shop has locked it, and its chapters.
//!
//! Walks the boxes (ISO/IEC 14496-12) down to the sample descriptions and to Nero's chapter
//! list; what is damaged is left to the demuxer to complain about.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use crate::extraction::Chapter;

/// Boxes looked at: a film of a thousand fragments has four to each.
const BOXES_MAX: usize = 20_000;
/// Boxes inside boxes: `moov/trak/mdia/minf/stbl/stsd` is six deep.
const DEPTH_MAX: usize = 8;
/// A chapter list has at most 255 entries of 264 bytes.
const CHAPTERS_MAX_BYTES: u64 = 80 << 10;
/// Nero counts time in units of 100 ns.
const CHAPTER_TICKS_PER_MS: u64 = 10_000;

/// What the boxes tell.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Boxes {
    /// Who locked it, if somebody did.
    pub(super) locked_by: Option<&'static str>,
    pub(super) chapters: Vec<Chapter>,
}

/// Whether a file begins like an MP4.
pub(super) fn is_mp4(head: &[u8]) -> bool {
    head.get(4..8) == Some(b"ftyp")
}

/// Reads the boxes of an MP4.
pub(super) fn look(file: &File, size: u64) -> Boxes {
    let mut walk = Walk {
        file,
        boxes_left: BOXES_MAX,
        found: Boxes::default(),
    };
    // An error is the end of what can be told.
    let _ = walk.children(0, size, 0);
    walk.found
}

struct Walk<'a> {
    file: &'a File,
    boxes_left: usize,
    found: Boxes,
}

impl Walk<'_> {
    fn at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.read_exact(into)
    }

    /// Looks at every box between two offsets.
    fn children(&mut self, mut offset: u64, end: u64, depth: usize) -> io::Result<()> {
        while offset + 8 <= end && self.boxes_left > 0 && depth < DEPTH_MAX {
            self.boxes_left -= 1;
            let mut header = [0; 16];
            self.at(offset, &mut header[..8])?;
            let kind = [header[4], header[5], header[6], header[7]];
            let short = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
            let (head_bytes, bytes) = match short {
                0 => (8, end - offset),
                1 => {
                    self.at(offset + 8, &mut header[8..])?;
                    let mut long = [0; 8];
                    long.copy_from_slice(&header[8..]);
                    (16, u64::from_be_bytes(long))
                }
                bytes => (8, u64::from(bytes)),
            };
            let next = offset.saturating_add(bytes);
            if bytes < head_bytes || next > end {
                return Ok(());
            }
            self.look_into(kind, offset + head_bytes, next, depth)?;
            offset = next;
        }
        Ok(())
    }

    fn look_into(&mut self, kind: [u8; 4], from: u64, to: u64, depth: usize) -> io::Result<()> {
        match &kind {
            b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl" | b"udta" => {
                self.children(from, to, depth + 1)
            }
            // Version, flags and the number of descriptions come first.
            b"stsd" => self.children(from + 8, to, depth + 1),
            b"drms" | b"drmi" => self.lock("FairPlay"),
            b"aavd" => self.lock("Audible"),
            b"enca" | b"encv" => self.lock("Common Encryption"),
            b"chpl" => self.chapters(from, to),
            _ => Ok(()),
        }
    }

    #[allow(clippy::unnecessary_wraps)] // one arm among fallible ones
    fn lock(&mut self, by: &'static str) -> io::Result<()> {
        self.found.locked_by = Some(by);
        Ok(())
    }

    /// Version, flags, four bytes unused, a count, then time and title for each.
    fn chapters(&mut self, from: u64, to: u64) -> io::Result<()> {
        let mut bytes = vec![0; (to - from).min(CHAPTERS_MAX_BYTES) as usize];
        self.at(from, &mut bytes)?;
        let mut rest = bytes.get(9..).unwrap_or_default();
        for _ in 0..bytes.get(8).copied().unwrap_or(0) {
            let Some((time, after)) = rest.split_first_chunk::<8>() else {
                break;
            };
            let Some((length, after)) = after.split_first() else {
                break;
            };
            let Some((title, after)) = after.split_at_checked(usize::from(*length)) else {
                break;
            };
            rest = after;
            self.found.chapters.push(Chapter {
                t0_ms: u64::from_be_bytes(*time) / CHAPTER_TICKS_PER_MS,
                title: String::from_utf8_lossy(title).trim().to_owned(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn boxed(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
        let mut bytes = (content.len() as u32 + 8).to_be_bytes().to_vec();
        bytes.extend(kind);
        bytes.extend(content);
        bytes
    }

    fn look_at(bytes: &[u8]) -> Boxes {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        look(&file, bytes.len() as u64)
    }

    #[test]
    fn locks_and_chapters_are_found() {
        let stsd = boxed(
            *b"stsd",
            &[&[0; 8][..], &boxed(*b"drms", &[0; 28])].concat(),
        );
        let minf = boxed(*b"minf", &boxed(*b"stbl", &stsd));
        let trak = boxed(*b"trak", &boxed(*b"mdia", &minf));
        let mut list = vec![1, 0, 0, 0, 0, 0, 0, 0, 2];
        for (ms, title) in [(0_u64, "Hello"), (90_500, "训练成本")] {
            list.extend((ms * CHAPTER_TICKS_PER_MS).to_be_bytes());
            list.push(title.len() as u8);
            list.extend(title.bytes());
        }
        let udta = boxed(*b"udta", &boxed(*b"chpl", &list));
        let file = [
            boxed(*b"ftyp", b"M4A \0\0\0\0"),
            boxed(*b"moov", &[trak, udta].concat()),
        ]
        .concat();
        assert!(is_mp4(&file));
        let found = look_at(&file);
        assert_eq!(found.locked_by, Some("FairPlay"));
        let chapters: Vec<_> = found
            .chapters
            .iter()
            .map(|chapter| (chapter.t0_ms, chapter.title.as_str()))
            .collect();
        assert_eq!(chapters, [(0, "Hello"), (90_500, "训练成本")]);
        for cut in 0..file.len() {
            look_at(&file[..cut]);
        }
    }

    #[test]
    fn boxes_that_hold_themselves_end() {
        // A size of zero reaches to the end of the file, again and again.
        let mut nested = Vec::new();
        for _ in 0..1_000 {
            nested.extend([0, 0, 0, 0]);
            nested.extend(b"moov");
        }
        assert_eq!(look_at(&nested), Boxes::default());
    }
}
