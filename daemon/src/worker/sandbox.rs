//! Takes away everything that a parser does not need, and reports what it could not take.
//!
//! Layers, each of which alone stops most of what a taken-over parser would try:
//!
//! 1. descriptors: all closed but the socket, `/dev/null` and the pipe of stderr;
//! 2. limits: memory, no core, no file growth, few descriptors;
//! 3. no new privileges, not dumpable, dies with the daemon, idle priority;
//! 4. Landlock with every right handled and no rule: no path can be opened, made or
//!    changed, no TCP, no signals and no abstract sockets beyond the worker. There is no
//!    rule for the watched folders either: rules add up, and one wide rule voids the rest;
//! 5. a system call filter (`seccomp`): a short list is allowed, all else is refused.
//!
//! It fails closed: where the kernel has a layer and the layer cannot be applied, the
//! worker does not serve. Where the kernel lacks it, the worker still runs apart, and the
//! report says what is missing.
#![allow(unsafe_code)]

use std::{fmt, io};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

/// How much of a layer holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// No worker has started yet.
    #[default]
    Unknown,
    /// The system has none.
    None,
    /// The system has an older version: see `missing`.
    Partial,
    /// All of it.
    Full,
}

impl Level {
    /// As `status` says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Unknown => "unknown",
            Level::None => "none",
            Level::Partial => "partial",
            Level::Full => "full",
        }
    }
}

/// What holds a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxReport {
    /// Files, TCP, signals by path and port.
    pub landlock: Level,
    /// The system call filter.
    pub seccomp: Level,
    /// Memory, descriptors, file sizes.
    pub rlimits: bool,
    /// What this system lacks; one sentence each.
    pub missing: Vec<String>,
}

/// A layer that the kernel has and that could not be applied. The worker must not serve.
#[derive(Debug, thiserror::Error)]
#[error("{layer} could not be applied: {cause}")]
pub struct Unfit {
    layer: &'static str,
    cause: String,
}

impl Unfit {
    fn new(layer: &'static str, cause: &dyn fmt::Display) -> Unfit {
        let cause = cause.to_string();
        Unfit { layer, cause }
    }
}

/// What the kernel offers, and how it is asked for. A seam for tests alone: a kernel
/// without Landlock, or one that promises and does not deliver.
pub trait Kernel {
    /// Landlock's version; 0 where there is none.
    fn landlock_abi(&self) -> i32 {
        landlock_abi()
    }

    /// Whether system calls can be filtered.
    fn filters(&self) -> bool {
        filters()
    }

    /// Closes Landlock over this process.
    fn apply_landlock(&self) -> Result<(), String> {
        apply_landlock(&[])
    }

    /// Closes the system call filter over this process.
    fn apply_filter(&self) -> Result<(), String> {
        apply_filter()
    }
}

/// The kernel that this program runs on.
#[derive(Debug, Clone, Copy)]
pub struct System;

impl Kernel for System {}

/// Descriptors that a job may hold: three standard ones, the file and a few duplicates.
const DESCRIPTORS_MAX: u64 = 16;

/// Main stack: the usual 8 MiB, whatever the shell's limit was.
const STACK_MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Landlock's version with network (4) and with signals and abstract sockets (6). Newer
/// ones add what the filter below refuses anyway.
const LANDLOCK_NETWORK: i32 = 4;
const LANDLOCK_SCOPES: i32 = 6;

/// The first thing in a worker: it dies with the daemon. Should that fail, end of file on
/// its connection ends it too, though only between two files.
pub fn die_with_daemon() {
    #[cfg(target_os = "linux")]
    {
        // Started as /proc/self/exe it would be listed as "exe".
        let _ = rustix::thread::set_name(c"hippo-worker");
        let kill = Some(rustix::process::Signal::KILL);
        let _ = rustix::process::set_parent_process_death_signal(kill);
    }
}

/// Out of everybody's way: last for the processor, idle class for the disk. After loading,
/// so that a busy machine delays files but not the start. A courtesy: failure is harmless.
pub fn be_polite() {
    #[cfg(target_os = "linux")]
    // SAFETY: ioprio_set takes three integers and touches no memory. 1 is
    // IOPRIO_WHO_PROCESS, 0 this one, 3 << 13 the idle class.
    unsafe {
        libc::syscall(libc::SYS_ioprio_set, 1, 0, 3 << 13);
    }
    let _ = rustix::process::setpriority_process(None, 19);
}

/// Closes the sandbox over this process, which must have one thread.
pub fn close(kernel: &dyn Kernel, memory_max_mib: u64) -> Result<SandboxReport, Unfit> {
    close_descriptors();
    let mut report = SandboxReport::default();
    if cfg!(target_os = "linux") {
        one_thread()?;
    } else {
        let gap = "memory: this system does not enforce a limit on address space";
        report.missing.push(gap.to_owned());
    }
    let abi = kernel.landlock_abi();
    let filters = kernel.filters();
    limit(memory_max_mib, filters).map_err(|e| Unfit::new("resource limits", &e))?;
    report.rlimits = true;
    #[cfg(target_os = "linux")]
    privileges().map_err(|e| Unfit::new("no new privileges", &e))?;
    report.landlock = landlock_level(abi, &mut report.missing);
    if report.landlock != Level::None {
        kernel
            .apply_landlock()
            .map_err(|e| Unfit::new("Landlock", &e))?;
    }
    if filters {
        kernel
            .apply_filter()
            .map_err(|e| Unfit::new("the system call filter", &e))?;
        report.seccomp = Level::Full;
    } else {
        report.seccomp = Level::None;
        report
            .missing
            .push("seccomp: this system cannot filter system calls".to_owned());
    }
    Ok(report)
}

/// Closes what of the sandbox another program can live in: files beneath `readable` may be read
/// and run, nothing can be written, no socket made.
pub(super) fn enclose(
    kernel: &dyn Kernel,
    readable: &[&str],
    memory_max_mib: u64,
    seconds_max: u64,
) -> Result<(), Unfit> {
    close_descriptors();
    let limits = |error: io::Error| Unfit::new("resource limits", &error);
    set(Resource::Core, 0).map_err(limits)?;
    set(Resource::Fsize, 0).map_err(limits)?;
    set(Resource::Cpu, seconds_max).map_err(limits)?;
    #[cfg(target_os = "linux")]
    {
        set(Resource::As, memory_max_mib.saturating_mul(1024 * 1024)).map_err(limits)?;
        privileges().map_err(|e| Unfit::new("no new privileges", &e))?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = memory_max_mib;
    if kernel.landlock_abi() > 0 {
        apply_landlock(readable).map_err(|e| Unfit::new("Landlock", &e))?;
    }
    if kernel.filters() {
        no_sockets().map_err(|e| Unfit::new("the system call filter", &e))?;
    }
    Ok(())
}

/// What a version of Landlock holds, and what it lacks in words.
fn landlock_level(abi: i32, missing: &mut Vec<String>) -> Level {
    if abi <= 0 {
        let gap = "Landlock: this system has none (Linux 5.13 and newer, when enabled at boot)";
        missing.push(gap.to_owned());
        return Level::None;
    }
    if abi < LANDLOCK_NETWORK {
        missing.push("Landlock: no network rights before Linux 6.7".to_owned());
    }
    if abi < LANDLOCK_SCOPES {
        missing.push("Landlock: no scopes for signals before Linux 6.12".to_owned());
        return Level::Partial;
    }
    Level::Full
}

/// Landlock holds the thread that asks; another thread would stay free.
fn one_thread() -> Result<(), Unfit> {
    let threads = std::fs::read_dir("/proc/self/task")
        .map_err(|e| Unfit::new("Landlock (counting threads)", &e))?
        .count();
    if threads == 1 {
        return Ok(());
    }
    Err(Unfit::new("Landlock", &format!("{threads} threads run")))
}

/// Lowers the limits for good (hard limits too).
fn limit(memory_max_mib: u64, filters: bool) -> io::Result<()> {
    let memory = memory_max_mib.saturating_mul(1024 * 1024);
    set(Resource::Core, 0)?;
    set(Resource::Fsize, 0)?;
    set(Resource::Nofile, DESCRIPTORS_MAX)?;
    set(Resource::Stack, STACK_MAX_BYTES)?;
    #[cfg(target_os = "linux")]
    {
        set(Resource::Memlock, 0)?;
        set(Resource::Msgqueue, 0)?;
        // The limit counts address space, and what the program and its libraries have
        // mapped by now is theirs: a worker may add `memory_max_mib` to it.
        let mapped = mapped_bytes()?;
        set(Resource::As, mapped.saturating_add(memory))?;
    }
    #[cfg(not(target_os = "linux"))]
    set(Resource::Data, memory)?;
    // The limit counts all processes of the user, threads included: only where nothing
    // else keeps the worker from starting any.
    if !filters {
        set(Resource::Nproc, 0)?;
    }
    Ok(())
}

/// Sets both limits, never above the hard limit that is there.
fn set(resource: Resource, value: u64) -> io::Result<()> {
    let most = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let value = Some(value.min(most));
    let new = Rlimit {
        current: value,
        maximum: value,
    };
    Ok(setrlimit(resource, new)?)
}

#[cfg(target_os = "linux")]
fn mapped_bytes() -> io::Result<u64> {
    super::process::statm("self")
        .map(|pages| pages.mapped)
        .ok_or_else(|| io::Error::other("/proc/self/statm cannot be read"))
}

/// No privileges by exec, no memory image for others of the same user.
#[cfg(target_os = "linux")]
fn privileges() -> io::Result<()> {
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(rustix::thread::set_no_new_privs(true)?)
}

/// Closes all descriptors from 3 on.
fn close_descriptors() {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: close_range takes three integers. Nothing in a worker owns a descriptor
        // from 3 on yet: engines keep mappings, not descriptors.
        let closed = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
        if closed == 0 {
            return;
        }
    }
    let most = getrlimit(Resource::Nofile).current.unwrap_or(65_536);
    for descriptor in 3..most.min(1 << 20) as i32 {
        // SAFETY: as above; closing what is not open is an error and nothing more.
        unsafe {
            libc::close(descriptor);
        }
    }
}

#[cfg(target_os = "linux")]
fn landlock_abi() -> i32 {
    const VERSION: libc::c_ulong = 1;
    // SAFETY: with the version flag the call takes no attributes and touches no memory.
    let abi = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<libc::c_void>(),
            0_usize,
            VERSION,
        )
    };
    i32::try_from(abi).unwrap_or(0).max(0)
}

#[cfg(target_os = "linux")]
fn apply_landlock(readable: &[&str]) -> Result<(), String> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr as _,
        RulesetStatus, Scope, path_beneath_rules,
    };
    let newest = ABI::V10;
    let rules = path_beneath_rules(readable, AccessFs::from_read(newest));
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(newest))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(newest)))
        .and_then(|rules| rules.scope(Scope::from_all(newest)))
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.add_rules(rules))
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(|error| error.to_string())?;
    match status.ruleset {
        RulesetStatus::NotEnforced => Err("the kernel did not enforce it".to_owned()),
        RulesetStatus::PartiallyEnforced | RulesetStatus::FullyEnforced => Ok(()),
    }
}

#[cfg(target_os = "linux")]
fn filters() -> bool {
    const ACTION_AVAILABLE: libc::c_uint = 2;
    let action: u32 = libc::SECCOMP_RET_ERRNO;
    // SAFETY: the kernel reads one u32 behind the pointer, which outlives the call.
    let available =
        unsafe { libc::syscall(libc::SYS_seccomp, ACTION_AVAILABLE, 0, &raw const action) };
    available == 0 && super::seccomp::KNOWN
}

#[cfg(target_os = "linux")]
fn no_sockets() -> Result<(), String> {
    super::seccomp::no_sockets().map_err(|error| error.to_string())
}

#[cfg(target_os = "linux")]
fn apply_filter() -> Result<(), String> {
    super::seccomp::apply().map_err(|error| error.to_string())
}

#[cfg(not(target_os = "linux"))]
fn landlock_abi() -> i32 {
    0
}

#[cfg(not(target_os = "linux"))]
fn filters() -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
fn apply_landlock(_readable: &[&str]) -> Result<(), String> {
    Err("this system has no Landlock".to_owned())
}

#[cfg(not(target_os = "linux"))]
fn no_sockets() -> Result<(), String> {
    Err("this system has no seccomp".to_owned())
}

#[cfg(not(target_os = "linux"))]
fn apply_filter() -> Result<(), String> {
    Err("this system has no seccomp".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(abi: i32) -> (Level, usize) {
        let mut missing = Vec::new();
        (landlock_level(abi, &mut missing), missing.len())
    }

    #[test]
    fn every_gap_of_an_older_landlock_is_named() {
        assert_eq!(level(0), (Level::None, 1));
        assert_eq!(level(1), (Level::Partial, 2));
        assert_eq!(level(4), (Level::Partial, 1));
        assert_eq!(level(6), (Level::Full, 0));
        assert_eq!(level(99), (Level::Full, 0));
    }
}
