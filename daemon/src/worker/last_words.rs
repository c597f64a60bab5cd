//! Says that memory ran out, for libraries that only abort.
//!
//! Rust names a failed allocation before it aborts; PDFium and C++ die without a word, and
//! at half the limit, for a buffer that doubles needs its size once more. So an abort first
//! asks the kernel whether much more memory could be had, and notes on stderr if not.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicUsize, Ordering};

/// What is written to stderr, and looked for in it.
pub(super) const MEMORY_RAN_OUT: &str = "worker: memory ran out";

/// What an abort asks for: two thirds of the limit. Refused, a third or more is in use, as
/// much as a doubling buffer has when it fails; a library that aborts for other reasons has
/// rarely that much.
static ASK_BYTES: AtomicUsize = AtomicUsize::new(0);

/// From now on an abort (or a trap, the way of some allocators) says whether memory ran out.
pub(super) fn prepare(memory_max_mib: u64) {
    let bytes = memory_max_mib.saturating_mul(1024 * 1024) / 3 * 2;
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX / 2);
    ASK_BYTES.store(bytes, Ordering::Relaxed);
    for signal in [libc::SIGABRT, libc::SIGTRAP, libc::SIGILL] {
        // SAFETY: the structure is whole, the handler makes system calls only (see there),
        // and no other handler for these signals is replaced: Rust has none.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_abort as *const () as libc::sighandler_t;
            // Once: the second time the signal does its own work.
            action.sa_flags = libc::SA_RESETHAND | libc::SA_ONSTACK;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

/// Runs inside a signal: nothing but an atomic load and two system calls. Returns to what
/// raised the signal, which raises it again and ends the process.
extern "C" fn on_abort(_signal: libc::c_int) {
    let bytes = ASK_BYTES.load(Ordering::Relaxed);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON;
    // SAFETY: a new mapping that nobody touches, at a place of the kernel's choice; then
    // bytes of a constant to a descriptor. The process ends right after.
    unsafe {
        let place = libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0);
        if place == libc::MAP_FAILED {
            let words = MEMORY_RAN_OUT.as_bytes();
            libc::write(2, words.as_ptr().cast(), words.len());
        }
    }
}
