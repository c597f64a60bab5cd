//! The socket's place, and who may come in.
//!
//! Promises: its folder is this user's own and closed to all others (0700), the socket is 0600,
//! and neither is ever a link; a socket that a crashed daemon left behind is replaced, a living
//! daemon's is not; the socket appears whole, by a rename, and goes away with its owner.

use std::fs::{DirBuilder, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// What others must not have on the folder.
const OTHERS: u32 = 0o077;
/// What others could have used to put something into it.
const OTHERS_WRITE: u32 = 0o022;

/// Why the socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// A daemon answers there.
    #[error("hippo already runs{}", pid.map(|pid| format!(", pid {pid}")).unwrap_or_default())]
    AlreadyRuns {
        /// Its process, where the system tells.
        pid: Option<i32>,
    },
    /// The folder is a link, or not a folder.
    #[error("{} is {what}; hippo needs a folder of its own there: move it away, or set HIPPO_HOME", path.display())]
    NotAFolder {
        /// The folder.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// Somebody else's folder.
    #[error("{} belongs to user {owner}, not to you (user {me}): set HIPPO_HOME or XDG_RUNTIME_DIR to a folder of yours", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// The user.
        me: u32,
    },
    /// Others could write into it.
    #[error("{} can be written by others (mode {mode:o}): look at what is in it, then `chmod 700` it", path.display())]
    Open {
        /// The folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Something that is no socket has its name.
    #[error("{} is {what}, not a socket: move it away", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SocketError {
    let path = path.to_owned();
    move |source| SocketError::Io {
        doing,
        path,
        source,
    }
}

/// A socket that is ours; it goes away when this is dropped.
#[derive(Debug)]
pub struct Claimed {
    /// Where connections come in.
    pub listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

impl Drop for Claimed {
    fn drop(&mut self) {
        // Somebody may have cleared the folder and another daemon begun: its socket stays.
        if std::fs::symlink_metadata(&self.path).is_ok_and(|meta| meta.ino() == self.inode) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Makes the socket. Called with the daemon's lock held, so that no two do it at once.
pub async fn claim(socket: &Path) -> Result<Claimed, SocketError> {
    let folder = socket.parent().unwrap_or(Path::new("/"));
    private_folder(folder)?;
    clear_stale(socket).await?;
    let new = socket.with_extension("new");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("remove", &new)(error));
        }
        _ => {}
    }
    let listener = UnixListener::bind(&new).map_err(failed("listen on", &new))?;
    std::fs::set_permissions(&new, Permissions::from_mode(0o600)).map_err(failed("close", &new))?;
    std::fs::rename(&new, socket).map_err(failed("put in place", socket))?;
    let meta = std::fs::symlink_metadata(socket).map_err(failed("look at", socket))?;
    Ok(Claimed {
        listener,
        path: socket.to_owned(),
        inode: meta.ino(),
    })
}

/// Makes the folder, or sees to it that it is ours alone.
pub fn private_folder(path: &Path) -> Result<(), SocketError> {
    if let Some(parent) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)
            .map_err(failed("make", parent))?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(failed("make", path)(error));
        }
        _ => {}
    }
    // Not followed: a link could lead anywhere.
    let meta = std::fs::symlink_metadata(path).map_err(failed("look at", path))?;
    if !meta.is_dir() {
        return Err(SocketError::NotAFolder {
            path: path.to_owned(),
            what: kind_of(&meta),
        });
    }
    let me = rustix::process::geteuid().as_raw();
    if meta.uid() != me {
        return Err(SocketError::Foreign {
            path: path.to_owned(),
            owner: meta.uid(),
            me,
        });
    }
    let mode = meta.mode() & 0o7777;
    if mode & OTHERS_WRITE != 0 {
        return Err(SocketError::Open {
            path: path.to_owned(),
            mode,
        });
    }
    if mode & OTHERS != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(0o700))
            .map_err(failed("close", path))?;
    }
    Ok(())
}

/// Removes a socket that nobody answers on.
async fn clear_stale(socket: &Path) -> Result<(), SocketError> {
    let meta = match std::fs::symlink_metadata(socket) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at", socket)(error)),
    };
    if !meta.file_type().is_socket() {
        return Err(SocketError::NotASocket {
            path: socket.to_owned(),
            what: kind_of(&meta),
        });
    }
    match UnixStream::connect(socket).await {
        Ok(stream) => {
            let pid = stream.peer_cred().ok().and_then(|cred| cred.pid());
            Err(SocketError::AlreadyRuns { pid })
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::info!(socket = %socket.display(), "replacing the socket of a daemon that is gone");
            std::fs::remove_file(socket).map_err(failed("remove", socket))
        }
        Err(error) => Err(failed("connect to", socket)(error)),
    }
}

/// Whether the other end is this user. Root is not: who is root needs no socket.
pub fn is_owner(stream: &UnixStream) -> io::Result<bool> {
    Ok(stream.peer_cred()?.uid() == rustix::process::geteuid().as_raw())
}

fn kind_of(meta: &Metadata) -> &'static str {
    let kind = meta.file_type();
    if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_dir() {
        "a folder"
    } else if kind.is_file() {
        "a file"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "something else"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    #[tokio::test]
    async fn socket_22_folder_and_socket_are_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("deep/run/hippo.sock");
        let claimed = claim(&socket).await.unwrap();
        assert_eq!(mode(socket.parent().unwrap()), 0o700);
        assert_eq!(mode(&socket), 0o600);
        drop(claimed);
        assert!(!socket.exists());
    }

    #[tokio::test]
    async fn socket_22_a_living_daemon_is_not_replaced_and_a_dead_one_is() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("run/hippo.sock");
        let first = claim(&socket).await.unwrap();
        let pid = Some(std::process::id() as i32);
        let second = claim(&socket).await.unwrap_err();
        assert!(
            matches!(second, SocketError::AlreadyRuns { pid: p } if p == pid),
            "{second}"
        );
        // A crash leaves the file but no listener.
        let inode = first.inode;
        let stale = dir.path().join("run/kept");
        std::fs::hard_link(&socket, &stale).unwrap();
        drop(first);
        std::fs::rename(&stale, &socket).unwrap();
        let again = claim(&socket).await.unwrap();
        assert_ne!((again.inode, &again.path), (inode, &stale));
        UnixStream::connect(&socket).await.unwrap();
    }

    #[tokio::test]
    async fn socket_22_links_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("real")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("real"), dir.path().join("run")).unwrap();
        let error = claim(&dir.path().join("run/hippo.sock")).await.unwrap_err();
        assert!(error.to_string().contains("a symbolic link"), "{error}");
        let run = dir.path().join("own");
        private_folder(&run).unwrap();
        for (name, what) in [("link.sock", "a symbolic link"), ("file.sock", "a file")] {
            let socket = run.join(name);
            if name == "link.sock" {
                std::os::unix::fs::symlink("/nowhere", &socket).unwrap();
            } else {
                std::fs::write(&socket, "").unwrap();
            }
            let error = claim(&socket).await.unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
        }
    }

    #[test]
    fn socket_22_a_folder_that_others_could_write_is_refused_and_a_readable_one_closed() {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("run");
        std::fs::create_dir(&run).unwrap();
        std::fs::set_permissions(&run, Permissions::from_mode(0o777)).unwrap();
        let error = private_folder(&run).unwrap_err();
        assert!(error.to_string().contains("777"), "{error}");
        std::fs::set_permissions(&run, Permissions::from_mode(0o755)).unwrap();
        private_folder(&run).unwrap();
        assert_eq!(mode(&run), 0o700);
    }

    #[tokio::test]
    async fn socket_22_the_peer_is_known() {
        let (a, _b) = UnixStream::pair().unwrap();
        assert!(is_owner(&a).unwrap());
    }
}
