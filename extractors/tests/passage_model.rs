//! Passage models run for real: a tiny one that lies beside this file, and a published one
//! where a `shared` folder has it.
//!
//! ONNX Runtime is found by `HIPPO_LIB_DIR`. Where it or the published model is absent the
//! tests say so, loudly, and pass: `make test` provides the first.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::library;
use hippo_config::{GraphInputs, Manifest, ModelFile, Pooling, Role, TextGraph, TextTower};
use hippo_extractors::infer::{InferError, PassageModel, Runtime};

fn tiny_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tiny_model")
}

fn tiny() -> Option<PassageModel> {
    let runtime = Runtime::open(&library()?).unwrap();
    let manifest = Manifest::load(&tiny_dir()).unwrap();
    Some(PassageModel::open(&runtime, &tiny_dir(), &manifest, 1).unwrap())
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn the_tiny_model_brings_texts_of_common_words_together() {
    let Some(mut model) = tiny() else { return };
    assert_eq!(model.dim(), 16);
    let passages = [
        "训练成本每年下降一半",
        "The cat sat on the mat",
        "今天天气很好，我们去公园",
    ];
    let vectors = model.embed_passages(&passages).unwrap();
    let query = model.embed_query("训练成本下降").unwrap();
    let scores: Vec<f32> = vectors
        .iter()
        .map(|vector| cosine(vector, &query))
        .collect();
    assert!(
        scores[0] > 0.4 && scores[0] > scores[1] + 0.2 && scores[0] > scores[2] + 0.2,
        "{scores:?}"
    );
    for vector in &vectors {
        assert!((cosine(vector, vector) - 1.0).abs() < 1e-5);
    }
}

/// A text's vector must not depend on what it shares a batch with.
#[test]
fn batches_and_buckets_change_nothing() {
    let Some(mut model) = tiny() else { return };
    let texts: Vec<String> = (0..150)
        .map(|n| format!("文本 number {n} ").repeat(n % 40 + 1))
        .collect();
    let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
    let together = model.embed_passages(&borrowed).unwrap();
    assert_eq!(together.len(), texts.len());
    for (text, vector) in texts.iter().zip(&together).step_by(7) {
        let alone = model.embed_query(text).unwrap();
        assert!(cosine(&alone, vector) > 0.9999, "{text}");
    }
    assert_eq!(model.embed_passages(&[]).unwrap().len(), 0);
    // Longer than the model reads, and empty: both have a vector.
    assert!(
        model
            .embed_passages(&[&"word ".repeat(5000), ""])
            .unwrap()
            .iter()
            .all(|vector| vector.len() == 16)
    );
}

#[test]
fn what_is_wrong_with_a_model_is_said_of_the_file() {
    let Some(library) = library() else { return };
    let runtime = Runtime::open(&library).unwrap();
    let good = Manifest::load(&tiny_dir()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    for name in ["model.onnx", "tokenizer.json"] {
        fs::copy(tiny_dir().join(name), dir.path().join(name)).unwrap();
    }
    let refused =
        |manifest: &Manifest, dir: &Path| match PassageModel::open(&runtime, dir, manifest, 1) {
            Err(error @ InferError::Model { .. }) => error.to_string(),
            Err(error) => panic!("another error: {error}"),
            Ok(_) => panic!("the model was taken"),
        };
    let other = |change: fn(&mut Manifest)| {
        let mut manifest = good.clone();
        change(&mut manifest);
        refused(&manifest, dir.path())
    };
    assert!(
        other(|m| m.dim = 17).contains("its vectors have 16 dimensions, and by its manifest 17")
    );
    let graph_of = |change: fn(&mut TextGraph)| {
        let mut manifest = good.clone();
        change(&mut manifest.text.as_mut().unwrap().graph);
        refused(&manifest, dir.path())
    };
    assert!(graph_of(|g| g.output = "y".into()).contains("has no output \"y\"; it has vectors"));
    assert!(
        graph_of(|g| g.inputs.ids = "x".into()).contains("has no input \"x\"; it has ids, mask")
    );
    assert!(
        graph_of(|g| g.file = "gone.onnx".into())
            .contains("gone.onnx: the model's file is missing")
    );

    let graph = dir.path().join("model.onnx");
    let bytes = fs::read(&graph).unwrap();
    fs::write(&graph, &bytes[..bytes.len() / 2]).unwrap();
    assert!(refused(&good, dir.path()).contains("model.onnx: it has 66037 bytes, and by its"));
    // Where the manifest knows no sizes, the runtime and the tokenizer have to tell.
    let mut good = good;
    for file in &mut good.files {
        file.bytes = None;
    }
    assert!(refused(&good, dir.path()).contains("model.onnx: ONNX Runtime cannot load it"));
    fs::write(&graph, bytes).unwrap();
    fs::write(dir.path().join("tokenizer.json"), "{}").unwrap();
    assert!(refused(&good, dir.path()).contains("tokenizer.json: it is no tokenizer"));
}

/// A published English model, quantised to int8: 0.755 in full precision.
#[test]
fn a_published_model_gives_the_published_similarity() {
    let shared = std::env::var_os("HIPPO_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let dir = shared.join("models/all-minilm-l6-v2");
    if !dir.is_dir() {
        eprintln!(
            "SKIPPED: no {}; set HIPPO_SHARED to the folder that has it",
            dir.display()
        );
        return;
    }
    let Some(library) = library() else { return };
    let file = |name: &str| ModelFile {
        name: name.to_owned(),
        url: None,
        bytes: None,
        sha256: None,
    };
    let manifest = Manifest {
        name: "all-minilm-l6-v2".to_owned(),
        role: Role::Passage,
        licence: "Apache-2.0".to_owned(),
        dim: 384,
        languages: Vec::new(),
        normalise: true,
        files: vec![file("model_int8.onnx"), file("tokenizer.json")],
        text: Some(TextTower {
            graph: TextGraph {
                file: "model_int8.onnx".to_owned(),
                inputs: GraphInputs {
                    ids: "input_ids".to_owned(),
                    mask: Some("attention_mask".to_owned()),
                    types: Some("token_type_ids".to_owned()),
                },
                output: "last_hidden_state".to_owned(),
            },
            tokenizer: "tokenizer.json".to_owned(),
            query_prefix: String::new(),
            passage_prefix: String::new(),
            pooling: Pooling::Mean,
            max_tokens: 256,
            pad_to: None,
            pad_id: None,
            lowercase: false,
            append: None,
        }),
        picture: None,
        speech: None,
        voice: None,
        ocr: None,
    };
    let runtime = Runtime::open(&library).unwrap();
    let mut model = PassageModel::open(&runtime, &dir, &manifest, 2).unwrap();
    let query = model.embed_query("A man is eating food.").unwrap();
    let passages = [
        "A man is eating a piece of bread.",
        "The girl is carrying a baby.",
        "A man is riding a horse.",
    ];
    let started = std::time::Instant::now();
    let vectors = model.embed_passages(&passages).unwrap();
    eprintln!("three short passages in {:?}", started.elapsed());
    let scores: Vec<f32> = vectors
        .iter()
        .map(|vector| cosine(vector, &query))
        .collect();
    assert!((0.71..0.80).contains(&scores[0]), "{scores:?}");
    assert!(scores[1] < 0.3 && scores[2] < 0.4, "{scores:?}");

    let long = "The quick brown fox jumps over the lazy dog and runs into the forest. ".repeat(12);
    let many = vec![long.as_str(); 32];
    let started = std::time::Instant::now();
    model.embed_passages(&many).unwrap();
    eprintln!("32 passages of about 190 tokens in {:?}", started.elapsed());
}
