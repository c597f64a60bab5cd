//! Pictures end to end: decoded by the worker, seen by a joint model, found by what they show.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hippo_tests::client::{Client, hits};
use hippo_tests::{Daemon, TempHome, corpus, skip};
use serde_json::{Value, json};

/// How long the care at rest may take to come.
const CARE: Duration = Duration::from_mins(4);

/// Tiny joint models with random weights, which the extractors are held against.
fn tiny(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../extractors/tests/data/parity")
        .join(name)
}

/// Puts a tiny model into the home's folder of models. To weights that mean nothing every
/// picture is an answer.
fn install(home: &TempHome, name: &str) {
    let dir = home.data().join("models").join(name);
    fs::create_dir_all(&dir).unwrap();
    for file in corpus::files_below(&tiny(name)) {
        fs::copy(&file, dir.join(file.file_name().unwrap())).unwrap();
    }
    let manifest = fs::read_to_string(tiny(name).join("manifest.toml")).unwrap();
    let manifest = manifest.replace("[picture]\n", "[picture]\nanswers = [-1.0, 1.0]\n");
    fs::write(dir.join("manifest.toml"), manifest).unwrap();
}

fn has_runtime(test: &str) -> bool {
    let home = TempHome::new();
    let output = home.hippo(&["doctor", "--json"]);
    let there = String::from_utf8_lossy(&output.stdout).contains("libonnxruntime");
    if !there {
        skip(test, "no libonnxruntime is found (`make setup` fetches it)");
    }
    there
}

/// A home with some pictures of every sort, and a note.
fn album() -> (TempHome, usize) {
    let home = TempHome::new();
    let pictures = corpus::files_below(&tiny("pictures"));
    for picture in &pictures {
        let name = picture.file_name().unwrap().to_str().unwrap();
        home.write(name, fs::read(picture).unwrap());
    }
    home.write("note.txt", "the whiteboard of the kitchen");
    (home, pictures.len())
}

/// Waits until every row has been through the joint model.
fn wait_for_vectors(daemon: &Daemon) {
    daemon.wait();
    daemon.until("every row has its vector", |client| {
        let model = client.status()["models"]["joint"].clone();
        model["total"].as_u64() > Some(0) && model["covered"] == model["total"]
    });
}

/// Pictures that the joint leg finds by another: each is somehow like it.
fn seen(home: &TempHome, daemon: &Daemon) -> usize {
    let copy = home.root().join("copy.png");
    fs::copy(home.file("alpha.png"), &copy).unwrap();
    let asked = json!({"like": copy, "legs": ["joint"], "limit": 100, "all": true});
    let answer = daemon.client().post("/v1/search", &asked);
    let joint = |hit: &&Value| hit["legs"]["joint"].is_number() && hit["kind"] == "image";
    hits(&answer).iter().filter(joint).count()
}

#[test]
fn without_a_joint_model_pictures_are_read_and_wait_for_one() {
    let (home, pictures) = album();
    let daemon = Daemon::start(&home);
    daemon.wait();
    let status = daemon.client().status();
    assert_eq!(status["fresh"]["failed"], 0, "{status:#}");
    assert_eq!(status["counts"]["by_kind"]["image"], pictures, "{status:#}");
}

#[test]
fn a_joint_model_sees_every_picture_and_another_sees_them_again() {
    let test = "pictures by a joint model";
    if !has_runtime(test) {
        return;
    }
    let (mut home, pictures) = album();
    install(&home, "clip");
    install(&home, "siglip");
    home.set_text("models.joint", "clip");
    let daemon = Daemon::start(&home);
    wait_for_vectors(&daemon);
    assert_eq!(seen(&home, &daemon), pictures);
    // A picture of known content at another place: one answer that names both.
    let again = home.write("again/alpha.png", fs::read(home.file("alpha.png")).unwrap());
    daemon.wait();
    assert_eq!(seen(&home, &daemon), pictures);
    assert_eq!(daemon.client().why(&again)["state"], "done");
    // Another model: the pictures are decoded again, the old one answers until it is whole.
    let used = json!({"role": "joint", "name": "siglip"});
    daemon.client().post("/v1/models/use", &used);
    daemon.until("the other model answers", |client| {
        let model = client.status()["models"]["joint"].clone();
        model["name"] == "siglip" && model["building"].is_null()
    });
    // To random weights a picture may be the opposite of another, which is then not like it.
    assert!(seen(&home, &daemon) > pictures / 2);
}

#[test]
fn a_picture_finds_what_looks_like_it() {
    let test = "pictures by a picture";
    if !has_runtime(test) {
        return;
    }
    let (mut home, pictures) = album();
    install(&home, "clip");
    home.set_text("models.joint", "clip");
    let daemon = Daemon::start(&home);
    wait_for_vectors(&daemon);
    // A copy that lies where hippo does not look: what it was copied from is most like it.
    let copy = home.root().join("copy.png");
    fs::copy(home.file("alpha.png"), &copy).unwrap();
    let like = |path: &Path, words: &str| {
        let path = path.to_str().unwrap();
        home.hippo_json(&["search", "--json", "--limit", "100", "--like", path, words])
    };
    let answer = like(&copy, "");
    let found = hits(&answer);
    assert_eq!(found.len(), pictures, "{answer:#}");
    assert_eq!(found[0]["path"], home.file("alpha.png").to_str().unwrap());
    assert!(
        found[0]["legs"]["joint"].as_f64().unwrap() > 0.99,
        "{answer:#}"
    );
    // Itself it does not find, and words beside it count.
    let alone = like(&home.file("alpha.png"), "");
    assert_eq!(hits(&alone).len(), pictures - 1);
    let moved = like(&copy, "a dog");
    assert_ne!(hits(&moved)[0]["legs"], found[0]["legs"]);
}

#[test]
fn the_demo_model_finds_the_sample_pictures_by_what_they_show_in_both_languages() {
    let test = "the sample pictures";
    if !has_runtime(test) {
        return;
    }
    let home = TempHome::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let model = root.join("models/demo-clip");
    let manifest = fs::read_to_string(model.join("manifest.toml")).unwrap();
    hippo_tests::models::install(&home, "demo-clip", &model, &manifest);
    for picture in corpus::files_below(&root.join("samples/pictures")) {
        let name = picture.file_name().unwrap().to_str().unwrap();
        home.write(name, fs::read(&picture).unwrap());
    }
    let daemon = Daemon::start(&home);
    wait_for_vectors(&daemon);
    let told = sample_pictures_found(&home, &daemon);
    assert!(told >= 4, "{told}");
    assert!(home.home().join("cache").read_dir().unwrap().count() > 0);

    // At rest, what similarities mean is measured over these pictures. The manifest has 0.25 and 0.4,
    // which were chosen by eye.
    let scale = |client: &Client| {
        let status = client.status();
        let scale = &status["models"]["joint"]["active"]["picture_scale"];
        scale.as_array().map(|ends| {
            let ends: Vec<f64> = ends.iter().filter_map(Value::as_f64).collect();
            <[f64; 2]>::try_from(ends).unwrap()
        })
    };
    daemon.until_within(CARE, "similarities are measured", |client| {
        scale(client).is_some()
    });
    let measured = scale(daemon.client()).unwrap();
    assert!((0.2..0.3).contains(&measured[0]), "{measured:?}");
    assert!((0.35..0.5).contains(&measured[1]), "{measured:?}");
    sample_pictures_found(&home, &daemon);
    daemon.stop();
    let daemon = Daemon::start(&home);
    assert_eq!(scale(daemon.client()), Some(measured));
}

/// Asks for the sample pictures by what they show, and says how many the model told in words.
fn sample_pictures_found(home: &TempHome, daemon: &Daemon) -> usize {
    // Their names say nothing, and no text stands beside them.
    let mut told = 0;
    for (english, chinese, picture) in [
        ("a cat", "猫", "IMG_2041.png"),
        ("a bicycle", "自行车", "IMG_2048.jpg"),
        ("birthday cake", "生日蛋糕", "IMG_2055.png"),
        ("an umbrella", "雨伞", "IMG_2062.jpg"),
        ("a rocket", "火箭", "IMG_2069.png"),
        ("a guitar", "吉他", "IMG_2104.jpg"),
    ] {
        for words in [english, chinese] {
            let asked = json!({"q": words, "kind": ["image"], "limit": 1});
            let answer = daemon.client().post("/v1/search", &asked);
            let first = hits(&answer)[0]["path"].clone();
            assert_eq!(first, json!(home.file(picture)), "{words}");
        }
        // The model's words for it find it too, without the model; it is not as sure of all.
        let asked = json!({"q": chinese, "legs": ["words"]});
        let answer = daemon.client().post("/v1/search", &asked);
        let by_tags = |hit: &&Value| hit["path"] == json!(home.file(picture));
        let found = hits(&answer)
            .iter()
            .find(by_tags)
            .map(|hit| hit["source"].clone());
        assert!(found.iter().all(|source| source == "tags"), "{answer:#}");
        told += usize::from(found.is_some());
    }
    told
}
