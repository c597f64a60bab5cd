//! What a WAV file says of itself, in a `LIST` of the form `INFO` ("Multimedia Programming
//! Interface and Data Specifications 1.0", IBM and Microsoft, 1991): symphonia 0.6 reads the list
//! and loses it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Chunks looked at; a recorder writes some ten.
const CHUNKS_MAX: usize = 1_000;
/// Bytes of all lists that are read.
const LIST_MAX_BYTES: u64 = 64 << 10;
/// Name and length, before each chunk.
const HEADER_BYTES: u64 = 8;

/// One entry of the list: `INAM` and what stands there.
pub(super) type Entry = ([u8; 4], String);

/// Whether a file begins like a WAV.
pub(super) fn is_wave(head: &[u8]) -> bool {
    head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WAVE")
}

/// All entries, as far as they can be read.
pub(super) fn look(file: &File, size: u64) -> Vec<Entry> {
    let mut found = Vec::new();
    // An error is the end of what can be told.
    let _ = walk(file, size, &mut found);
    found
}

#[allow(clippy::disallowed_methods)] // bound by LIST_MAX_BYTES
fn walk(mut file: &File, size: u64, found: &mut Vec<Entry>) -> io::Result<()> {
    let (mut at, mut left) = (12, LIST_MAX_BYTES);
    for _ in 0..CHUNKS_MAX {
        if at >= size {
            break;
        }
        file.seek(SeekFrom::Start(at))?;
        let mut header = [0; HEADER_BYTES as usize];
        file.read_exact(&mut header)?;
        let (name, length) = named(header);
        if name == *b"LIST" {
            let mut list = Vec::new();
            file.take(length.min(left)).read_to_end(&mut list)?;
            left -= list.len() as u64;
            if let Some(entries) = list.strip_prefix(b"INFO") {
                found.extend(entries_of(entries));
            }
        }
        at += HEADER_BYTES + padded(length);
    }
    Ok(())
}

fn named(header: [u8; 8]) -> ([u8; 4], u64) {
    let [a, b, c, d, length @ ..] = header;
    ([a, b, c, d], u64::from(u32::from_le_bytes(length)))
}

/// Chunks begin at even places.
fn padded(length: u64) -> u64 {
    length + length % 2
}

fn entries_of(mut list: &[u8]) -> Vec<Entry> {
    let mut entries = Vec::new();
    while let Some((header, rest)) = list.split_first_chunk() {
        let (name, length) = named(*header);
        let text = &rest[..rest.len().min(length as usize)];
        entries.push((name, text_of(text)));
        list = rest.get(padded(length) as usize..).unwrap_or_default();
    }
    entries
}

/// The format knows no encodings: UTF-8, or else a byte a character, which `tags` sees through.
fn text_of(bytes: &[u8]) -> String {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    match str::from_utf8(text) {
        Ok(text) => text.to_owned(),
        Err(_) => text.iter().map(|byte| char::from(*byte)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn chunk(name: &[u8], body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u32).to_le_bytes();
        let pad = vec![0; body.len() % 2];
        [name, &length, body, &pad].concat()
    }

    fn looked(chunks: &[Vec<u8>]) -> Vec<Entry> {
        let body = [b"WAVE".to_vec(), chunks.concat()].concat();
        let wav = chunk(b"RIFF", &body);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&wav).unwrap();
        assert!(is_wave(&wav));
        look(&file, wav.len() as u64)
    }

    #[test]
    fn the_list_is_found_before_and_behind_the_sound() {
        let list = [
            b"INFO".to_vec(),
            chunk(b"INAM", b"Morning\0"),
            chunk(b"IART", "厚明".as_bytes()),
            chunk(b"ICMT", b"caf\xE9\0 and what stands behind"),
        ];
        let list = chunk(b"LIST", &list.concat());
        let sound = chunk(b"data", &[7; 101]);
        let expect = [
            (*b"INAM", "Morning".to_owned()),
            (*b"IART", "厚明".to_owned()),
            (*b"ICMT", "café".to_owned()),
        ];
        assert_eq!(looked(&[list.clone(), sound.clone()]), expect);
        assert_eq!(looked(&[sound.clone(), list]), expect);
        let other = chunk(b"LIST", b"adtlINAM\x04\0\0\0nope");
        assert_eq!(looked(&[sound, other]), []);
    }

    #[test]
    fn lengths_that_lie_end_it() {
        let entry = [
            b"INFOINAM".to_vec(),
            u32::MAX.to_le_bytes().to_vec(),
            b"cut".to_vec(),
        ];
        let list = chunk(b"LIST", &entry.concat());
        assert_eq!(looked(&[list]), [(*b"INAM", "cut".to_owned())]);
        let endless = [b"data".to_vec(), u32::MAX.to_le_bytes().to_vec()].concat();
        assert_eq!(looked(&[endless]), []);
    }

    proptest! {
        #[test]
        fn any_bytes_are_looked_at_and_the_walk_ends(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            looked(&[chunk(b"LIST", &[b"INFO".to_vec(), bytes.clone()].concat()), bytes]);
        }
    }
}
