//! From a question to an answer: parse, search the legs, fuse, cut snippets.
//!
//! `parse`, `when`, `route`, `fuse`, `trust`, `quality`, `sort`, `snippet` and `evidence` are pure;
//! `within` looks at the disk; `plan`, `like`, `legs`, `ranking`, `shown`, `wordless`, `answer` and `context`
//! ask the rest of the daemon, and only through `Memory`.
//! Promise: a leg that is absent, slow or broken is named in the answer and takes nothing from
//! the others.

pub mod alike;
mod answer;
pub mod context;
#[cfg(test)]
mod double;
pub mod evidence;
pub mod fuse;
mod legs;
mod lex;
mod like;
pub mod link;
pub mod memory;
pub mod names;
pub mod neighbours;
pub mod parse;
mod plan;
pub mod quality;
pub mod query_error;
mod ranking;
pub mod route;
mod shown;
pub mod snippet;
pub mod sort;
pub mod spelling;
mod spoken;
pub mod text;
pub mod tokens;
mod trust;
mod variety;
pub mod when;
pub mod within;
mod wordless;

pub use answer::answer;
pub use context::context;
pub use memory::{Content, JointQuestion, Liked, Live, Memory};
pub use parse::Query;
pub use query_error::{QueryError, SearchError};
