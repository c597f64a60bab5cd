//! What the tests of real files and of models share.
#![allow(dead_code)] // each test binary uses some of it

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use hippo_config::{Limits, PictureSpec};
use hippo_extractors::parse::{Engines, Input, Output, extract};
use hippo_extractors::{Metadata, Picture, Refusal, Segment, Wants};

/// ONNX Runtime, by `HIPPO_LIB_DIR`; without it the caller's test says so and passes.
pub(crate) fn library() -> Option<PathBuf> {
    let found = std::env::var_os("HIPPO_LIB_DIR").and_then(|dir| {
        fs::read_dir(dir)
            .ok()?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| {
                path.file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with("libonnxruntime."))
            })
    });
    if found.is_none() {
        eprintln!("SKIPPED: no libonnxruntime in HIPPO_LIB_DIR; `make test` sets it");
    }
    found
}

/// A part of the folder of real input and models that lies beside the checkout; without it
/// the caller's test says so and passes.
pub(crate) fn shared(part: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("HIPPO_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let path = shared.join(part);
    if path.exists() {
        return Some(path);
    }
    eprintln!(
        "SKIPPED: no {}; set HIPPO_SHARED to the folder that has it",
        path.display()
    );
    None
}

/// The pictures, tiny models and answers that `scripts/parity/make.py tiny` wrote.
pub(crate) fn parity_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/parity")
}

/// Every file of the folder of pictures, by name.
pub(crate) fn picture_paths() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(parity_dir().join("pictures"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

/// What came of a picture's file.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) segments: Vec<Segment>,
    pub(crate) pictures: Vec<Picture>,
}

impl Output for Kept {
    fn progress(&mut self, _: u64, _: u64, _: &str) {}

    fn segment(&mut self, segment: Segment) -> io::Result<()> {
        self.segments.push(segment);
        Ok(())
    }

    fn picture(&mut self, ordinal: u32, spec: usize, picture: Picture) -> io::Result<()> {
        assert_eq!(ordinal as usize + 1, self.segments.len());
        assert_eq!(spec, self.pictures.len());
        self.pictures.push(picture);
        Ok(())
    }
}

/// Reads a picture as the worker would.
pub(crate) fn read_picture(
    path: &Path,
    specs: &[PictureSpec],
) -> (Result<Metadata, Refusal>, Kept) {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let file = File::open(path).unwrap();
    let wants = Wants {
        pictures: specs.to_vec(),
        sound: false,
        cover: false,
        scans: None,
    };
    let input = Input {
        file: &file,
        name: &name,
        size: file.metadata().unwrap().len(),
        wants: &wants,
    };
    let mut kept = Kept::default();
    let ended = extract(&Engines::load(None), &input, &Limits::default(), &mut kept);
    (ended, kept)
}

/// The angle between two vectors, whatever their lengths.
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    dot(a, b) / (dot(a, a).sqrt() * dot(b, b).sqrt())
}
