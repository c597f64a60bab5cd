//! The worker's side: `hippo worker`.
//!
//! Order is all: engines are loaded and warmed while files can still be opened, then the
//! sandbox closes for good, then the first untrusted byte is read. A worker whose sandbox
//! does not close says so and leaves.
//!
//! Heartbeats are progress, not time: nothing is sent that the extractor did not cause, so
//! that a parser in an endless loop falls silent and is killed.

use std::any::Any;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hippo_config::Limits;
use hippo_extractors::parse::{self, Engines, Input, Output};
use hippo_extractors::{Metadata, Picture, Refusal, Scan, Segment, Wants};

use super::frames::{FrameError, encode};
use super::inbox::Inbox;
use super::last_words;
use super::protocol::{
    CHAPTERS_MAX, FromWorker, Job, LABEL_MAX_BYTES, NOTES_MAX, PROTOCOL, SEGMENT_MAX_BYTES, Setup,
    ToWorker, labels,
};
use super::sandbox::{self, Kernel, System};
use super::scans;

/// What is sent at once. Larger writes do not copy faster; smaller ones cost a call each.
const FLUSH_BYTES: usize = 64 * 1024;

/// How often progress is worth a frame: a screen's worth, far below any deadline.
const PROGRESS_EVERY: Duration = Duration::from_millis(50);

/// The same where the stage is a new one: should the file kill the worker, the stage is
/// all that is known of it. At 700 pages a second every fourth is told.
const STAGE_EVERY: Duration = Duration::from_millis(5);

/// One file, as the extractor sees it.
#[derive(Debug)]
pub struct Task<'a> {
    /// Read-only, at 0.
    pub file: &'a File,
    /// Its name without folders; it may lie.
    pub name: &'a str,
    /// Its size in bytes when it was opened.
    pub size: u64,
    /// What it may hold.
    pub limits: &'a Limits,
    /// What is to be given besides text.
    pub wants: &'a Wants,
}

/// `hippo worker`: serves the extractors until the daemon closes the connection.
pub fn main() -> ExitCode {
    serve(
        &System,
        |pdfium| Engines::load(pdfium.as_deref()),
        |engines, task, out| {
            let input = Input {
                file: task.file,
                name: task.name,
                size: task.size,
                wants: task.wants,
            };
            parse::extract(engines, &input, task.limits, out)
        },
    )
}

/// A worker around any extractor: connection on stdin, `load` before the sandbox closes,
/// `extract` after.
pub fn serve<E>(
    kernel: &dyn Kernel,
    load: impl FnOnce(Option<PathBuf>) -> E,
    extract: impl Fn(&E, &Task<'_>, &mut dyn Output) -> Result<Metadata, Refusal>,
) -> ExitCode {
    sandbox::die_with_daemon();
    match conversation(kernel, load, extract) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("worker: {error}");
            ExitCode::FAILURE
        }
    }
}

fn conversation<E>(
    kernel: &dyn Kernel,
    load: impl FnOnce(Option<PathBuf>) -> E,
    extract: impl Fn(&E, &Task<'_>, &mut dyn Output) -> Result<Metadata, Refusal>,
) -> Result<ExitCode, FrameError> {
    let stdin = io::stdin();
    let mut inbox = Inbox::new(stdin.as_fd());
    let mut reply = Reply::new();
    let Some(ToWorker::Setup(setup)) = inbox.receive()? else {
        let error = "it is started by the daemon, not by hand";
        return Err(io::Error::other(error).into());
    };
    let engines = load(pdfium_path(&setup));
    sandbox::be_polite();
    last_words::prepare(setup.memory_max_mib);
    match sandbox::close(kernel, setup.memory_max_mib) {
        Err(unfit) => {
            let reason = unfit.to_string();
            reply.last(&FromWorker::Unfit { reason })?;
            return Ok(ExitCode::FAILURE);
        }
        Ok(report) => reply.last(&FromWorker::Hello {
            protocol: PROTOCOL,
            report,
        })?,
    }
    while let Some(frame) = inbox.receive()? {
        let (ToWorker::Job(job), Some(file)) = (frame, inbox.take_file()) else {
            return Err(io::Error::other("a job without its file").into());
        };
        if !run(&job, &file, &setup.limits, &engines, &extract, &mut reply)? {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One file. False: the extractor panicked, and nothing that it touched is to be trusted.
fn run<E>(
    job: &Job,
    file: &File,
    limits: &Limits,
    engines: &E,
    extract: impl Fn(&E, &Task<'_>, &mut dyn Output) -> Result<Metadata, Refusal>,
    reply: &mut Reply,
) -> Result<bool, FrameError> {
    let id = job.id;
    reply.begin(job, limits)?;
    let task = Task {
        file,
        name: &job.name,
        size: job.size,
        limits,
        wants: &job.wants,
    };
    let result = std::panic::catch_unwind(AssertUnwindSafe(|| extract(engines, &task, reply)));
    let segments = u64::from(reply.count);
    let frame = match result {
        Ok(Ok(metadata)) => FromWorker::Done {
            id,
            metadata: Box::new(tidy(metadata)),
            segments,
        },
        Ok(Err(mut refusal)) => {
            shorten(&mut refusal.stage);
            shorten(&mut refusal.reason);
            FromWorker::Refused { id, refusal }
        }
        Err(panic) => {
            let mut message = words_of(panic.as_ref());
            shorten(&mut message);
            let stage = std::mem::take(&mut reply.stage);
            reply.last(&FromWorker::Panicked { id, stage, message })?;
            return Ok(false);
        }
    };
    reply.last(&frame)?;
    Ok(true)
}

/// What the extractor says, on its way to the daemon.
#[derive(Debug)]
struct Reply {
    buffer: Vec<u8>,
    sent: Instant,
    /// When progress was last told of this file, and what the stage was.
    told: Option<Instant>,
    stage: String,
    id: u64,
    count: u32,
    text_bytes: u64,
    count_max: u32,
    text_bytes_max: u64,
}

impl Reply {
    fn new() -> Reply {
        Reply {
            buffer: Vec::with_capacity(FLUSH_BYTES * 2),
            sent: Instant::now(),
            told: None,
            stage: String::new(),
            id: 0,
            count: 0,
            text_bytes: 0,
            count_max: 0,
            text_bytes_max: 0,
        }
    }

    fn begin(&mut self, job: &Job, limits: &Limits) -> Result<(), FrameError> {
        self.id = job.id;
        self.told = None;
        "start".clone_into(&mut self.stage);
        self.count = 0;
        self.text_bytes = 0;
        self.count_max = limits.file_max_segments;
        self.text_bytes_max = limits.file_text_max_bytes;
        self.last(&FromWorker::Started { id: job.id })
    }

    /// Sends a frame and all before it.
    fn last(&mut self, frame: &FromWorker) -> Result<(), FrameError> {
        encode(frame, &mut self.buffer)?;
        Ok(self.flush()?)
    }

    fn flush(&mut self) -> io::Result<()> {
        let stdin = io::stdin();
        let mut rest = self.buffer.as_slice();
        while !rest.is_empty() {
            match rustix::io::write(stdin.as_fd(), rest) {
                Ok(written) => rest = &rest[written..],
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.buffer.clear();
        self.sent = Instant::now();
        Ok(())
    }
}

impl Output for Reply {
    fn progress(&mut self, done: u64, total: u64, stage: &str) {
        let every = if stage == self.stage {
            PROGRESS_EVERY
        } else {
            stage.clone_into(&mut self.stage);
            shorten(&mut self.stage);
            STAGE_EVERY
        };
        if self.told.is_some_and(|told| told.elapsed() < every) {
            return;
        }
        self.told = Some(Instant::now());
        let frame = FromWorker::Progress {
            id: self.id,
            done,
            total,
            stage: self.stage.clone(),
        };
        // A daemon that is gone is noticed at the next segment or at the end.
        let _ = self.last(&frame);
    }

    fn segment(&mut self, segment: Segment) -> io::Result<()> {
        if self.count >= self.count_max {
            let error = format!("more than {} segments", self.count_max);
            return Err(io::Error::other(error));
        }
        let length = segment.text.len();
        if length > SEGMENT_MAX_BYTES {
            let error = format!("a segment of {length} bytes, of {SEGMENT_MAX_BYTES} allowed");
            return Err(io::Error::other(error));
        }
        self.text_bytes += length as u64;
        if self.text_bytes > self.text_bytes_max {
            let error = format!("more than {} bytes of text", self.text_bytes_max);
            return Err(io::Error::other(error));
        }
        let id = self.id;
        encode(&FromWorker::Segment { id, segment }, &mut self.buffer).map_err(io::Error::other)?;
        self.count += 1;
        if self.buffer.len() >= FLUSH_BYTES || self.sent.elapsed() >= PROGRESS_EVERY {
            self.flush()?;
        }
        Ok(())
    }

    fn picture(&mut self, ordinal: u32, spec: usize, picture: Picture) -> io::Result<()> {
        let frame = FromWorker::Picture {
            id: self.id,
            ordinal,
            spec,
            width: picture.width,
            height: picture.height,
            rgb: BASE64.encode(&picture.rgb),
        };
        self.last(&frame).map_err(io::Error::other)
    }

    fn scan(&mut self, scan: Scan) -> io::Result<()> {
        // The daemon reads on when it has room: writing waits for it.
        scans::strips(self.id, &scan)
            .try_for_each(|strip| self.last(&strip).map_err(io::Error::other))
    }

    fn sound(&mut self, samples: &[i16]) -> io::Result<()> {
        let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        let frame = FromWorker::Sound {
            id: self.id,
            samples: BASE64.encode(&bytes),
        };
        self.last(&frame).map_err(io::Error::other)
    }
}

fn pdfium_path(setup: &Setup) -> Option<PathBuf> {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    let bytes = setup.pdfium.clone()?;
    Some(PathBuf::from(OsString::from_vec(bytes)))
}

/// A title of a megabyte is the file's doing and no reason to lose the file.
fn tidy(mut metadata: Metadata) -> Metadata {
    metadata.notes.truncate(NOTES_MAX);
    if let Some(sound) = &mut metadata.sound {
        sound.chapters.truncate(CHAPTERS_MAX);
    }
    labels(&mut metadata).for_each(shorten);
    metadata
}

fn shorten(label: &mut String) {
    label.truncate(label.floor_char_boundary(LABEL_MAX_BYTES));
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_cut_between_characters() {
        let mut label = "象".repeat(LABEL_MAX_BYTES);
        shorten(&mut label);
        assert!(label.len() <= LABEL_MAX_BYTES && label.len() > LABEL_MAX_BYTES - 3);
        assert!(label.chars().all(|c| c == '象'));
    }
}
