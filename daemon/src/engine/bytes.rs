//! A file's bytes: opened once, known by their hash.
//!
//! Promises: regular files alone are opened, never through a symlink and never waiting on a pipe;
//! what is read is read through that one descriptor.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::journal::Claim;
use crate::scan::DiskFact;

/// Read at once while hashing: large enough to keep a disk streaming.
const HASH_CHUNK_BYTES: usize = 1 << 20;

/// What was found where a file was claimed.
pub(super) enum Opened {
    File(File, DiskFact),
    Vanished,
    /// It is there and may not be read.
    Refused(DiskFact, String),
}

/// Opens a regular file for reading, never through a symlink and never waiting on a pipe.
pub(super) fn open_for_reading(path: &Path) -> std::io::Result<(File, std::fs::Metadata)> {
    std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .and_then(|file| file.metadata().map(|stat| (file, stat)))
}

/// Opens a claimed file, or says why it cannot be.
pub(super) fn open(claim: &Claim) -> Opened {
    match open_for_reading(&claim.path) {
        Ok((file, stat)) if stat.is_file() => {
            let disk = fact(claim, &claim.path, &stat);
            Opened::File(file, disk)
        }
        Ok(_) => Opened::Vanished,
        Err(error) => match std::fs::symlink_metadata(&claim.path) {
            Ok(stat) if stat.is_file() => {
                Opened::Refused(fact(claim, &claim.path, &stat), describe_open(&error))
            }
            _ => Opened::Vanished,
        },
    }
}

fn describe_open(error: &std::io::Error) -> String {
    if error.kind() == std::io::ErrorKind::PermissionDenied {
        "you may not read it: give yourself the right (chmod u+r), hippo notices by itself".into()
    } else {
        format!("it could not be opened: {error}")
    }
}

/// The identity of an open file. The file system's was found by the scan.
pub(super) fn fact(claim: &Claim, path: &Path, stat: &std::fs::Metadata) -> DiskFact {
    DiskFact {
        path: path.to_owned(),
        fsid: claim.fsid,
        ino: stat.ino(),
        size: stat.len(),
        mtime_ns: stat.mtime() * 1_000_000_000 + stat.mtime_nsec(),
        ctime_ns: stat.ctime() * 1_000_000_000 + stat.ctime_nsec(),
    }
}

/// The BLAKE3 hash of a file, which is at its beginning afterwards.
pub(super) async fn hash(mut file: File) -> std::io::Result<(File, [u8; 32])> {
    let hashed = tokio::task::spawn_blocking(move || {
        use std::io::Seek;
        let mut hasher = blake3::Hasher::new();
        let mut chunk = vec![0; HASH_CHUNK_BYTES.min(file.metadata()?.len() as usize + 1)];
        loop {
            match file.read(&mut chunk)? {
                0 => break,
                n => hasher.update(&chunk[..n]),
            };
        }
        file.rewind()?;
        Ok((file, *hasher.finalize().as_bytes()))
    });
    hashed
        .await
        .unwrap_or_else(|panic| Err(std::io::Error::other(panic)))
}
