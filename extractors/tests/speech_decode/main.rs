//! Recordings and films, read as the worker reads them: every format sounds as it should, and
//! every broken file ends with a reason.
#![allow(clippy::unwrap_used)]

mod broken;

use std::f64::consts::TAU;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hippo_config::Limits;
use hippo_extractors::parse::{Engines, Input, Output, Wants, extract};
use hippo_extractors::{Kind, Metadata, Refusal, Segment, Source, Verdict, refuse_unread};

const RATE: usize = 16_000;

#[derive(Default)]
struct Kept {
    segments: Vec<Segment>,
    sound: Vec<i16>,
    chunks: usize,
    last_progress: (u64, u64),
}

impl Output for Kept {
    fn progress(&mut self, done: u64, total: u64, _: &str) {
        self.last_progress = (done, total);
    }
    fn segment(&mut self, segment: Segment) -> io::Result<()> {
        self.segments.push(segment);
        Ok(())
    }
    fn sound(&mut self, samples: &[i16]) -> io::Result<()> {
        assert!(!samples.is_empty() && samples.len() <= 10 * RATE);
        self.sound.extend_from_slice(samples);
        self.chunks += 1;
        Ok(())
    }
}

fn read_file(path: &Path, wants: &Wants) -> (Result<Metadata, Refusal>, Kept) {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let file = File::open(path).unwrap();
    let size = file.metadata().unwrap().len();
    let limits = Limits::default();
    let mut kept = Kept::default();
    if let Some(refusal) = refuse_unread(name.as_ref(), size, &limits) {
        return (Err(refusal), kept);
    }
    let input = Input {
        file: &file,
        name: &name,
        size,
        wants,
    };
    let ended = extract(&Engines::load(None), &input, &limits, &mut kept);
    (ended, kept)
}

fn listen(path: &Path) -> (Result<Metadata, Refusal>, Kept) {
    read_file(
        path,
        &Wants {
            sound: true,
            scans: None,
            ..Wants::default()
        },
    )
}

fn listen_to(name: &str, bytes: &[u8]) -> (Result<Metadata, Refusal>, Kept) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    File::create(&path).unwrap().write_all(bytes).unwrap();
    listen(&path)
}

fn reason(name: &str, bytes: &[u8]) -> String {
    match listen_to(name, bytes).0 {
        Ok(metadata) => panic!("{name} was read: {metadata:?}"),
        Err(refusal) => format!("{:?}: {}", refusal.verdict, refusal.reason),
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/sound")
        .join(name)
}

/// Every fixture with the two tones.
const TONES: [(&str, &str, Kind); 14] = [
    ("tones.mp3", "audio/mpeg", Kind::Audio),
    ("tones.m4a", "audio/mp4", Kind::Audio),
    ("tones-alac.m4a", "audio/mp4", Kind::Audio),
    ("tones.aac", "audio/aac", Kind::Audio),
    ("tones.flac", "audio/flac", Kind::Audio),
    ("tones.ogg", "audio/ogg", Kind::Audio),
    ("tones.opus", "audio/ogg", Kind::Audio),
    ("tones.aiff", "audio/aiff", Kind::Audio),
    ("tones.caf", "audio/x-caf", Kind::Audio),
    ("tones.mp4", "video/mp4", Kind::Video),
    ("tones.mkv", "video/x-matroska", Kind::Video),
    ("tones.webm", "video/webm", Kind::Video),
    ("tones.mov", "video/quicktime", Kind::Video),
    ("tones.wav", "audio/wav", Kind::Audio),
];

/// A WAV file of 16-bit samples.
fn wav(rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
    let data_bytes = samples.len() as u32 * 2;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data_bytes).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * u32::from(channels) * 2).to_le_bytes());
    bytes.extend((channels * 2).to_le_bytes());
    bytes.extend(b"\x10\0data");
    bytes.extend(data_bytes.to_le_bytes());
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    bytes
}

fn tone(rate: u32, hz: f64, seconds: f64) -> Vec<i16> {
    (0..(f64::from(rate) * seconds) as usize)
        .map(|n| (16_000.0 * (TAU * hz * n as f64 / f64::from(rate)).sin()) as i16)
        .collect()
}

fn tones_wav() -> Vec<u8> {
    let mono = [tone(44_100, 500.0, 0.6), tone(44_100, 1_500.0, 0.6)].concat();
    let stereo: Vec<i16> = mono.iter().flat_map(|sample| [*sample; 2]).collect();
    wav(44_100, 2, &stereo)
}

fn tones(name: &str) -> (Result<Metadata, Refusal>, Kept) {
    if name == "tones.wav" {
        listen_to(name, &tones_wav())
    } else {
        listen(&fixture(name))
    }
}

/// How much of the power of a stretch is in one tone: 1 for nothing but that.
fn share_of(sound: &[i16], hz: f64) -> f64 {
    let (mut re, mut im, mut power) = (0.0, 0.0, 0.0);
    for (n, sample) in sound.iter().enumerate() {
        let angle = TAU * hz * n as f64 / RATE as f64;
        re += f64::from(*sample) * angle.cos();
        im += f64::from(*sample) * angle.sin();
        power += f64::from(*sample).powi(2);
    }
    2.0 * (re * re + im * im) / (sound.len() as f64 * power.max(1.0))
}

#[test]
fn every_format_sounds_as_it_should() {
    for (name, mime, kind) in TONES {
        let (ended, kept) = tones(name);
        let metadata = ended.unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        assert_eq!(
            (metadata.mime.as_str(), metadata.kind),
            (mime, kind),
            "{name}"
        );
        assert_eq!(metadata.notes, Vec::<String>::new(), "{name}");
        let ms = kept.sound.len() * 1000 / RATE;
        assert!((1_150..1_320).contains(&ms), "{name}: {ms} ms");
        let duration = metadata.sound.unwrap().duration_ms.unwrap();
        assert!(
            duration.abs_diff(ms as u64) <= 1,
            "{name}: {duration} and {ms} ms"
        );
        let stretch = |from_ms: usize, to_ms: usize| &kept.sound[from_ms * 16..to_ms * 16];
        let (first, second) = (
            share_of(stretch(120, 520), 500.0),
            share_of(stretch(720, 1_100), 1_500.0),
        );
        eprintln!("{name}: {ms} ms, {first:.3} and {second:.3} of the power in the tones");
        assert!(
            first > 0.9 && second > 0.9,
            "{name}: {first:.3} {second:.3}"
        );
        // Where one tone gives way to the other: sound is in file time.
        let change = (0..ms - 40)
            .find(|at| share_of(stretch(*at, at + 40), 1_500.0) > 0.5)
            .unwrap();
        assert!(
            (540..=640).contains(&change),
            "{name}: the tone changes at {change} ms"
        );
    }
}

/// A film as a phone leaves it: the box of its index, at the end of the file, says when and where.
#[test]
fn a_film_is_known_by_when_and_where_it_was_taken() {
    let mut film = std::fs::read(fixture("tones.mp4")).unwrap();
    let at = |kind: &[u8; 4]| film.windows(4).position(|found| found == kind).unwrap();
    let (index, header) = (at(b"moov"), at(b"mvhd"));
    let made = 1_715_925_802_u32 + 2_082_844_800;
    film[header + 8..header + 12].copy_from_slice(&made.to_be_bytes());
    let place = b"\0\0\0\x26udta\0\0\0\x1E\xA9xyz\0\x12\x15\xC7+52.5163+013.3777/";
    let length = (film.len() - index + 4 + place.len()) as u32;
    film[index - 4..index].copy_from_slice(&length.to_be_bytes());
    film.extend(place);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("VID_0001.mp4");
    std::fs::write(&path, film).unwrap();
    let (ended, kept) = read_file(&path, &Wants::default());
    let shot = ended.unwrap().shot.unwrap();
    assert_eq!(shot.time.as_deref(), Some("2024-05-17T06:03:22Z"));
    assert_eq!(shot.position.as_deref(), Some("52.51630, 13.37770"));
    let place = "Mitte, Berlin 柏林, Germany 德国";
    assert_eq!(shot.place.as_deref(), Some(place));
    assert!(
        kept.segments
            .iter()
            .any(|segment| segment.text.contains(place))
    );
}

#[test]
fn tags_and_chapters_are_read_without_the_sound() {
    // ffmpeg writes no chapters into the Vorbis comments of FLAC and Vorbis.
    for (name, chapters) in [
        ("tones.mp3", 2),
        ("tones.m4a", 2),
        ("tones.flac", 0),
        ("tones.ogg", 0),
        ("tones.opus", 2),
        ("tones.mkv", 2),
        ("tones.mp4", 2),
    ] {
        let (ended, kept) = read_file(&fixture(name), &Wants::default());
        let metadata = ended.unwrap();
        assert!(kept.sound.is_empty());
        let sound = metadata.sound.unwrap();
        eprintln!(
            "{name}: {:?} {:?} {sound:?}",
            metadata.title, metadata.author
        );
        assert_eq!(metadata.author.as_deref(), Some("Ada and Bob"), "{name}");
        assert_eq!(sound.chapters.len(), chapters, "{name}");
        if chapters > 0 {
            // ffmpeg wrote 1.6 s into the comments of Opus.
            let at = if name == "tones.opus" { 1_600 } else { 600 };
            assert_eq!(sound.chapters[1].t0_ms, at, "{name}");
            assert_eq!(sound.chapters[1].title, "训练成本", "{name}");
            let chapter = kept.segments.iter().find(|s| s.text == "训练成本");
            let span = chapter.map(|s| (s.t0_ms, s.source));
            assert_eq!(span, Some((Some(at), Source::Body)), "{name}");
        }
        assert_eq!(metadata.title.as_deref(), Some("Episode seven"), "{name}");
        assert_eq!(sound.show.as_deref(), Some("The Show"), "{name}");
        assert!(sound.date.unwrap().starts_with("2024"), "{name}");
        let text: String = kept
            .segments
            .iter()
            .map(|segment| segment.text.as_str())
            .collect();
        // ffmpeg writes a comment of ID3 where nobody looks for one.
        let about = (name != "tones.mp3").then_some("falling training cost");
        for wanted in ["Episode seven", "The Show"].into_iter().chain(about) {
            assert!(text.contains(wanted), "{name}: {text}");
        }
    }
}

#[test]
fn a_cover_is_read_like_a_picture() {
    let wants = Wants {
        cover: true,
        ..Wants::default()
    };
    for name in ["cover.mp3", "cover.m4a"] {
        let (ended, kept) = read_file(&fixture(name), &wants);
        assert_eq!(ended.unwrap().kind, Kind::Image, "{name}");
        assert!(kept.segments[0].picture, "{name}");
        let (ended, _) = read_file(&fixture(name), &Wants::default());
        assert_eq!(ended.unwrap().kind, Kind::Audio, "{name}");
    }
    let (ended, _) = read_file(&fixture("tones.mp3"), &wants);
    assert_eq!(ended.unwrap_err().reason, "it has no cover");
}

#[test]
fn channels_are_mixed_and_chunks_are_short() {
    let left = tone(8_000, 300.0, 25.0);
    let stereo: Vec<i16> = left.iter().flat_map(|sample| [*sample, 0]).collect();
    let (ended, kept) = listen_to("a.wav", &wav(8_000, 2, &stereo));
    ended.unwrap();
    assert_eq!((kept.sound.len(), kept.chunks), (25 * RATE, 3));
    assert_eq!(kept.last_progress.1, 25_000);
    let loudest = kept.sound[RATE..2 * RATE].iter().max().unwrap();
    assert!((7_900..8_100).contains(loudest), "{loudest}");
}
