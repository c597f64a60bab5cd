//! Untrusted bytes are read here, in processes that own nothing.
//!
//! A parser of hostile files is assumed to fall sooner or later: to crash, to hang, to
//! swell, or to be taken over by the file it reads. So it runs in a child process that
//! holds one read-only descriptor and no rights, and that can reach nobody but the daemon: [`sandbox`] takes them away and says what
//! the system could not take. The daemon believes nothing that comes back
//! ([`answer`](self) checks every frame), and loses one file when a worker dies, never more.
//!
//! - `protocol`: what the two say to each other; `frames`: in which bytes; `inbox`: over one Unix
//!   socket pair, with the descriptor that travels on it.
//! - [`child`]: the worker's side, `hippo worker`.
//! - [`jail`]: `hippo jail`, for programs of the system that are given pixels or recordings.
//! - [`sandbox`], `seccomp`: Landlock, system call filter, limits; the order of closing.
//! - [`pool`], `session`, `answer`, `process`, `patience`, `death`: the daemon's side.

mod answer;
pub mod child;
mod death;
pub mod frames;
pub mod inbox;
pub mod jail;
mod last_words;
mod patience;
pub mod pool;
mod process;
pub mod protocol;
pub mod sandbox;
mod scans;
#[cfg(target_os = "linux")]
mod seccomp;
mod session;

use hippo_extractors::{Metadata, Picture, Refusal, Segment};

pub use pool::{Pool, PoolConfig, this_program};
pub use sandbox::{Level, SandboxReport};

/// How far a worker has come with its file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes or pages done.
    pub done: u64,
    /// Bytes or pages in all.
    pub total: u64,
    /// Where it is: `decode`, `page 7`.
    pub stage: String,
}

/// What was read of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extraction {
    /// What it is.
    pub metadata: Metadata,
    /// Its segments, in order.
    pub segments: Vec<Segment>,
    /// The pixels that were asked for, in the order of their segments.
    pub pictures: Vec<Shown>,
}

/// The pixels of a segment that is a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The segment.
    pub ordinal: u32,
    /// For which of the pictures that were wanted.
    pub spec: usize,
    /// The pixels.
    pub picture: Picture,
}

/// How one file ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was read.
    Done(Box<Extraction>),
    /// The extractor said no, with its reason.
    Refused(Refusal),
    /// The worker died of it, or had to be killed: the file's fault, to be recorded and not
    /// tried again.
    Died {
        /// One plain phrase: `crashed: signal 11 (segmentation fault)`.
        reason: String,
        /// Where it was.
        stage: String,
    },
    /// No worker could be had: not the file's fault; try again later.
    Unavailable {
        /// What went wrong, and what to do where something can be done.
        reason: String,
    },
}
