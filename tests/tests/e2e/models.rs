//! The passage leg: without a model, with one, and when one comes later.

use std::fs;
use std::path::{Path, PathBuf};

use hippo_config::Manifest;
use hippo_tests::client::hits;
use hippo_tests::models::install;
use hippo_tests::{Daemon, TempHome, corpus, skip};

const MINILM: &str = "models/all-minilm-l6-v2";

const MINILM_MANIFEST: &str = r#"
name = "all-minilm-l6-v2"
role = "passage"
licence = "Apache-2.0"
dim = 384

[text]
tokenizer = "tokenizer.json"
pooling = "mean"
max_tokens = 256

[text.graph]
file = "model_int8.onnx"
inputs = { ids = "input_ids", mask = "attention_mask", types = "token_type_ids" }
output = "last_hidden_state"

[[files]]
name = "model_int8.onnx"

[[files]]
name = "tokenizer.json"
"#;

pub(crate) fn has_runtime(test: &str) -> bool {
    // Where the set-up puts libraries; the daemon finds them by itself, this only decides
    // whether their absence is the machine's or ours.
    let home = TempHome::new();
    let output = home.hippo(&["doctor", "--json"]);
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    let there = found.contains("libonnxruntime");
    if !there {
        skip(test, "no libonnxruntime is found (`make setup` fetches it)");
    }
    there
}

fn sow(home: &TempHome) {
    home.write("food.txt", "A man is eating a piece of bread.");
    home.write("music.txt", "The girl is playing the violin on a stage.");
    home.write("animal.txt", "A cheetah is running behind its prey.");
}

#[test]
fn without_a_model_words_answer_and_the_status_says_so() {
    let home = TempHome::new();
    sow(&home);
    let daemon = Daemon::start(&home);
    daemon.wait();
    let status = daemon.client().status();
    assert_eq!(status["models"]["passage"]["state"], "not configured");
    let answer = daemon.client().search("cheetah", 3);
    let hit = &hits(&answer)[0];
    assert!(hit["legs"]["words"].is_number());
    assert!(hit["legs"]["passage"].is_null());
}

#[test]
fn a_model_that_is_named_but_not_there_makes_nothing_fail_and_is_used_when_it_comes() {
    let test = "a model that comes later";
    let Some(model) = corpus::shared(test, MINILM) else {
        return;
    };
    if !has_runtime(test) {
        return;
    }
    let mut home = TempHome::new();
    home.set_text("models.passage", "all-minilm-l6-v2");
    sow(&home);
    let daemon = Daemon::start(&home);
    daemon.wait();
    let status = daemon.client().status();
    assert_eq!(status["models"]["passage"]["state"], "absent", "{status:#}");
    assert!(
        !status["waits"].as_array().unwrap().is_empty(),
        "{status:#}"
    );
    let answer = daemon.client().search("cheetah", 3);
    assert_eq!(hits(&answer).len(), 1);
    assert_eq!(answer["missing_legs"][0]["leg"], "passage", "{answer}");
    daemon.stop();

    install(&home, "all-minilm-l6-v2", &model, MINILM_MANIFEST);
    let daemon = Daemon::start(&home);
    daemon.until("all rows have their vectors", |client| {
        let model = client.status()["models"]["passage"].clone();
        model["covered"] == 3 && model["total"] == 3
    });
    assert_meaning_answers(&daemon);
    // What was read before has not been read again.
    let why = daemon.client().why(&home.file("food.txt"));
    assert_eq!(why["state"], "done", "{why}");
    drop(daemon);
}

/// A question that shares no word with its answer.
fn assert_meaning_answers(daemon: &Daemon) {
    let answer = daemon.client().search("somebody consuming food", 3);
    let found = hits(&answer);
    let first: PathBuf = found[0]["path"].as_str().unwrap().into();
    assert!(first.ends_with("food.txt"), "{answer:#}");
    assert!(
        found[0]["legs"]["passage"].as_f64().unwrap() > 0.2,
        "{answer:#}"
    );
}

#[test]
fn a_real_model_finds_by_meaning_what_shares_no_word() {
    let test = "all-MiniLM";
    let Some(model) = corpus::shared(test, MINILM) else {
        return;
    };
    if !has_runtime(test) {
        return;
    }
    let mut home = TempHome::new();
    home.set_text("models.passage", "all-minilm-l6-v2");
    install(&home, "all-minilm-l6-v2", &model, MINILM_MANIFEST);
    sow(&home);
    let daemon = Daemon::start(&home);
    daemon.wait();
    assert_meaning_answers(&daemon);
    let status = daemon.client().status();
    assert_eq!(status["models"]["passage"]["state"], "ready", "{status:#}");
    // Both legs together, and each alone when asked for.
    let both = &hits(&daemon.client().search("cheetah running", 1))[0];
    assert!(both["legs"]["words"].is_number() && both["legs"]["passage"].is_number());
    // A change gives new vectors, a rename keeps them.
    home.write(
        "food.txt",
        "Interest rates were raised by the central bank.",
    );
    daemon.wait();
    let answer = daemon.client().search("monetary policy", 1);
    assert!(
        hits(&answer)[0]["path"]
            .as_str()
            .unwrap()
            .ends_with("food.txt"),
        "{answer:#}"
    );
}

#[test]
fn the_tiny_generated_model_runs_end_to_end() {
    let test = "the tiny model";
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../extractors/tests/tiny_model");
    if !dir.join("manifest.toml").is_file() {
        skip(test, "extractors/tests/tiny_model has no manifest.toml");
        return;
    }
    if !has_runtime(test) {
        return;
    }
    let mut home = TempHome::new();
    home.set_text("models.passage", "tiny");
    let manifest = fs::read_to_string(dir.join("manifest.toml")).unwrap();
    install(&home, "tiny", &dir, &manifest);
    sow(&home);
    let daemon = Daemon::start(&home);
    daemon.wait();
    let status = daemon.client().status();
    assert_eq!(status["models"]["passage"]["state"], "ready", "{status:#}");
    assert_eq!(status["models"]["passage"]["covered"], 3, "{status:#}");
    let answer = daemon.client().search("bread", 3);
    assert!(
        hits(&answer)[0]["legs"]["passage"].is_number(),
        "{answer:#}"
    );
    // Another model takes its place: the vectors are made anew, the words answer meanwhile.
    daemon.stop();
    home.unset("models.passage");
    let daemon = Daemon::start(&home);
    daemon.wait();
    assert!(hits(&daemon.client().search("bread", 3))[0]["legs"]["passage"].is_null());
}

#[test]
fn a_model_that_is_imported_while_hippo_runs_is_used_at_once() {
    let test = "an imported model";
    if !has_runtime(test) {
        return;
    }
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../extractors/tests/tiny_model");
    let name = Manifest::load(&dir).unwrap().name;
    let mut home = TempHome::new();
    home.set_text("models.passage", &name);
    sow(&home);
    let daemon = Daemon::start(&home);
    daemon.wait();
    assert_eq!(
        daemon.client().status()["models"]["passage"]["state"],
        "absent"
    );
    let imported = home.hippo_json(&["models", "import", dir.to_str().unwrap(), "--json"]);
    assert_eq!(imported["model"], name, "{imported}");
    daemon.until("all rows have their vectors", |client| {
        let model = client.status()["models"]["passage"].clone();
        model["state"] == "ready" && model["covered"] == 3
    });
}

#[test]
fn a_picture_that_nothing_can_find_yet_is_not_called_searchable() {
    let home = TempHome::new();
    let picture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../extractors/tests/data/parity/pictures/alpha.png");
    let picture = home.write("alpha.png", fs::read(picture).unwrap());
    let daemon = Daemon::start(&home);
    daemon.wait();
    let why = daemon.client().why(&picture);
    assert_eq!(why["state"], "done", "{why}");
    let explanation = why["explanation"].as_str().unwrap();
    assert!(explanation.contains("joint model"), "{explanation}");
}
