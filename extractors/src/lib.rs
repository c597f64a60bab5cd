//! Bytes to segments, text to vectors, sound to text.
//!
//! Three parts that know little of each other:
//!
//! - [`extraction`] and [`format`](mod@format): plain words shared by all of the workspace — what a
//!   segment, a refusal and a kind are, and what a file's name alone already tells.
//! - [`parse`]: untrusted bytes in, segments out. It runs only inside the sandboxed
//!   worker, holds one read-only descriptor, opens no path, and ends every file with
//!   metadata or with a [`Refusal`] that says why.
//! - [`infer`](mod@infer): text to vectors, sound to text. It sees what is decoded, never a
//!   file of the user's.
//!
//! Neither half sees the index, the journal or the daemon.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod extraction;
pub mod format;
pub mod infer;
pub mod language;
pub mod moments;
pub mod parse;
pub mod passage;
pub mod reading;
mod reflow;
mod thumbnail;
mod weight;

pub use extraction::{
    EPISODES_MAX, EXTRACTOR_VERSION, Episode, Feed, Kind, LineStart, Metadata, Picture, Refusal,
    SCANS_MAX, Scan, Segment, Shot, Source, Verdict, Wants,
};
pub use format::{NEEDS_FFMPEG, foreign_sound, format_class, refuse_unread};
pub use thumbnail::jpeg;
