//! Bytes to segments, text to vectors.
//!
//! `parse` reads untrusted bytes and runs only inside the sandboxed worker; `infer` is
//! trusted inference over decoded data. Neither sees the index or the daemon.
#![cfg_attr(test, allow(clippy::unwrap_used))]
