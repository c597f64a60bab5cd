//! The LanceDB table of segments: schema, writer, search legs, maintenance.
//!
//! Only this crate names LanceDB or Arrow. It takes text, metadata and vectors tagged with
//! a space, and knows no extractor, no socket and no journal.
//!
//! - [`Store`] is the open table; [`Store::open`] recovers what a power cut left behind.
//! - Writing (`commit`, `remove`, `relocate`, `purge`) is serial and durable on return.
//! - Searching (`words`, `nearest`, `vocabulary`) and reading what is known (`read`, `segments`,
//!   `leads`) never wait for a writer.
//! - Spaces (`spaces`, `add_space`, `drop_space`) come and go while all else goes on.
//! - Maintenance (`due`, `maintain`) is four steps that the caller schedules.
//! - [`fold`] is the one folding of index, query and snippet.
//!
//! Call [`prepare_environment`] first thing in `main`.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod approximate;
mod columns;
mod compaction;
mod durable;
mod environment;
mod error;
pub mod fold;
mod indexes;
mod maintenance;
mod nearest;
mod predicate;
mod query;
mod recovery;
mod relocation;
mod report;
mod row;
mod schema;
mod segments;
mod spaces;
mod store;
mod vocabulary;
mod words;
mod writer;

#[cfg(test)]
mod tests;

pub use environment::prepare_environment;
pub use error::IndexError;
pub use nearest::Effort;
pub use query::{Filter, WordsQuery};
pub use report::{OpenReport, Stats, Step, StepReport};
pub use row::{
    Census, Embedding, Facts, Hit, Lead, Line, Relocation, Row, Scored, Space, SpaceRole,
    segment_id,
};
pub use segments::Span;
pub use store::{Options, Store};
pub use vocabulary::{Known, Near};
