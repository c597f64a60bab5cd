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
pub mod models;
pub mod proc;
pub mod rng;
pub mod table;
pub mod worlds;

pub use client::Client;
pub use daemon::Daemon;
pub use home::TempHome;
pub use rng::Rng;

/// The setting that names a file to which skips are written as well: a test runner that hides
/// what passing tests say would hide them.
const SKIPS_ENV: &str = "HIPPO_SKIPS";

/// Says on standard error that a test could not show anything here, and why.
///
/// A run that skipped is not a run that passed: `make test` tells at its end what was skipped.
pub fn skip(test: &str, why: &str) {
    let line = format!("SKIPPED {test}: {}\n", why.trim());
    eprint!("{line}");
    if let Some(path) = std::env::var_os(SKIPS_ENV) {
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(path);
        let written =
            file.and_then(|mut file| std::io::Write::write_all(&mut file, line.as_bytes()));
        if let Err(error) = written {
            eprintln!("{SKIPS_ENV}: {error}");
        }
    }
}
