//! Changing the passage model: nothing fails, nothing is read again, nothing is lost.
//!
//! The models are variants of the tiny generated one: another prefix makes another space.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hippo_tests::client::hits;
use hippo_tests::models::install_tiny;
use hippo_tests::{Client, Daemon, Rng, TempHome, corpus, table};
use serde_json::{Value, json};

use crate::models::has_runtime;

/// Between two questions: ten a second.
const PAUSE: Duration = Duration::from_millis(100);

/// Vectors of the same text agree so far: a batch of another length adds up in another order.
const SAME: f32 = 0.9999;

fn mark(at: usize) -> String {
    corpus::mark("gen", at)
}

/// A home with these models and so many notes, each with a word of its own.
fn home(models: &[&str], notes: usize) -> TempHome {
    let home = TempHome::new();
    for model in models {
        install_tiny(&home, model);
    }
    let mut rng = Rng::from_env("generations");
    for at in 0..notes {
        home.write(
            &format!("{}/{at}.txt", at % 20),
            format!("{} {}", mark(at), corpus::words(&mut rng, 80, 2_000)),
        );
    }
    home
}

fn use_model(client: &Client, name: Option<&str>) -> Value {
    let body = json!({ "role": "passage", "name": name });
    client.post("/v1/models/use", &body)
}

fn passage(client: &Client) -> Value {
    client.status()["models"]["passage"].clone()
}

/// Waits until this model answers for every segment.
fn until_whole(daemon: &Daemon, model: &str) {
    daemon.until(&format!("{model} answers for all"), |client| {
        let passage = passage(client);
        passage["active"]["model"] == model && passage["covered"] == passage["total"]
    });
}

/// Asks for one note and demands it: found by its word and by its vector.
fn demand(client: &Client, at: usize) -> Result<(), String> {
    let question = mark(at);
    let reply = client
        .request("GET", &format!("/v1/search?q={question}&limit=5"), None)
        .map_err(|error| error.to_string())?;
    let answer = reply.body;
    if reply.status != 200 {
        return Err(format!("{}: {answer}", reply.status));
    }
    if answer["missing_legs"] != json!([]) {
        return Err(format!("a leg is missing: {}", answer["missing_legs"]));
    }
    let suffix = format!("/{at}.txt");
    let found = hits(&answer).into_iter().find(|hit| {
        hit["path"]
            .as_str()
            .is_some_and(|path| path.ends_with(&suffix))
    });
    let found = found.ok_or_else(|| format!("{question} is not found: {answer}"))?;
    if found["legs"]["words"].is_number() {
        Ok(())
    } else {
        Err(format!("{question} is not found by its word: {found}"))
    }
}

#[test]
fn questions_are_answered_in_full_while_the_model_is_changed() {
    const NOTES: usize = 1_500;
    let test = "changing the model under questions";
    if !has_runtime(test) {
        return;
    }
    let mut home = home(&["one", "two"], NOTES);
    home.set_text("models.passage", "one");
    let daemon = Daemon::start(&home);
    daemon.wait();
    until_whole(&daemon, "one");
    let over = AtomicBool::new(false);
    let (asked, failures) = std::thread::scope(|scope| {
        let asker = scope.spawn(|| {
            let mut failures = Vec::new();
            let mut asked = 0;
            while !over.load(Ordering::Acquire) {
                let begun = Instant::now();
                failures.extend(demand(daemon.client(), asked * 7 % NOTES).err());
                asked += 1;
                std::thread::sleep(PAUSE.saturating_sub(begun.elapsed()));
            }
            (asked, failures)
        });
        let frozen = daemon.freeze_workers();
        let answer = use_model(daemon.client(), Some("two"));
        assert_eq!(answer["active"]["model"], "one", "{answer:#}");
        assert_eq!(answer["building"]["model"], "two", "{answer:#}");
        // Nobody waits for it, and files are done all the while.
        daemon.wait();
        assert_eq!(daemon.count("done"), NOTES as u64);
        until_whole(&daemon, "two");
        drop(frozen);
        over.store(true, Ordering::Release);
        asker.join().unwrap()
    });
    eprintln!("{asked} questions while the model was changed");
    assert!(asked > 3);
    assert_eq!(failures, [""; 0], "of {asked} questions");
    let passage = passage(daemon.client());
    assert_eq!(passage["kept"]["model"], "one", "{passage:#}");
    assert_eq!(passage["building"], Value::Null);
    assert!(passage["kept"]["bytes"].as_u64().unwrap() >= NOTES as u64 * 16 * 4);
    for at in [0, NOTES / 2, NOTES - 1] {
        demand(daemon.client(), at).unwrap();
    }
    daemon.stop();
    assert_eq!(table::spaces(&home).len(), 2);
}

#[test]
fn a_change_that_is_killed_again_and_again_ends_as_a_fresh_build() {
    const NOTES: usize = 800;
    const KILLS: usize = 5;
    let test = "killing a change of models";
    if !has_runtime(test) {
        return;
    }
    let mut rng = Rng::from_env("killing a change of models");
    let mut home = home(&["one", "two"], NOTES);
    home.set_text("models.passage", "one");
    let daemon = Daemon::start(&home);
    daemon.wait();
    let mut daemon = daemon;
    use_model(daemon.client(), Some("two"));
    home.set_text("models.passage", "two");
    let mut seen = Vec::new();
    for round in 0..KILLS {
        // The delay is the fault that is injected, not a wait.
        std::thread::sleep(Duration::from_micros(rng.number() % 250_000));
        let passage = passage(daemon.client());
        seen.push(passage["building"]["covered"].as_u64());
        daemon.kill9();
        // A change of files between two lives, and the model goes on being changed.
        home.write(&format!("late/{round}.txt"), mark(NOTES + round));
        daemon = Daemon::start(&home);
        demand(daemon.client(), round).unwrap();
    }
    eprintln!("covered when it was killed: {seen:?}");
    daemon.wait();
    until_whole(&daemon, "two");
    let space = passage(daemon.client())["active"]["space"].clone();
    daemon.stop();

    let mut fresh = TempHome::empty();
    install_tiny(&fresh, "two");
    fresh.set_text("models.passage", "two");
    fresh.watch(&home.files());
    let daemon = Daemon::start(&fresh);
    daemon.wait();
    daemon.stop();
    table::assert_same(&table::rows(&home), &table::rows(&fresh), test);
    assert_same_vectors(&home, &fresh, space.as_str().unwrap());
}

fn assert_same_vectors(home: &TempHome, fresh: &TempHome, space: &str) {
    let (got, expected) = (table::vectors(home, space), table::vectors(fresh, space));
    assert!(!expected.is_empty());
    assert!(got.keys().eq(expected.keys()));
    for (segment, vector) in &got {
        // Both are of length 1.
        let other = &expected[segment];
        let cosine: f32 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
        assert!(cosine > SAME, "{segment:?}: {cosine}");
    }
}

#[test]
fn the_way_back_is_immediate_and_what_came_since_is_completed() {
    const NOTES: usize = 60;
    let test = "going back to the model before";
    if !has_runtime(test) {
        return;
    }
    let mut home = home(&["one", "two", "three"], NOTES);
    home.set_text("models.passage", "one");
    let daemon = Daemon::start(&home);
    daemon.wait();
    use_model(daemon.client(), Some("two"));
    until_whole(&daemon, "two");
    home.write("since.txt", mark(NOTES));
    daemon.wait();
    let frozen = daemon.freeze_workers();
    let back = use_model(daemon.client(), Some("one"));
    assert_eq!(back["active"]["model"], "one", "at once: {back:#}");
    assert_eq!(back["kept"]["model"], "two", "{back:#}");
    until_whole(&daemon, "one");
    drop(frozen);
    for at in [0, NOTES - 1] {
        demand(daemon.client(), at).unwrap();
    }
    // A third drops the oldest, which is the one that is kept.
    let third = use_model(daemon.client(), Some("three"));
    assert_eq!(third["kept"], Value::Null, "{third:#}");
    until_whole(&daemon, "three");
    let passage = passage(daemon.client());
    assert_eq!(passage["kept"]["model"], "one", "{passage:#}");
    // Until it is not wanted any more.
    let body = json!({ "role": "passage" });
    let forgotten = daemon.client().post("/v1/models/forget", &body);
    assert_eq!(forgotten["kept"], Value::Null, "{forgotten:#}");
    // No model at all: the vectors stay for the way back, and words answer.
    let none = use_model(daemon.client(), None);
    assert_eq!(none["state"], "not configured", "{none:#}");
    let answer = daemon.client().search(&mark(3), 1);
    assert_eq!(answer["missing_legs"], json!([]));
    assert!(hits(&answer)[0]["legs"]["passage"].is_null());
    daemon.stop();
    let spaces = table::spaces(&home);
    assert!(
        spaces.len() == 1 && spaces[0].starts_with("three-"),
        "{spaces:?}"
    );
}

#[test]
fn a_model_that_does_not_open_is_refused_and_the_old_one_answers() {
    let test = "refusing a broken model";
    if !has_runtime(test) {
        return;
    }
    let mut home = home(&["one", "cut", "long", "odd"], 20);
    home.set_text("models.passage", "one");
    let models = home.data().join("models");
    let graph = fs::read(models.join("cut/model.onnx")).unwrap();
    fs::write(models.join("cut/model.onnx"), &graph[..graph.len() / 2]).unwrap();
    let rewrite = |name: &str, from: &str, to: &str| {
        let path = models.join(name).join("manifest.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replace(from, to)).unwrap();
    };
    rewrite("long", "dim = 16", "dim = 17");
    rewrite("odd", "output = \"vectors\"", "output = \"nothing\"");
    let daemon = Daemon::start(&home);
    daemon.wait();
    let before = passage(daemon.client());
    for (name, reason) in [
        ("cut", "model.onnx"),
        ("long", "17"),
        ("odd", "nothing"),
        ("absent", "is in none of"),
        ("../one", "../one"),
    ] {
        let body = json!({ "role": "passage", "name": name });
        let reply = daemon
            .client()
            .request("POST", "/v1/models/use", Some(&body))
            .unwrap();
        let message = reply.body["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(reply.status, 409, "{name}: {}", reply.body);
        assert!(
            message.contains(name) && message.contains(reason),
            "{message}"
        );
    }
    let wrong = json!({ "role": "joint", "name": "one" });
    let reply = daemon
        .client()
        .request("POST", "/v1/models/use", Some(&wrong));
    assert_eq!(
        reply.unwrap().status,
        409,
        "a passage model is no joint one"
    );
    let after = passage(daemon.client());
    assert_eq!(after["active"]["space"], before["active"]["space"]);
    assert_eq!(after["building"], Value::Null);
    demand(daemon.client(), 3).unwrap();
}

#[test]
fn a_model_that_is_used_later_picks_up_what_is_there_without_reading_it() {
    const NOTES: usize = 40;
    let test = "a model used later";
    if !has_runtime(test) {
        return;
    }
    let home = home(&[], NOTES);
    let daemon = Daemon::start(&home);
    daemon.wait();
    let why = daemon.client().why(&home.file("0/0.txt"));
    install_tiny(&home, "one");
    let frozen = daemon.freeze_workers();
    let answer = use_model(daemon.client(), Some("one"));
    assert_eq!(answer["active"]["model"], "one", "{answer:#}");
    until_whole(&daemon, "one");
    drop(frozen);
    let answer = daemon.client().search(&mark(3), 1);
    assert!(
        hits(&answer)[0]["legs"]["passage"].is_number(),
        "{answer:#}"
    );
    let now = daemon.client().why(&home.file("0/0.txt"));
    assert_eq!(now["done_at"], why["done_at"], "it was not worked on");
    let made = now["generation"].as_str().unwrap();
    assert!(made.contains("+one-"), "{made}");
}
