//! The descriptor as a stream, and how far into it anybody has read.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use symphonia::core::io::MediaSource;

/// The farthest byte that was read. It only grows: a file that is read round and round
/// makes no progress.
#[derive(Clone, Default)]
pub(super) struct Reach(Arc<AtomicU64>);

impl Reach {
    /// In bytes from the start.
    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A file as the demuxers want it. Seekable, its length taken when it was opened.
pub(super) struct Source<'a> {
    file: &'a File,
    size: u64,
    at: u64,
    reach: Reach,
    /// Bytes that read as others than they are: elements that the demuxer must not see.
    hidden: Vec<u64>,
}

impl<'a> Source<'a> {
    /// The file from its start. At each of the `hidden` places the lowest bit is turned.
    pub(super) fn new(
        mut file: &'a File,
        size: u64,
        reach: &Reach,
        hidden: Vec<u64>,
    ) -> io::Result<Source<'a>> {
        file.seek(SeekFrom::Start(0))?;
        Ok(Source {
            file,
            size,
            at: 0,
            reach: reach.clone(),
            hidden,
        })
    }
}

impl Read for Source<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        for hidden in &self.hidden {
            if let Some(byte) = hidden
                .checked_sub(self.at)
                .and_then(|offset| into[..read].get_mut(offset as usize))
            {
                *byte ^= 1;
            }
        }
        self.at += read as u64;
        self.reach.0.fetch_max(self.at, Ordering::Relaxed);
        Ok(read)
    }
}

impl Seek for Source<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.file.seek(to)?;
        Ok(self.at)
    }
}

impl MediaSource for Source<'_> {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.size)
    }
}
