//! Lyrics in a recording's tags are its transcript, as a file beside it would be.
//!
//! The tags are ID3v2.4, made here: USLT holds text, in which times may stand (LRC), SYLT lines
//! with their times.

use std::fs;
use std::path::Path;

use hippo_tests::{Daemon, TempHome};
use serde_json::json;

use crate::recordings::{
    PATIENCE, PRINTED, PRINTED_AT, START_MAX_MS, by_transcript, ears_come, episode, explained,
    frames, give_ears, times_heard, transcript,
};

/// The episode with these frames as its only tag.
pub(crate) fn tagged(tag_frames: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (id, content) in tag_frames {
        body.extend_from_slice(*id);
        body.extend(syncsafe(content.len()));
        body.extend([0, 0]);
        body.extend(content);
    }
    let mut mp3 = b"ID3\x04\x00\x00".to_vec();
    mp3.extend(syncsafe(body.len()));
    mp3.extend(body);
    mp3.extend(frames(&episode()));
    mp3
}

/// A size as ID3 writes it: seven bits a byte.
fn syncsafe(size: usize) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| (size >> shift & 0x7f) as u8)
}

/// UTF-8, English, no description, and the text.
fn uslt(text: &str) -> (&'static [u8; 4], Vec<u8>) {
    (b"USLT", format!("\x03eng\0{text}").into_bytes())
}

/// The same in milliseconds, of lyrics, line by line.
fn sylt(lines: &[(&str, u32)]) -> (&'static [u8; 4], Vec<u8>) {
    let mut frame = b"\x03eng\x02\x01\0".to_vec();
    for (line, at) in lines {
        frame.extend(format!("{line}\0").into_bytes());
        frame.extend(at.to_be_bytes());
    }
    (b"SYLT", frame)
}

const LRC: &str = "[00:20.00]The otter crosses the river at night.\n\
                   [00:41.00]Nobody has seen the lighthouse keeper.";

#[test]
fn lyrics_with_times_are_used_instead_of_ears_until_a_file_beside_displaces_them() {
    let home = TempHome::new();
    give_ears(&home);
    let song = home.write("song.mp3", tagged(&[uslt(LRC)]));
    let lines = [
        ("A fox sleeps under the bridge.", 5_000),
        ("The mill is silent.", 30_000),
    ];
    let synced = home.write("synced.mp3", tagged(&[sylt(&lines)]));
    let daemon = Daemon::start(&home);
    daemon.wait_for(PATIENCE);
    assert_eq!(times_heard(&home), 0, "{}", home.log_tail());
    for (path, words, begins) in [
        (&song, "lighthouse keeper", 41_000),
        (&synced, "fox sleeps", 5_000),
    ] {
        let hit = by_transcript(&daemon, words).unwrap();
        assert_eq!(
            (&hit["path"], &hit["transcript"]),
            (&json!(path), &json!("inside"))
        );
        let [t0, t1] = ["t0_ms", "t1_ms"].map(|at| hit[at].as_u64().unwrap());
        assert!(t0 <= begins && begins < t1, "{hit:#}");
        let said = explained(&daemon, path);
        assert!(
            said.contains("its transcript is the lyrics inside it"),
            "{said}"
        );
    }
    assert!(transcript(&daemon, &song, "txt").contains("The otter crosses"));
    let printed = home.hippo(&[Path::new("transcript"), song.as_path()]);
    let said = String::from_utf8_lossy(&printed.stderr).into_owned();
    assert!(said.contains("by the lyrics inside it"), "{said}");

    // They belong to the bytes.
    let copy = home.write("copy.mp3", tagged(&[uslt(LRC)]));
    daemon.wait_for(PATIENCE);
    let made = |path: &Path| daemon.client().why(path)["generation"].clone();
    assert_eq!(made(&copy), made(&song));
    assert!(made(&song).as_str().unwrap().contains("~inside:times"));

    // What somebody put beside it goes before them, and only there.
    let srt = "1\n00:00:10,000 --> 00:00:14,000\nThe windmill turns again.\n";
    let beside = home.write("song.srt", srt);
    daemon.wait_for(PATIENCE);
    let hit = by_transcript(&daemon, "windmill turns").unwrap();
    assert_eq!(
        (&hit["path"], &hit["transcript"]),
        (&json!(song), &json!("beside"))
    );
    let hit = by_transcript(&daemon, "lighthouse keeper").unwrap();
    assert_eq!(hit["path"], json!(copy));
    let said = explained(&daemon, &song);
    assert!(said.contains("the lyrics inside it are not used"), "{said}");
    fs::remove_file(beside).unwrap();
    daemon.wait_for(PATIENCE);
    assert!(by_transcript(&daemon, "windmill turns").is_none());
    assert_eq!(made(&copy), made(&song));
    assert_eq!(times_heard(&home), 0, "{}", home.log_tail());
}

#[test]
fn plain_lyrics_get_their_times_from_what_is_heard() {
    let home = TempHome::new();
    let talk = home.write("talk.mp3", tagged(&[uslt(PRINTED)]));
    let daemon = Daemon::start(&home);
    daemon.wait();
    let hit = by_transcript(&daemon, "lawyer in Japan").unwrap();
    assert_eq!((&hit["path"], &hit["t0_ms"]), (&json!(talk), &json!(null)));
    ears_come(&home, &daemon);
    let said = explained(&daemon, &talk);
    assert!(said.contains("its times are by what was heard"), "{said}");
    for (words, begins) in PRINTED_AT {
        let hit = by_transcript(&daemon, words).unwrap();
        let [t0, t1] = ["t0_ms", "t1_ms"].map(|at| hit[at].as_u64().unwrap());
        assert!(
            t0 <= begins + START_MAX_MS && begins <= t1,
            "{words}: {hit:#}"
        );
    }
    assert_eq!(times_heard(&home), 1, "{}", home.log_tail());
}
