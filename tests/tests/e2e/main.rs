//! End to end: the real binary, a real home, real files; each test is named after what it shows.
//!
//! The promises are those of a trusted indexing daemon, numbered as in `docs/promises.md`.
#![allow(clippy::unwrap_used)]

mod answers;
mod commands;
mod corpus;
mod crashes;
mod failures;
mod feeds;
mod foreign;
mod freshness;
mod generations;
mod hostile;
mod identity;
mod idle;
mod lyrics;
mod models;
mod ocr;
mod pause;
mod photographs;
mod pictures;
mod recordings;
mod socket;
mod speakers;
mod storage;
mod talk;
mod tesseract;
mod transcripts;
mod watching;
mod workspace;
