//! The harness: everything that a test needs to drive the real `hippo` over a temporary home.
//!
//! Promises: each [`TempHome`] is a world of its own (settings, data, socket, folder), so that
//! tests run side by side; no daemon outlives its test, however the test ends; nothing here
//! sleeps to let time pass: one waits for `/v1/wait`, for an event, or for a condition with a
//! deadline. It talks to the daemon as any program would, by its command line and its socket,
//! and never links it: what is tested is what ships.
//!
//! Where a machine lacks what a test needs (root, a loop device, the shared corpus), [`skip`]
//! says so loudly; nothing is passed over in silence.
// A harness: what fails here is a failed test, and the panic's place is the message.
#![allow(clippy::unwrap_used)]

pub mod client;
pub mod corpus;
pub mod daemon;
pub mod documents;
pub mod fuse;
pub mod home;
pub mod hostile;
pub mod proc;
pub mod rng;
pub mod table;
pub mod worlds;

pub use client::Client;
pub use daemon::Daemon;
pub use home::TempHome;
pub use rng::Rng;

/// Says on standard error that a test could not show anything here, and why.
///
/// `make test` prints these lines; a run that skipped is not a run that passed.
pub fn skip(test: &str, why: &str) {
    eprintln!("SKIPPED {test}: {why}");
}
