//! A picture's file as a whole: what it is, what it says, how many it holds.

use std::fs::File;
use std::io::{self, Write};

use hippo_config::{Filter, Fit, PictureSpec};
use image::ExtendedColorType;
use image::ImageEncoder;
use image::codecs::qoi::QoiEncoder;

use super::Form;
use crate::extraction::{Kind, Metadata, Picture, Refusal, Segment, Source, Wants};
use crate::format::tests::limits;
use crate::parse::{Engines, Input, Output, extract};

#[derive(Default)]
struct Kept {
    segments: Vec<Segment>,
    pictures: Vec<(u32, usize, Picture)>,
}

impl Output for Kept {
    fn progress(&mut self, _: u64, _: u64, _: &str) {}

    fn segment(&mut self, segment: Segment) -> io::Result<()> {
        self.segments.push(segment);
        Ok(())
    }

    fn picture(&mut self, ordinal: u32, spec: usize, picture: Picture) -> io::Result<()> {
        self.pictures.push((ordinal, spec, picture));
        Ok(())
    }
}

fn spec(size: u32) -> PictureSpec {
    PictureSpec {
        size,
        fit: Fit::Squash,
        filter: Filter::Bilinear,
    }
}

fn read(name: &str, bytes: &[u8], pictures: Vec<PictureSpec>) -> (Result<Metadata, Refusal>, Kept) {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let wants = Wants {
        pictures,
        sound: false,
        cover: false,
        scans: None,
    };
    let input = Input {
        file: &file,
        name,
        size: bytes.len() as u64,
        wants: &wants,
    };
    let mut kept = Kept::default();
    let ended = extract(&Engines::load(None), &input, &limits(), &mut kept);
    (ended, kept)
}

fn sample(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/parity/pictures")
        .join(name);
    let file = File::open(path).unwrap();
    crate::parse::read_bounded(&file, 1 << 20).unwrap()
}

#[test]
fn a_picture_is_one_segment_and_its_pixels_follow() {
    let (ended, kept) = read("a.png", &sample("plain.png"), vec![spec(8), spec(4)]);
    let metadata = ended.unwrap();
    assert_eq!((metadata.kind, metadata.pages), (Kind::Image, None));
    assert_eq!(metadata.mime, "image/png");
    let [segment] = kept.segments.as_slice() else {
        panic!("{:?}", kept.segments);
    };
    assert!(segment.picture);
    assert_eq!((segment.ordinal, segment.source), (0, Source::Caption));
    assert_eq!((segment.text.as_str(), segment.page), ("", None));
    let sides: Vec<_> = kept
        .pictures
        .iter()
        .map(|(ordinal, spec, picture)| (*ordinal, *spec, picture.width, picture.rgb.len()))
        .collect();
    assert_eq!(sides, [(0, 0, 8, 192), (0, 1, 4, 48)]);
}

#[test]
fn without_a_model_a_picture_is_still_looked_at() {
    let (ended, kept) = read("a.png", &sample("plain.png"), Vec::new());
    assert!(ended.is_ok());
    assert_eq!((kept.segments.len(), kept.pictures.len()), (1, 0));
    let bytes = sample("plain.png");
    let (ended, kept) = read("a.png", &bytes[..bytes.len() / 2], Vec::new());
    assert_eq!(ended.unwrap_err().stage, "decode");
    assert_eq!(kept.segments.len(), 0);
}

#[test]
fn frames_and_pages_are_counted() {
    let metadata = |name: &str| read(name, &sample(name), Vec::new()).0.unwrap();
    assert_eq!(metadata("moving.gif").notes, ["the first of 2 frames"]);
    let pages = metadata("pages.tif");
    assert_eq!(pages.pages, Some(3));
    assert_eq!(pages.notes, ["the first of 3 pages"]);
    assert_eq!(metadata("cmyk.tif").pages, Some(1));
}

#[test]
fn a_picture_of_pixels_alone_is_read() {
    let mut bytes = Vec::new();
    QoiEncoder::new(&mut bytes)
        .write_image(&[200, 100, 50].repeat(6), 3, 2, ExtendedColorType::Rgb8)
        .unwrap();
    let (ended, kept) = read("a.qoi", &bytes, vec![spec(2)]);
    assert_eq!(ended.unwrap().mime, "image/qoi");
    assert_eq!(kept.pictures[0].2.rgb, [200, 100, 50].repeat(4));
}

#[test]
fn what_the_metadata_says_is_the_text() {
    let packet = "<x><dc:title><rdf:Alt><rdf:li xml:lang=\"x\">The old pier 旧码头</rdf:li>\
                  </rdf:Alt></dc:title></x>";
    let mark = b"http://ns.adobe.com/xap/1.0/\0";
    let len = (2 + mark.len() + packet.len()) as u16;
    let jpeg = sample("exif-6.jpg");
    let with_xmp = [
        &jpeg[..2],
        &[0xFF, 0xE1],
        &len.to_be_bytes(),
        mark,
        packet.as_bytes(),
        &jpeg[2..],
    ]
    .concat();
    let (ended, kept) = read("a.jpg", &with_xmp, vec![spec(4)]);
    assert_eq!(ended.unwrap().title.as_deref(), Some("The old pier 旧码头"));
    assert_eq!(kept.segments[0].text, "The old pier 旧码头");
    assert!(kept.segments[0].picture);
}

#[test]
fn signatures_of_two_letters_are_not_enough() {
    assert_eq!(
        Form::of(b"BM\x01\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0"),
        Some(Form::Bmp)
    );
    assert_eq!(
        Form::of(b"BM\x01\0\0\0\x07\0\0\0\x36\0\0\0\x28\0\0\0"),
        None
    );
    assert_eq!(Form::of(b"II*\0\x10\0\0\0CR\x02\0"), None);
    assert_eq!(Form::of(b"RIFF\0\0\0\0WAVEfmt "), None);
    assert_eq!(Form::of(b""), None);
}
