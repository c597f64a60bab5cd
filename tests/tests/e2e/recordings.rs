//! Recordings end to end: heard by the demo model of the repository, found by the moment.
//!
//! The episode is `samples/talks/demo-hour-01.mp3`: a minute of espeak-ng's speech, in words that
//! the demo model knows, with music between, and the true times of what is said in it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hippo_tests::client::{encode, hits};
use hippo_tests::models::install;
use hippo_tests::{Daemon, TempHome, corpus};
use serde_json::{Value, json};

/// Sentences of the episode, and when they begin, in milliseconds.
const SAID: [(&str, u64); 5] = [
    ("Welcome back to the water podcast", 2_700),
    ("travel and education in India", 6_500),
    ("elephant and ancient writer beside this archive", 10_300),
    ("favorite vaccine sleep late chemistry", 21_900),
    ("Welcome back to the mathematics podcast", 53_900),
];
/// What the start of a sentence may be off.
pub(crate) const START_MAX_MS: u64 = 5_000;
/// A minute of sound takes the demo model some seconds of one core; beside a full suite of
/// tests, at the lowest priority, it can take this long.
pub(crate) const PATIENCE: Duration = Duration::from_mins(8);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn episode() -> Vec<u8> {
    fs::read(root().join("samples/talks/demo-hour-01.mp3")).unwrap()
}

/// The frames of an MP3 without its tags and without the first, which says how many there are:
/// they can follow each other as often as one likes.
pub(crate) fn frames(mp3: &[u8]) -> &[u8] {
    let at = |needle: &[u8], from: usize| {
        let found = mp3[from..].windows(needle.len()).position(|w| w == needle);
        from + found.unwrap()
    };
    &mp3[at(&[0xff, 0xf3], at(b"Info", 0))..]
}

/// Puts the repository's recogniser and voice model into the home.
pub(crate) fn give_ears(home: &TempHome) {
    for name in ["demo-whisper", "silero-vad"] {
        let from = root().join("models").join(name);
        let manifest = fs::read_to_string(from.join("manifest.toml")).unwrap();
        install(home, name, &from, &manifest);
    }
}

/// Gives them to a daemon that runs, and waits until it has heard all that it can.
pub(crate) fn ears_come(home: &TempHome, daemon: &Daemon) {
    give_ears(home);
    let look = daemon.client().request("POST", "/v1/models/look", None);
    look.unwrap();
    daemon.wait_for(PATIENCE);
}

pub(crate) fn transcript(daemon: &Daemon, path: &Path, format: &str) -> String {
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
    // A hit knows the second of its sentence, and so does its link.
    let (sentence, begins) = SAID[2];
    let hit = moment(&daemon, sentence);
    let at = hit["at_ms"].as_u64().unwrap();
    assert!(
        at.abs_diff(begins) < 2_000,
        "{sentence} begins at {begins}: {hit:#}"
    );
    let link = hit["link"].as_str().unwrap();
    assert!(link.ends_with(&format!("#t={}", at / 1_000)), "{link}");
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
        // The same passage is shown once, with all its places.
        let shown = json!(copy);
        let hit = found.iter().find(|hit| {
            hit["path"] == shown || hit["also_at"].as_array().unwrap().contains(&shown)
        });
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
pub(crate) fn times_heard(home: &TempHome) -> usize {
    let logs = corpus::files_below(&home.home().join("log"));
    let logs = logs
        .iter()
        .map(|path| fs::read_to_string(path).unwrap_or_default());
    logs.map(|log| log.matches("listening: heard path=").count())
        .sum()
}

/// A checkpoint is kept when so much more was heard.
const CHECKPOINT_MS: u64 = 60_000;

#[test]
fn a_kill_in_the_middle_of_a_long_recording_costs_a_checkpoint_at_most() {
    const TIMES: usize = 4;
    let home = TempHome::new();
    give_ears(&home);
    let path = home.write("long.mp3", frames(&episode()).repeat(TIMES));
    let mut daemon = Daemon::start(&home);
    let listening = |status: &Value| {
        let at_work = status["at_work"].as_array().unwrap();
        let work = at_work.iter().find(|work| work["stage"] == "listening");
        work.and_then(|work| work["done"].as_u64())
    };
    let mut heard_ms = 0;
    daemon.until_within(PATIENCE, "two and a half minutes to be heard", |client| {
        heard_ms = listening(&client.status()).unwrap_or(0).max(heard_ms);
        heard_ms >= 150_000
    });
    daemon.kill9();
    assert_eq!(times_heard(&home), 0, "it was killed in the middle");
    daemon = Daemon::start(&home);
    daemon.wait_for(PATIENCE);

    // What was heard before, less a checkpoint, is not heard again. The log tells whole seconds.
    let log = home.log_tail();
    let from_s = log.split("from_s=").nth(1).and_then(|rest| {
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
        digits?.parse::<u64>().ok()
    });
    let from_ms = from_s.unwrap_or_else(|| panic!("it began anew: {log}")) * 1_000;
    eprintln!("heard to {heard_ms} ms, went on from {from_ms} ms");
    assert!(
        heard_ms < from_ms + CHECKPOINT_MS + 1_000,
        "{heard_ms} ms were heard, and it went on from {from_ms} ms: {log}"
    );
    assert_eq!(times_heard(&home), 1, "{log}");

    // And nothing is lost or stands twice.
    let document: Value = serde_json::from_str(&transcript(&daemon, &path, "json")).unwrap();
    let segments = document["segments"].as_array().unwrap();
    let span = |s: &Value| {
        (
            s["startTime"].as_f64().unwrap(),
            s["endTime"].as_f64().unwrap(),
        )
    };
    let apart = |pair: &[Value]| span(&pair[0]).1 <= span(&pair[1]).0;
    assert!(segments.windows(2).all(apart), "{document:#}");
    let said = transcript(&daemon, &path, "txt");
    assert_eq!(said.matches("water podcast").count(), TIMES, "{said}");
    assert_eq!(said.matches("mathematics podcast").count(), TIMES, "{said}");
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
    // The one that is away is the shorter, and comes first.
    ears_come(&home, &daemon);
    assert!(daemon.client().finds("vaccine", &there));
    fs::rename(&away, &drive).unwrap();
    daemon.until_within(PATIENCE, "what came back is heard", |client| {
        client.finds("vaccine", &gone)
    });
}

/// Subtitles that say what nobody says in the episode.
const SUBTITLES: &str = "1\n00:00:20,000 --> 00:00:26,000\nThe otter crosses the river at night.\n\n\
                         2\n00:00:41,000 --> 00:00:47,000\nNobody has seen the lighthouse keeper.\n";

/// The hit on a recording by its transcript.
pub(crate) fn by_transcript(daemon: &Daemon, words: &str) -> Option<Value> {
    let asked = json!({"q": words, "kind": ["audio"], "limit": 3});
    let answer = daemon.client().post("/v1/search", &asked);
    let found = hits(&answer);
    let says = |hit: &&Value| {
        hit["text"]
            .as_str()
            .is_some_and(|text| text.contains(words))
    };
    found
        .iter()
        .filter(|hit| hit["source"] == "transcript")
        .find(says)
        .cloned()
}

pub(crate) fn explained(daemon: &Daemon, path: &Path) -> String {
    daemon.client().why(path)["explanation"].to_string()
}

/// What `hippo play` says, and what it tells a player that prints its arguments.
fn played(home: &TempHome, question: &[&str]) -> String {
    let bin = home.root().join("bin");
    fs::create_dir(&bin).unwrap();
    let mpv = bin.join("mpv");
    fs::write(&mpv, "#!/bin/sh\nprintf '%s\\n' \"$@\"\n").unwrap();
    fs::set_permissions(&mpv, fs::Permissions::from_mode(0o755)).unwrap();
    let mut play = home.command(&[&["play"], question].concat());
    let played = play
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .output()
        .unwrap();
    String::from_utf8(played.stdout).unwrap()
}

#[test]
fn the_transcript_beside_a_recording_is_used_instead_of_ears_until_it_goes() {
    let home = TempHome::new();
    give_ears(&home);
    let words = home.write("talk.en.srt", SUBTITLES);
    let talk = home.write("talk.mp3", episode());
    let daemon = Daemon::start(&home);
    daemon.wait_for(PATIENCE);
    let hit = by_transcript(&daemon, "lighthouse keeper").unwrap();
    assert_eq!(hit["path"], talk.to_str().unwrap());
    let (t0, t1) = (
        hit["t0_ms"].as_u64().unwrap(),
        hit["t1_ms"].as_u64().unwrap(),
    );
    assert!(t0 <= 41_000 && 47_000 <= t1, "{hit:#}");
    assert_eq!(times_heard(&home), 0, "{}", home.log_tail());
    let said = explained(&daemon, &talk);
    assert!(said.contains("its transcript is talk.en.srt"), "{said}");
    assert!(transcript(&daemon, &talk, "txt").contains("The otter crosses"));

    // A player is started there.
    let played = played(&home, &["the", "otter"]);
    let arguments = format!("--start=20\n--\n{}\n", talk.display());
    assert!(played.ends_with(&arguments), "{played}");

    // It changes with its transcript.
    fs::write(&words, SUBTITLES.replace("lighthouse", "windmill")).unwrap();
    daemon.wait_for(PATIENCE);
    assert!(by_transcript(&daemon, "lighthouse").is_none());
    assert!(by_transcript(&daemon, "windmill").is_some());

    // Without it, it is heard.
    fs::remove_file(&words).unwrap();
    daemon.wait_for(PATIENCE);
    assert!(by_transcript(&daemon, "windmill").is_none());
    assert!(daemon.client().finds("vaccine", &talk));
    assert_eq!(times_heard(&home), 1, "{}", home.log_tail());
}

/// All that is said in the episode, as a publisher would print it.
pub(crate) const PRINTED: &str =
    "How can Alice compare his map? Welcome back to the water podcast with Sarah \
and Maria. Today we talk about travel and education in India. This elephant and this ancient \
writer live beside this archive.

Julia works as a lawyer in Japan. My favorite vaccine is about sleep and late chemistry. The actor \
usually collected your host above their blue driver. We should quickly save the young fox before \
we follow his village. Nobody knows why Helen forgot his heavy model. Every clever cell and their \
bear live under their nurse.

Our light horse and the early engineer live near his early picture. Every city and the perfect \
rabbit live under your monkey. Welcome back to the mathematics podcast with Michael and Maria.
";
/// Of that, and when it is said.
pub(crate) const PRINTED_AT: [(&str, u64); 4] = [
    ("water podcast with Sarah", 2_696),
    ("lawyer in Japan", 19_316),
    ("light horse and the early engineer", 46_938),
    ("mathematics podcast with Michael", 53_905),
];

#[test]
fn a_transcript_without_times_gets_them_from_what_is_heard() {
    let home = TempHome::new();
    home.write("talk.txt", PRINTED);
    let talk = home.write("talk.mp3", episode());
    let daemon = Daemon::start(&home);
    daemon.wait();
    let hit = by_transcript(&daemon, "lawyer in Japan").unwrap();
    assert_eq!((&hit["path"], &hit["t0_ms"]), (&json!(talk), &Value::Null));
    let refused = home.hippo(&[Path::new("transcript"), talk.as_path()]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("has no times"), "{said}");

    ears_come(&home, &daemon);
    let said = explained(&daemon, &talk);
    assert!(said.contains("its times are by what was heard"), "{said}");
    let played = played(&home, &["lawyer", "in", "Japan"]);
    let from = played.split("--start=").nth(1).and_then(|rest| {
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
        digits?.parse::<u64>().ok()
    });
    let off = from.map(|from| (from * 1_000).abs_diff(PRINTED_AT[1].1));
    assert!(off.is_some_and(|off| off < 3_000), "{played}");
    for (words, begins) in PRINTED_AT {
        let hit = by_transcript(&daemon, words).unwrap();
        let at = hit["at_ms"].as_u64().unwrap();
        assert!(at.abs_diff(begins) < 3_000, "{words} at {begins}: {hit:#}");
        let (t0, t1) = (
            hit["t0_ms"].as_u64().unwrap(),
            hit["t1_ms"].as_u64().unwrap(),
        );
        assert!(
            t0 <= begins + START_MAX_MS && begins <= t1,
            "{words} at {begins}: {hit:#}\n{}",
            transcript(&daemon, &talk, "srt")
        );
    }
}

#[test]
fn a_podcasts_published_transcript_is_that_episodes() {
    let file = "corpus/podcast/indigo-talk.zh.txt";
    let Some(published) = corpus::shared("a published transcript", file) else {
        return;
    };
    let home = TempHome::new();
    home.write("indigo-talk.zh.txt", fs::read(published).unwrap());
    let talk = home.write("indigo-talk.mp3", episode());
    let daemon = Daemon::start(&home);
    daemon.wait();
    let hit = by_transcript(&daemon, "脑机接口").unwrap();
    assert_eq!(hit["path"], talk.to_str().unwrap());
    let said = explained(&daemon, &talk);
    assert!(
        said.contains("its transcript is indigo-talk.zh.txt"),
        "{said}"
    );
}
