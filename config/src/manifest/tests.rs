//! What manifests accept and refuse, and what changes an id.

use std::path::Path;

use super::check::is_inside;
use super::*;

const E5: &str = include_str!("../../manifests/multilingual-e5-small.toml");

const JOINT: &str = r#"
name = "twin"
role = "joint"
licence = "MIT"
dim = 8

[text]
tokenizer = "tokenizer.json"
pooling = "none"
max_tokens = 64
pad_to = 64
pad_id = 0
lowercase = true
append = "<eos>"
[text.graph]
file = "text.onnx"
inputs = { ids = "input_ids" }
output = "pooler_output"

[picture]
size = 224
fit = "squash"
filter = "bilinear"
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]
[picture.graph]
file = "vision.onnx"
input = "pixel_values"
output = "pooler_output"

[[files]]
name = "text.onnx"
[[files]]
name = "vision.onnx"
sha256 = "0dd31785a2713f1113ef2272472165c69d580473dae38d7b47568ac587795e70"
[[files]]
name = "tokenizer.json"
"#;

const SPEECH: &str = r#"
name = "ears"
role = "speech"
licence = "MIT"
speech = { file = "ggml.bin", multilingual = true, max_text_ctx = 0 }
files = [{ name = "ggml.bin" }]
"#;

const OCR: &str = r#"
name = "eyes"
role = "ocr"
licence = "Apache-2.0"
files = [{ name = "det.onnx" }, { name = "rec.onnx" }, { name = "dict.txt" }]
[ocr]
detector = "det.onnx"
recogniser = "rec.onnx"
dictionary = "dict.txt"
"#;

fn parse(text: &str) -> Result<Manifest, ManifestError> {
    Manifest::parse(text, Path::new("manifest.toml"))
}

fn problems(text: &str) -> Vec<String> {
    match parse(text) {
        Err(ManifestError::Invalid { problems, .. }) => problems,
        other => panic!("{other:?}"),
    }
}

/// The text with its first `from` replaced, which must be there.
fn with(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

fn text(manifest: &mut Manifest) -> &mut TextTower {
    manifest.text.as_mut().unwrap()
}

fn picture(manifest: &mut Manifest) -> &mut PictureTower {
    manifest.picture.as_mut().unwrap()
}

#[test]
fn every_role_reads_its_tables() {
    let twin = parse(JOINT).unwrap();
    let (text, picture) = (twin.text.unwrap(), twin.picture.unwrap());
    assert_eq!((text.graph.inputs.mask, text.pad_id), (None, Some(0)));
    assert_eq!(text.append.as_deref(), Some("<eos>"));
    assert_eq!(
        picture.spec(),
        PictureSpec {
            size: 224,
            fit: Fit::Squash,
            filter: Filter::Bilinear
        }
    );
    assert_eq!(parse(SPEECH).unwrap().speech.unwrap().max_text_ctx, Some(0));
    assert_eq!(parse(OCR).unwrap().ocr.unwrap().dictionary, "dict.txt");
    let text = parse(E5).unwrap().text.unwrap();
    assert_eq!((text.pooling, text.lowercase), (Pooling::Mean, false));
}

#[test]
fn a_role_without_its_table_or_with_anothers_is_refused() {
    let without_picture = JOINT
        .replace("[picture]", "[other]")
        .replace("[picture.graph]", "[other.graph]");
    assert!(parse(&without_picture).is_err(), "an unknown table");
    let passage = with(JOINT, "\"joint\"", "\"passage\"");
    assert_eq!(
        problems(&passage),
        ["a passage model has no use for [picture]"]
    );
    let speech = with(JOINT, "\"joint\"", "\"speech\"");
    let found = problems(&speech);
    for expected in [
        "a speech model has no use for [text]",
        "a speech model has no use for [picture]",
        "a speech model needs a table [speech]",
        "dim is 8, but a speech model makes no vectors: leave it out",
    ] {
        assert!(found.iter().any(|one| one == expected), "{found:?}");
    }
    let start = JOINT.find("[picture]").unwrap();
    let end = JOINT.find("[[files]]").unwrap();
    let text_alone = format!("{}{}", &JOINT[..start], &JOINT[end..]);
    assert_eq!(
        problems(&text_alone),
        ["a joint model needs a table [picture]"]
    );
    assert!(problems(&with(SPEECH, "ggml.bin\", m", "other.bin\", m"))[0].contains("other.bin"));
}

#[test]
fn all_problems_at_once() {
    let text = with(JOINT, "dim = 8", "dim = 0");
    let text = with(&text, "max_tokens = 64", "max_tokens = 77");
    let text = with(&text, "size = 224", "size = 0");
    let text = with(&text, "std = [0.5", "std = [0.0");
    let text = with(&text, "mean = [0.5", "mean = [nan");
    let text = with(&text, "file = \"vision.onnx\"", "file = \"v.onnx\"");
    let text = with(&text, "append = \"<eos>\"", "append = \"\"");
    let text = with(&text, "\"MIT\"", "\" \"");
    let found = problems(&text);
    assert_eq!(found.len(), 8, "{found:#?}");
}

#[test]
fn the_id_changes_with_the_vectors_and_with_nothing_else() {
    let one = parse(JOINT).unwrap();
    let mut same = one.clone();
    same.licence = "other".to_owned();
    same.languages = vec!["en".to_owned()];
    same.files[0].url = Some("https://example.org/text.onnx".to_owned());
    same.files[1].sha256 = one.files[1].sha256.as_ref().map(|hex| hex.to_uppercase());
    same.files.reverse();
    assert_eq!(one.id(), same.id());
    assert!(one.id().starts_with("twin-"));

    let changes: [fn(&mut Manifest); 20] = [
        |m| m.normalise = false,
        |m| m.dim = 9,
        |m| m.files[0].sha256 = m.files[1].sha256.clone(),
        |m| m.files[1].sha256 = None,
        |m| text(m).query_prefix = "a".to_owned(),
        |m| text(m).passage_prefix = "a".to_owned(),
        |m| text(m).pooling = Pooling::First,
        |m| text(m).max_tokens = 32,
        |m| text(m).pad_to = None,
        |m| text(m).pad_id = Some(1),
        |m| text(m).lowercase = false,
        |m| text(m).append = None,
        |m| text(m).graph.output = "other".to_owned(),
        |m| text(m).graph.file = "vision.onnx".to_owned(),
        |m| picture(m).size = 256,
        |m| picture(m).fit = Fit::Crop,
        |m| picture(m).filter = Filter::Bicubic,
        |m| picture(m).mean[2] = 0.4,
        |m| picture(m).std[0] = 0.4,
        |m| picture(m).graph.output = "other".to_owned(),
    ];
    let mut ids = vec![one.id()];
    for change in changes {
        let mut other = one.clone();
        change(&mut other);
        ids.push(other.id());
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "each change gives an id of its own");
}

#[test]
fn speech_has_an_id_too() {
    let one = parse(SPEECH).unwrap();
    let other = parse(&with(SPEECH, "max_text_ctx = 0", "max_text_ctx = 64")).unwrap();
    assert_ne!(one.id(), other.id());
}

#[test]
fn names_that_lead_out_of_the_folder_are_refused() {
    for name in [
        "../../etc/passwd",
        "/etc/passwd",
        "",
        ".",
        "a/../b",
        "./a",
        "a//b",
        "a/",
        "a\\\\b",
        "c:x",
        "a\\nb",
    ] {
        let text = SPEECH.replace("ggml.bin", name);
        let found = problems(&text);
        assert!(found[0].contains("outside"), "{name}: {found:?}");
    }
    assert!(is_inside("onnx/model.onnx") && is_inside("..hidden") && is_inside("模型.bin"));
}

#[test]
fn names_that_clash_are_refused() {
    for (names, expected) in [
        (["det.onnx", "DET.onnx"], "listed twice"),
        (["a", "a/b"], "both a file and a folder"),
        (["a", "Manifest.toml"], "in place of the manifest"),
        (["a", "b.part"], "must not end in"),
    ] {
        let text = with(OCR, "det.onnx", names[0]);
        let text = with(&text, "rec.onnx", names[1]);
        let found = problems(&text);
        assert!(
            found.iter().any(|one| one.contains(expected)),
            "{names:?}: {found:?}"
        );
    }
}

#[test]
fn a_models_name_is_a_folders_and_no_more() {
    for name in ["", ".hidden", "a/b", "..", "a b", "x.new", "X.OLD", "模型"] {
        assert!(!is_model_name(name), "{name}");
    }
    assert!(!is_model_name(&"n".repeat(65)));
    for name in ["all-minilm-l6-v2", "whisper_small.q5_1", "7"] {
        assert!(is_model_name(name), "{name}");
    }
    let found = problems(&with(SPEECH, "\"ears\"", "\"../ears\""));
    assert!(found[0].contains("../ears"), "{found:?}");
}

#[test]
fn what_a_file_says_of_itself_is_checked() {
    for (extra, expected) in [
        ("url = \"ftp://x/y\"", "https://"),
        ("bytes = 0", "0 bytes"),
        ("sha256 = \"abc\"", "64 hex digits"),
    ] {
        let text = with(
            SPEECH,
            "{ name = \"ggml.bin\"",
            &format!("{{ name = \"ggml.bin\", {extra}"),
        );
        assert!(problems(&text)[0].contains(expected), "{extra}");
    }
    assert!(problems(&with(SPEECH, "[{ name = \"ggml.bin\" }]", "[]"))[0].contains("0 files"));
}

#[test]
fn unknown_keys_are_refused_with_their_line() {
    for text in [
        format!("colour = 1\n{SPEECH}"),
        with(JOINT, "tokenizer =", "colour = 1\ntokenizer ="),
        with(JOINT, "fit = ", "colour = 1\nfit = "),
    ] {
        let error = parse(&text).unwrap_err().to_string();
        assert!(
            error.contains("colour") && error.contains("line "),
            "{error}"
        );
    }
}

#[test]
fn a_missing_manifest_names_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let error = Manifest::load(dir.path()).unwrap_err().to_string();
    assert!(error.contains("manifest.toml"), "{error}");
}

#[test]
fn files_that_are_not_there_are_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("rec.onnx"), "").unwrap();
    std::fs::create_dir(dir.path().join("dict.txt")).unwrap();
    let manifest = parse(OCR).unwrap();
    let missing: Vec<&str> = manifest
        .missing(dir.path())
        .into_iter()
        .map(|file| file.name.as_str())
        .collect();
    assert_eq!(missing, ["det.onnx", "dict.txt"]);
}
