//! The daemon: watch, scan, reconcile, journal, schedule, workers, commit, serve.
//!
//! ARCHITECTURE.md walks a file and a question through these modules.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod align;
pub mod cli;
pub mod engine;
pub mod journal;
pub mod log;
pub mod models;
pub mod query;
pub mod scan;
pub mod schedule;
pub mod service;
pub mod transcript;
pub mod watch;
pub mod worker;
