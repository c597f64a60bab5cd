//! Attempts on files: to read what is private, to change what is there.

use std::ffi::CString;

use super::{Note, Targets};

/// Opens (and closes again what it opened).
fn open(path: &CString, flags: i32) -> i64 {
    // SAFETY: a terminated path and plain integers; the descriptor is ours to close.
    unsafe {
        let descriptor = libc::open(path.as_ptr(), flags | libc::O_CLOEXEC, 0o600);
        if descriptor >= 0 {
            libc::close(descriptor);
        }
        i64::from(descriptor)
    }
}

fn plain(path: String) -> CString {
    CString::new(path).unwrap_or_default()
}

pub(super) fn read_files(targets: &Targets, note: Note<'_>) {
    for (name, path) in [
        ("read a user's file", targets.path("secret")),
        ("read .ssh", targets.path(".ssh/id")),
        ("read another indexed file", targets.path("indexed.txt")),
        ("read the user list", plain("/etc/passwd".to_owned())),
        (
            "read its own file again through /proc",
            plain(format!("/proc/self/fd/{}", targets.job)),
        ),
        (
            "read the victim's environment",
            plain(format!("/proc/{}/environ", targets.victim)),
        ),
        (
            "read the victim's memory file",
            plain(format!("/proc/{}/mem", targets.victim)),
        ),
        ("list processes", plain("/proc".to_owned())),
        ("list a folder", targets.path("")),
    ] {
        note(name, open(&path, libc::O_RDONLY));
    }
    let secret = targets.path("secret");
    // SAFETY: terminated paths, and buffers that outlive the calls.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        note(
            "stat a path",
            i64::from(libc::stat(secret.as_ptr(), &raw mut stat)),
        );
        note(
            "access a path",
            i64::from(libc::access(secret.as_ptr(), libc::R_OK)),
        );
        let mut room = [0_u8; 64];
        let link = plain("/proc/self/exe".to_owned());
        note(
            "read a link",
            libc::readlink(link.as_ptr(), room.as_mut_ptr().cast(), room.len()) as i64,
        );
        let how = [0_u64; 3];
        note(
            "openat2",
            libc::syscall(
                libc::SYS_openat2,
                libc::AT_FDCWD,
                secret.as_ptr(),
                how.as_ptr(),
                24,
            ),
        );
        note("change folder", i64::from(libc::chdir(c"/".as_ptr())));
    }
}

pub(super) fn change_files(targets: &Targets, note: Note<'_>) {
    let job = targets.job;
    let own = plain(format!("/proc/self/fd/{job}"));
    note(
        "write its own file again through /proc",
        open(&own, libc::O_RDWR),
    );
    let fresh = targets.path("fresh");
    note(
        "create a file",
        open(&fresh, libc::O_CREAT | libc::O_WRONLY),
    );
    note(
        "write a user's file",
        open(
            &targets.path("indexed.txt"),
            libc::O_WRONLY | libc::O_APPEND,
        ),
    );
    let doomed = targets.path("doomed");
    let moved = targets.path("moved");
    // SAFETY: terminated paths, initialised buffers, descriptors that stay open.
    unsafe {
        note(
            "write to its descriptor",
            libc::pwrite(job, b"bad:".as_ptr().cast(), 4, 0) as i64,
        );
        note(
            "write at its position",
            libc::write(job, c"".as_ptr().cast(), 0) as i64,
        );
        note("cut its file", i64::from(libc::ftruncate(job, 4096)));
        note("chmod its file", i64::from(libc::fchmod(job, 0o644)));
        note(
            "touch its file",
            i64::from(libc::futimens(job, std::ptr::null())),
        );
        note(
            "lock its file",
            i64::from(libc::flock(job, libc::LOCK_EX | libc::LOCK_NB)),
        );
        note(
            "map its file writable",
            map(job, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED),
        );
        note("cut a file", i64::from(libc::truncate(doomed.as_ptr(), 0)));
        note(
            "chmod a file",
            i64::from(libc::chmod(doomed.as_ptr(), 0o644)),
        );
        note(
            "rename a file",
            i64::from(libc::rename(doomed.as_ptr(), moved.as_ptr())),
        );
        note(
            "link a file",
            i64::from(libc::link(moved.as_ptr(), doomed.as_ptr())),
        );
        note("remove a file", i64::from(libc::unlink(moved.as_ptr())));
        let folder = targets.path("folder");
        note(
            "make a folder",
            i64::from(libc::mkdir(folder.as_ptr(), 0o700)),
        );
        note("remove a folder", i64::from(libc::rmdir(folder.as_ptr())));
        let link = targets.path("link");
        note(
            "make a link",
            i64::from(libc::symlink(doomed.as_ptr(), link.as_ptr())),
        );
    }
}

pub(super) fn map(descriptor: i32, protection: i32, flags: i32) -> i64 {
    // SAFETY: a new mapping of one page at a place of the kernel's choice, unmapped at once.
    unsafe {
        let place = libc::mmap(std::ptr::null_mut(), 4096, protection, flags, descriptor, 0);
        if place == libc::MAP_FAILED {
            return -1;
        }
        libc::munmap(place, 4096);
    }
    0
}
