//! Recoll as Debian ships it, the yardstick for reading files: run on the same folder with a
//! configuration of its own, words only, no thumbnails, no monitor.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::ingest::Peak;

/// What a run of `recollindex` took.
pub(crate) struct Run {
    /// From its start to its end.
    pub(crate) time: Duration,
    /// The most memory that it and its helpers held at once.
    pub(crate) peak: u64,
    /// Documents that it says it holds.
    pub(crate) documents: u64,
}

/// Whether it is installed; says how it would be where it is not.
pub(crate) fn installed() -> bool {
    let there = Command::new("recollindex")
        .arg("-h")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    if !there {
        hippo_tests::skip(
            "Recoll",
            "recollindex is not installed (apt-get install recollcmd poppler-utils)",
        );
    }
    there
}

/// Indexes a folder from nothing.
pub(crate) fn index(folder: &Path, scratch: &Path) -> Run {
    let config = scratch.join("recoll");
    fs::create_dir_all(&config).unwrap();
    fs::write(
        config.join("recoll.conf"),
        format!(
            "topdirs = {}\nloglevel = 2\nlogfilename = {}\nnoaspell = 1\nskippedPaths =\n\
             indexallfilenames = 0\nidxflushmb = 100\n",
            folder.display(),
            config.join("log.txt").display()
        ),
    )
    .unwrap();
    let begun = Instant::now();
    let mut child = Command::new("recollindex")
        .arg("-c")
        .arg(&config)
        .arg("-z")
        .env("RECOLL_TMPDIR", scratch)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let peak = Peak::watch(child.id());
    child.wait().unwrap();
    let time = begun.elapsed();
    let output = Command::new("recollq")
        .arg("-c")
        .arg(&config)
        .args(["-n", "1", "mime:*"])
        .output()
        .unwrap();
    Run {
        time,
        peak: peak.end(),
        documents: count(&String::from_utf8_lossy(&output.stdout)),
    }
}

/// Whether a folder that was indexed answers a question, to be sure that it was read.
pub(crate) fn finds(scratch: &Path, question: &str) -> u64 {
    let output = Command::new("recollq")
        .arg("-c")
        .arg(scratch.join("recoll"))
        .args(["-n", "1", question])
        .output()
        .unwrap();
    count(&String::from_utf8_lossy(&output.stdout))
}

/// The number in `123 results`.
fn count(text: &str) -> u64 {
    text.lines()
        .find(|line| line.contains("results"))
        .and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
