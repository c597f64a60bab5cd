//! ffmpeg, where the system has it: makes plain sound of the recordings and films that hippo does
//! not decode itself (WMA, AVI, ...).
//!
//! It is a program of its own, held by [`hippo jail`](crate::worker::jail). It has the file on its
//! stdin; the sound, 16 kHz mono as FLAC (RFC 9639) with the recording's tags, comes back through a
//! pipe into a file without a name, which a worker then reads like any other recording.
//!
//! Promises: one file takes bounded time, memory and disk, and none once nobody waits for it;
//! where ffmpeg is not installed, the file is skipped with that reason and read when it is.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use hippo_extractors::{Kind, NEEDS_FFMPEG, Refusal, foreign_sound};
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use super::EngineError;
use super::driver::Event;
use super::shared::{Shared, blocking};
use crate::worker::{Extraction, Outcome, this_program};

/// Processor time for one file.
const SECONDS_MAX: &str = "1800";
/// The sound that is taken of one file, as much as of any other recording: a day.
const LONGEST_S: &str = "86400";
/// Samples of a second.
const RATE_HZ: u64 = 16_000;
/// Bytes of that: noise, which is no smaller for FLAC than its samples of two bytes, and the tags.
const MADE_MAX_BYTES: u64 = 86_400 * RATE_HZ * 2 + (64 << 20);
/// What is read of its complaints, and of its account of how far it came.
const SAID_MAX_BYTES: u64 = 16 << 10;

/// The one on the search path.
pub(crate) fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut programs = std::env::split_paths(&path).map(|dir| dir.join("ffmpeg"));
    programs.find(|program| program.is_file())
}

/// Queues what was skipped for want of it, now that it is here.
pub(super) async fn settle(shared: &Arc<Shared>) -> Result<(), EngineError> {
    if find().is_none() {
        return Ok(());
    }
    let settling = Arc::clone(shared);
    let queued = blocking(move || Ok(settling.journal.queue_skipped(NEEDS_FFMPEG)?)).await?;
    if queued > 0 {
        tracing::info!(files = queued, "ffmpeg is here: recordings are read");
        shared.refresh();
        let _ = shared.driver.send(Event::Queued).await;
    }
    Ok(())
}

/// A file as a worker can read it.
pub(super) struct Plain {
    pub(super) file: File,
    pub(super) size: u64,
    /// The media type of what it is the sound of; none where it is the file itself.
    pub(super) of: Option<&'static str>,
}

/// The sound of a file of one of those kinds; any other as it is, and without ffmpeg all of them,
/// for the worker to say what it lacks.
pub(super) async fn plain(
    shared: &Shared,
    name: &str,
    file: File,
    size: u64,
) -> Result<Plain, Outcome> {
    let mime = foreign_sound(name.as_ref());
    let (Some(mime), Some(program)) = (mime, mime.and_then(|_| find())) else {
        let of = None;
        return Ok(Plain { file, size, of });
    };
    let unavailable = |error: io::Error| Outcome::Unavailable {
        reason: format!("ffmpeg could not be run: {error}"),
    };
    let (into, made) = unnamed(&shared.paths.cache_dir).map_err(unavailable)?;
    let mut child = start(program, file).map_err(unavailable)?;
    let copy = into.try_clone().map_err(unavailable)?;
    let said = convert(&mut child, copy).await.map_err(unavailable)?;
    let status = child.wait().await.map_err(unavailable)?;
    if !status.success() {
        return Err(Outcome::Refused(refusal(&said)));
    }
    put_length(&into, samples(&said)).map_err(unavailable)?;
    let size = into.metadata().map_err(unavailable)?.len();
    Ok(Plain {
        file: made,
        size,
        of: Some(mime),
    })
}

/// A file that has no name: to be written, and to be read by a worker, who takes no more rights.
fn unnamed(dir: &Path) -> io::Result<(File, File)> {
    let (into, name) = NamedTempFile::new_in(dir)?.into_parts();
    let made = File::open(&name)?;
    name.close()?;
    Ok((into, made))
}

/// What was read of the sound is said of the file itself.
pub(super) fn name_it(of: Option<&str>, read: &mut Extraction) {
    let Some(mime) = of else { return };
    mime.clone_into(&mut read.metadata.mime);
    if mime.starts_with("video/") {
        read.metadata.kind = Kind::Video;
    }
    read.metadata.engine = format!("ffmpeg and {}", read.metadata.engine);
}

fn start(program: PathBuf, file: File) -> io::Result<Child> {
    Command::new(this_program())
        .args(["jail", "--seconds", SECONDS_MAX])
        .arg(program)
        .args("-nostdin -v error -progress pipe:2 -stats_period 86400 -threads 1".split(' '))
        .args("-i pipe:0 -map 0:a:0 -vn -ac 1 -sample_fmt s16 -c:a flac".split(' '))
        .args(["-ar", &RATE_HZ.to_string(), "-t", LONGEST_S])
        .args(["-f", "flac", "pipe:1"])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(file))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Takes what it makes, and returns what it says.
async fn convert(child: &mut Child, into: File) -> io::Result<String> {
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(io::Error::other("it has no pipes"));
    };
    let mut into = tokio::fs::File::from_std(into);
    let made = async {
        let mut made = stdout.take(MADE_MAX_BYTES);
        tokio::io::copy(&mut made, &mut into).await?;
        tokio::io::AsyncWriteExt::flush(&mut into).await
    };
    let (made, said) = tokio::join!(made, said(stderr));
    made.and(said)
}

async fn said(mut stderr: impl AsyncRead + Unpin) -> io::Result<String> {
    let mut said = Vec::new();
    let mut first = (&mut stderr).take(SAID_MAX_BYTES);
    first.read_to_end(&mut said).await?;
    // It must not wait for somebody to read the rest.
    tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

fn refusal(said: &str) -> Refusal {
    const STAGE: &str = "ffmpeg decoding";
    if said.contains("matches no streams") {
        return Refusal::skipped(STAGE, "there is no sound in it");
    }
    // `pipe:0: Invalid data found when processing input`
    let mut complaints = said
        .lines()
        .filter_map(|line| line.strip_prefix("pipe:0: "));
    let complaint = complaints.next_back().unwrap_or("it gives no reason");
    Refusal::failed(STAGE, format!("ffmpeg cannot read it: {complaint}"))
}

/// How many samples it made by its own account: the last of its times.
fn samples(said: &str) -> u64 {
    let mut times = said
        .lines()
        .filter_map(|line| line.strip_prefix("out_time_us="));
    let us: u64 = times
        .next_back()
        .and_then(|us| us.parse().ok())
        .unwrap_or(0);
    us.saturating_mul(RATE_HZ) / 1_000_000
}

/// Writes into a FLAC how long it is, which nobody knew when its head was written into a pipe: the
/// last 36 bits of 8 bytes, the 10th on of the block STREAMINFO.
fn put_length(flac: &File, samples: u64) -> io::Result<()> {
    const AT: u64 = 4 + 4 + 10;
    let mut bytes = [0; 8];
    flac.read_exact_at(&mut bytes, AT)?;
    let most = (1 << 36) - 1;
    let whole = u64::from_be_bytes(bytes) & !most | samples.min(most);
    flac.write_all_at(&whole.to_be_bytes(), AT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flac_out_of_a_pipe_is_told_how_long_it_is() {
        let file = tempfile::tempfile().unwrap();
        let mut head = b"fLaC\0\0\0\x22\x01\0\x01\0\0\0\0\0\x03\x16".to_vec();
        head.extend([0x03, 0xe8, 0x00, 0xf0, 0, 0, 0, 0, 7]);
        file.write_all_at(&head, 0).unwrap();
        let said = "out_time_us=96000\nprogress=continue\nout_time_us=12032000\nprogress=end\n";
        put_length(&file, samples(said)).unwrap();
        let mut now = vec![0; head.len()];
        file.read_exact_at(&mut now, 0).unwrap();
        assert_eq!(now[..18], head[..18]);
        assert_eq!(now[18..], [0x03, 0xe8, 0x00, 0xf0, 0, 0x02, 0xf0, 0, 7]);
        assert_eq!(samples("out_time_us=N/A\n"), 0);
        file.set_len(9).unwrap();
        assert!(put_length(&file, 1).is_err(), "it made nothing");
    }

    #[test]
    fn complaints_become_reasons() {
        let none = refusal("Stream map '0:a:0' matches no streams.\nTo ignore this, ...\n");
        assert_eq!(none.reason, "there is no sound in it");
        let bad = refusal("pipe:0: Invalid data found when processing input\nprogress=end\n");
        assert_eq!(
            bad.reason,
            "ffmpeg cannot read it: Invalid data found when processing input"
        );
    }
}
