//! From a file to a vector as transformers and Pillow go, on the same random weights.
//!
//! `scripts/parity/make.py` made the pictures, the models and the answers. The tiny models
//! lie beside this file and are tested in every run; the full-size ones (SigLIP2 B/16-224,
//! CLIP ViT-B/32, e5-small: 2 GB) where `HIPPO_PARITY_DIR` names their folder.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{cosine, library, parity_dir, picture_paths, read_picture};
use hippo_config::{Manifest, PictureSpec, Role};
use hippo_extractors::Picture;
use hippo_extractors::infer::{InferError, JointModel, PassageModel, Runtime};
use serde::Deserialize;

/// Text: only the order of additions differs.
const TEXT_MIN_COSINE: f64 = 0.9999;
/// Pictures: JPEG decoders round differently, too.
const PICTURE_MIN_COSINE: f64 = 0.999;
/// What two scalers of the same pixels may differ by ...
const SCALED_MAX_DIFFERENCE: u8 = 1;
/// ... but for one value in so many: where a sum lies between two bytes, weights of 16 bits
/// and Pillow's of 22 may fall on either side, in the first pass and again in the second.
const SCALED_ONE_FURTHER_IN: usize = 2_000;
/// What two decoders of the same JPEG or lossy WebP may differ by, at most and on average:
/// the standards leave the rounding of transforms and the smoothing of colours open.
const LOSSY_MAX_DIFFERENCE: u8 = 8;
const LOSSY_MAX_MEAN: f64 = 0.5;

#[derive(Deserialize)]
struct Expected {
    texts: Vec<ExpectedText>,
    #[serde(default)]
    pictures: Vec<ExpectedPicture>,
}

#[derive(Deserialize)]
struct ExpectedText {
    text: String,
    query: bool,
    ids: Vec<i64>,
    vector: Vec<f32>,
}

#[derive(Deserialize)]
struct ExpectedPicture {
    name: String,
    vector: Vec<f32>,
}

/// Folders of models with the reference's answers: tiny ones, and full ones where they are.
fn folders() -> Vec<PathBuf> {
    let mut roots = vec![parity_dir()];
    match std::env::var_os("HIPPO_PARITY_DIR") {
        Some(dir) => roots.push(PathBuf::from(dir)),
        None => eprintln!(
            "SKIPPED: the full-size models; make them with scripts/parity/make.py and set \
             HIPPO_PARITY_DIR"
        ),
    }
    roots
        .iter()
        .flat_map(|root| ["siglip", "clip", "e5"].map(|name| root.join(name)))
        .collect()
}

fn expected(folder: &Path) -> Expected {
    let text = fs::read_to_string(folder.join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn spec(folder: &Path) -> Option<PictureSpec> {
    Some(Manifest::load(folder).unwrap().picture?.spec())
}

fn is_lossy(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jpg") || path.ends_with("lossy.webp")
}

#[test]
fn pixels_are_those_of_pillow() {
    for folder in folders() {
        let Some(spec) = spec(&folder) else { continue };
        let strip = image::open(folder.join("pixels.png")).unwrap().into_rgb8();
        let wanted = strip
            .as_raw()
            .chunks_exact((spec.size * spec.size * 3) as usize);
        let paths = picture_paths();
        assert_eq!(wanted.len(), paths.len());
        let (mut worst, mut worst_mean) = ([0; 2], 0.0_f64);
        for (path, wanted) in paths.iter().zip(wanted) {
            let name = path.file_name().unwrap().to_string_lossy();
            let (ended, kept) = read_picture(path, &[spec]);
            ended.unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
            let differences: Vec<u8> = kept.pictures[0]
                .rgb
                .iter()
                .zip(wanted)
                .map(|(got, wanted)| got.abs_diff(*wanted))
                .collect();
            let most = *differences.iter().max().unwrap();
            let sum: u64 = differences.iter().map(|value| u64::from(*value)).sum();
            let mean = sum as f64 / differences.len() as f64;
            let lossy = is_lossy(path);
            worst[usize::from(lossy)] = most.max(worst[usize::from(lossy)]);
            if lossy {
                worst_mean = worst_mean.max(mean);
                assert!(most <= LOSSY_MAX_DIFFERENCE, "{name}: {most} in {spec:?}");
                assert!(
                    mean <= LOSSY_MAX_MEAN,
                    "{name}: {mean} on average in {spec:?}"
                );
            } else {
                let far = differences
                    .iter()
                    .filter(|value| **value > SCALED_MAX_DIFFERENCE)
                    .count();
                assert!(
                    most <= SCALED_MAX_DIFFERENCE + 1,
                    "{name}: {most} in {spec:?}"
                );
                assert!(
                    far <= differences.len() / SCALED_ONE_FURTHER_IN,
                    "{name}: {far} values are far from Pillow's in {spec:?}"
                );
            }
        }
        eprintln!(
            "{}: pixels differ by at most {} (lossless) and {} (lossy, {worst_mean:.2} on average)",
            folder.display(),
            worst[0],
            worst[1]
        );
    }
}

/// Both kinds of model, as far as text is concerned.
enum Model {
    Joint(Box<JointModel>),
    Passage(Box<PassageModel>),
}

impl Model {
    fn open(runtime: &Runtime, folder: &Path) -> Model {
        let manifest = Manifest::load(folder).unwrap();
        if manifest.role == Role::Joint {
            Model::Joint(Box::new(
                JointModel::open(runtime, folder, &manifest, 2).unwrap(),
            ))
        } else {
            Model::Passage(Box::new(
                PassageModel::open(runtime, folder, &manifest, 2).unwrap(),
            ))
        }
    }

    fn token_ids(&self, text: &str, query: bool) -> Vec<i64> {
        match self {
            Model::Joint(model) => model.token_ids(text, query),
            Model::Passage(model) => model.token_ids(text, query),
        }
        .unwrap()
    }

    fn texts(&mut self, texts: &[&str], query: bool) -> Vec<Vec<f32>> {
        match self {
            Model::Joint(model) => model.texts(texts, query).unwrap(),
            Model::Passage(model) if query => texts
                .iter()
                .map(|text| model.embed_query(text).unwrap())
                .collect(),
            Model::Passage(model) => model.embed_passages(texts).unwrap(),
        }
    }
}

/// Holds vectors to the reference's: each to its own, and to that more than to any other.
fn compare(what: &str, names: &[&str], got: &[Vec<f32>], wanted: &[&[f32]], least: f64) {
    assert_eq!(got.len(), wanted.len());
    let mut lowest = (1.0, "");
    for ((name, got), wanted) in names.iter().zip(got).zip(wanted) {
        let near = cosine(got, wanted);
        assert!(near >= least, "{what} {name:?}: {near}");
        assert!((cosine(got, got) - 1.0).abs() < 1e-9);
        if near < lowest.0 {
            lowest = (near, name);
        }
    }
    let spread = wanted
        .iter()
        .map(|other| cosine(wanted[0], other))
        .fold(1.0, f64::min);
    // If all inputs gave one vector, agreeing would say nothing.
    assert!(spread < 0.95, "{what}: the inputs are alike, {spread}");
    eprintln!(
        "{what}: {} vectors, least cosine to the reference {:.7} ({:?}); between inputs down to {spread:.2}",
        got.len(),
        lowest.0,
        lowest.1
    );
}

#[test]
fn tokens_and_vectors_of_text_are_those_of_transformers() {
    let Some(library) = library() else { return };
    let runtime = Runtime::open(&library).unwrap();
    for folder in folders() {
        let mut model = Model::open(&runtime, &folder);
        let expected = expected(&folder);
        for query in [true, false] {
            let texts: Vec<&ExpectedText> = expected
                .texts
                .iter()
                .filter(|text| text.query == query)
                .collect();
            if texts.is_empty() {
                continue;
            }
            for text in &texts {
                let got = model.token_ids(&text.text, query);
                assert_eq!(got, text.ids, "{}: {:?}", folder.display(), text.text);
            }
            let names: Vec<&str> = texts.iter().map(|text| text.text.as_str()).collect();
            let wanted: Vec<&[f32]> = texts.iter().map(|text| text.vector.as_slice()).collect();
            let got = model.texts(&names, query);
            let what = format!("{} text", folder.display());
            compare(&what, &names, &got, &wanted, TEXT_MIN_COSINE);
        }
    }
}

#[test]
fn vectors_of_pictures_are_those_of_transformers() {
    let Some(library) = library() else { return };
    let runtime = Runtime::open(&library).unwrap();
    for folder in folders() {
        let Model::Joint(mut model) = Model::open(&runtime, &folder) else {
            continue;
        };
        let expected = expected(&folder);
        let mut pictures = Vec::new();
        for (path, expected) in picture_paths().iter().zip(&expected.pictures) {
            assert!(path.ends_with(&expected.name));
            pictures.extend(read_picture(path, &[model.spec()]).1.pictures);
        }
        let got = model.pictures(&pictures).unwrap();
        let names: Vec<&str> = expected
            .pictures
            .iter()
            .map(|it| it.name.as_str())
            .collect();
        let wanted: Vec<&[f32]> = expected
            .pictures
            .iter()
            .map(|it| it.vector.as_slice())
            .collect();
        let what = format!("{} pictures", folder.display());
        compare(&what, &names, &got, &wanted, PICTURE_MIN_COSINE);
    }
}

/// A picture's vector must not depend on what it shares a batch with.
#[test]
fn batches_of_pictures_change_nothing() {
    let Some(library) = library() else { return };
    let runtime = Runtime::open(&library).unwrap();
    let folder = parity_dir().join("clip");
    let manifest = Manifest::load(&folder).unwrap();
    let mut model = JointModel::open(&runtime, &folder, &manifest, 1).unwrap();
    assert_eq!((model.dim(), model.provider()), (32, "cpu"));
    assert_eq!(model.id(), manifest.id());
    let mut pictures = Vec::new();
    for path in picture_paths() {
        pictures.extend(read_picture(&path, &[model.spec()]).1.pictures);
    }
    let together = model.pictures(&pictures).unwrap();
    for (picture, vector) in pictures.iter().zip(&together).step_by(5) {
        let alone = model.pictures(std::slice::from_ref(picture)).unwrap();
        assert!(cosine(&alone[0], vector) > 0.999_999);
    }
    assert!(model.pictures::<Picture>(&[]).unwrap().is_empty());
    assert!(model.texts(&[], true).unwrap().is_empty());
}

type Change = fn(&mut Manifest);

#[test]
fn what_is_wrong_with_a_joint_model_is_said_of_the_file() {
    let Some(library) = library() else { return };
    let runtime = Runtime::open(&library).unwrap();
    let source = parity_dir().join("siglip");
    let good = Manifest::load(&source).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for file in &good.files {
        fs::copy(source.join(&file.name), dir.join(&file.name)).unwrap();
    }
    let refused = |manifest: &Manifest| match JointModel::open(&runtime, dir, manifest, 1) {
        Err(error @ InferError::Model { .. }) => error.to_string(),
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("the model was taken"),
    };
    let other = |change: Change| {
        let mut manifest = good.clone();
        change(&mut manifest);
        refused(&manifest)
    };
    let cases: [(Change, &str); 6] = [
        (|m| m.dim = 33, "text.onnx: its vectors have 32 dimensions"),
        (
            |m| m.picture.as_mut().unwrap().size = 64,
            "picture.onnx: its input \"pixel_values\" has the shape [-1, 3, 32, 32], and by its \
             manifest [any, 3, 64, 64]",
        ),
        (
            |m| m.picture.as_mut().unwrap().graph.file = "text.onnx".into(),
            "text.onnx: the graph has no input \"pixel_values\"; it has input_ids",
        ),
        (
            |m| m.text.as_mut().unwrap().append = Some("<end>".into()),
            "tokenizer.json: it has no token \"<end>\", which its manifest appends",
        ),
        (
            // The position table has 64 rows: no shape tells, the first run does.
            |m| {
                let text = m.text.as_mut().unwrap();
                (text.max_tokens, text.pad_to) = (65, Some(65));
            },
            "text.onnx: a trial run failed: the run failed",
        ),
        (
            |m| m.files[0].bytes = Some(7),
            "bytes, and by its manifest 7: it is cut off or another",
        ),
    ];
    for (change, wanted) in cases {
        let error = other(change);
        assert!(error.contains(wanted), "{error}");
    }
    // A vocabulary of another model: its numbers lead out of the table.
    fs::copy(
        parity_dir().join("clip/tokenizer.json"),
        dir.join("tokenizer.json"),
    )
    .unwrap();
    let foreign = other(|m| m.text.as_mut().unwrap().append = None);
    assert!(
        foreign.contains("text.onnx: a trial run failed"),
        "{foreign}"
    );
    fs::copy(source.join("tokenizer.json"), dir.join("tokenizer.json")).unwrap();

    let graph = dir.join("picture.onnx");
    let bytes = fs::read(&graph).unwrap();
    for cut in [0, 100, bytes.len() / 2, bytes.len() - 10] {
        fs::write(&graph, &bytes[..cut]).unwrap();
        assert!(refused(&good).contains("picture.onnx: "), "cut at {cut}");
    }
    fs::remove_file(&graph).unwrap();
    assert!(refused(&good).contains("picture.onnx: the model's file is missing"));
    fs::write(&graph, &bytes).unwrap();

    let mut model = JointModel::open(&runtime, dir, &good, 1).unwrap();
    let small = Picture {
        width: 8,
        height: 8,
        rgb: vec![0; 192],
    };
    let error = model.pictures(&[small]).unwrap_err().to_string();
    assert!(
        error.contains("it takes pictures of 32 x 32 pixels, and was given one of 8 x 8"),
        "{error}"
    );
}
