//! From a question to an answer: parse, search the legs, fuse, cut snippets.
//!
//! `parse`, `when`, `route`, `fuse` and `snippet` are pure; `within` looks at the disk, and only
//! `answer` waits for anything.
//! Promise: a leg that is absent, slow or broken is named in the answer and takes nothing from
//! the others.

pub mod answer;
pub mod fuse;
mod lex;
pub mod link;
pub mod names;
pub mod neighbours;
pub mod parse;
pub mod query_error;
pub mod route;
pub mod snippet;
pub mod text;
pub mod when;
pub mod within;

pub use answer::{JointQuestion, Live, Memory, SearchError, answer};
pub use parse::Query;
pub use query_error::QueryError;
