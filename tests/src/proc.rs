//! What `/proc` says of a process: its time, its memory, its children. Linux only; elsewhere
//! everything is zero or empty, and the tests that need it skip.

use std::fs;

/// Clock ticks in a second, as `/proc/PID/stat` counts them (`USER_HZ` is 100 on every Linux).
pub const TICKS_PER_S: u64 = 100;

fn stat_fields(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold blanks and brackets: fields are counted from the last bracket.
    let rest = &stat[stat.rfind(')')? + 2..];
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// CPU time of a process, user and system, in ticks.
pub fn cpu_ticks(pid: u32) -> u64 {
    // Fields 14 and 15 of stat(5); the first two were cut off.
    ticks(pid, [11, 12])
}

/// CPU time of all its children, in ticks: of those that run, and of those that have ended.
pub fn cpu_ticks_of_children(pid: u32) -> u64 {
    // Fields 16 and 17: of the children that it has waited for.
    let ended = ticks(pid, [13, 14]);
    children(pid).into_iter().map(cpu_ticks).sum::<u64>() + ended
}

fn ticks(pid: u32, of: [usize; 2]) -> u64 {
    let fields = stat_fields(pid).unwrap_or_default();
    of.iter()
        .filter_map(|&at: &usize| fields.get(at)?.parse::<u64>().ok())
        .sum()
}

/// A process's state letter: `R`, `S`, `T` (stopped), `Z` (dead, not yet buried).
pub fn state(pid: u32) -> Option<char> {
    stat_fields(pid)?.first()?.chars().next()
}

/// Whether a process runs.
pub fn alive(pid: u32) -> bool {
    state(pid).is_some_and(|state| state != 'Z' && state != 'X')
}

fn status_kib(pid: u32, key: &str) -> u64 {
    fs::read_to_string(format!("/proc/{pid}/status"))
        .unwrap_or_default()
        .lines()
        .find_map(|line| {
            line.strip_prefix(key)?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .unwrap_or(0)
}

/// Resident bytes of a process.
pub fn rss(pid: u32) -> u64 {
    status_kib(pid, "VmRSS:") * 1024
}

/// Bytes of a process's own memory, without what it maps from files.
pub fn rss_anonymous(pid: u32) -> u64 {
    status_kib(pid, "RssAnon:") * 1024
}

/// The most resident bytes that a process ever had.
pub fn rss_peak(pid: u32) -> u64 {
    status_kib(pid, "VmHWM:") * 1024
}

/// The children of a process.
pub fn children(pid: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|&child| {
            stat_fields(child)
                .and_then(|fields| fields.get(1)?.parse::<u32>().ok())
                .is_some_and(|parent| parent == pid)
        })
        .collect()
}

/// A process and all that descend from it.
pub fn tree(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut at = 0;
    while at < all.len() {
        all.extend(children(all[at]));
        at += 1;
    }
    all
}

/// Resident bytes of a process and all that descend from it.
pub fn tree_rss(pid: u32) -> u64 {
    tree(pid).into_iter().map(rss).sum()
}

/// Bytes that a folder's files take on the disk, hard links counted once.
pub fn disk_bytes(dir: &std::path::Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let mut seen = std::collections::HashSet::new();
    let mut pending = vec![dir.to_owned()];
    let mut bytes = 0;
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let Ok(meta) = entry.path().symlink_metadata() else {
                continue;
            };
            if meta.is_dir() {
                pending.push(entry.path());
            } else if seen.insert((meta.dev(), meta.ino())) {
                bytes += meta.blocks() * 512;
            }
        }
    }
    bytes
}
