//! What a worker died of, in words.
//!
//! The reason is all that a user will ever see of a failed file, and it decides whether
//! they look at the file, at the limit or at hippo. Evidence: how the process ended, what
//! its stderr said last, and how much memory it held when last seen.

use std::process::ExitStatus;
use std::time::Duration;

use super::last_words::MEMORY_RAN_OUT;

/// What stderr may say before it counts for nothing: a panic, an abort, a library's last
/// words. The newest are kept.
const TAIL_BYTES: usize = 4 * 1024;

/// Characters of stderr that go into a reason.
const QUOTE_CHARS: usize = 160;

/// The newest bytes of a worker's stderr.
#[derive(Debug, Default)]
pub(super) struct Tail {
    bytes: Vec<u8>,
}

impl Tail {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let excess = self.bytes.len().saturating_sub(TAIL_BYTES);
        self.bytes.drain(..excess);
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// The last line that says something, without control characters.
    pub(super) fn last_words(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.bytes);
        let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
        let plain = line.trim().replace(char::is_control, " ");
        Some(plain.chars().take(QUOTE_CHARS).collect())
    }

    fn says(&self, words: &str) -> bool {
        String::from_utf8_lossy(&self.bytes).contains(words)
    }
}

/// What is known of a worker that ended by itself.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    /// How it ended; none where the system did not tell in time.
    pub(super) status: Option<ExitStatus>,
    pub(super) tail: &'a Tail,
    /// Whether it was close to its memory limit when last looked at.
    pub(super) near_limit: bool,
    pub(super) memory_max_mib: u64,
}

/// The reason of a death in one phrase.
pub(super) fn reason(evidence: &Evidence<'_>) -> String {
    use std::os::unix::process::ExitStatusExt;

    let Evidence { status, tail, .. } = evidence;
    let signal = status.and_then(|status| status.signal());
    let starved = tail.says("memory allocation of")
        || tail.says("std::bad_alloc")
        || tail.says(MEMORY_RAN_OUT)
        || (evidence.near_limit && signal.is_some());
    if starved {
        return format!("out of memory: limit {} MiB", evidence.memory_max_mib);
    }
    if tail.says("has overflowed its stack") {
        return "crashed: its stack overflowed (nested too deeply)".to_owned();
    }
    let said = tail
        .last_words()
        .map_or_else(String::new, |words| format!("; it said: {words}"));
    match (signal, status.and_then(|status| status.code())) {
        (Some(libc::SIGKILL), _) => {
            "killed from outside: signal 9, most often because the system ran out of memory"
                .to_owned()
        }
        (Some(signal), _) => format!("crashed: signal {signal} ({}){said}", signal_name(signal)),
        (None, Some(code)) => format!("the worker left with code {code} and no answer{said}"),
        (None, None) => format!("the worker closed its connection without an answer{said}"),
    }
}

/// The reason of a stall.
pub(super) fn stalled(stall: Duration, stage: &str) -> String {
    let time = if stall.subsec_millis() == 0 {
        format!("{} s", stall.as_secs())
    } else {
        format!("{} ms", stall.as_millis())
    };
    format!("killed: no sign of life for {time} at {stage}")
}

const fn signal_name(signal: i32) -> &'static str {
    match signal {
        libc::SIGSEGV => "segmentation fault",
        libc::SIGABRT => "aborted",
        libc::SIGBUS => "bus error",
        libc::SIGILL => "illegal instruction",
        libc::SIGFPE => "arithmetic error",
        libc::SIGTRAP => "trap",
        libc::SIGSYS => "forbidden system call",
        libc::SIGTERM => "terminated",
        libc::SIGXCPU => "processor time used up",
        libc::SIGXFSZ => "file size limit",
        _ => "unexpected",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    fn check(raw: i32, said: &str, near_limit: bool, expect: &str) {
        let mut tail = Tail::default();
        tail.push(said.as_bytes());
        let evidence = Evidence {
            status: Some(ExitStatus::from_raw(raw)),
            tail: &tail,
            near_limit,
            memory_max_mib: 64,
        };
        assert_eq!(reason(&evidence), expect);
    }

    #[test]
    fn deaths_in_words() {
        check(11, "", false, "crashed: signal 11 (segmentation fault)");
        check(
            6,
            "memory allocation of 99 bytes failed\n",
            false,
            "out of memory: limit 64 MiB",
        );
        check(6, "", true, "out of memory: limit 64 MiB");
        check(
            6,
            "one\nassert \u{7}failed\n\n",
            false,
            "crashed: signal 6 (aborted); it said: assert  failed",
        );
        check(
            3 << 8,
            "",
            true,
            "the worker left with code 3 and no answer",
        );
        check(
            6,
            "thread 'main' has overflowed its stack\n",
            false,
            "crashed: its stack overflowed (nested too deeply)",
        );
    }

    #[test]
    fn the_newest_words_are_kept() {
        let mut tail = Tail::default();
        tail.push(&[b'x'; 3 * TAIL_BYTES]);
        tail.push(b"\nlast\n");
        assert_eq!(tail.last_words().as_deref(), Some("last"));
        assert_eq!(tail.bytes.len(), TAIL_BYTES);
    }

    #[test]
    fn stalls_in_words() {
        let words = stalled(Duration::from_secs(20), "page 3");
        assert_eq!(words, "killed: no sign of life for 20 s at page 3");
        assert!(stalled(Duration::from_millis(300), "x").contains("300 ms"));
    }
}
