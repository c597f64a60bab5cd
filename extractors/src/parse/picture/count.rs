//! What a container says of itself without decoding a pixel: frames, pages, and whether a
//! JPEG reaches its end.
//!
//! All of it walks from block to block in bounds; what cannot be followed ends the walk.

/// Frames or pages counted at most: a ring of directories has no end.
const COUNT_MAX: u32 = 1_000_000;

/// The frames of a GIF.
pub(super) fn gif_frames(bytes: &[u8]) -> u32 {
    let mut frames = 0;
    // Signature 6, logical screen 7, then the global colours, if any.
    let Some(&flags) = bytes.get(10) else {
        return 0;
    };
    let mut at = 13 + colour_table_bytes(flags);
    while frames < COUNT_MAX {
        match bytes.get(at) {
            // An extension: its label, then blocks of data.
            Some(0x21) => at = after_blocks(bytes, at + 2),
            // A frame: where it goes, its colours, the width of its codes, its data.
            Some(0x2C) => {
                frames += 1;
                let Some(&flags) = bytes.get(at + 9) else {
                    break;
                };
                at = after_blocks(bytes, at + 11 + colour_table_bytes(flags));
            }
            _ => break,
        }
    }
    frames
}

fn colour_table_bytes(flags: u8) -> usize {
    if flags & 0x80 == 0 {
        0
    } else {
        3 << ((flags & 7) + 1)
    }
}

/// Where blocks of data, each after its length, have come to the empty one.
fn after_blocks(bytes: &[u8], mut at: usize) -> usize {
    while let Some(&len) = bytes.get(at) {
        at += 1 + usize::from(len);
        if len == 0 {
            break;
        }
    }
    at
}

/// The pages of a TIFF: its chain of directories.
pub(super) fn tiff_pages(bytes: &[u8]) -> u32 {
    let little = bytes.first() == Some(&b'I');
    let number = |at: usize, len: usize| -> Option<u64> {
        let field = bytes.get(at..at.checked_add(len)?)?;
        let fold = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Some(if little {
            field.iter().rev().fold(0, fold)
        } else {
            field.iter().fold(0, fold)
        })
    };
    // The large variant writes its offsets and counts in eight bytes each.
    let large = number(2, 2) == Some(43);
    let (start, offset_len, count_len, entry_len) =
        if large { (8, 8, 8, 20) } else { (4, 4, 2, 12) };
    let mut pages = 0;
    let mut at = number(start, offset_len);
    // Offsets may go back, so a chain may be a ring: the count bounds it.
    while let Some(offset) = at.filter(|at| *at != 0 && pages < COUNT_MAX) {
        let next = usize::try_from(offset).ok().and_then(|offset| {
            let entries = usize::try_from(number(offset, count_len)?).ok()?;
            let after = entries
                .checked_mul(entry_len)?
                .checked_add(offset)?
                .checked_add(count_len)?;
            number(after, offset_len)
        });
        pages += 1;
        at = next;
    }
    pages
}

/// The largest icon of an ICO, if it is a PNG: those are whole files of their own, in any
/// of PNG's ways.
pub(super) fn ico_png(bytes: &[u8]) -> Option<&[u8]> {
    let number = |at: usize| -> Option<usize> {
        let field = bytes.get(at..at.checked_add(4)?)?;
        usize::try_from(u32::from_le_bytes(field.try_into().ok()?)).ok()
    };
    let icons = usize::from(*bytes.get(4)?);
    // A side of 256 does not fit its byte and is written as 0.
    let pixels = |entry: &[u8]| {
        let side = |at: usize| usize::from(entry[at].wrapping_sub(1)) + 1;
        side(0) * side(1)
    };
    let entries = bytes.get(6..)?.chunks_exact(16).take(icons);
    let (nth, _) = entries.enumerate().max_by_key(|(_, entry)| pixels(entry))?;
    let entry = 6 + 16 * nth;
    let (len, start) = (number(entry + 8)?, number(entry + 12)?);
    let icon = bytes.get(start..start.checked_add(len)?)?;
    icon.starts_with(b"\x89PNG").then_some(icon)
}

/// What a JPEG's markers tell.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct JpegFacts {
    /// All of it is held as coefficients while it is decoded.
    pub(super) progressive: bool,
    /// The end was written: a file cut off in its pixels has none.
    pub(super) ended: bool,
}

/// Looks at a JPEG's markers up to its first scan, and for the end behind that. A preview
/// in the metadata has an end of its own, which does not count.
pub(super) fn jpeg_facts(bytes: &[u8]) -> JpegFacts {
    let mut facts = JpegFacts::default();
    let mut at = 2;
    while let Some(&[0xFF, marker]) = bytes.get(at..at + 2) {
        match marker {
            // Filling, and markers without a length.
            0xFF => at += 1,
            0x01 | 0xD0..=0xD8 => at += 2,
            0xD9 => {
                facts.ended = true;
                return facts;
            }
            _ => {
                let Some(&[high, low]) = bytes.get(at + 2..at + 4) else {
                    return facts;
                };
                facts.progressive |= marker == 0xC2;
                at += 2 + usize::from(u16::from_be_bytes([high, low])).max(2);
                if marker == 0xDA {
                    let rest = bytes.get(at..).unwrap_or_default();
                    facts.ended = rest.windows(2).any(|pair| pair == [0xFF, 0xD9]);
                    return facts;
                }
            }
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_of_directories_and_offsets_into_nowhere_end() {
        // One directory of no entries at 8, which names itself as the next.
        let ring = b"II*\0\x08\0\0\0\0\0\x08\0\0\0";
        assert_eq!(tiff_pages(ring), COUNT_MAX);
        assert_eq!(tiff_pages(b"II*\0\xFF\xFF\xFF\xFF"), 1);
        assert_eq!(
            tiff_pages(b"MM\0+\0\x08\0\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
            1
        );
        assert_eq!(tiff_pages(b"II"), 0);
    }

    #[test]
    fn gifs_are_counted_as_far_as_they_go() {
        let mut gif = b"GIF89a\x01\0\x01\0\0\0\0".to_vec();
        assert_eq!(gif_frames(&gif), 0);
        let frame = b"\x21\xF9\x04\0\0\0\0\0\x2C\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0";
        gif.extend(frame.repeat(3));
        assert_eq!(gif_frames(&gif), 3);
        gif.extend_from_slice(b"\x2C\0\0");
        assert_eq!(gif_frames(&gif), 4);
        assert_eq!(gif_frames(b"GIF89a"), 0);
    }

    #[test]
    fn the_largest_icon_is_taken_if_it_is_a_png() {
        let entry = |side: u8, len: u32, start: u32| {
            let mut entry = vec![side, side, 0, 0, 1, 0, 32, 0];
            entry.extend(len.to_le_bytes());
            entry.extend(start.to_le_bytes());
            entry
        };
        let icons = [
            b"\0\0\x01\0\x02\0".to_vec(),
            entry(48, 4, 38),
            entry(0, 5, 42),
            b"bits\x89PNG!".to_vec(),
        ]
        .concat();
        assert_eq!(ico_png(&icons), Some(&b"\x89PNG!"[..]));
        for end in 0..icons.len() {
            assert_eq!(ico_png(&icons[..end]), None);
        }
    }

    #[test]
    fn the_end_of_a_preview_is_not_the_end() {
        let preview = b"\xFF\xD8\xFF\xE1\0\x06\xFF\xD8\xFF\xD9";
        let scan = b"\xFF\xDA\0\x02\x11\x22";
        let cut = [&preview[..], scan].concat();
        assert!(!jpeg_facts(&cut).ended);
        assert!(jpeg_facts(&[&cut[..], b"\xFF\xD9 and more"].concat()).ended);
        assert_eq!(jpeg_facts(b"\xFF\xD8\xFF"), JpegFacts::default());
        assert!(jpeg_facts(b"\xFF\xD8\xFF\xC2\0\x02").progressive);
    }
}
