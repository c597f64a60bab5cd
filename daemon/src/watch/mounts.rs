//! Which file system a path lies on: can it be watched, and what is it called?
//!
//! Network and FUSE file systems tell of what this machine does to them and not of
//! what others do, so a watch on them looks alive and misses most; unknown ones are
//! taken to be no better. They are polled, and `hippo status` says so.
//!
//! The identity of a file system is what statfs(2) calls `f_fsid`: `st_dev` is
//! given out anew with each mount and must never be recorded (Baloo 402154).

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{StatFs, statfs, statvfs};

/// Whether the kernel sees every change of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FsKind {
    /// On a disk of this machine, or in its memory: watched.
    Local,
    /// Shared with other machines (its name inside): polled.
    Network(&'static str),
    /// A program of its own stands behind it: polled.
    Fuse,
    /// Not in our list (its type number inside): polled.
    Unknown(i64),
}

impl FsKind {
    /// The reason why it is polled; `None` for one that is watched.
    pub fn why_polled(self) -> Option<String> {
        match self {
            FsKind::Local => None,
            FsKind::Network(name) => Some(format!(
                "it lies on a network file system ({name}), which does not tell of changes made elsewhere"
            )),
            FsKind::Fuse => Some(
                "it lies on a FUSE file system, which does not tell of changes made behind it"
                    .to_owned(),
            ),
            FsKind::Unknown(magic) => Some(format!(
                "it lies on a file system of unknown type {magic:#x}, which may not tell of its changes"
            )),
        }
    }
}

/// What kind of file system `path` lies on.
pub fn kind_of(path: &Path) -> io::Result<FsKind> {
    Ok(kind(&statfs(path)?))
}

/// The identity of the file system that `path` lies on, the same after a remount
/// wherever the file system has one of its own (ext4, btrfs, overlay, APFS, ...).
///
/// Some derive it from the device number (XFS, FAT), so that it can change when a
/// disk is plugged in anew: [`crate::scan::reconcile`] sees through that.
pub fn fsid_of(path: &Path) -> io::Result<u64> {
    let fsid = statvfs(path)?.f_fsid;
    if fsid == 0 {
        return nameless(path);
    }
    Ok(fsid)
}

/// The identity of a file system that states none (9p, some FUSE): its type and
/// block size. Two such mounts are then told apart by nothing but inode numbers,
/// sizes and times, which [`crate::scan::reconcile`] asks for anyway.
fn nameless(path: &Path) -> io::Result<u64> {
    /// Any value that no real fsid is likely to have.
    const NAMELESS: u64 = 0x6869_7070_6f00_0000;
    let found = statfs(path)?;
    Ok(NAMELESS ^ u64::from(found.f_type as u32))
}

#[cfg(target_os = "linux")]
fn kind(found: &StatFs) -> FsKind {
    // The magic numbers of linux/magic.h and of the file systems' own sources. The
    // field's width and sign differ between machines; the numbers have 32 bits.
    match u64::from(found.f_type as u32) {
        0xEF53 // ext2, ext3, ext4
        | 0x5846_5342 // xfs
        | 0x9123_683E // btrfs
        | 0xCA45_1A4E // bcachefs
        | 0xF2F5_2010 // f2fs
        | 0x2FC1_2FC1 // zfs
        | 0x3153_464A // jfs
        | 0x5265_4973 // reiserfs
        | 0x3434 // nilfs2
        | 0x794C_7630 // overlay
        | 0xF15F // ecryptfs
        | 0x0102_1994 // tmpfs
        | 0x8584_58F6 // ramfs
        | 0x4D44 // vfat
        | 0x2011_BAB0 // exfat
        | 0x5346_544E // ntfs
        | 0x7366_746E // ntfs3
        | 0x4244 | 0x482B // hfs, hfs+
        | 0x9660 // iso9660
        | 0x1501_3346 // udf
        | 0x7371_7368 // squashfs
        | 0xE0F5_E1E2 // erofs
        => FsKind::Local,
        0x6969 => FsKind::Network("NFS"),
        0x517B | 0xFF53_4D42 | 0xFE53_4D42 => FsKind::Network("SMB"),
        0x0102_1997 => FsKind::Network("9p"),
        0x00C3_6400 => FsKind::Network("Ceph"),
        0x5346_414F | 0x6B41_4653 => FsKind::Network("AFS"),
        0x7375_7245 => FsKind::Network("Coda"),
        0x564C => FsKind::Network("NCP"),
        0x0BD0_0BD0 => FsKind::Network("Lustre"),
        0x0116_1970 => FsKind::Network("GFS2"),
        0x7461_636F => FsKind::Network("OCFS2"),
        0x786F_4256 => FsKind::Network("VirtualBox shared folder"),
        0xBACB_ACBC => FsKind::Network("VMware shared folder"),
        0x6573_5546 => FsKind::Fuse,
        other => FsKind::Unknown(other as i64),
    }
}

#[cfg(target_os = "macos")]
fn kind(found: &StatFs) -> FsKind {
    let name: Vec<u8> = found
        .f_fstypename
        .iter()
        .take_while(|&&c| c != 0)
        .map(|&c| c as u8)
        .collect();
    match name.as_slice() {
        b"apfs" | b"hfs" | b"msdos" | b"exfat" | b"ntfs" | b"cd9660" | b"udf" | b"tmpfs" => {
            FsKind::Local
        }
        b"nfs" => FsKind::Network("NFS"),
        b"smbfs" => FsKind::Network("SMB"),
        b"afpfs" => FsKind::Network("AFP"),
        b"webdav" => FsKind::Network("WebDAV"),
        b"macfuse" | b"osxfuse" | b"fuse-t" => FsKind::Fuse,
        _ => FsKind::Unknown(i64::from(found.f_type)),
    }
}

/// What changes when something is mounted or unmounted at or below a folder.
pub(super) type Mounted = (Option<u64>, Vec<PathBuf>);

/// The state of the mounts at and below `folder`.
pub(super) fn mounted(folder: &Path, points: &[PathBuf]) -> Mounted {
    let below = points.iter().filter(|point| point.starts_with(folder));
    (fsid_of(folder).ok(), below.cloned().collect())
}

/// Where file systems are mounted.
#[cfg(target_os = "linux")]
pub(super) fn mount_points() -> Vec<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    let table = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
    table
        .split(|&byte| byte == b'\n')
        .filter_map(|line| line.split(|&byte| byte == b' ').nth(4))
        .map(|point| PathBuf::from(std::ffi::OsString::from_vec(unescaped(point))))
        .collect()
}

/// Elsewhere the folder's own identity has to do.
#[cfg(not(target_os = "linux"))]
pub(super) fn mount_points() -> Vec<PathBuf> {
    Vec::new()
}

/// mountinfo writes space, tab, newline and backslash as octal.
#[cfg(target_os = "linux")]
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let code = (byte == b'\\').then(|| after.get(..3)).flatten();
        let code = code.and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(code) = code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            out.push(code);
            rest = &after[3..];
        } else {
            out.push(byte);
            rest = after;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn mount_points_with_spaces_are_read() {
        assert_eq!(unescaped(br"/media/my\040disk\134"), b"/media/my disk\\");
        assert!(mount_points().contains(&PathBuf::from("/proc")));
    }

    #[test]
    fn a_local_folder_is_watched_and_has_an_identity() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(kind_of(dir.path()).unwrap(), FsKind::Local);
        let first = fsid_of(dir.path()).unwrap();
        assert_ne!(first, 0);
        assert_eq!(first, fsid_of(dir.path()).unwrap());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn another_mount_has_another_identity_and_an_unknown_kind_is_not_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let proc = Path::new("/proc");
        assert_ne!(fsid_of(dir.path()).unwrap(), fsid_of(proc).unwrap());
        assert!(matches!(kind_of(proc).unwrap(), FsKind::Unknown(0x9fa0)));
        assert!(
            kind_of(proc)
                .unwrap()
                .why_polled()
                .unwrap()
                .contains("0x9fa0")
        );
    }

    #[test]
    fn what_is_not_there_has_no_kind() {
        assert!(kind_of(Path::new("/no/such/place")).is_err());
    }
}
