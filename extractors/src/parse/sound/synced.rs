//! Words with their times as ID3 keeps them: the frame SYLT (id3v2.4.0-frames, section 4.9).
//!
//! Players write a line, or a syllable at a time; where syllables begin with a line feed at new
//! lines, they are put together to these again. Times that count MPEG frames are no times
//! without the whole stream, and such a frame says nothing here; so does one of chords or links.

use crate::parse::encoding;
use crate::parse::subtitle::{Cue, stamped};

/// Text before the pairs of words and times: encoding, language, unit, content.
const HEAD_BYTES: usize = 6;
/// The unit that is understood.
const MILLISECONDS: u8 = 2;
/// Something else, lyrics, a transcription. What follows are movements, events, chords, links.
const LAST_OF_WORDS: u8 = 2;

/// The lines of a frame; none where it is of another kind or damaged at its head.
pub(super) fn cues(frame: &[u8]) -> Vec<Cue> {
    let Some((head, rest)) = frame.split_at_checked(HEAD_BYTES) else {
        return Vec::new();
    };
    let (strings, unit, content) = (head[0], head[4], head[5]);
    if unit != MILLISECONDS || content > LAST_OF_WORDS {
        return Vec::new();
    }
    let mut order = ByteOrder::Little;
    // A description of the whole.
    let Some((_, mut rest)) = string(strings, rest, &mut order) else {
        return Vec::new();
    };
    let mut pieces = Vec::new();
    while let Some((text, after)) = string(strings, rest, &mut order) {
        let Some((stamp, after)) = after.split_first_chunk::<4>() else {
            break;
        };
        pieces.push((u64::from(u32::from_be_bytes(*stamp)), text));
        rest = after;
    }
    stamped(lines(pieces), 0)
}

/// Syllables as lines, if line feeds tell where these begin.
fn lines(pieces: Vec<(u64, String)>) -> Vec<(u64, String)> {
    let marked = pieces
        .iter()
        .skip(1)
        .any(|(_, text)| text.starts_with('\n'));
    let mut lines: Vec<(u64, String)> = Vec::new();
    for (stamp, text) in pieces {
        match lines.last_mut() {
            Some((_, line)) if marked && !text.starts_with('\n') => line.push_str(&text),
            _ => lines.push((stamp, text)),
        }
    }
    for (_, line) in &mut lines {
        *line = line.trim().to_owned();
    }
    lines
}

#[derive(Clone, Copy)]
enum ByteOrder {
    Little,
    Big,
}

/// A string up to its end mark, and what follows. UTF-16 may name its byte order once, before
/// the first of them, as iTunes has it.
fn string<'a>(encoding: u8, bytes: &'a [u8], order: &mut ByteOrder) -> Option<(String, &'a [u8])> {
    if matches!(encoding, 0 | 3) {
        let end = bytes.iter().position(|byte| *byte == 0)?;
        let text = match encoding {
            // Latin-1 by the letter; in fact whatever the writer's machine had.
            0 => encoding::decode(bytes[..end].to_vec(), None).ok()?.text,
            _ => String::from_utf8_lossy(&bytes[..end]).into_owned(),
        };
        return Some((text, &bytes[end + 1..]));
    }
    let end = bytes.chunks_exact(2).position(|unit| unit == [0, 0])? * 2;
    let (mut text, rest) = (&bytes[..end], &bytes[end + 2..]);
    match text {
        [0xff, 0xfe, after @ ..] => (*order, text) = (ByteOrder::Little, after),
        [0xfe, 0xff, after @ ..] => (*order, text) = (ByteOrder::Big, after),
        _ if encoding == 2 => *order = ByteOrder::Big,
        _ => {}
    }
    let units = text.chunks_exact(2).map(|unit| match order {
        ByteOrder::Little => u16::from_le_bytes([unit[0], unit[1]]),
        ByteOrder::Big => u16::from_be_bytes([unit[0], unit[1]]),
    });
    let text = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    Some((text.collect(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of these pieces, each already encoded and ended.
    fn frame(encoding: u8, unit: u8, content: u8, pieces: &[(&[u8], u32)]) -> Vec<u8> {
        let mut frame = vec![encoding, b'e', b'n', b'g', unit, content];
        frame.extend(if matches!(encoding, 0 | 3) {
            &b"\0"[..]
        } else {
            b"\0\0"
        });
        for (text, stamp) in pieces {
            frame.extend_from_slice(text);
            frame.extend(stamp.to_be_bytes());
        }
        frame
    }

    fn said(frame: &[u8]) -> Vec<(u64, u64, String)> {
        let cues = cues(frame).into_iter();
        cues.map(|cue| (cue.t0_ms, cue.t1_ms, cue.text)).collect()
    }

    #[test]
    fn lines_have_their_times() {
        let lines: [(&[u8], u32); 3] = [
            (b"Hello\0", 500),
            (b"\0", 4_000),
            ("你好\0".as_bytes(), 6_000),
        ];
        let expect = [
            (500, 4_000, "Hello".to_owned()),
            (6_000, 11_000, "你好".to_owned()),
        ];
        assert_eq!(said(&frame(3, 2, 1, &lines)), expect);
        let latin: [(&[u8], u32); 1] = [(b"caf\xe9\0", 0)];
        assert_eq!(said(&frame(0, 2, 2, &latin))[0].2, "café");
    }

    #[test]
    fn syllables_become_lines_and_utf_16_is_read_in_its_order() {
        let utf16 = |text: &str, mark: &[u8]| {
            let units = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes);
            [mark, &units.collect::<Vec<_>>()].concat()
        };
        let pieces = [
            (utf16("\nTrai", b"\xff\xfe"), 1_000),
            (utf16("ning ", b""), 1_300),
            (utf16("cost", b""), 1_600),
            (utf16("\nfalls", b""), 2_500),
        ];
        let pieces: Vec<(&[u8], u32)> = pieces.iter().map(|(t, at)| (t.as_slice(), *at)).collect();
        let expect = [
            (1_000, 2_500, "Training cost".to_owned()),
            (2_500, 7_500, "falls".to_owned()),
        ];
        assert_eq!(said(&frame(1, 2, 1, &pieces)), expect);
    }

    #[test]
    fn what_is_no_text_with_times_says_nothing() {
        let line: [(&[u8], u32); 1] = [(b"C#m\0", 500)];
        assert!(said(&frame(0, 2, 5, &line)).is_empty(), "chords");
        assert!(said(&frame(0, 1, 1, &line)).is_empty(), "MPEG frames");
        assert!(said(b"\x03eng").is_empty());
        let whole = frame(3, 2, 1, &[(b"Hello\0", 500), (b"there\0", 900)]);
        for end in 0..whole.len() {
            assert!(said(&whole[..end]).len() < 2, "{end}");
        }
    }
}
