//! A file system in user space, two screens long: flat, readable, changed behind the kernel's
//! back. It stands for every network share: no event ever tells of what happens in it.
//!
//! It speaks the kernel's FUSE protocol (`linux/fuse.h`, 7.31) over `/dev/fuse`, as far as
//! listing, stat and reading go.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use rustix::io::{FdFlags, fcntl_setfd};

use crate::{skip, worlds};

const LOOKUP: u32 = 1;
const FORGET: u32 = 2;
const GETATTR: u32 = 3;
const OPEN: u32 = 14;
const READ: u32 = 15;
const STATFS: u32 = 17;
const RELEASE: u32 = 18;
const INIT: u32 = 26;
const OPENDIR: u32 = 27;
const READDIR: u32 = 28;
const RELEASEDIR: u32 = 29;
const BATCH_FORGET: u32 = 42;

const ENOENT: i32 = -2;
const ENOSYS: i32 = -38;

const ROOT: u64 = 1;
const FIRST: u64 = 2;

type Files = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A mounted drive.
pub struct FuseDrive {
    at: PathBuf,
    files: Files,
}

impl FuseDrive {
    /// Mounts an empty drive; a loud skip where this machine cannot.
    pub fn mount(test: &str, at: &Path) -> Option<FuseDrive> {
        if !worlds::root(test) {
            return None;
        }
        let device = File::options().read(true).write(true).open("/dev/fuse");
        let Ok(device) = device else {
            skip(test, "/dev/fuse cannot be opened");
            return None;
        };
        std::fs::create_dir_all(at).unwrap();
        // mount(8) hands the descriptor to the kernel by its number: it must be inherited.
        fcntl_setfd(&device, FdFlags::empty()).unwrap();
        let options = format!(
            "fd={},rootmode=40000,user_id=0,group_id=0,allow_other",
            device.as_raw_fd()
        );
        let output = Command::new("mount")
            .args(["-i", "-t", "fuse", "-o", &options, "drive"])
            .arg(at)
            .output()
            .unwrap();
        fcntl_setfd(&device, FdFlags::CLOEXEC).unwrap();
        if !output.status.success() {
            skip(test, &String::from_utf8_lossy(&output.stderr));
            return None;
        }
        let files = Files::default();
        let served = Arc::clone(&files);
        std::thread::spawn(move || serve(device, &served));
        Some(FuseDrive {
            at: at.to_owned(),
            files,
        })
    }

    /// Where it is mounted.
    pub fn at(&self) -> &Path {
        &self.at
    }

    /// A file appears, or another content in its place.
    pub fn write(&self, name: &str, content: &str) {
        let mut files = self.files.lock().unwrap();
        let content = content.as_bytes().to_vec();
        match files.iter_mut().find(|(known, _)| known == name) {
            Some(file) => file.1 = content,
            None => files.push((name.to_owned(), content)),
        }
    }
}

impl Drop for FuseDrive {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.at).status();
    }
}

/// Answers the kernel until the drive is unmounted.
fn serve(mut device: File, files: &Files) {
    let mut request = vec![0u8; 1 << 17];
    while let Ok(length) = device.read(&mut request) {
        let request = &request[..length];
        let (opcode, unique, node) = (u32_at(request, 4), u64_at(request, 8), u64_at(request, 16));
        if opcode == FORGET || opcode == BATCH_FORGET {
            continue;
        }
        let (error, body) = match answer(opcode, node, &request[40..], files) {
            Ok(body) => (0, body),
            Err(error) => (error, Vec::new()),
        };
        let mut reply = Vec::with_capacity(16 + body.len());
        reply.extend_from_slice(&(16 + body.len() as u32).to_ne_bytes());
        reply.extend_from_slice(&i32::to_ne_bytes(error));
        reply.extend_from_slice(&unique.to_ne_bytes());
        reply.extend_from_slice(&body);
        let _ = device.write_all(&reply);
    }
}

fn answer(opcode: u32, node: u64, body: &[u8], files: &Files) -> Result<Vec<u8>, i32> {
    let files = files.lock().unwrap();
    let file = |node: u64| {
        usize::try_from(node.wrapping_sub(FIRST))
            .ok()
            .and_then(|at| files.get(at))
            .ok_or(ENOENT)
    };
    match opcode {
        INIT => Ok(init()),
        LOOKUP => {
            let name = body.split(|&byte| byte == 0).next().unwrap_or_default();
            let at = files
                .iter()
                .position(|(known, _)| known.as_bytes() == name)
                .ok_or(ENOENT)?;
            // The node, its generation, and no time for which the kernel may remember either.
            let mut entry = fields(&[FIRST + at as u64, 0, 0, 0, 0]);
            entry.extend(attributes(FIRST + at as u64, Some(files[at].1.len())));
            Ok(entry)
        }
        GETATTR => {
            let size = if node == ROOT {
                None
            } else {
                Some(file(node)?.1.len())
            };
            let mut attr = fields(&[0, 0]);
            attr.extend(attributes(node, size));
            Ok(attr)
        }
        OPEN | OPENDIR => Ok(fields(&[0, 0])),
        READ => {
            let content = &file(node)?.1;
            let start = (u64_at(body, 8) as usize).min(content.len());
            let end = (start + u32_at(body, 16) as usize).min(content.len());
            Ok(content[start..end].to_vec())
        }
        READDIR => {
            let mut entries = Vec::new();
            for (at, (name, _)) in files.iter().enumerate().skip(u64_at(body, 8) as usize) {
                let mut entry = fields(&[FIRST + at as u64, at as u64 + 1]);
                entry.extend_from_slice(&(name.len() as u32).to_ne_bytes());
                entry.extend_from_slice(&8u32.to_ne_bytes()); // DT_REG
                entry.extend_from_slice(name.as_bytes());
                entry.resize(entry.len().next_multiple_of(8), 0);
                if entries.len() + entry.len() > u32_at(body, 16) as usize {
                    break;
                }
                entries.extend(entry);
            }
            Ok(entries)
        }
        STATFS => Ok(vec![0; 80]),
        RELEASE | RELEASEDIR => Ok(Vec::new()),
        _ => Err(ENOSYS),
    }
}

fn init() -> Vec<u8> {
    let mut out = Vec::new();
    // Version 7.31, no read-ahead, no flags, 16 requests, congestion at 12, 64 KiB writes.
    for field in [7u32, 31, 0, 0] {
        out.extend_from_slice(&field.to_ne_bytes());
    }
    out.extend_from_slice(&16u16.to_ne_bytes());
    out.extend_from_slice(&12u16.to_ne_bytes());
    out.extend_from_slice(&(64u32 << 10).to_ne_bytes());
    out.resize(64, 0);
    out
}

fn attributes(node: u64, size: Option<usize>) -> Vec<u8> {
    // 2001-09-09: a time that stays put.
    const TIME: u64 = 1_000_000_000;
    let bytes = size.unwrap_or(0) as u64;
    let mut attr = fields(&[node, bytes, bytes.div_ceil(512), TIME, TIME, TIME]);
    let mode: u32 = if size.is_some() { 0o100_644 } else { 0o40_755 };
    for field in [0, 0, 0, mode, 1, 0, 0, 0, 4096, 0] {
        attr.extend_from_slice(&field.to_ne_bytes());
    }
    attr
}

fn fields(values: &[u64]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_ne_bytes())
        .collect()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drive_is_listed_and_read_and_changes_behind_the_kernels_back() {
        let dir = tempfile::tempdir().unwrap();
        let Some(drive) = FuseDrive::mount("the drive", &dir.path().join("drive")) else {
            return;
        };
        let names = || -> Vec<String> {
            let mut names: Vec<String> = std::fs::read_dir(drive.at())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        assert!(names().is_empty());
        drive.write("one.txt", "first");
        drive.write("two.txt", "second");
        assert_eq!(names(), ["one.txt", "two.txt"]);
        let read = || std::fs::read_to_string(drive.at().join("one.txt")).unwrap();
        assert_eq!(read(), "first");
        drive.write("one.txt", "another");
        assert_eq!(read(), "another");
    }
}
