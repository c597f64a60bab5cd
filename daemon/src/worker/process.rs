//! One worker process: started, watched, killed, buried.
//!
//! Workers are started by one thread that lives as long as the pool. It must: the kernel
//! sends the parent-death signal when the *thread* that made the child ends, and threads
//! of an async runtime come and go.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process, waitid, waitpid,
};
use tokio::sync::oneshot;

/// How long a worker that closed its connection may take to be gone. Taking down a
/// process of 1 GiB lasts some 100 ms.
const BURIAL: Duration = Duration::from_secs(2);

/// What the allocators of a worker are told. Reserving address space ahead (mimalloc: 1 GiB
/// at once) would use up the limit before a byte is read.
const ALLOCATOR: [(&str, &str); 2] = [
    ("MIMALLOC_ARENA_RESERVE", "65536"),
    ("MALLOC_ARENA_MAX", "1"),
];

/// The program that is started.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) args: Vec<OsString>,
}

/// A process just started, with the daemon's ends of its connections.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) process: Process,
    pub(super) socket: UnixStream,
    pub(super) stderr: OwnedFd,
}

type Reply = oneshot::Sender<io::Result<Started>>;

/// The thread that starts workers.
#[derive(Debug)]
pub(super) struct Starter {
    requests: mpsc::Sender<Reply>,
}

impl Starter {
    /// A thread that starts `program`, until the starter is dropped.
    pub(super) fn new(program: Program) -> Starter {
        let (requests, inbox) = mpsc::channel::<Reply>();
        let thread = std::thread::Builder::new().name("hippo-workers".to_owned());
        // Where no thread can be had, its inbox is gone and `start` says so.
        let _ = thread.spawn(move || {
            for reply in inbox {
                // Whoever asked may be gone: the process is killed by its drop.
                let _ = reply.send(start(&program));
            }
        });
        Starter { requests }
    }

    /// One more worker.
    pub(super) async fn start(&self) -> io::Result<Started> {
        let (reply, started) = oneshot::channel();
        let gone = || io::Error::other("the thread that starts workers is gone");
        self.requests.send(reply).map_err(|_| gone())?;
        started.await.map_err(|_| gone())?
    }
}

/// Its stdin is the socket, its stdout nothing, its stderr a pipe; its environment is empty,
/// for that is where other programs' keys and tokens live.
fn start(program: &Program) -> io::Result<Started> {
    let (socket, theirs) = UnixStream::pair()?;
    socket.set_nonblocking(true)?;
    let mut child = Command::new(&program.path)
        .args(&program.args)
        .env_clear()
        .envs(ALLOCATOR)
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (Some(pid), Some(stderr)) = (pid, child.stderr.take()) else {
        return Err(io::Error::other("a process without a number"));
    };
    Ok(Started {
        process: Process::new(pid),
        socket,
        stderr: OwnedFd::from(stderr),
    })
}

/// A child of ours. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    pid: Pid,
    /// Whether its number is free again, and may be another process by now.
    free: Arc<Mutex<bool>>,
    /// Whether a thread waits for it already.
    awaited: bool,
}

impl Process {
    fn new(pid: Pid) -> Process {
        Process {
            pid,
            free: Arc::new(Mutex::new(false)),
            awaited: false,
        }
    }

    /// What memory it has now. None where the system does not say.
    pub(super) fn memory(&self) -> Option<Memory> {
        statm(&self.pid.as_raw_nonzero().to_string())
    }

    /// What it does now. None where the system does not say.
    pub(super) fn work(&self) -> Option<Work> {
        let stat = format!("/proc/{}/stat", self.pid.as_raw_nonzero());
        Work::parse(&std::fs::read_to_string(stat).ok()?)
    }

    /// How it ended, for a worker that closed its connection. One that closed it and
    /// stays is killed.
    pub(super) async fn end(mut self) -> Option<ExitStatus> {
        let status = self.bury()?;
        if let Ok(status) = tokio::time::timeout(BURIAL, status).await {
            return status.ok().flatten();
        }
        self.kill();
        None
    }

    fn kill(&self) {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if !*free {
            let _ = kill_process(self.pid, Signal::KILL);
        }
    }

    /// Waits for its end on a thread of its own (a process can hang in the kernel).
    fn bury(&mut self) -> Option<oneshot::Receiver<Option<ExitStatus>>> {
        let (tell, told) = oneshot::channel();
        let (pid, free) = (self.pid, Arc::clone(&self.free));
        let thread = std::thread::Builder::new().name("hippo-burial".to_owned());
        thread
            .spawn(move || {
                let _ = tell.send(wait(pid, &free));
            })
            .ok()?;
        self.awaited = true;
        Some(told)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if !self.awaited && self.bury().is_none() {
            // No thread to be had: wait here, or its number would be taken for ever.
            wait(self.pid, &self.free);
        }
    }
}

/// Waits for the end of a process, then frees its number, never while it is being killed.
fn wait(pid: Pid, free: &Mutex<bool>) -> Option<ExitStatus> {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while matches!(waitid(WaitId::Pid(pid), look), Err(rustix::io::Errno::INTR)) {}
    let mut free = free.lock().unwrap_or_else(PoisonError::into_inner);
    *free = true;
    let (_, status) = waitpid(Some(pid), WaitOptions::empty()).ok().flatten()?;
    Some(ExitStatus::from_raw(status.as_raw()))
}

/// A process's memory in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory {
    /// Address space, what the limit counts.
    pub(super) mapped: u64,
    /// Resident.
    pub(super) resident: u64,
}

/// `/proc/<process>/statm`.
pub(super) fn statm(process: &str) -> Option<Memory> {
    let text = std::fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
    let mut pages = text.split(' ').map(|n| n.parse::<u64>().ok());
    let page = rustix::param::page_size() as u64;
    Some(Memory {
        mapped: pages.next()?? * page,
        resident: pages.next()?? * page,
    })
}

/// What a process is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Work {
    /// Whether it runs or would if it were let.
    pub(super) runnable: bool,
    /// Processor time so far.
    pub(super) used: Duration,
}

impl Work {
    /// `/proc/PID/stat`: the name in brackets may hold anything, so from its end on. The
    /// state comes first, the times are fields 14 and 15 of proc(5).
    fn parse(stat: &str) -> Option<Work> {
        let (_, tail) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = tail.split_whitespace().collect();
        let ticks = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let used = ticks(14)? + ticks(15)?;
        let a_second = rustix::param::clock_ticks_per_second().max(1);
        Some(Work {
            runnable: *fields.first()? == "R",
            used: Duration::from_millis(used * 1000 / a_second),
        })
    }
}

/// Reads what is there of a pipe that does not block.
pub(super) fn drain(pipe: impl AsFd, mut take: impl FnMut(&[u8])) {
    let mut room = [0; 4096];
    while let Ok(n @ 1..) = rustix::io::read(&pipe, &mut room) {
        take(&room[..n]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_read_past_any_name() {
        let stat = "7 (a) R (b) R 1 7 7 0 -1 0 5 0 0 0 30 20 0 0 39 19 1 0 99";
        let work = Work::parse(stat).unwrap();
        let used = Duration::from_millis(50 * 1000 / rustix::param::clock_ticks_per_second());
        assert_eq!(
            work,
            Work {
                runnable: true,
                used
            }
        );
        assert_eq!(Work::parse("7 (short) S 1"), None);
    }
}
