//! The LanceDB table of segments: schema, writer, search legs, maintenance.
//!
//! Only this crate names LanceDB or Arrow. It takes text, metadata and vectors tagged with
//! a space, and knows no extractor, no socket and no journal.
#![cfg_attr(test, allow(clippy::unwrap_used))]
