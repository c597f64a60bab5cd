//! A worker whose extractor misbehaves on demand, under the very sandbox of the real one.
//!
//! The daemon's tests run it in place of `hippo worker` (setting `worker.program`). A file
//! whose first line is `bad: VERB ARGUMENTS` says what to do; any other file is read by the
//! true extractor, so that a pool of bad workers serves honest files as usual.
//!
//! Other ways to start it:
//! - by a name that ends in `-no-landlock`, `-no-seccomp`, `-no-sandbox`, `-unfit`: a kernel
//!   without these, or one that promises Landlock and does not deliver;
//! - `attempt SUBJECT`: the malice suite without a sandbox, as the control that shows that
//!   each attempt can succeed;
//! - `host SUBJECT`: a daemon in miniature: a pool with one file at work, until killed.
#![allow(unsafe_code)]

mod host;
#[cfg(target_os = "linux")]
mod malice;
#[cfg(not(target_os = "linux"))]
#[path = "malice_elsewhere.rs"]
mod malice;

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use hippo_daemon::worker::child::{Task, serve};
use hippo_daemon::worker::sandbox::{Kernel, System};
use hippo_extractors::parse::{self, Engines, Input, Output};
use hippo_extractors::{Kind, Metadata, Refusal, Segment, Source};

/// The allocator of the real program, for the memory limit to be tried on it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a file may ask for is in its first line.
const COMMAND_MAX_BYTES: usize = 8 * 1024;

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let name = args.next().unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    let mode = args.next().unwrap_or_default();
    match (mode.to_str(), args.next()) {
        (Some("attempt"), Some(subject)) => {
            print!("{}", malice::unconfined(Path::new(&subject)));
            ExitCode::SUCCESS
        }
        (Some("host"), Some(subject)) => host::host(Path::new(&subject)),
        _ => serve(
            kernel(&name),
            |pdfium| Engines::load(pdfium.as_deref()),
            extract,
        ),
    }
}

/// A kernel that lacks what the program's name says.
struct Lacking {
    landlock: bool,
    seccomp: bool,
}

impl Kernel for Lacking {
    fn landlock_abi(&self) -> i32 {
        if self.landlock {
            System.landlock_abi()
        } else {
            0
        }
    }

    fn filters(&self) -> bool {
        self.seccomp && System.filters()
    }
}

/// A kernel that promises Landlock and does not deliver.
struct Lying;

impl Kernel for Lying {
    fn landlock_abi(&self) -> i32 {
        7
    }

    fn apply_landlock(&self) -> Result<(), String> {
        Err("it was promised and not delivered".to_owned())
    }
}

fn kernel(name: &str) -> &'static dyn Kernel {
    match name {
        _ if name.ends_with("-no-landlock") => &Lacking {
            landlock: false,
            seccomp: true,
        },
        _ if name.ends_with("-no-seccomp") => &Lacking {
            landlock: true,
            seccomp: false,
        },
        _ if name.ends_with("-no-sandbox") => &Lacking {
            landlock: false,
            seccomp: false,
        },
        _ if name.ends_with("-unfit") => &Lying,
        _ => &System,
    }
}

fn extract(engines: &Engines, task: &Task<'_>, out: &mut dyn Output) -> Result<Metadata, Refusal> {
    let Some(command) = command(task.file) else {
        let input = Input {
            file: task.file,
            name: task.name,
            size: task.size,
            wants: task.wants,
        };
        return parse::extract(engines, &input, task.limits, out);
    };
    let (verb, rest) = command.split_once(' ').unwrap_or((&command, ""));
    match verb {
        "malice" => {
            let report = malice::confined(rest, task.file.as_raw_fd());
            for (ordinal, part) in (0..).zip(malice::parts(&report)) {
                out.segment(segment(ordinal, part))
                    .map_err(|error| Refusal::failed("output", error.to_string()))?;
            }
        }
        "steps" => steps(rest, out),
        "limits" => say_back(&malice::limits(), out)?,
        "pid" => say_back(&std::process::id().to_string(), out)?,
        _ => misbehave(verb, rest, out),
    }
    Ok(Metadata::new(Kind::Text, "text/plain", "bad"))
}

/// The first line's command, if it is one. Leaves the file at its beginning.
fn command(mut file: &File) -> Option<String> {
    let mut head = Vec::new();
    let read = file.take(COMMAND_MAX_BYTES as u64).read_to_end(&mut head);
    file.rewind().ok()?;
    read.ok()?;
    let head = String::from_utf8(head).ok()?;
    let line = head.lines().next()?.strip_prefix("bad: ")?;
    Some(line.trim().to_owned())
}

fn say_back(text: &str, out: &mut dyn Output) -> Result<(), Refusal> {
    out.segment(segment(0, text))
        .map_err(|error| Refusal::failed("output", error.to_string()))
}

fn segment(ordinal: u32, text: &str) -> Segment {
    Segment {
        ordinal,
        page: None,
        t0_ms: None,
        t1_ms: None,
        source: Source::Body,
        text: text.to_owned(),
        picture: false,
        speaker: None,
        lines: Vec::new(),
        lang: None,
    }
}

/// `steps COUNT MILLISECONDS`: slow, but alive.
fn steps(rest: &str, out: &mut dyn Output) {
    let mut numbers = rest.split(' ').map_while(|n| n.parse::<u64>().ok());
    let (count, pause) = (numbers.next().unwrap_or(1), numbers.next().unwrap_or(1));
    for step in 1..=count {
        std::thread::sleep(Duration::from_millis(pause));
        out.progress(step, count, "step");
    }
}

/// All the ways of promise 16. Returns only where nothing bad came of it.
fn misbehave(verb: &str, rest: &str, out: &mut dyn Output) {
    match verb {
        // SAFETY: none is sought: this is the crash that the test asks for.
        "segfault" => unsafe { std::ptr::with_exposed_provenance_mut::<u8>(8).write_volatile(1) },
        "abort" => std::process::abort(),
        "exit" => std::process::exit(rest.parse().unwrap_or(0)),
        "panic" => panic!("asked to panic"),
        "overflow" => drop(std::hint::black_box(overflow(0))),
        "stall" => {
            let stage = format!("stall of {}", std::process::id());
            out.progress(1, 2, &stage);
            loop {
                std::thread::park();
            }
        }
        "spin" => loop {
            std::hint::spin_loop();
        },
        "pulse" => loop {
            // The same again and again: a pulse without life.
            std::thread::sleep(Duration::from_millis(1));
            out.progress(1, 2, "pulse");
        },
        "hang-up" => {
            // SAFETY: closing the connection is the point; nothing uses it afterwards.
            unsafe { libc::close(0) };
            loop {
                std::thread::park();
            }
        }
        "say" => say(rest),
        "shout" => loop {
            eprintln!("{}", "shout ".repeat(1_000));
        },
        "bomb" => {
            let size = rest.parse().unwrap_or(8_usize << 30);
            std::hint::black_box(vec![1_u8; size]);
        }
        "swell" => swell(out),
        "double" => double(),
        "keep" => std::mem::forget(vec![1_u8; rest.parse().unwrap_or(0)]),
        _ => {}
    }
}

/// Recursion that the compiler cannot turn into a loop.
#[allow(unconditional_recursion)]
fn overflow(depth: u64) -> u64 {
    let room = [depth; 64];
    let room = std::hint::black_box(&room);
    overflow(room[0] + 1) + room[63]
}

/// Many small allocations, all in use, until there is no more: alive, and growing.
fn swell(out: &mut dyn Output) {
    let mut all = Vec::new();
    loop {
        all.push(std::hint::black_box(vec![1_u8; 100_000]));
        out.progress(all.len() as u64, 0, "swell");
    }
}

/// A buffer that doubles, in the hands of a library that aborts without a word.
fn double() {
    let mut buffer: Vec<u8> = vec![1; 1 << 20];
    loop {
        if buffer.try_reserve_exact(buffer.len() * 2).is_err() {
            std::process::abort();
        }
        buffer.resize(buffer.len() * 2, 1);
        std::hint::black_box(&buffer);
    }
}

/// `say WHAT`: wrong answers, past the honest side of the protocol.
fn say(what: &str) {
    let frame = |json: &str| {
        let mut bytes = (json.len() as u32).to_le_bytes().to_vec();
        bytes.extend_from_slice(json.as_bytes());
        bytes
    };
    let bytes = match what {
        "noise" => b"\x04\0\0\0noise without a frame".to_vec(),
        "huge" => u32::MAX.to_le_bytes().to_vec(),
        "other" => frame(r#"{"Started":{"id":999999}}"#),
        "hello" => frame(r#"{"Unfit":{"reason":"x"}}"#),
        "half" => b"\xff\0\0\0{".to_vec(),
        _ => frame(what),
    };
    // SAFETY: writes initialised bytes to the connection.
    unsafe { libc::write(0, bytes.as_ptr().cast(), bytes.len()) };
    loop {
        std::thread::park();
    }
}
