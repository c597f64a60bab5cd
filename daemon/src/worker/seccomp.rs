//! The system calls that a worker may make. All others fail with "operation not permitted".
//!
//! A list of what is allowed, never of what is forbidden: kernels grow calls. There is no
//! way in it to name a file (no open, no stat by path), to run a program, to make a process
//! or a socket, to signal or inspect anybody, to map executable memory, or to write
//! anywhere but to the daemon (0) and stderr (2). New threads are allowed and fall under
//! the same filter.
//!
//! Refusals are errors, not kills: parsers ask for harmless things now and then (a font
//! folder, the number of cores), and go on without.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// Whether this architecture has a filter.
pub(super) const KNOWN: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// Why no filter holds.
#[derive(Debug, thiserror::Error)]
pub(super) enum FilterError {
    #[error("no filter for this architecture: {0}")]
    Architecture(seccompiler::BackendError),
    #[error("the filter cannot be built: {0}")]
    Build(#[from] seccompiler::BackendError),
    #[error("the kernel refused it: {0}")]
    Refused(#[from] seccompiler::Error),
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Allowed with any arguments.
const ALLOWED: &[i64] = &[
    // The descriptor of the file, and the socket.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_close,
    libc::SYS_recvmsg,
    // Memory.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Threads of this process; making one is below.
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // A crash that says what it was.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    // Time, chance and size of the machine.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_getrandom,
    libc::SYS_sysinfo,
    libc::SYS_getrusage,
];

/// Closes the filter over all threads of this process, for good.
pub(super) fn apply() -> Result<(), FilterError> {
    let arch = std::env::consts::ARCH
        .try_into()
        .map_err(FilterError::Architecture)?;
    for program in programs(arch)? {
        seccompiler::apply_filter_all_threads(&program)?;
    }
    Ok(())
}

/// For a program that is not ours, and whose other calls are not known: no sockets, nobody else's
/// memory.
pub(super) fn no_sockets() -> Result<(), FilterError> {
    let arch = std::env::consts::ARCH
        .try_into()
        .map_err(FilterError::Architecture)?;
    let refused = [
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_io_uring_setup,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
    ];
    let filter = SeccompFilter::new(
        refused.into_iter().map(|call| (call, Vec::new())).collect(),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM as u32),
        arch,
    )?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)?;
    Ok(())
}

/// Two filters: the strictest answer counts, so the second may let through what the first
/// refuses in its own way.
fn programs(arch: TargetArch) -> Result<[BpfProgram; 2], seccompiler::BackendError> {
    // clone3 hides its flags in memory, where no filter can look. "No such call" makes the
    // C library fall back to clone, whose flags are an argument.
    let no_clone3 = SeccompFilter::new(
        BTreeMap::from([(libc::SYS_clone3, Vec::new())]),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS as u32),
        arch,
    )?;
    let allowed = SeccompFilter::new(
        rules()?,
        SeccompAction::Errno(libc::EPERM as u32),
        SeccompAction::Allow,
        arch,
    )?;
    Ok([no_clone3.try_into()?, allowed.try_into()?])
}

fn rules() -> Result<Rules, seccompiler::BackendError> {
    use SeccompCmpArgLen::{Dword, Qword};
    use SeccompCmpOp::{Eq, MaskedEq};

    let mut rules: Rules = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_clone3, Vec::new());
    let mut allow_if = |call: i64, argument: u8, length, is: SeccompCmpOp, value: u64| {
        let condition = SeccompCondition::new(argument, length, is, value)?;
        let rule = SeccompRule::new(vec![condition])?;
        rules.entry(call).or_default().push(rule);
        Ok::<(), seccompiler::BackendError>(())
    };
    for descriptor in [0, 2] {
        allow_if(libc::SYS_write, 0, Dword, Eq, descriptor)?;
        allow_if(libc::SYS_writev, 0, Dword, Eq, descriptor)?;
    }
    // Memory is never executable: there is no compiler in a parser.
    let executable = libc::PROT_EXEC as u64;
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        allow_if(call, 2, Qword, MaskedEq(executable), 0)?;
    }
    // Threads, not processes.
    let thread = libc::CLONE_THREAD as u64;
    allow_if(libc::SYS_clone, 0, Qword, MaskedEq(thread), thread)?;
    // Its own end, with the signal that says why.
    let own = u64::from(std::process::id());
    allow_if(libc::SYS_tgkill, 0, Dword, Eq, own)?;
    for command in [
        libc::F_GETFD,
        libc::F_SETFD,
        libc::F_GETFL,
        libc::F_DUPFD_CLOEXEC,
    ] {
        allow_if(libc::SYS_fcntl, 1, Dword, Eq, command as u64)?;
    }
    for option in [libc::PR_SET_NAME, libc::PR_SET_VMA] {
        allow_if(libc::SYS_prctl, 0, Dword, Eq, option as u64)?;
    }
    // Reading its own limits: the first argument would name another process, the third
    // would set one.
    let own_limits = SeccompRule::new(vec![
        SeccompCondition::new(0, Dword, Eq, 0)?,
        SeccompCondition::new(2, Qword, Eq, 0)?,
    ])?;
    rules.insert(libc::SYS_prlimit64, vec![own_limits]);
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_builds_for_both_architectures() {
        for arch in [TargetArch::x86_64, TargetArch::aarch64] {
            assert!(programs(arch).is_ok());
        }
    }

    #[test]
    fn nothing_that_names_a_path_a_process_or_a_peer_is_allowed() {
        let rules = rules().unwrap();
        for call in [
            libc::SYS_openat,
            libc::SYS_openat2,
            libc::SYS_newfstatat,
            libc::SYS_statx,
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_socket,
            libc::SYS_connect,
            libc::SYS_sendmsg,
            libc::SYS_sendto,
            libc::SYS_ptrace,
            libc::SYS_kill,
            libc::SYS_process_vm_readv,
            libc::SYS_io_uring_setup,
            libc::SYS_bpf,
            libc::SYS_userfaultfd,
            libc::SYS_keyctl,
            libc::SYS_memfd_create,
            libc::SYS_ftruncate,
            libc::SYS_pwrite64,
            libc::SYS_ioctl,
        ] {
            assert!(!rules.contains_key(&call), "call {call}");
        }
    }
}
