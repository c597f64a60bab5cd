//! `hippo jail [--seconds N] PROGRAM ARGUMENTS`: becomes another program, with less than hippo's
//! rights.
//!
//! For programs of the system that are given pixels and write text (Tesseract), or a recording and
//! write its sound (ffmpeg). Such a program has its own libraries and data to open, so it cannot be held as a worker is: it may read and run
//! what the system has installed, and nothing else. Promise: it opens no file of the user's,
//! writes none, makes no socket, and has bounded memory and processor time; where the kernel has a
//! layer that does not close, the program is not started.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use super::sandbox::{self, System};

/// Where systems keep programs, their libraries and their data.
const INSTALLED: [&str; 10] = [
    "/usr",
    "/bin",
    "/lib",
    "/lib64",
    "/opt",
    "/nix/store",
    "/gnu/store",
    "/home/linuxbrew/.linuxbrew",
    "/etc/ld.so.cache",
    "/dev/null",
];

/// Address space: Tesseract with two languages takes a third of it on a large page.
const MEMORY_MAX_MIB: u64 = 2048;
/// Processor time where nothing else is said: a page of small print takes five seconds.
const SECONDS_MAX: u64 = 60;

/// What the process says when it could not become the program.
const NOT_STARTED: u8 = 125;

/// Becomes the program; returns only where that failed.
pub fn main(args: &[OsString]) -> ExitCode {
    sandbox::die_with_daemon();
    sandbox::be_polite();
    let (seconds, args) = seconds_of(args);
    let Some((program, args)) = args.split_first() else {
        eprintln!("hippo jail: no program was named");
        return NOT_STARTED.into();
    };
    if let Err(unfit) = sandbox::enclose(&System, &INSTALLED, MEMORY_MAX_MIB, seconds) {
        eprintln!("hippo jail: {unfit}");
        return NOT_STARTED.into();
    }
    let error = Command::new(program).args(args).exec();
    eprintln!("hippo jail: {}: {error}", program.to_string_lossy());
    NOT_STARTED.into()
}

/// The processor time that is asked for, and the rest.
fn seconds_of(args: &[OsString]) -> (u64, &[OsString]) {
    if let [option, seconds, rest @ ..] = args
        && option == "--seconds"
        && let Some(seconds) = seconds.to_str().and_then(|n| n.parse().ok())
    {
        return (seconds, rest);
    }
    (SECONDS_MAX, args)
}
