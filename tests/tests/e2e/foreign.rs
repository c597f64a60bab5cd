//! Recordings and films of kinds that take ffmpeg: skipped with that reason where it is not
//! installed, read as soon as it is.

use std::fs;
use std::path::Path;

use hippo_tests::client::hits;
use hippo_tests::{Daemon, TempHome, skip};

use crate::recordings::{PATIENCE, START_MAX_MS, ears_come, give_ears};

const TEST: &str = "recordings that take ffmpeg";

fn fixture(name: &str) -> Vec<u8> {
    let sounds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../extractors/tests/sound");
    fs::read(sounds.join(name)).unwrap()
}

fn ffmpeg_is_installed() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join("ffmpeg").is_file())
}

#[test]
fn what_takes_ffmpeg_waits_for_it_and_is_read_when_it_comes() {
    let mut home = TempHome::new();
    let talk = home.write("talk.wma", fixture("talk.wma"));
    let film = home.write("film.avi", fixture("talk.avi"));
    home.set_env("PATH", "/nowhere");
    let daemon = Daemon::start(&home);
    daemon.wait();
    for path in [&talk, &film] {
        let why = daemon.client().why(path);
        assert_eq!(why["state"], "skipped", "{why:#}");
        assert_eq!(why["stage"], "ffmpeg", "{why:#}");
        let reason = why["reason"].as_str().unwrap();
        assert!(reason.contains("apt install ffmpeg"), "{reason}");
    }
    daemon.stop();
    home.forget_env("PATH");
    if !ffmpeg_is_installed() {
        skip(TEST, "no ffmpeg (Debian: apt install ffmpeg)");
        return;
    }

    let daemon = Daemon::start(&home);
    daemon.wait();
    let quay = daemon.client().search("evening at the quay", 3);
    assert_eq!(hits(&quay)[0]["path"], talk.to_str().unwrap(), "{quay:#}");
    assert_eq!(hits(&quay)[0]["show"], "The Show");
    let harbour = daemon.client().search("harbour film kind:video", 3);
    assert_eq!(hits(&harbour)[0]["path"], film.to_str().unwrap());
    assert_eq!(daemon.client().why(&film)["kind"], "video");
    ears_come(&home, &daemon);
    let said = daemon
        .client()
        .search("welcome back to the water podcast", 3);
    let hit = &hits(&said)[0];
    assert_eq!(hit["source"], "speech", "{said:#}");
    assert!(
        hit["t0_ms"].as_u64().unwrap() <= 2_700 + START_MAX_MS,
        "{hit:#}"
    );
}

#[test]
fn what_ffmpeg_cannot_read_ends_with_its_reason() {
    if !ffmpeg_is_installed() {
        skip(TEST, "no ffmpeg (Debian: apt install ffmpeg)");
        return;
    }
    let home = TempHome::new();
    give_ears(&home);
    let whole = fixture("talk.wma");
    let junk: Vec<u8> = (0..20_000_u32).map(|i| ((i * 7_919) >> 3) as u8).collect();
    let broken = home.write("junk.wma", junk);
    let zeros = home.write("zeros.wmv", vec![0; 50_000]);
    let cut = home.write("cut.wma", &whole[..whole.len() / 2]);
    let daemon = Daemon::start(&home);
    daemon.wait_for(PATIENCE);
    for path in [&broken, &zeros] {
        let why = daemon.client().why(path);
        assert_eq!(why["state"], "failed", "{why:#}");
        assert!(!why["reason"].as_str().unwrap().is_empty());
    }
    // What there is of it is read.
    assert_eq!(daemon.client().state_of(&cut), "done");
}
