//! What code that has taken over a worker would try, and whether it came through.
//!
//! An attempt succeeded when the kernel did what was asked, or refused it for a reason of
//! the request alone (no such file, bad address): then it was reached, and a better request
//! would have worked. "Operation not permitted", "permission denied" and "no such call" are
//! walls. The same attempts run without a sandbox as a control, where they come through.

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
    read_files(targets, &mut note);
    change_files(targets, &mut note);
    reach_out(targets, &mut note);
    meddle(targets, &mut note);
    break_out(&mut note);
    report
}

type Note<'a> = &'a mut dyn FnMut(&str, i64);

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

fn read_files(targets: &Targets, note: Note<'_>) {
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

fn change_files(targets: &Targets, note: Note<'_>) {
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

fn map(descriptor: i32, protection: i32, flags: i32) -> i64 {
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

fn reach_out(targets: &Targets, note: Note<'_>) {
    let mut socket = |name: &str, family: i32, kind: i32| -> i32 {
        // SAFETY: plain integers.
        let descriptor = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, 0) };
        note(name, i64::from(descriptor));
        descriptor
    };
    let tcp = socket("TCP socket", libc::AF_INET, libc::SOCK_STREAM);
    let unix = socket("Unix socket", libc::AF_UNIX, libc::SOCK_STREAM);
    let others = [
        socket(
            "TCP socket, IPv6 (maybe)",
            libc::AF_INET6,
            libc::SOCK_STREAM,
        ),
        socket("UDP socket", libc::AF_INET, libc::SOCK_DGRAM),
        socket("netlink socket (maybe)", libc::AF_NETLINK, libc::SOCK_RAW),
        socket(
            "virtual machine socket (maybe)",
            libc::AF_VSOCK,
            libc::SOCK_STREAM,
        ),
    ];
    // SAFETY: addresses are initialised and their sizes are right. A descriptor of -1 is
    // tried all the same: the call itself must be walled off, not only its socket.
    unsafe {
        let mut inet: libc::sockaddr_in = std::mem::zeroed();
        inet.sin_family = libc::AF_INET as libc::sa_family_t;
        inet.sin_port = targets.port.to_be();
        inet.sin_addr.s_addr = u32::from(std::net::Ipv4Addr::LOCALHOST).to_be();
        let size = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        note(
            "connect over TCP",
            i64::from(libc::connect(tcp, (&raw const inet).cast(), size)),
        );
        let mut local: libc::sockaddr_un = std::mem::zeroed();
        local.sun_family = libc::AF_UNIX as libc::sa_family_t;
        for (place, byte) in local.sun_path.iter_mut().zip(targets.socket.bytes()) {
            *place = byte as libc::c_char;
        }
        let size = size_of::<libc::sockaddr_un>() as libc::socklen_t;
        note(
            "connect to the daemon's socket",
            i64::from(libc::connect(unix, (&raw const local).cast(), size)),
        );
        let mut pair = [-1; 2];
        let paired = libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, pair.as_mut_ptr());
        note("a pair of sockets", i64::from(paired));
        let message: libc::msghdr = std::mem::zeroed();
        let to = if paired == 0 { pair[0] } else { 0 };
        note(
            "send a message",
            libc::sendmsg(to, &raw const message, 0) as i64,
        );
        for descriptor in others.into_iter().chain(pair).chain([tcp, unix]) {
            if descriptor > 2 {
                libc::close(descriptor);
            }
        }
    }
}

fn meddle(targets: &Targets, note: Note<'_>) {
    let victim = targets.victim;
    let (mut here, mut there) = ([0_u8; 8], [0_u8; 8]);
    let local = libc::iovec {
        iov_base: here.as_mut_ptr().cast(),
        iov_len: here.len(),
    };
    let remote = libc::iovec {
        iov_base: there.as_mut_ptr().cast(),
        iov_len: there.len(),
    };
    // SAFETY: the victim is a process of the test's own; signal 0 and SIGCONT do it no
    // harm, and what is seized is let go when this process ends. Buffers outlive the calls.
    unsafe {
        note("signal the victim", i64::from(libc::kill(victim, 0)));
        note(
            "continue the victim",
            i64::from(libc::kill(victim, libc::SIGCONT)),
        );
        note(
            "signal the daemon",
            i64::from(libc::kill(libc::getppid(), 0)),
        );
        note(
            "signal a thread of the victim",
            libc::syscall(libc::SYS_tgkill, victim, victim, 0),
        );
        let handle = libc::syscall(libc::SYS_pidfd_open, victim, 0);
        note("hold the victim", handle);
        if handle > 2 {
            libc::close(handle as i32);
        }
        note(
            "read the victim's memory (maybe)",
            libc::process_vm_readv(victim, &raw const local, 1, &raw const remote, 1, 0) as i64,
        );
        let seized = libc::ptrace(libc::PTRACE_SEIZE, victim, 0, 0);
        note("trace the victim (maybe)", seized);
        let daemon = libc::getppid();
        note(
            "trace the daemon (maybe)",
            libc::ptrace(libc::PTRACE_SEIZE, daemon, 0, 0),
        );
        note(
            "make the victim polite",
            i64::from(libc::setpriority(libc::PRIO_PROCESS, victim as u32, 1)),
        );
        let mut old: libc::rlimit = std::mem::zeroed();
        note(
            "read the victim's limits",
            i64::from(libc::prlimit(
                victim,
                libc::RLIMIT_NOFILE,
                std::ptr::null(),
                &raw mut old,
            )),
        );
    }
}

fn break_out(note: Note<'_>) {
    let attributes = [0_u64; 11];
    // SAFETY: children end at once without touching anything; the rest takes plain
    // integers, terminated strings or buffers that outlive the calls.
    unsafe {
        note("fork", buried(i64::from(libc::fork())));
        let clone = libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0);
        note("clone a process", buried(clone));
        note(
            "clone3 a process",
            libc::syscall(libc::SYS_clone3, attributes.as_ptr(), 1),
        );
        let program = c"/nonexistent/program";
        let args = [program.as_ptr(), std::ptr::null()];
        note(
            "run a program",
            i64::from(libc::execv(program.as_ptr(), args.as_ptr())),
        );
        note(
            "run a program by descriptor",
            libc::syscall(
                libc::SYS_execveat,
                -1,
                c"nonexistent".as_ptr(),
                args.as_ptr(),
                args.as_ptr(),
                0,
            ),
        );
        let mut limit: libc::rlimit = std::mem::zeroed();
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        note(
            "set its limits",
            i64::from(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit)),
        );
        note(
            "name a memory file",
            libc::syscall(libc::SYS_memfd_create, c"x".as_ptr(), 0),
        );
        note(
            "map executable memory",
            map(
                -1,
                libc::PROT_READ | libc::PROT_EXEC,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            ),
        );
        note(
            "be dumpable",
            i64::from(libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0)),
        );
        note(
            "watch files",
            i64::from(libc::inotify_init1(libc::IN_CLOEXEC)),
        );
        let shared = libc::shmget(libc::IPC_PRIVATE, 4096, 0o600);
        note("share memory", i64::from(shared));
        libc::shmctl(shared, libc::IPC_RMID, std::ptr::null_mut());
        // 2 asks which actions there are; it changes nothing.
        note("another filter", libc::syscall(libc::SYS_seccomp, 2, 0, 0));
        note(
            "control a device",
            i64::from(libc::ioctl(2, libc::FIONREAD, attributes.as_ptr())),
        );
        note(
            "ask for its folder",
            libc::syscall(libc::SYS_getcwd, attributes.as_ptr(), 8),
        );
        for (name, call) in [
            ("ring (maybe)", libc::SYS_io_uring_setup),
            ("kernel program (maybe)", libc::SYS_bpf),
            ("page faults (maybe)", libc::SYS_userfaultfd),
            ("keys (maybe)", libc::SYS_keyctl),
            ("performance counters (maybe)", libc::SYS_perf_event_open),
            ("own namespaces (maybe)", libc::SYS_unshare),
            ("mount (maybe)", libc::SYS_mount),
            ("change root (maybe)", libc::SYS_chroot),
            ("join a namespace (maybe)", libc::SYS_setns),
            (
                "another Landlock (maybe)",
                libc::SYS_landlock_create_ruleset,
            ),
        ] {
            note(name, libc::syscall(call, 0, 0, 0, 0, 0));
        }
    }
}

/// Ends a child that came to be, and waits for it in the parent.
fn buried(process: i64) -> i64 {
    // SAFETY: `_exit` in the child; waiting for a child of ours in the parent.
    unsafe {
        if process == 0 {
            libc::_exit(0);
        }
        if process > 0 {
            libc::waitpid(process as i32, std::ptr::null_mut(), 0);
        }
    }
    process
}
