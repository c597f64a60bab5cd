//! Recordings end to end: heard by the demo model of the repository, found by the moment.
//!
//! The episode is `samples/talks/demo-hour-01.mp3`: a minute of espeak-ng's speech, in words that
//! the demo model knows, with music between, and the true times of what is said in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hippo_tests::client::{encode, hits};
use hippo_tests::{Daemon, TempHome};
use serde_json::{Value, json};

use crate::models::install;

/// Sentences of the episode, and when they begin, in milliseconds.
const SAID: [(&str, u64); 5] = [
    ("Welcome back to the water podcast", 2_700),
    ("travel and education in India", 6_500),
    ("elephant and ancient writer beside this archive", 10_300),
    ("favorite vaccine sleep late chemistry", 21_900),
    ("Welcome back to the mathematics podcast", 53_900),
];
/// What the start of a sentence may be off.
const START_MAX_MS: u64 = 5_000;
/// A minute of sound takes the demo model some seconds of one core; beside a full suite of
/// tests, at the lowest priority, it can take this long.
const PATIENCE: Duration = Duration::from_mins(8);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn episode() -> Vec<u8> {
    fs::read(root().join("samples/talks/demo-hour-01.mp3")).unwrap()
}

/// The frames of an MP3 without its tags and without the first, which says how many there are:
/// they can follow each other as often as one likes.
fn frames(mp3: &[u8]) -> &[u8] {
    let at = |needle: &[u8], from: usize| {
        let found = mp3[from..].windows(needle.len()).position(|w| w == needle);
        from + found.unwrap()
    };
    &mp3[at(&[0xff, 0xf3], at(b"Info", 0))..]
}

/// Puts the repository's recogniser and voice model into the home.
fn give_ears(home: &TempHome) {
    for name in ["demo-whisper", "silero-vad"] {
        let from = root().join("models").join(name);
        let manifest = fs::read_to_string(from.join("manifest.toml")).unwrap();
        install(home, name, &from, &manifest);
    }
}

fn transcript(daemon: &Daemon, path: &Path, format: &str) -> String {
    let path = encode(path.to_str().unwrap());
    let target = format!("/v1/transcript?path={path}&format={format}");
    let reply = daemon.client().raw(
        format!("GET {target} HTTP/1.1\r\nHost: hippo\r\nConnection: close\r\n\r\n").as_bytes(),
    );
    let reply = String::from_utf8(reply.unwrap()).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}\n{body}");
    body.to_owned()
}

/// The hit on a recording among the first three.
fn moment(daemon: &Daemon, question: &str) -> Value {
    let asked = json!({"q": question, "kind": ["audio"], "limit": 3});
    let answer = daemon.client().post("/v1/search", &asked);
    let found = hits(&answer);
    let speech = found.iter().find(|hit| hit["source"] == "speech");
    speech
        .unwrap_or_else(|| panic!("{question}: {answer:#}"))
        .clone()
}

#[test]
fn what_is_said_in_a_recording_is_found_at_its_moment_and_can_be_taken_out() {
    let home = TempHome::new();
    give_ears(&home);
    let path = home.write("episode.mp3", episode());
    let daemon = Daemon::start(&home);
    daemon.wait_for(PATIENCE);
    for (sentence, begins) in SAID {
        let hit = moment(&daemon, sentence);
        let (t0, t1) = (
            hit["t0_ms"].as_u64().unwrap(),
            hit["t1_ms"].as_u64().unwrap(),
        );
        assert!(
            t0 <= begins + START_MAX_MS && begins <= t1,
            "{sentence} begins at {begins}: {hit:#}"
        );
    }
    let why = daemon.client().why(&path);
    assert_eq!(why["state"], "done");
    assert!(
        why["extractor"].as_str().unwrap().contains("demo-whisper"),
        "{why:#}"
    );

    // Its own transcript, read by hippo's readers of such files, says the same at the same time.
    let document: Value = serde_json::from_str(&transcript(&daemon, &path, "json")).unwrap();
    let segments = document["segments"].as_array().unwrap();
    let water = segments
        .iter()
        .find(|s| s["body"].as_str().unwrap().contains("water podcast"));
    let starts = water.unwrap()["startTime"].as_f64().unwrap();
    assert!((starts - 2.7).abs() < 1.0, "{document:#}");
    assert!(transcript(&daemon, &path, "txt").contains("water podcast"));
    for format in ["srt", "vtt"] {
        let copy = home.write(
            &format!("copy.{format}"),
            transcript(&daemon, &path, format),
        );
        daemon.wait_for(PATIENCE);
        assert_eq!(daemon.client().why(&copy)["state"], "done");
        let asked =
            json!({"q": "mathematics podcast", "in": [copy.parent().unwrap()], "kind": ["text"]});
        let answer = daemon.client().post("/v1/search", &asked);
        let found = hits(&answer);
        let hit = found
            .iter()
            .find(|hit| hit["path"] == copy.to_str().unwrap());
        let times = |hit: &Value| (hit["t0_ms"].as_u64(), hit["t1_ms"].as_u64());
        let (t0, t1) = times(hit.unwrap_or_else(|| panic!("{answer:#}")));
        assert!(t0.unwrap() <= 53_900 && 53_900 <= t1.unwrap(), "{answer:#}");
    }
}

#[test]
fn a_copy_is_not_heard_again_and_without_a_model_tags_find_it() {
    let home = TempHome::new();
    let path = home.write("episode.mp3", episode());
    let daemon = Daemon::start(&home);
    daemon.wait();
    assert!(daemon.client().finds("The Demo Hour", &path));
    assert!(!daemon.client().finds("vaccine", &path));
    let why = daemon.client().why(&path);
    let explanation = why["explanation"].as_str().unwrap();
    assert!(explanation.contains("hippo models pull"), "{explanation}");

    // The models come while it runs.
    give_ears(&home);
    let looked = daemon
        .client()
        .request("POST", "/v1/models/look", None)
        .unwrap();
    assert_eq!(looked.body["speech"]["state"], "ready", "{:#}", looked.body);
    daemon.wait_for(PATIENCE);
    assert!(daemon.client().finds("vaccine", &path));
    let copy = home.write("copy.mp3", episode());
    daemon.wait_for(PATIENCE);
    let of = |path: &Path| daemon.client().why(path)["segments"].clone();
    assert_eq!(of(&copy), of(&path));
    assert_eq!(times_heard(&home), 1, "{}", home.log_tail());
}

/// How often the log says that a recording was heard to its end.
fn times_heard(home: &TempHome) -> usize {
    let logs = hippo_tests::corpus::files_below(&home.home().join("log"));
    let logs = logs
        .iter()
        .map(|path| fs::read_to_string(path).unwrap_or_default());
    logs.map(|log| log.matches("listening: heard path=").count())
        .sum()
}

#[test]
fn a_kill_in_the_middle_of_a_long_recording_costs_a_checkpoint_at_most() {
    let home = TempHome::new();
    give_ears(&home);
    let path = home.write("long.mp3", frames(&episode()).repeat(4));
    let mut daemon = Daemon::start(&home);
    let listening = |status: &Value| {
        let at_work = status["at_work"].as_array().unwrap();
        let work = at_work.iter().find(|work| work["stage"] == "listening");
        work.and_then(|work| work["done"].as_u64())
    };
    let far = |client: &hippo_tests::client::Client| listening(&client.status()) >= Some(200_000);
    daemon.until_within(PATIENCE, "three minutes to be heard", far);
    daemon.kill9();
    daemon = Daemon::start(&home);
    daemon.wait_for(PATIENCE);
    let said = transcript(&daemon, &path, "txt");
    assert_eq!(said.matches("water podcast").count(), 4, "{said}");
    assert_eq!(said.matches("mathematics podcast").count(), 4, "{said}");
    let log = home.log_tail();
    assert!(log.contains("hearing goes on"), "{log}");
}

#[test]
fn a_recording_on_a_drive_that_is_away_holds_up_no_other_and_is_heard_when_it_is_back() {
    let mut home = TempHome::new();
    let (drive, away) = (home.root().join("drive"), home.root().join("away"));
    fs::create_dir(&drive).unwrap();
    home.watch(&drive);
    let there = home.write("there.mp3", frames(&episode()).repeat(2));
    let gone = drive.join("gone.mp3");
    fs::write(&gone, episode()).unwrap();
    let daemon = Daemon::start(&home);
    daemon.wait();
    fs::rename(&drive, &away).unwrap();
    daemon.until("the drive is missed", |client| {
        let folders = client.get("/v1/folders")["folders"].clone();
        let of = |f: &&Value| f["path"] == drive.to_str().unwrap();
        let drive = folders.as_array().unwrap().iter().find(of).cloned();
        drive.is_some_and(|drive| drive["state"] == "missing" || drive["state"] == "unavailable")
    });
    give_ears(&home);
    daemon
        .client()
        .request("POST", "/v1/models/look", None)
        .unwrap();
    // The one that is away is the shorter, and comes first.
    daemon.wait_for(PATIENCE);
    assert!(daemon.client().finds("vaccine", &there));
    fs::rename(&away, &drive).unwrap();
    daemon.until_within(PATIENCE, "what came back is heard", |client| {
        client.finds("vaccine", &gone)
    });
}
