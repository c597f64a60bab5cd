//! Bytes to frames and back: each frame is four bytes of length (little endian) and that much
//! JSON.
//!
//! JSON because a frame then has one reading, checked by serde, and because the text of the
//! segments dominates: it is copied at several hundred MB/s, far above any parser.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// One frame, and so what the daemon buffers of a worker. A segment is a passage of about
/// 1 KiB; the largest frame is a picture for a model that sees 512 x 512 pixels: 1 MiB.
pub const FRAME_MAX_BYTES: usize = 2 * 1024 * 1024;

/// Bytes of length before each frame.
const HEADER_BYTES: usize = 4;

/// One read from the socket: what the worker writes at once (`child::FLUSH_BYTES`).
const READ_BYTES: usize = 64 * 1024;

/// Why a conversation cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// A length beyond [`FRAME_MAX_BYTES`].
    #[error("a frame of {0} bytes, of {FRAME_MAX_BYTES} allowed")]
    TooLong(usize),
    /// Not the JSON that was expected.
    #[error("a frame that cannot be read: {0}")]
    Malformed(serde_json::Error),
    /// The socket failed.
    #[error("the socket to the worker: {0}")]
    Socket(#[from] io::Error),
    /// The other side closed in the middle of a frame.
    #[error("the connection closed within a frame")]
    Cut,
}

/// Appends a frame to `buffer`. A frame beyond [`FRAME_MAX_BYTES`] is an error and leaves
/// `buffer` as it was.
pub fn encode<T: Serialize>(frame: &T, buffer: &mut Vec<u8>) -> Result<(), FrameError> {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; HEADER_BYTES]);
    if let Err(error) = serde_json::to_writer(&mut *buffer, frame) {
        buffer.truncate(start);
        return Err(FrameError::Malformed(error));
    }
    let length = buffer.len() - start - HEADER_BYTES;
    if length > FRAME_MAX_BYTES {
        buffer.truncate(start);
        return Err(FrameError::TooLong(length));
    }
    buffer[start..start + HEADER_BYTES].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(())
}

/// Bytes as they arrive, frames as they are complete. Holds at most one frame and one read.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    /// Where the next frame begins in `bytes`.
    start: usize,
}

impl Frames {
    /// Reads once by `read`, which gets the free room and returns how much it filled.
    pub fn fill(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
        self.bytes.drain(..self.start);
        self.start = 0;
        let filled = self.bytes.len();
        self.bytes.resize(filled + READ_BYTES, 0);
        let result = read(&mut self.bytes[filled..]);
        self.bytes
            .truncate(filled + result.as_ref().map_or(0, |n| *n));
        result
    }

    /// The next whole frame, if it is there.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        let rest = &self.bytes[self.start..];
        let Some((header, body)) = rest.split_first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*header) as usize;
        if length > FRAME_MAX_BYTES {
            return Err(FrameError::TooLong(length));
        }
        let Some(body) = body.get(..length) else {
            return Ok(None);
        };
        let frame = serde_json::from_slice(body).map_err(FrameError::Malformed)?;
        self.start += HEADER_BYTES + length;
        Ok(Some(frame))
    }

    /// Whether nothing is left over.
    pub fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::protocol::FromWorker;

    fn feed(frames: &mut Frames, bytes: &[u8]) {
        let got = frames.fill(|room| {
            room[..bytes.len()].copy_from_slice(bytes);
            Ok(bytes.len())
        });
        assert_eq!(got.unwrap(), bytes.len());
    }

    #[test]
    fn frames_survive_any_cut() {
        let mut bytes = Vec::new();
        for id in 0..3 {
            encode(&FromWorker::Started { id }, &mut bytes).unwrap();
        }
        for cut in 0..bytes.len() {
            let mut frames = Frames::default();
            let mut seen = Vec::new();
            for part in [&bytes[..cut], &bytes[cut..]] {
                feed(&mut frames, part);
                while let Some(FromWorker::Started { id }) = frames.take().unwrap() {
                    seen.push(id);
                }
            }
            assert_eq!(seen, [0, 1, 2], "cut at {cut}");
            assert!(frames.is_empty());
        }
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_by_its_header_alone() {
        let mut frames = Frames::default();
        feed(&mut frames, &(FRAME_MAX_BYTES as u32 + 1).to_le_bytes());
        assert!(matches!(
            frames.take::<FromWorker>(),
            Err(FrameError::TooLong(_))
        ));
        let mut buffer = b"kept".to_vec();
        let message = "x".repeat(FRAME_MAX_BYTES);
        let long = FromWorker::Panicked {
            id: 1,
            stage: String::new(),
            message,
        };
        assert!(encode(&long, &mut buffer).is_err());
        assert_eq!(buffer, b"kept");
    }

    #[test]
    fn unknown_frames_and_fields_are_refused() {
        for json in [
            r#"{"Started":{"id":1,"more":2}}"#,
            r#"{"Other":{}}"#,
            "[]",
            "{",
        ] {
            let mut frames = Frames::default();
            let mut bytes = (json.len() as u32).to_le_bytes().to_vec();
            bytes.extend_from_slice(json.as_bytes());
            feed(&mut frames, &bytes);
            assert!(
                matches!(frames.take::<FromWorker>(), Err(FrameError::Malformed(_))),
                "{json}"
            );
        }
    }
}
