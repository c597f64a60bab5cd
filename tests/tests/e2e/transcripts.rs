//! Transcripts as `hippo transcript` prints them, judged by parsers that are not ours.
//!
//! SubRip goes to the Python package `srt`, WebVTT to `webvtt-py`, both from PyPI into a virtual
//! environment below the target folder, where later runs find them; JSON goes to serde_json.
//! Without Python or the network the test says so, loudly, and the two are not judged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hippo_tests::{Daemon, TempHome, skip};
use serde_json::Value;

use crate::recordings::{PATIENCE, episode, give_ears};

/// The parsers, at versions that were tried.
const PARSERS: [&str; 2] = ["srt==3.5.3", "webvtt-py==0.6.0"];
/// Reads a file by its ending, strictly; prints its cues as `[[from_ms, to_ms, speaker, text]]`.
/// Both packages leave what is escaped as it stands, so that it is read here.
const JUDGE: &str = r"
import html, json, sys
path = sys.argv[1]
if path.endswith('.srt'):
    import srt
    cues = list(srt.parse(open(path, encoding='utf-8').read(), ignore_errors=False))
    assert [cue.index for cue in cues] == list(range(1, len(cues) + 1)), 'numbers'
    ms = lambda t: round(t.total_seconds() * 1000)
    out = [[ms(cue.start), ms(cue.end), '', cue.content] for cue in cues]
else:
    import webvtt
    def ms(stamp):
        hours, minutes, seconds = stamp.split(':')
        return round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000)
    cues = webvtt.read(path)
    assert not cues.styles, 'styles'
    said = lambda cue: [html.unescape(cue.voice or ''), html.unescape(cue.text)]
    out = [[ms(cue.start), ms(cue.end), *said(cue)] for cue in cues]
json.dump(out, sys.stdout)
";
/// Text that looks like what the formats are made of.
const SUBTITLES: &str = "1\n00:00:01,250 --> 00:00:06,000\nCats & dogs: 1 < 2, and A &amp; B.\n\n\
     2\n00:00:30,000 --> 00:00:36,005\nNOTE this is said, STYLE too: 训练成本每年都在下降。\n\n\
     3\n00:00:55,000 --> 00:00:59,999\n00:01 is the time; an arrow (->) points on.\n\n\
     4\n01:01:01,005 --> 01:01:04,000\n42\nis the answer.\n";

/// Voices of every sort, and nobody's.
const VOICES: &str = "WEBVTT\n\n00:01.000 --> 00:05.000\n<v 陈厚明>训练成本每年都在下降。\n\n\
     00:05.500 --> 00:09.000\n<v 陈厚明>真的。\n<v R&amp;D, &lt;Bob&gt;>Is 1 &lt; 2?\n\n\
     00:40.000 --> 00:42.000\nApplause.\n";

type Cue = (u64, u64, String, String);

/// A Python that has both parsers.
fn python() -> Result<PathBuf, String> {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("parsers");
    let python = kept.join("bin/python");
    let ready = kept.join(PARSERS.join("+"));
    if ready.is_file() {
        return Ok(python);
    }
    let run = |command: &mut Command| -> Result<(), String> {
        let done = command.stdin(Stdio::null()).output();
        let done = done.map_err(|error| format!("{command:?}: {error}"))?;
        let said = String::from_utf8_lossy(&done.stderr);
        let last = said.trim().lines().last().unwrap_or_default();
        done.status
            .success()
            .then_some(())
            .ok_or_else(|| format!("{command:?}: {last}"))
    };
    run(Command::new("python3").args(["-m", "venv"]).arg(&kept))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--retries", "1"])
        .args(PARSERS))?;
    fs::write(ready, "").map_err(|error| error.to_string())?;
    Ok(python)
}

/// A transcript as the command line prints it.
fn printed(home: &TempHome, path: &Path, format: &str) -> String {
    let path = path.to_str().unwrap();
    let output = home.hippo(&["transcript", path, "--format", format]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The cues that another parser finds in it.
fn judged(python: &Path, home: &TempHome, format: &str, text: &str) -> Vec<Cue> {
    let file = home.root().join(format!("judged.{format}"));
    fs::write(&file, text).unwrap();
    let judge = Command::new(python).args(["-c", JUDGE]).arg(&file).output();
    let judge = judge.unwrap();
    let said = String::from_utf8_lossy(&judge.stderr);
    assert!(judge.status.success(), "{format}: {said}\n{text}");
    serde_json::from_slice(&judge.stdout).unwrap()
}

/// The cues of the Podcast Namespace's JSON.
fn cues_of_json(text: &str) -> Vec<Cue> {
    let document: Value = serde_json::from_str(text).unwrap();
    assert_eq!(document["version"], "1.0.0");
    let ms = |seconds: &Value| (seconds.as_f64().unwrap() * 1_000.0).round() as u64;
    let segments = document["segments"].as_array().unwrap().iter();
    let cue = |segment: &Value| {
        let text = |name: &str| segment[name].as_str().unwrap_or_default().to_owned();
        let times = (ms(&segment["startTime"]), ms(&segment["endTime"]));
        (times.0, times.1, text("speaker"), text("body"))
    };
    segments.map(cue).collect()
}

#[test]
fn transcripts_are_valid_by_other_parsers_judgement() {
    let home = TempHome::new();
    give_ears(&home);
    home.write("printed.srt", SUBTITLES);
    let published = home.write("printed.mp3", episode());
    let heard = home.write("heard.mp3", episode());
    let voices = home.write("voices.vtt", VOICES);
    let daemon = Daemon::start(&home);
    daemon.wait_for(PATIENCE);
    let python = python();
    if let Err(why) = &python {
        skip("SubRip and WebVTT by other parsers", why);
    }
    for path in [published, heard, voices] {
        let cues = cues_of_json(&printed(&home, &path, "json"));
        assert!(cues.len() >= 3, "{cues:?}");
        assert!(cues.iter().all(|cue| cue.0 <= cue.1), "{cues:?}");
        assert!(cues.is_sorted_by_key(|cue| cue.0), "{cues:?}");
        // Without a place for it, a name stands before the words where somebody else begins.
        let mut before = String::new();
        let behind_names = cues.iter().map(|(from, to, speaker, text)| {
            let begins = !speaker.is_empty() && *speaker != before;
            before.clone_from(speaker);
            let name = if begins {
                format!("{speaker}: ")
            } else {
                String::new()
            };
            (*from, *to, String::new(), name + text)
        });
        let plain: Vec<Cue> = behind_names.collect();
        let lines: Vec<String> = plain.iter().map(|cue| cue.3.clone() + "\n").collect();
        assert_eq!(printed(&home, &path, "txt"), lines.concat());
        for (format, cues) in [("srt", &plain), ("vtt", &cues)] {
            let text = printed(&home, &path, format);
            if let Ok(python) = &python {
                assert_eq!(judged(python, &home, format, &text), *cues, "{format}");
            }
        }
    }
}
