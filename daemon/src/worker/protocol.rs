//! Frames between daemon and worker.
//!
//! One Unix stream socket; each frame is four bytes of length (little endian) and that much
//! JSON. JSON because a frame then has one reading, checked by serde, and because the text
//! of the segments dominates: it is copied at several hundred MB/s, far above any parser.
//!
//! The file travels as a descriptor beside the bytes of its job (SCM_RIGHTS). Descriptors
//! go one way: the daemon reads with plain `read`, so whatever a worker might attach is
//! dropped by the kernel.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use hippo_config::Limits;
use hippo_extractors::extraction::Sound;
use hippo_extractors::{Episode, Feed, Metadata, Refusal, Segment, Wants};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::sandbox::SandboxReport;

/// Grows with every change of the frames. Daemon and worker are one program; this catches
/// an upgrade under a running daemon.
pub const PROTOCOL: u32 = 5;

/// One frame, and so what the daemon buffers of a worker. A segment is a passage of about
/// 1 KiB; the largest frame is a picture for a model that sees 512 x 512 pixels: 1 MiB.
pub const FRAME_MAX_BYTES: usize = 2 * 1024 * 1024;

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
    let shot = shot
        .iter_mut()
        .flat_map(|shot| [&mut shot.time, &mut shot.camera, &mut shot.place]);
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

/// Sends what the socket takes at once, with `file` beside the first byte.
pub fn send_with_file(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    file: BorrowedFd<'_>,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let files = [file];
    if !control.push(SendAncillaryMessage::ScmRights(&files)) {
        return Err(io::Error::other("no room for a descriptor"));
    }
    let sent = rustix::net::sendmsg(
        socket,
        &[IoSlice::new(bytes)],
        &mut control,
        SendFlags::empty(),
    )?;
    Ok(sent)
}

/// The worker's end: blocking, and the only one that takes descriptors.
#[derive(Debug)]
pub struct Inbox<'a> {
    socket: BorrowedFd<'a>,
    frames: Frames,
    files: VecDeque<OwnedFd>,
}

impl<'a> Inbox<'a> {
    /// An inbox over a connected stream socket.
    pub fn new(socket: BorrowedFd<'a>) -> Inbox<'a> {
        Inbox {
            socket,
            frames: Frames::default(),
            files: VecDeque::new(),
        }
    }

    /// Waits for the next frame. `None`: the daemon closed the connection.
    pub fn receive(&mut self) -> Result<Option<ToWorker>, FrameError> {
        loop {
            if let Some(frame) = self.frames.take()? {
                return Ok(Some(frame));
            }
            let (socket, files) = (self.socket, &mut self.files);
            if self
                .frames
                .fill(|room| read_with_files(socket, room, files))?
                == 0
            {
                return if self.frames.is_empty() {
                    Ok(None)
                } else {
                    Err(FrameError::Cut)
                };
            }
        }
    }

    /// The descriptor that came with the last job.
    pub fn take_file(&mut self) -> Option<File> {
        self.files.pop_front().map(File::from)
    }
}

/// One read that keeps the descriptors that come with it.
fn read_with_files(
    socket: BorrowedFd<'_>,
    room: &mut [u8],
    files: &mut VecDeque<OwnedFd>,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    loop {
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::net::recvmsg(
            socket.as_fd(),
            &mut [IoSliceMut::new(room)],
            &mut control,
            RecvFlags::empty(),
        );
        match received {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(received) => {
                for message in control.drain() {
                    if let RecvAncillaryMessage::ScmRights(arrived) = message {
                        files.extend(arrived);
                    }
                }
                return Ok(received.bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_descriptor_arrives_with_its_job() {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let file = tempfile::tempfile().unwrap();
        let mut bytes = Vec::new();
        let job = Job {
            id: 7,
            name: "a.txt".to_owned(),
            size: 0,
            wants: Wants::default(),
        };
        encode(&ToWorker::Job(job), &mut bytes).unwrap();
        let sent = send_with_file(ours.as_fd(), &bytes, file.as_fd()).unwrap();
        assert_eq!(sent, bytes.len());
        drop(ours);
        let mut inbox = Inbox::new(theirs.as_fd());
        assert!(matches!(inbox.receive().unwrap(), Some(ToWorker::Job(job)) if job.id == 7));
        assert!(inbox.take_file().is_some());
        assert!(inbox.take_file().is_none());
        assert!(inbox.receive().unwrap().is_none());
    }
}
