//! Trusted inference over decoded data: text and pixels to vectors, sound to text.
//!
//! Sessions are synchronous and take `&mut self`; the daemon gives each a thread of its
//! own. What comes out is checked: a vector that is not finite or has no length is an
//! error here, because in the table it would poison every search.

mod joint;
pub mod ocr;
mod passage;
mod picture;
mod provider;
mod runtime;
mod session;
pub mod speech;
pub mod tags;
mod text;

use std::path::{Path, PathBuf};

pub use joint::JointModel;
pub use ocr::OcrModel;
pub use passage::PassageModel;
pub use runtime::Runtime;

/// Why there are no vectors. The words of search work without.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    /// ONNX Runtime is not where it should be.
    #[error("{}: there is no ONNX Runtime here; `make setup` fetches it, or set HIPPO_LIB_DIR to its folder", path.display())]
    RuntimeMissing {
        /// The library.
        path: PathBuf,
    },
    /// It is there and does not load, or is too old.
    #[error("{}: ONNX Runtime cannot be used: {reason}; `make setup` fetches one that can", path.display())]
    RuntimeUnusable {
        /// The library.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// A file of the model is missing, damaged or not what its manifest says.
    #[error("{}: {reason}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The model ran and gave nothing usable.
    #[error("model {model}: {reason}")]
    Run {
        /// The model's id.
        model: String,
        /// What went wrong.
        reason: String,
    },
}

impl InferError {
    fn model(path: &Path, reason: impl Into<String>) -> InferError {
        InferError::Model {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }

    fn run(model: &str, reason: impl Into<String>) -> InferError {
        InferError::Run {
            model: model.to_owned(),
            reason: reason.into(),
        }
    }
}
