//! HEIC and AVIF, in a build with the feature `heif`: `cargo test --features heif --test heif`.
//!
//! The files are made by `data/heif/make.py` from PNGs that lie among the other pictures, and
//! must show what those show.
#![cfg(feature = "heif")]
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{parity_dir, read_picture};
use hippo_config::{Filter, Fit, PictureSpec};
use hippo_extractors::{Picture, Verdict};

/// Small, so that what compression loses is averaged away.
const SPEC: PictureSpec = PictureSpec {
    size: 16,
    fit: Fit::Squash,
    filter: Filter::Bilinear,
};
/// How far two pictures of the same may be apart, of 255, on the average and at most.
const APART_MEAN: f64 = 3.0;
const APART_MOST: u8 = 24;

fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/heif");
    folder.join(name)
}

fn picture(path: &Path) -> Picture {
    let (ended, mut kept) = read_picture(path, &[SPEC]);
    ended.unwrap();
    kept.pictures.remove(0)
}

fn alike(name: &str, source: &str) {
    let shown = picture(&file(name));
    let meant = picture(&parity_dir().join("pictures").join(source));
    let apart = shown.rgb.iter().zip(&meant.rgb);
    let apart: Vec<u8> = apart.map(|(one, other)| one.abs_diff(*other)).collect();
    let mean = apart.iter().map(|value| f64::from(*value)).sum::<f64>() / apart.len() as f64;
    let most = apart.iter().max().copied().unwrap();
    assert!(
        mean < APART_MEAN && most < APART_MOST,
        "{name}: {mean:.2}, {most}"
    );
}

#[test]
fn both_show_what_they_were_made_from() {
    for (name, source) in [
        ("plain.heic", "plain.png"),
        ("plain.avif", "plain.png"),
        ("alpha.heic", "alpha.png"),
        ("alpha.avif", "alpha.png"),
        ("deep.heic", "deep.png"),
        ("deep.avif", "deep.png"),
        ("turned.avif", "plain.png"),
    ] {
        alike(name, source);
    }
}

#[test]
fn what_they_say_is_read_and_their_names_are_not_needed() {
    let (ended, _) = read_picture(&file("turned.avif"), &[]);
    let metadata = ended.unwrap();
    assert_eq!(metadata.mime, "image/avif");
    let camera = metadata.shot.and_then(|shot| shot.camera);
    assert_eq!(camera.as_deref(), Some("Canon EOS R5"));
    let dir = tempfile::tempdir().unwrap();
    for name in ["no-name", "a.jpg", "a.avif"] {
        let path = dir.path().join(name);
        fs::copy(file("plain.heic"), &path).unwrap();
        assert_eq!(
            read_picture(&path, &[]).0.unwrap().mime,
            "image/heic",
            "{name}"
        );
    }
}

#[test]
fn what_is_cut_off_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for name in [
        "plain.heic",
        "plain.avif",
        "alpha.heic",
        "alpha.avif",
        "deep.avif",
    ] {
        let bytes = fs::read(file(name)).unwrap();
        for share in [1, 3, 5, 8, 9] {
            let path = dir.path().join(name);
            fs::write(&path, &bytes[..bytes.len() * share / 10]).unwrap();
            let (ended, kept) = read_picture(&path, &[SPEC]);
            let refusal = ended
                .err()
                .unwrap_or_else(|| panic!("{name} cut to {share}/10"));
            assert_eq!(
                refusal.verdict,
                Verdict::Failed,
                "{name}: {}",
                refusal.reason
            );
            assert!(kept.pictures.is_empty());
        }
    }
}

#[test]
fn giants_are_refused_by_their_headers() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["plain.heic", "plain.avif"] {
        let mut bytes = fs::read(file(name)).unwrap();
        // The box of the picture's size: its version and flags, then width and height.
        let size = bytes.windows(4).position(|word| word == b"ispe").unwrap() + 8;
        bytes[size..size + 8].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        let refusal = read_picture(&path, &[SPEC]).0.unwrap_err();
        assert_eq!(
            refusal.reason,
            "too large: 30000 x 30000 pixels, and the limit is 100000000 in all (see [limits] in \
             the settings)"
        );
    }
}
