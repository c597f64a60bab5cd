//! Waiting until a descriptor has something to tell.
//!
//! Tokio marks this unsafe because a descriptor that is closed while it is waited
//! on can come back as another file. [`Owned`] names the types that cannot do that;
//! these few lines are all that the unsafe code consists of.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::kernel::Queue;

/// Owns its descriptor, keeps it open as long as it lives, and always answers
/// `as_raw_fd` with that one.
pub(super) trait Owned: AsRawFd {}

impl Owned for File {}
impl Owned for Queue {}

/// Lets tokio wait on `owner`'s descriptor.
pub(super) fn register<T: Owned>(owner: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    // SAFETY: by the promise of `Owned`, the descriptor stays open and the same for
    // as long as the AsyncFd, which holds `owner`, has it registered.
    Ok(unsafe { AsyncFd::register_with_interest(owner, interest) }?)
}

/// The table of mounts, which Linux lets one wait on.
#[cfg(target_os = "linux")]
pub(super) struct Mounts(Option<AsyncFd<File>>);

#[cfg(target_os = "linux")]
impl Mounts {
    pub(super) fn open() -> Mounts {
        let file = File::open("/proc/self/mountinfo").ok();
        // The kernel tells of changes as priority data (and of an error, always).
        Mounts(file.and_then(|file| register(file, Interest::PRIORITY).ok()))
    }

    /// Returns after the table changed; never where it cannot be waited on.
    pub(super) async fn changed(&self) {
        if let Some(file) = &self.0
            && let Ok(mut ready) = file.ready(Interest::PRIORITY).await
        {
            ready.clear_ready();
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// Elsewhere mounts are noticed by the events on the folders themselves.
#[cfg(not(target_os = "linux"))]
pub(super) struct Mounts;

#[cfg(not(target_os = "linux"))]
impl Mounts {
    pub(super) fn open() -> Mounts {
        Mounts
    }

    pub(super) async fn changed(&self) {
        std::future::pending::<()>().await;
    }
}
