//! What code that has taken over a worker would try, and whether it came through.
//!
//! An attempt succeeded when the kernel did what was asked, or refused it for a reason of
//! the request alone (no such file, bad address): then it was reached, and a better request
//! would have worked. "Operation not permitted", "permission denied" and "no such call" are
//! walls. The same attempts run without a sandbox as a control, where they come through.

mod beyond;
mod files;

use std::ffi::CString;
use std::fmt::Write as _;
use std::os::fd::AsRawFd;
use std::path::Path;

/// The bytes of a report that go into one segment.
const PART_BYTES: usize = 8 * 1024;

/// What is attacked, as the test names it in the file: `KEY=VALUE` words.
#[derive(Debug, Clone, Default)]
struct Targets {
    /// A folder of the user with `secret`, `.ssh/id`, `indexed.txt`, `doomed`.
    home: String,
    /// The daemon's own socket.
    socket: String,
    /// A TCP port that listens.
    port: u16,
    /// A process of the same user.
    victim: i32,
    /// The descriptor of the job.
    job: i32,
}

impl Targets {
    fn parse(words: &str, job: i32) -> Targets {
        let mut targets = Targets {
            job,
            ..Targets::default()
        };
        for (key, value) in words.split(' ').filter_map(|word| word.split_once('=')) {
            match key {
                "home" => value.clone_into(&mut targets.home),
                "socket" => value.clone_into(&mut targets.socket),
                "port" => targets.port = value.parse().unwrap_or(0),
                "victim" => targets.victim = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        targets
    }

    fn path(&self, name: &str) -> CString {
        CString::new(format!("{}/{name}", self.home)).unwrap_or_default()
    }
}

/// The suite inside the sandbox, in the main thread and in a second one (and, should one
/// come to be, in a child).
pub(crate) fn confined(words: &str, job: i32) -> String {
    let targets = Targets::parse(words, job);
    let mut report = attempts("main", &targets);
    let in_second = targets.clone();
    match std::thread::Builder::new().spawn(move || attempts("second", &in_second)) {
        Ok(second) => report.push_str(&second.join().unwrap_or_default()),
        Err(error) => drop(writeln!(report, "second could not start: {error}")),
    }
    report
}

/// The suite without a sandbox, over the same file, opened for writing.
pub(crate) fn unconfined(subject: &Path) -> String {
    let Ok(text) = std::fs::read_to_string(subject) else {
        return "the subject cannot be read".to_owned();
    };
    let Ok(file) = std::fs::File::options()
        .read(true)
        .write(true)
        .open(subject)
    else {
        return "the subject cannot be written".to_owned();
    };
    let words = text.lines().next().unwrap_or_default();
    attempts("control", &Targets::parse(words, file.as_raw_fd()))
}

/// Cuts a report into segments, between lines.
pub(crate) fn parts(report: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = report;
    while rest.len() > PART_BYTES {
        let cut = rest[..PART_BYTES].rfind('\n').map_or(PART_BYTES, |n| n + 1);
        let (part, tail) = rest.split_at(cut);
        parts.push(part);
        rest = tail;
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

/// The limits that hold this process, one a line.
pub(crate) fn limits() -> String {
    let mut report = String::new();
    for (name, resource) in [
        ("as", libc::RLIMIT_AS),
        ("core", libc::RLIMIT_CORE),
        ("fsize", libc::RLIMIT_FSIZE),
        ("nofile", libc::RLIMIT_NOFILE),
    ] {
        let mut limit = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: `limit` is a valid place for the answer.
        unsafe { libc::getrlimit(resource, &raw mut limit) };
        let _ = writeln!(report, "{name} {} {}", limit.rlim_cur, limit.rlim_max);
    }
    report
}

/// `errno` where a call gave -1.
fn outcome(result: i64) -> Result<i64, i32> {
    if result == -1 {
        return Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0));
    }
    Ok(result)
}

/// Runs every attempt and notes each as `WHO NAME: came through` or `WHO NAME: wall (errno)`.
fn attempts(who: &str, targets: &Targets) -> String {
    let mut report = String::new();
    let mut note = |name: &str, result: i64| {
        let said = match outcome(result) {
            Ok(_) => "came through".to_owned(),
            Err(errno @ (libc::EPERM | libc::EACCES | libc::ENOSYS)) => format!("wall ({errno})"),
            Err(errno) => format!("came through to error {errno}"),
        };
        let _ = writeln!(report, "{who} {name}: {said}");
    };
    files::read_files(targets, &mut note);
    files::change_files(targets, &mut note);
    beyond::reach_out(targets, &mut note);
    beyond::meddle(targets, &mut note);
    beyond::break_out(&mut note);
    report
}

type Note<'a> = &'a mut dyn FnMut(&str, i64);
