//! What symphonia does not tell of an MP4: whether a shop has locked it, its chapters, and when and
//! where a phone took it.
//!
//! Walks the boxes (ISO/IEC 14496-12) down to the sample descriptions, to Nero's chapter
//! list and to Apple's and Android's place (ISO 6709); what is damaged is left to the demuxer to complain about.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use crate::extraction::Chapter;

/// Boxes looked at: a film of a thousand fragments has four to each.
const BOXES_MAX: usize = 20_000;
/// Boxes inside boxes: `moov/trak/mdia/minf/stbl/stsd` is six deep.
const DEPTH_MAX: usize = 8;
/// A chapter list has at most 255 entries of 264 bytes.
const CHAPTERS_MAX_BYTES: u64 = 80 << 10;
/// Keys of metadata that are looked through, and bytes of them: a phone writes ten.
const KEYS_MAX_BYTES: u64 = 8 << 10;
/// A place as text: `+52.5163+013.3777+034.000/`.
const PLACE_MAX_BYTES: u64 = 64;
const PLACE_KEY: &[u8] = b"com.apple.quicktime.location.ISO6709";
/// Times count from 1904.
const EPOCH_S: i64 = 2_082_844_800;
/// Nero counts time in units of 100 ns.
const CHAPTER_TICKS_PER_MS: u64 = 10_000;

/// What the boxes tell.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Boxes {
    /// Who locked it, if somebody did.
    pub(super) locked_by: Option<&'static str>,
    pub(super) chapters: Vec<Chapter>,
    /// When it was taken or made, seconds since 1970.
    pub(super) made_s: Option<i64>,
    /// Where: degrees, north and east positive.
    pub(super) position: Option<(f64, f64)>,
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
        place_item: None,
        found: Boxes::default(),
    };
    // An error is the end of what can be told.
    let _ = walk.children(0, size, 0);
    walk.found
}

struct Walk<'a> {
    file: &'a File,
    boxes_left: usize,
    /// Under which kind of box the place stands in a list of Apple's.
    place_item: Option<[u8; 4]>,
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
            b"mvhd" => self.made(from),
            b"meta" => {
                // In QuickTime its boxes begin at once, elsewhere behind version and flags.
                let mut first = [0; 8];
                self.at(from, &mut first)?;
                let version = if first.ends_with(b"hdlr") { 0 } else { 4 };
                self.children(from + version, to, depth + 1)
            }
            b"keys" => self.keys(from, to),
            b"ilst" => self.children(from, to, depth + 1),
            // Its length and its language come first.
            b"\xA9xyz" => self.place(from + 4, to),
            // Another box around it, with a type and a language.
            kind if Some(*kind) == self.place_item => self.place(from + 16, to),
            _ => Ok(()),
        }
    }

    #[allow(clippy::unnecessary_wraps)] // one arm among fallible ones
    fn lock(&mut self, by: &'static str) -> io::Result<()> {
        self.found.locked_by = Some(by);
        Ok(())
    }

    /// Version, flags, then the time.
    fn made(&mut self, from: u64) -> io::Result<()> {
        let mut head = [0; 4];
        self.at(from, &mut head)?;
        let since_1904 = if head[0] == 0 {
            let mut short = [0; 4];
            self.at(from + 4, &mut short)?;
            i64::from(u32::from_be_bytes(short))
        } else {
            let mut long = [0; 8];
            self.at(from + 4, &mut long)?;
            i64::from_be_bytes(long)
        };
        // Zero is no time, and neither is what was meant to count from 1970.
        self.found.made_s = since_1904.checked_sub(EPOCH_S).filter(|made| *made > 0);
        Ok(())
    }

    /// Version, flags, a count, then length, name space and name of each; the box of an item is
    /// called by the number of its key.
    fn keys(&mut self, from: u64, to: u64) -> io::Result<()> {
        let mut bytes = vec![0; (to - from).min(KEYS_MAX_BYTES) as usize];
        self.at(from, &mut bytes)?;
        let mut rest = bytes.get(8..).unwrap_or_default();
        let mut number = 0_u32;
        while let Some((length, _)) = rest.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            let Some(key) = rest.get(8..length) else {
                break;
            };
            number += 1;
            if key == PLACE_KEY {
                self.place_item = Some(number.to_be_bytes());
            }
            rest = &rest[length..];
        }
        Ok(())
    }

    fn place(&mut self, from: u64, to: u64) -> io::Result<()> {
        let mut bytes = vec![0; to.saturating_sub(from).min(PLACE_MAX_BYTES) as usize];
        self.at(from, &mut bytes)?;
        self.found.position = iso_6709(&bytes).or(self.found.position);
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

/// Degrees of latitude and longitude of a position as text (ISO 6709, annex H): `+5231-00521/` has
/// minutes too, `+523112.5+0133742/` seconds.
fn iso_6709(text: &[u8]) -> Option<(f64, f64)> {
    let text = str::from_utf8(text).ok().or_else(|| {
        let end = text.iter().position(|byte| !byte.is_ascii())?;
        str::from_utf8(&text[..end]).ok()
    })?;
    let is_sign = |c: char| c == '+' || c == '-';
    let longitude = 1 + text.get(1..)?.find(is_sign)?;
    let end = text.get(longitude + 1..)?;
    let end = end.find(|c: char| !c.is_ascii_digit() && c != '.');
    let end = end.map_or(text.len(), |end| longitude + 1 + end);
    let latitude = degrees(&text[..longitude], 2, 90.0)?;
    let longitude = degrees(&text[longitude..end], 3, 180.0)?;
    // What has no fix writes zeros.
    (latitude != 0.0 || longitude != 0.0).then_some((latitude, longitude))
}

/// A sign, so many digits of degrees, then two of minutes and two of seconds or neither.
fn degrees(text: &str, digits: usize, most: f64) -> Option<f64> {
    let sign = match text.chars().next()? {
        '+' => 1.0,
        '-' => -1.0,
        _ => return None,
    };
    let text = &text[1..];
    let whole = text.find('.').unwrap_or(text.len());
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<f64>().ok();
    let value = match whole.checked_sub(digits)? {
        0 => part(0, text.len())?,
        2 => part(0, digits)? + part(digits, text.len())? / 60.0,
        4 => {
            let minutes = part(digits, digits + 2)? + part(digits + 2, text.len())? / 60.0;
            part(0, digits)? + minutes / 60.0
        }
        _ => return None,
    };
    (0.0..=most).contains(&value).then_some(sign * value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn positions_are_read_in_all_three_ways() {
        for (text, expect) in [
            ("+52.5163+013.3777+034.000/", Some((52.5163, 13.3777))),
            ("+37.8199-122.4783/", Some((37.8199, -122.4783))),
            ("-3351.5+15113/", Some((-33.858_333, 151.216_667))),
            ("+523112.5+0133742.0", Some((52.520_139, 13.628_333))),
            ("+00.0000+000.0000/", None),
            ("+95.0+013.0/", None),
            ("52.5+13.3/", None),
            ("+5+1/", None),
            ("+52.5", None),
            ("", None),
        ] {
            let found = iso_6709(text.as_bytes());
            let near = |(a, b): (f64, f64), (c, d): (f64, f64)| {
                (a - c).abs() < 1e-5 && (b - d).abs() < 1e-5
            };
            match (found, expect) {
                (Some(found), Some(expect)) => assert!(near(found, expect), "{text}: {found:?}"),
                (found, expect) => assert_eq!(found, expect, "{text}"),
            }
        }
    }

    #[test]
    fn a_phone_says_when_and_where_it_took_a_film() {
        let made = 1_715_925_802_i64;
        let header = [
            &[0; 4][..],
            &((made + EPOCH_S) as u32).to_be_bytes(),
            &[0; 8],
        ]
        .concat();
        let header = boxed(*b"mvhd", &header);
        let text = b"+52.5163+013.3777/";
        let android = boxed(*b"\xA9xyz", &[&[0, 18, 0x15, 0xC7][..], text].concat());
        let android = boxed(*b"udta", &android);
        let key = |name: &[u8]| boxed(*b"mdta", name);
        let keys = [
            &[0, 0, 0, 0, 0, 0, 0, 2][..],
            &key(b"com.apple.quicktime.make"),
            &key(PLACE_KEY),
        ]
        .concat();
        let value = |text: &[u8]| boxed(*b"data", &[&[0, 0, 0, 1, 0, 0, 0, 0][..], text].concat());
        let list = [
            boxed([0, 0, 0, 1], &value(b"Apple")),
            boxed([0, 0, 0, 2], &value(text)),
        ];
        let apple = [
            boxed(*b"hdlr", &[0; 24]),
            boxed(*b"keys", &keys),
            boxed(*b"ilst", &list.concat()),
        ]
        .concat();
        let iso = boxed(*b"meta", &[&[0; 4], &apple[..]].concat());
        for place in [android, boxed(*b"meta", &apple), iso] {
            let moov = boxed(*b"moov", &[header.clone(), place].concat());
            let found = look_at(&moov);
            assert_eq!(found.made_s, Some(made));
            assert_eq!(found.position, Some((52.5163, 13.3777)));
            for cut in 0..moov.len() {
                look_at(&moov[..cut]);
            }
        }
        let unset = boxed(*b"moov", &boxed(*b"mvhd", &[0; 16]));
        assert_eq!(look_at(&unset), Boxes::default());
    }

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
