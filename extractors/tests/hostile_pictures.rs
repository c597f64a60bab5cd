//! Pictures that are broken, cut off, swollen or lie: each ends with a reason or a picture.
//!
//! All are made from the good ones by a seed, so that a failure can be had again.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Kept, picture_paths, read_picture};
use hippo_config::{Filter, Fit, PictureSpec};
use hippo_extractors::{Metadata, Refusal, Verdict};

/// Sizes that a small picture is stretched to and a strip is cut out of.
const SPECS: [PictureSpec; 2] = [
    PictureSpec {
        size: 32,
        fit: Fit::Squash,
        filter: Filter::Bilinear,
    },
    PictureSpec {
        size: 24,
        fit: Fit::Crop,
        filter: Filter::Bicubic,
    },
];

/// A small generator of our own: the same numbers on every machine and for ever.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }
}

fn read_bytes(dir: &Path, name: &str, bytes: &[u8]) -> (Result<Metadata, Refusal>, Kept) {
    let path = dir.join(name);
    fs::write(&path, bytes).unwrap();
    read_picture(&path, &SPECS)
}

/// What must hold of any file; returns how it ended.
fn hold(what: &str, ended: &Result<Metadata, Refusal>, kept: &Kept) -> String {
    match ended {
        Ok(metadata) => {
            assert_eq!(kept.segments.len(), 1, "{what}");
            assert!(kept.segments[0].picture, "{what}");
            assert_eq!(kept.pictures.len(), SPECS.len(), "{what}");
            for (picture, spec) in kept.pictures.iter().zip(SPECS) {
                assert_eq!((picture.width, picture.height), (spec.size, spec.size));
                assert_eq!(picture.rgb.len(), (spec.size * spec.size * 3) as usize);
            }
            assert!(metadata.mime.starts_with("image/"), "{what}");
            "a picture".to_owned()
        }
        Err(refusal) => {
            assert!(kept.pictures.is_empty(), "{what}");
            assert!(!refusal.reason.is_empty(), "{what}");
            assert!(!refusal.reason.contains(['\n', '{']), "{what}: {refusal}");
            format!("{:?}: {}", refusal.verdict, refusal.reason)
        }
    }
}

/// One of the good files, spoiled in one of five ways.
fn spoil(dice: &mut Dice, good: &[u8]) -> (&'static str, Vec<u8>) {
    let mut bytes = good.to_vec();
    let head = bytes.len().min(96);
    match dice.roll(5) {
        0 => {
            bytes.truncate(1 + dice.roll(good.len()));
            ("cut", bytes)
        }
        1 => {
            for _ in 0..=dice.roll(30) {
                let at = dice.roll(good.len());
                bytes[at] ^= 1 << dice.roll(8);
            }
            ("flipped bits", bytes)
        }
        2 => {
            for _ in 0..=dice.roll(6) {
                bytes[4 + dice.roll(head - 4)] = [0, 0xFF, 0x7F, 0x80][dice.roll(4)];
            }
            ("a lying header", bytes)
        }
        3 => {
            let from = dice.roll(good.len());
            let len = dice.roll(good.len() - from);
            bytes.drain(from..from + len);
            ("a hole", bytes)
        }
        _ => {
            let from = dice.roll(good.len());
            let again = bytes[from..].to_vec();
            let at = dice.roll(good.len());
            bytes.splice(at..at, again);
            ("a part twice", bytes)
        }
    }
}

/// The good pictures of every format with their names, but the one that takes long.
fn good_pictures() -> Vec<(String, Vec<u8>)> {
    picture_paths()
        .iter()
        .filter(|path| !path.ends_with("large.jpg"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .collect()
}

#[test]
fn three_hundred_spoiled_pictures_end_with_a_reason_or_a_picture() {
    let dir = tempfile::tempdir().unwrap();
    let good = good_pictures();
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for nth in 0..300 {
        let (name, bytes) = &good[nth % good.len()];
        let (how, spoiled) = spoil(&mut dice, bytes);
        let what = format!("number {nth}, {name} with {how}");
        let (ended, kept) = read_bytes(dir.path(), name, &spoiled);
        *counts.entry(hold(&what, &ended, &kept)).or_default() += 1;
    }
    eprintln!("{counts:#?}");
    let pictures = counts.get("a picture").copied().unwrap_or(0);
    assert!(
        pictures > 20,
        "{pictures} survived: spoiling spoils too much"
    );
    assert!(
        pictures < 200,
        "{pictures} survived: spoiling spoils nothing"
    );
}

/// A drawing with a little of everything: text, styles, gradients, a pattern, a mask, a clip, a
/// marker, filters, a picture inside and parts that are used twice.
fn drawing() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/drawing.svg");
    fs::read(path).unwrap()
}

#[test]
fn three_hundred_spoiled_drawings_end_with_a_reason_or_a_picture() {
    let dir = tempfile::tempdir().unwrap();
    let good = drawing();
    let (ended, kept) = read_bytes(dir.path(), "a.svg", &good);
    assert_eq!(hold("the good one", &ended, &kept), "a picture");
    assert!(kept.segments[0].text.starts_with("The harbour 港口\n"));
    let mut dice = Dice(0x0DDB_1A5E_5BAD_5EED);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for nth in 0..300 {
        let (how, mut spoiled) = spoil(&mut dice, &good);
        // Half of them are spoiled in their numbers and names alone, and still read as XML.
        if nth % 2 == 0 {
            spoiled.clone_from(&good);
            for _ in 0..=dice.roll(12) {
                let at = dice.roll(good.len());
                if spoiled[at].is_ascii_alphanumeric() {
                    spoiled[at] = b"0189eE-#aZ"[dice.roll(10)];
                }
            }
        }
        let what = format!("number {nth}, the drawing with {how}");
        let (ended, kept) = read_bytes(dir.path(), "a.svg", &spoiled);
        *counts.entry(hold(&what, &ended, &kept)).or_default() += 1;
    }
    eprintln!("{counts:#?}");
    let pictures = counts.get("a picture").copied().unwrap_or(0);
    assert!((60..250).contains(&pictures), "{pictures} survived");
}

/// Files that are spoiled when nobody says for how long.
const SPOILED: usize = 500;

/// Every good file spoiled once or twice, now and then under another format's name: a few hundred,
/// or for as long as `HIPPO_FUZZ_MINUTES` says. What fails lies in the folder that the failure
/// names.
///
/// `HIPPO_FUZZ_MINUTES=60 cargo test --release --test hostile_pictures spoiled_twice -- --nocapture`
#[test]
fn pictures_that_are_spoiled_twice_or_called_otherwise_end_with_a_reason_or_as_what_they_are() {
    let minutes: Option<u64> = std::env::var("HIPPO_FUZZ_MINUTES")
        .ok()
        .map(|n| n.parse().unwrap());
    let seed = std::env::var("HIPPO_SEED").map_or(20_260_101, |n| n.parse().unwrap());
    eprintln!("HIPPO_SEED={seed}");
    let dir = tempfile::tempdir().unwrap().keep();
    let mut good = good_pictures();
    good.push(("a.svg".to_owned(), drawing()));
    let mut dice = Dice(seed);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut slowest = (Duration::ZERO, String::new());
    let begun = Instant::now();
    let mut nth = 0;
    while minutes.map_or(nth < SPOILED, |n| begun.elapsed() < Duration::from_mins(n)) {
        let (name, bytes) = &good[dice.roll(good.len())];
        let (how, mut spoiled) = spoil(&mut dice, bytes);
        if !spoiled.is_empty() && spoiled.len() > 100 && dice.roll(2) == 0 {
            spoiled = spoil(&mut dice, &spoiled).1;
        }
        // Some lie about what they are, too.
        let name = if dice.roll(8) == 0 {
            &good[dice.roll(good.len())].0
        } else {
            name
        };
        let what = format!("number {nth}, {name} with {how}, in {}", dir.display());
        let read = Instant::now();
        let (ended, kept) = read_bytes(&dir, name, &spoiled);
        let kind = hold_any(&what, &ended, &kept);
        if read.elapsed() > slowest.0 {
            slowest = (read.elapsed(), what);
            fs::write(dir.join("slowest"), &spoiled).unwrap();
        }
        *counts.entry(kind).or_default() += 1;
        nth += 1;
    }
    eprintln!("{nth} files, the slowest {slowest:?}\n{counts:#?}");
    assert!(slowest.0 < Duration::from_secs(20), "{slowest:?}");
    fs::remove_dir_all(dir).unwrap();
}

/// The same of what may have become a text or a recording under another's name.
fn hold_any(what: &str, ended: &Result<Metadata, Refusal>, kept: &Kept) -> String {
    match ended {
        Ok(metadata) if !metadata.mime.starts_with("image/") => "something else".to_owned(),
        _ => hold(what, ended, kept)
            .split(':')
            .next()
            .unwrap_or_default()
            .to_owned(),
    }
}

#[test]
fn a_drawing_that_is_cut_off_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = drawing();
    for share in 1..10 {
        let cut = &bytes[..bytes.len() * share / 10];
        let (ended, kept) = read_bytes(dir.path(), "a.svg", cut);
        let how = hold("cut", &ended, &kept);
        assert!(how.starts_with("Failed: "), "cut to {share}/10: {how}");
    }
}

/// Kilobytes that ask for more shapes, paint or depth than there is.
#[test]
fn drawings_that_swell_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let end = |inside: &str| {
        let document =
            format!("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'>{inside}</svg>");
        let (ended, kept) = read_bytes(dir.path(), "a.svg", document.as_bytes());
        hold("a drawing that swells", &ended, &kept)
    };
    let thrice = |nth| {
        let uses = format!("<use href='#u{}'/>", nth - 1).repeat(3);
        format!("<g id='u{nth}'>{uses}</g>")
    };
    let used = (1..64).map(thrice).collect::<Vec<_>>().concat();
    assert!(end(&format!("<rect id='u0'/>{used}")).starts_with("Skipped: too large: it has more"));
    let deep = "<g>".repeat(100_000);
    assert!(end(&format!("{deep}{}", "</g>".repeat(100_000))).starts_with("Failed: nested"));
    let pattern = |nth| {
        let next = nth + 1;
        format!(
            "<pattern id='p{nth}' width='900' height='900' patternUnits='userSpaceOnUse'>\
             <rect width='900' height='900' fill='url(#p{next})'/></pattern>"
        )
    };
    let patterns = (0..9).map(pattern).collect::<Vec<_>>().concat();
    let painted = format!("{patterns}<rect width='9' height='9' fill='url(#p0)'/>");
    assert!(end(&painted).starts_with("Skipped: too large: painting"));
    let turns = "<feTurbulence numOctaves='900000' baseFrequency='.5'/>";
    let noise =
        format!("<filter id='f'>{turns}</filter><rect width='9' height='9' filter='url(#f)'/>");
    assert!(end(&noise).starts_with("Skipped: too large: painting"));
}

#[test]
fn a_picture_that_is_cut_off_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for path in picture_paths() {
        let bytes = fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        // The second page or frame may be missing.
        if name == "pages.tif" || name == "moving.gif" {
            continue;
        }
        for share in [2, 5, 8] {
            let cut = &bytes[..bytes.len() * share / 10];
            let (ended, kept) = read_bytes(dir.path(), &name, cut);
            let how = hold(&name, &ended, &kept);
            assert!(
                how.starts_with("Failed: "),
                "{name} cut to {share}/10: {how}"
            );
        }
    }
}

fn png(width: u32, height: u32, bits: u8, colours: u8) -> Vec<u8> {
    let mut header = [&width.to_be_bytes()[..], &height.to_be_bytes()].concat();
    header.extend([bits, colours, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    // An IDAT of an empty zlib stream, so that decoding begins.
    for (kind, data) in [
        (b"IHDR", header.as_slice()),
        (b"IDAT", b"\x78\x9c\x03\0\0\0\0\x01"),
        (b"IEND", b""),
    ] {
        bytes.extend((data.len() as u32).to_be_bytes());
        let checked = [&kind[..], data].concat();
        bytes.extend(&checked);
        bytes.extend(crc32(&checked).to_be_bytes());
    }
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc: u32, _| {
            crc >> 1 ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 }
        })
    })
}

/// Forty bytes that announce gigabytes: nothing of the kind is allocated.
#[test]
fn giants_are_refused_by_their_headers() {
    let dir = tempfile::tempdir().unwrap();
    let end = |name: &str, bytes: &[u8]| {
        let (ended, kept) = read_bytes(dir.path(), name, bytes);
        hold(name, &ended, &kept)
    };
    assert_eq!(
        end("giant.png", &png(1_000_000, 1_000_000, 8, 6)),
        "Skipped: too large: 1000000 x 1000000 pixels, and the limit is 100000000 in all (see \
         [limits] in the settings)"
    );
    // Few enough pixels, but of sixteen bits and transparent.
    assert_eq!(
        end("deep.png", &png(10_000, 10_000, 16, 6)),
        "Skipped: too large: decoding it would take more memory than pictures may (see \
         limits.picture_max_pixels in the settings)"
    );
    assert!(end("empty.png", &png(0, 7, 8, 2)).starts_with("Failed: "));

    let jpeg = fs::read(common::parity_dir().join("pictures/grey.jpg")).unwrap();
    let frame = jpeg
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .unwrap();
    let mut giant = jpeg.clone();
    giant[frame + 5..frame + 9].fill(0xFF);
    assert!(end("giant.jpg", &giant).starts_with("Skipped: too large: 65535 x 65535 pixels"));

    let bmp = fs::read(common::parity_dir().join("pictures/plain.bmp")).unwrap();
    let mut giant = bmp.clone();
    giant[18..26].copy_from_slice(&[0xFF, 0xFF, 0, 0, 0xFF, 0xFF, 0, 0]);
    assert!(end("giant.bmp", &giant).starts_with("Skipped: too large"));

    let gif = fs::read(common::parity_dir().join("pictures/moving.gif")).unwrap();
    let mut giant = gif.clone();
    giant[6..10].fill(0xFF);
    assert!(end("giant.gif", &giant).starts_with("Skipped: too large"));
}

#[test]
fn names_lie_and_are_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = fs::read(common::parity_dir().join("pictures/plain.png")).unwrap();
    let (honest, expected) = read_bytes(dir.path(), "a.png", &bytes);
    assert_eq!(honest.unwrap().notes, Vec::<String>::new());
    for (name, notes) in [
        ("a.jpg", vec![]),
        ("no-name", vec![]),
        ("a.pdf", vec!["named .pdf but is a picture"]),
        ("a.txt", vec!["named .txt but is a picture"]),
    ] {
        let (ended, kept) = read_bytes(dir.path(), name, &bytes);
        let metadata = ended.unwrap();
        assert_eq!(metadata.mime, "image/png", "{name}");
        assert_eq!(metadata.notes, notes, "{name}");
        assert_eq!(kept.pictures, expected.pictures, "{name}");
    }
    let (ended, _) = read_bytes(dir.path(), "a.jpg", b"<html><body>404</body></html>");
    let refusal = ended.unwrap_err();
    assert_eq!(refusal.verdict, Verdict::Failed);
    assert_eq!(
        refusal.reason,
        "named like a picture but is a web page (often a failed download)"
    );
}
