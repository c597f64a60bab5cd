//! Memory that a model needed, back to the system.
//!
//! ONNX Runtime and whisper.cpp allocate by the C library, whose heaps keep what was freed. Promise:
//! harmless at any time, and nothing but a few milliseconds lost where there is nothing to give back.
#![allow(unsafe_code)]

/// Gives back what the C library's heaps have free.
pub(super) fn trim() {
    // SAFETY: malloc_trim takes the bytes to keep, and locks each heap while it looks at it.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::malloc_trim(0);
    }
}
