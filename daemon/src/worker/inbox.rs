//! The socket between daemon and worker, and the descriptor of a file beside the bytes of its job
//! (SCM_RIGHTS).
//!
//! Descriptors go one way: the daemon reads with plain `read`, so whatever a worker might attach
//! is dropped by the kernel.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};

use super::frames::{FrameError, Frames};
use super::protocol::ToWorker;

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
    use hippo_extractors::Wants;

    use super::*;
    use crate::worker::frames::encode;
    use crate::worker::protocol::Job;

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
