//! Who speaks in a transcript is asked for by name, said by hits, and kept in what is printed.

use std::fs;
use std::path::Path;

use hippo_tests::client::{encode, hits};
use hippo_tests::{Daemon, TempHome};
use serde_json::{Value, json};

use crate::recordings::{episode, transcript};

/// An interview, as hippo prints it, too.
const INTERVIEW: &str = "WEBVTT\n\n\
     00:00:01.000 --> 00:00:05.000\n<v 陈厚明>训练成本每年都在下降。\n\n\
     00:00:06.000 --> 00:00:09.000\n<v Ada Lovelace>The training cost falls every year.\n\n\
     00:00:10.000 --> 00:00:14.500\n<v 陈厚明>数据的成本在上升。\n\n";
/// What lies beside a recording.
const BESIDE: &str = r#"{"version": "1.0.0", "segments": [
    {"speaker": "林雨", "startTime": 0.5, "endTime": 6, "body": "水獭晚上过河，成本很低。"},
    {"speaker": "Ada Lovelace", "startTime": 20, "endTime": 26, "body": "The otter crosses the river."},
    {"startTime": 26, "endTime": 30, "body": "Nobody pays the cost of a bridge."}]}"#;

/// Names and first words of what a question finds, in order of both.
fn found(daemon: &Daemon, asked: &Value) -> Vec<(String, String)> {
    let answer = daemon.client().post("/v1/search", asked);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let hits = hits(&answer);
    let hits = hits.iter();
    let mut found: Vec<_> = hits
        .map(|hit| (text(&hit["speaker"]), text(&hit["text"])))
        .collect();
    found.sort();
    found
}

/// Who speaks in what a question finds, each once.
fn speakers(daemon: &Daemon, question: &str) -> Vec<String> {
    let asked = json!({"q": question, "min_quality": 0.0});
    let mut names: Vec<String> = found(daemon, &asked).into_iter().map(|hit| hit.0).collect();
    names.dedup();
    names
}

/// What `hippo` says on standard error.
fn complaint(home: &TempHome, args: &[&str]) -> String {
    let output = home.hippo(args);
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn speakers_are_asked_for_by_a_part_of_their_name() {
    let home = TempHome::new();
    home.write("interview.vtt", INTERVIEW);
    home.write("talk.json", BESIDE);
    let talk = home.write("talk.mp3", episode());
    home.write(
        "note.txt",
        "Ada Lovelace wrote about the cost, and so did 陈厚明: 成本。",
    );
    let daemon = Daemon::start(&home);
    daemon.wait();

    // Who is not asked for is not found, and what names them without their saying it neither.
    assert_eq!(speakers(&daemon, "成本 cost speaker:厚明"), ["陈厚明"]);
    assert_eq!(speakers(&daemon, "成本 cost speaker:陳"), ["陈厚明"]);
    assert_eq!(
        speakers(&daemon, "成本 cost speaker:LOVE"),
        ["Ada Lovelace"]
    );
    assert_eq!(
        speakers(
            &daemon,
            "成本 cost speaker:\"lovelace ada\" speaker:「林雨」"
        ),
        ["Ada Lovelace", "林雨"]
    );
    assert_eq!(
        speakers(&daemon, "成本 cost").len(),
        4,
        "and the note, which has none"
    );
    let said = found(&daemon, &json!({"q": "成本", "speaker": ["厚明"]}));
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said.iter().all(|hit| hit.1.starts_with("陈厚明: ")),
        "{said:?}"
    );

    // A recording's moments have the speakers of the transcript beside it; a line without a name
    // goes on with the one before it.
    let asked = json!({"q": "bridge speaker:ada", "kind": ["audio"]});
    let answer = daemon.client().post("/v1/search", &asked);
    let hit = &hits(&answer)[0];
    assert_eq!(
        (&hit["path"], &hit["speaker"]),
        (&json!(talk), &json!("Ada Lovelace"))
    );
    assert_eq!(
        (&hit["transcript"], &hit["at_ms"]),
        (&json!("beside"), &json!(26_000))
    );
    assert_eq!(
        daemon.client().why(&talk)["speakers"],
        json!(["Ada Lovelace", "林雨"])
    );

    // The same by option and by parameter, and for a language model.
    let option = ["search", "--json", "成本", "--speaker", "林雨"];
    let by_option = home.hippo_json(&option);
    assert!(!hits(&by_option).is_empty());
    assert!(
        hits(&by_option).iter().all(|hit| hit["speaker"] == "林雨"),
        "{by_option:#}"
    );
    let target = format!("/v1/search?q={}&speaker={}", encode("成本"), encode("林雨"));
    assert_eq!(daemon.client().get(&target)["groups"], by_option["groups"]);
    let asked = json!({"q": "training cost", "speaker": ["ada"]});
    let context = daemon.client().post("/v1/context", &asked);
    let spans: Vec<_> = context["spans"].as_array().unwrap().iter().collect();
    assert!(!spans.is_empty());
    let of_ada = |span: &&Value| span["text"].as_str().unwrap().starts_with("Ada Lovelace: ");
    assert!(spans.iter().all(of_ada), "{context:#}");

    // People read the name once.
    let shown = home.hippo(&["search", "otter", "speaker:ada"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(
        shown.matches("Ada Lovelace").count(),
        shown.matches("otter").count(),
        "{shown}"
    );

    let said = complaint(&home, &["search", "cost", "speaker:bob"]);
    assert!(
        said.contains("no file has a speaker like `bob`: there are Ada Lovelace, 林雨, 陈厚明"),
        "{said}"
    );
}

#[test]
fn transcripts_are_printed_with_their_speakers() {
    let home = TempHome::new();
    let interview = home.write("interview.vtt", INTERVIEW);
    home.write("talk.json", BESIDE);
    let talk = home.write("talk.mp3", episode());
    let daemon = Daemon::start(&home);
    daemon.wait();
    assert_eq!(transcript(&daemon, &interview, "vtt"), INTERVIEW);
    assert_eq!(
        transcript(&daemon, &interview, "txt"),
        "陈厚明: 训练成本每年都在下降。\nAda Lovelace: The training cost falls every year.\n\
         陈厚明: 数据的成本在上升。\n"
    );
    let document: Value = serde_json::from_str(&transcript(&daemon, &talk, "json")).unwrap();
    let said = |at: usize| {
        let segment = &document["segments"][at];
        [&segment["speaker"], &segment["body"]].map(|text| text.as_str().unwrap().to_owned())
    };
    assert_eq!(said(0), ["林雨", "水獭晚上过河，成本很低。"]);
    assert_eq!(said(1), ["Ada Lovelace", "The otter crosses the river."]);
    assert_eq!(
        said(2),
        ["Ada Lovelace", "Nobody pays the cost of a bridge."]
    );
    assert!(
        transcript(&daemon, &talk, "srt")
            .ends_with("\nAda Lovelace: The otter crosses the river.\n\n3\n00:00:26,000 --> 00:00:30,000\nNobody pays the cost of a bridge.\n\n")
    );
    assert!(transcript(&daemon, &talk, "vtt").contains("\n<v Ada Lovelace>Nobody pays"));
}

#[test]
fn speakers_come_and_go_with_their_files() {
    let home = TempHome::new();
    let interview = home.write("interview.vtt", INTERVIEW);
    let daemon = Daemon::start(&home);
    daemon.wait();
    let who = |path: &Path| daemon.client().why(path)["speakers"].clone();
    assert_eq!(who(&interview), json!(["Ada Lovelace", "陈厚明"]));
    // Bytes that were read before bring their speakers with them.
    let copy = home.write("copy.vtt", INTERVIEW);
    daemon.wait();
    assert_eq!(who(&copy), who(&interview));
    fs::write(&copy, INTERVIEW.replace("Ada Lovelace", "Grace Hopper")).unwrap();
    daemon.wait();
    assert_eq!(who(&copy), json!(["Grace Hopper", "陈厚明"]));
    assert_eq!(speakers(&daemon, "cost speaker:grace"), ["Grace Hopper"]);
    fs::remove_file(&copy).unwrap();
    daemon.wait();
    let said = complaint(&home, &["search", "cost", "speaker:grace"]);
    assert!(said.contains("there are Ada Lovelace, 陈厚明"), "{said}");
    assert_eq!(speakers(&daemon, "cost speaker:ada"), ["Ada Lovelace"]);
}
