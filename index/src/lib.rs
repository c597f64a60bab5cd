//! The LanceDB table of segments: schema, writer, search legs, maintenance.
//!
//! Only this crate names LanceDB or Arrow. It takes text, metadata and vectors tagged with
//! a space, and knows no extractor, no socket and no journal.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;
pub mod fold;
mod query;
mod report;
mod row;
mod store;

pub use error::IndexError;
pub use query::{Filter, WordsQuery};
pub use report::{OpenReport, Stats, Step, StepReport};
pub use row::{Census, Hit, Relocation, Row, Scored, Space, segment_id};
pub use store::{Options, Store};
