//! Untrusted bytes to segments.
//!
//! Runs only inside the sandboxed worker, with one read-only descriptor of the file and
//! nothing else: no path is opened, no process started, no network used. Every file ends
//! in one of three ways: segments and [`Metadata`], a [`Refusal`] that skips it, or a
//! [`Refusal`] that says what failed. A parser that panics is a failed file; one that
//! hangs or swells is the worker's limits' affair.

use std::fs::File;
use std::io;
use std::path::Path;

use hippo_config::Limits;

use crate::extraction::{Metadata, Refusal, Segment};

/// The file to read.
pub struct Input<'a> {
    /// Read-only, at offset 0.
    pub file: &'a File,
    /// Its name without folders; it may lie.
    pub name: &'a str,
    /// Its size in bytes when it was opened.
    pub size: u64,
}

/// Where segments go while they are made.
pub trait Output {
    /// A sign of life: `done` of `total` (bytes or pages) at `stage`.
    fn progress(&mut self, done: u64, total: u64, stage: &str);
    /// The next segment. An error ends the extraction.
    fn segment(&mut self, segment: Segment) -> io::Result<()>;
}

/// Shared libraries that parsers need, loaded **before** the sandbox closes.
pub struct Engines {
    _private: (),
}

impl Engines {
    /// Loads PDFium from `pdfium` (a full path) when given; without it PDFs are read by
    /// pdf-extract.
    pub fn load(pdfium: Option<&Path>) -> Engines {
        let _ = pdfium;
        Engines { _private: () }
    }

    /// Whether PDFium is there.
    pub fn pdfium(&self) -> bool {
        false
    }
}

/// Reads one file into segments. See the module for the three ways in which it ends.
pub fn extract(
    _engines: &Engines,
    _input: &Input<'_>,
    _limits: &Limits,
    _out: &mut dyn Output,
) -> Result<Metadata, Refusal> {
    Err(Refusal::failed(
        "sniff",
        "the extractors are not written yet",
    ))
}
