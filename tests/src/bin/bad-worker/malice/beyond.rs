//! Attempts beyond files: to reach others, to meddle with processes, to break out.

use super::files::map;
use super::{Note, Targets};

pub(super) fn reach_out(targets: &Targets, note: Note<'_>) {
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

pub(super) fn meddle(targets: &Targets, note: Note<'_>) {
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

pub(super) fn break_out(note: Note<'_>) {
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
