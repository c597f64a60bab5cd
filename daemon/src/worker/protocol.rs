//! What daemon and worker say to each other, and how much of it there may be.
//!
//! One Unix stream socket; `frames` makes bytes of it, `inbox` gives the worker its files.

use hippo_config::Limits;
use hippo_extractors::extraction::{Shot, Sound};
use hippo_extractors::{Episode, Feed, Metadata, Refusal, Segment, Wants};
use serde::{Deserialize, Serialize};

use super::sandbox::SandboxReport;

/// Grows with every change of the frames. Daemon and worker are one program; this catches
/// an upgrade under a running daemon.
pub const PROTOCOL: u32 = 7;

/// Text of one segment. A passage has some 400 characters; the longest that any
/// extractor makes stays far below, and six-fold JSON escapes still fit a frame.
pub const SEGMENT_MAX_BYTES: usize = 128 * 1024;

/// A title, an author, a stage, a reason: what fits a line or two of an answer.
pub const LABEL_MAX_BYTES: usize = 1024;

/// Notes of one file: more would not be read by anybody.
pub const NOTES_MAX: usize = 64;

/// Chapters of one recording: as many as its reader keeps.
pub const CHAPTERS_MAX: usize = 1_000;

/// Samples of one frame of sound: 10 s.
pub const SOUND_MAX_SAMPLES: usize = 160_000;

/// What a worker is told once, before anything else.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// [`PROTOCOL`] of the daemon.
    pub protocol: u32,
    /// Memory that the worker may add to what its program needs, in MiB.
    pub memory_max_mib: u64,
    /// What a file may hold.
    pub limits: Limits,
    /// The PDFium library, as the bytes of its path.
    pub pdfium: Option<Vec<u8>>,
}

/// One file to read. Its descriptor comes with the frame.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Repeated in every frame of the answer.
    pub id: u64,
    /// The file's name without folders.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// What is to be given besides text.
    pub wants: Wants,
}

/// Daemon to worker.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToWorker {
    /// Once, first.
    Setup(Setup),
    /// Any number, one at a time.
    Job(Job),
}

/// Worker to daemon.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum FromWorker {
    /// The sandbox is closed; jobs may come.
    Hello {
        /// [`PROTOCOL`] of the worker.
        protocol: u32,
        /// What the sandbox holds.
        report: SandboxReport,
    },
    /// The sandbox could not be closed: this worker will not serve.
    Unfit {
        /// Which part, and why.
        reason: String,
    },
    /// The job arrived; the file has not been touched yet.
    Started {
        /// The job.
        id: u64,
    },
    /// A sign of life.
    Progress {
        /// The job.
        id: u64,
        /// Bytes or pages done.
        done: u64,
        /// Bytes or pages in all.
        total: u64,
        /// Where.
        stage: String,
    },
    /// The next segment.
    Segment {
        /// The job.
        id: u64,
        /// What was read.
        segment: Segment,
    },
    /// The pixels of the picture whose segment came last.
    Picture {
        /// The job.
        id: u64,
        /// The segment.
        ordinal: u32,
        /// For which of the job's `wants.pictures`.
        spec: usize,
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Red, green, blue, row by row, as base64: JSON has no bytes.
        rgb: String,
    },
    /// Some rows of a picture, or of a page without text, that writing is to be read off.
    Scan {
        /// The job.
        id: u64,
        /// The page, counted from 1; none for a picture.
        page: Option<u32>,
        /// Pixels in a row.
        width: u32,
        /// Rows of the whole scan.
        height: u32,
        /// The first row of these.
        top: u32,
        /// How light each pixel is, row by row, as base64.
        grey: String,
    },
    /// The next samples of a recording.
    Sound {
        /// The job.
        id: u64,
        /// 16 kHz mono, 16 bits a sample (little endian), as base64.
        samples: String,
    },
    /// The end of a file that was read.
    Done {
        /// The job.
        id: u64,
        /// What the file is.
        metadata: Box<Metadata>,
        /// How many segments were sent.
        segments: u64,
    },
    /// The end of a file that was not.
    Refused {
        /// The job.
        id: u64,
        /// Why.
        refusal: Refusal,
    },
    /// The extractor panicked; the worker ends itself after this frame.
    Panicked {
        /// The job.
        id: u64,
        /// Where it was.
        stage: String,
        /// The panic's message.
        message: String,
    },
}

/// Everything in a file's metadata that a file could have filled with words of its own.
pub(super) fn labels(metadata: &mut Metadata) -> impl Iterator<Item = &mut String> {
    let Metadata {
        mime,
        title,
        author,
        lang,
        shot,
        engine,
        notes,
        sound,
        feed,
        kind: _,
        pages: _,
        in_pixels: _,
        looks: _,
    } = metadata;
    let shot = shot.iter_mut().flat_map(|shot| {
        let Shot {
            time,
            camera,
            position,
            place,
        } = shot;
        [time, camera, position, place]
    });
    let sound = sound.iter_mut().flat_map(|sound| {
        let Sound {
            show,
            episode,
            date,
            chapters,
            duration_ms: _,
        } = sound;
        let chapters = chapters.iter_mut().map(|chapter| &mut chapter.title);
        [show, episode, date].into_iter().flatten().chain(chapters)
    });
    let feed = feed.iter_mut().flat_map(|Feed { show, episodes }| {
        let episodes = episodes.iter_mut().flat_map(|episode| {
            let Episode { file, title, date } = episode;
            [Some(file), title.as_mut(), date.as_mut()]
        });
        [show.as_mut()].into_iter().chain(episodes).flatten()
    });
    [mime, engine]
        .into_iter()
        .chain([title, author, lang].into_iter().flatten())
        .chain(notes)
        .chain(shot.flatten())
        .chain(sound)
        .chain(feed)
}
