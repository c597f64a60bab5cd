//! A sorted, streaming walk over what counts in a folder.
//!
//! Each directory is told before its entries are listed, so that the caller can
//! set a watch first and nothing falls between the two. Symbolic links are never
//! followed, neither to files nor to folders: what they lead to is found where it
//! is, and loops cannot be. Pipes, sockets and devices are passed over. What
//! vanishes under the walk was deleted, which is no error; a directory that cannot
//! be read is one error and not the end.
//!
//! A directory is read at one go, its files stat'ed in the order of their inodes
//! (on a cold ext4 the order of the disk) and given out in the order of their
//! names: memory is that of the directories between the root and here.

use std::collections::HashMap;
use std::ffi::{CStr, OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, lstat, open, statat};
use rustix::io::Errno;

use super::rules::{Chain, GIT_FILE, HIPPO_FILE, Rules};
use super::{DiskFact, RuleVerdict};
use crate::watch::mounts::fsid_of;

/// What a walk comes across.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WalkItem {
    /// A directory whose entries are about to be listed: watch it now.
    Dir(PathBuf),
    /// A regular file.
    File(DiskFact),
}

/// A file or directory that is there and cannot be looked at.
#[derive(Debug, thiserror::Error)]
#[error("cannot look at {path}: {source}")]
pub struct WalkError {
    /// What could not be looked at; a directory stands for all below it.
    pub path: PathBuf,
    /// The reason.
    #[source]
    pub source: io::Error,
}

/// The walk; see the module's description.
pub struct Walk {
    rules: Rules,
    stack: Vec<Frame>,
    state: Next,
    fsids: Fsids,
}

/// What the next call has to begin with.
enum Next {
    /// The root has not been looked at.
    Root(PathBuf),
    /// A directory was told and is to be listed now.
    List(PathBuf),
    /// Go on with the innermost directory.
    Entries,
}

/// A directory whose entries are being given out.
struct Frame {
    path: PathBuf,
    chain: Chain,
    /// `st_dev` and inode, for the guard against loops by bind mounts.
    place: (u64, u64),
    entries: std::vec::IntoIter<Entry>,
}

struct Entry {
    name: OsString,
    what: What,
}

enum What {
    Dir,
    File { fsid: u64, stat: Facts },
    Error(io::Error),
}

struct Facts {
    ino: u64,
    size: u64,
    mtime_ns: i64,
    ctime_ns: i64,
}

/// The fsid by `st_dev`, which is the same only within one walk.
#[derive(Default)]
struct Fsids {
    by_dev: HashMap<u64, u64>,
}

impl Walk {
    /// Walks `root`, the folder of `rules` or anything below it (a file too). If it
    /// is not there, does not count, or lies behind a symbolic link, the walk is empty.
    pub fn new(rules: &Rules, root: &Path) -> Walk {
        Walk {
            rules: rules.clone(),
            stack: Vec::new(),
            state: Next::Root(root.to_owned()),
            fsids: Fsids::default(),
        }
    }

    fn start(&mut self, root: PathBuf) -> Option<Result<WalkItem, WalkError>> {
        let folder = self.rules.folder();
        let stat = if root == folder {
            // Who asks for a folder that is itself a link means what it leads to.
            rustix::fs::stat(&root)
        } else if behind_link(folder, &root) {
            return None;
        } else {
            lstat(&root)
        };
        let stat = match stat {
            Ok(stat) => stat,
            Err(error) if vanished(error) => return None,
            Err(error) => return Some(Err(failed(root, error.into()))),
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        if !self
            .rules
            .verdict(&root, kind == FileType::Directory)
            .is_keep()
        {
            return None;
        }
        match kind {
            FileType::Directory => Some(Ok(self.tell(root))),
            FileType::RegularFile => match fsid_of(&root) {
                Ok(fsid) => Some(Ok(WalkItem::File(fact(root, fsid, &facts(&stat))))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => Some(Err(failed(root, error))),
            },
            _ => None,
        }
    }

    fn tell(&mut self, dir: PathBuf) -> WalkItem {
        self.state = Next::List(dir.clone());
        WalkItem::Dir(dir)
    }

    /// Lists a directory and makes it the innermost. `Ok` where it vanished.
    fn list(&mut self, path: PathBuf) -> Result<(), WalkError> {
        let mut flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        if path != self.rules.folder() {
            flags |= OFlags::NOFOLLOW;
        }
        let opened = open(&path, flags, Mode::empty()).and_then(|fd| Ok((fstat(&fd)?, fd)));
        let (stat, fd) = match opened {
            Ok(opened) => opened,
            Err(error) if vanished(error) => return Ok(()),
            Err(error) => return Err(failed(path, error.into())),
        };
        let place = (dev(&stat), stat.st_ino);
        if self.stack.iter().any(|frame| frame.place == place) {
            return Ok(());
        }
        let (names, broken) = names(fd.as_fd());
        let above = match self.stack.last() {
            Some(frame) => frame.chain.clone(),
            None if path == self.rules.folder() => None,
            None => self
                .rules
                .chain_of(path.parent().unwrap_or(self.rules.folder())),
        };
        let has = |file: &str| names.iter().any(|(name, ..)| name == file);
        let chain = self
            .rules
            .enter(&above, &path, has(HIPPO_FILE), has(GIT_FILE));
        let entries = self.look(&path, &fd, names, &chain);
        self.stack.push(Frame {
            path: path.clone(),
            chain,
            place,
            entries: entries.into_iter(),
        });
        match broken {
            Some(error) => Err(failed(path, error)),
            None => Ok(()),
        }
    }

    /// Drops the names that do not count, stats the files among the rest, and sorts.
    fn look(
        &mut self,
        dir: &Path,
        fd: &OwnedFd,
        mut names: Vec<(OsString, FileType, u64)>,
        chain: &Chain,
    ) -> Vec<Entry> {
        names.sort_unstable_by_key(|&(_, _, ino)| ino);
        let mut path = dir.to_owned();
        let mut entries = Vec::with_capacity(names.len());
        for (name, told, _) in names {
            let mut stat = None;
            let kind = if told == FileType::Unknown {
                match statat(fd, &name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(found) => FileType::from_raw_mode(stat.insert(found).st_mode),
                    Err(_) => continue,
                }
            } else {
                told
            };
            if !matches!(kind, FileType::Directory | FileType::RegularFile) {
                continue;
            }
            path.push(&name);
            let verdict = self.rules.judge(chain, &path, kind == FileType::Directory);
            if verdict == RuleVerdict::Keep {
                let what = if kind == FileType::Directory {
                    Some(What::Dir)
                } else {
                    self.file(fd, &name, &path, stat)
                };
                entries.extend(what.map(|what| Entry { name, what }));
            }
            path.pop();
        }
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        entries
    }

    fn file(
        &mut self,
        fd: &OwnedFd,
        name: &OsStr,
        path: &Path,
        stat: Option<Stat>,
    ) -> Option<What> {
        let stat = match stat.map_or_else(|| statat(fd, name, AtFlags::SYMLINK_NOFOLLOW), Ok) {
            Ok(stat) => stat,
            Err(error) if vanished(error) => return None,
            Err(error) => return Some(What::Error(error.into())),
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return None;
        }
        match self.fsids.get(dev(&stat), path) {
            Ok(fsid) => Some(What::File {
                fsid,
                stat: facts(&stat),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => Some(What::Error(error)),
        }
    }
}

impl Iterator for Walk {
    type Item = Result<WalkItem, WalkError>;

    fn next(&mut self) -> Option<Self::Item> {
        match std::mem::replace(&mut self.state, Next::Entries) {
            Next::Root(root) => return self.start(root),
            Next::List(dir) => {
                if let Err(error) = self.list(dir) {
                    return Some(Err(error));
                }
            }
            Next::Entries => {}
        }
        loop {
            let frame = self.stack.last_mut()?;
            let Some(entry) = frame.entries.next() else {
                self.stack.pop();
                continue;
            };
            let path = frame.path.join(&entry.name);
            return Some(match entry.what {
                What::Dir => Ok(self.tell(path)),
                What::File { fsid, stat } => Ok(WalkItem::File(fact(path, fsid, &stat))),
                What::Error(error) => Err(failed(path, error)),
            });
        }
    }
}

impl Fsids {
    fn get(&mut self, dev: u64, path: &Path) -> io::Result<u64> {
        if let Some(&fsid) = self.by_dev.get(&dev) {
            return Ok(fsid);
        }
        let fsid = fsid_of(path)?;
        self.by_dev.insert(dev, fsid);
        Ok(fsid)
    }
}

/// What stands at `path` now: `None` unless it is a regular file (and no link to one).
pub fn disk_fact(path: &Path) -> io::Result<Option<DiskFact>> {
    let stat = match lstat(path) {
        Ok(stat) => stat,
        Err(error) if vanished(error) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Ok(None);
    }
    match fsid_of(path) {
        Ok(fsid) => Ok(Some(fact(path.to_owned(), fsid, &facts(&stat)))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// All entries of a directory (unsorted) with their type and inode as listed, and
/// what broke the listing off, if something did.
fn names(fd: rustix::fd::BorrowedFd<'_>) -> (Vec<(OsString, FileType, u64)>, Option<io::Error>) {
    let mut found = Vec::new();
    let mut dir = match rustix::fs::Dir::read_from(fd) {
        Ok(dir) => dir,
        Err(error) => return (found, Some(error.into())),
    };
    while let Some(entry) = dir.read() {
        match entry {
            Ok(entry) => {
                let name: &CStr = entry.file_name();
                if name != c"." && name != c".." {
                    let name = OsString::from_vec(name.to_bytes().to_vec());
                    found.push((name, entry.file_type(), entry.ino()));
                }
            }
            Err(error) if vanished(error) => break,
            Err(error) => return (found, Some(error.into())),
        }
    }
    (found, None)
}

/// Whether a directory between `folder` and `path` is a symbolic link (or gone).
fn behind_link(folder: &Path, path: &Path) -> bool {
    path.ancestors()
        .skip(1)
        .take_while(|above| *above != folder)
        .any(|above| !above.symlink_metadata().is_ok_and(|found| found.is_dir()))
}

/// The errors by which a path says that it is no longer what it was.
fn vanished(error: Errno) -> bool {
    matches!(error, Errno::NOENT | Errno::NOTDIR | Errno::LOOP)
}

fn failed(path: PathBuf, source: io::Error) -> WalkError {
    WalkError { path, source }
}

/// `st_dev`, whose width and sign differ between systems.
#[allow(clippy::unnecessary_cast, clippy::cast_lossless)]
fn dev(stat: &Stat) -> u64 {
    stat.st_dev as u64
}

fn facts(stat: &Stat) -> Facts {
    const SECOND: i64 = 1_000_000_000;
    let nanos = |seconds: i64, nanos: i64| seconds.saturating_mul(SECOND).saturating_add(nanos);
    // The nanoseconds' type differs between systems.
    #[allow(clippy::unnecessary_cast)]
    Facts {
        ino: stat.st_ino,
        size: stat.st_size as u64,
        mtime_ns: nanos(stat.st_mtime, stat.st_mtime_nsec as i64),
        ctime_ns: nanos(stat.st_ctime, stat.st_ctime_nsec as i64),
    }
}

fn fact(path: PathBuf, fsid: u64, facts: &Facts) -> DiskFact {
    DiskFact {
        path,
        fsid,
        ino: facts.ino,
        size: facts.size,
        mtime_ns: facts.mtime_ns,
        ctime_ns: facts.ctime_ns,
    }
}
