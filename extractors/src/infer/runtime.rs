//! ONNX Runtime, loaded from a shared library at run time.
//!
//! `ort` looks for the library by itself when it is first used and panics when it is not
//! there; so it is opened here, by full path, before anything else touches `ort`, and a
//! [`Runtime`] is the proof that it was.

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::InferError;

/// A process has one ONNX Runtime; the path of the one that was opened.
static OPENED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Proof that ONNX Runtime is loaded.
#[derive(Debug, Clone)]
pub struct Runtime {
    library: PathBuf,
}

impl Runtime {
    /// Loads the library. A second call gives the runtime of the first, whatever its path.
    pub fn open(library: &Path) -> Result<Runtime, InferError> {
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = opened.as_ref() {
            return Ok(Runtime {
                library: library.clone(),
            });
        }
        if !library.is_file() {
            return Err(InferError::RuntimeMissing {
                path: library.to_owned(),
            });
        }
        let unusable = |reason: String| InferError::RuntimeUnusable {
            path: library.to_owned(),
            reason,
        };
        // `ort` asserts what it expects of the library.
        let loaded = catch_unwind(|| {
            let environment = ort::init_from(library).map_err(|error| error.to_string())?;
            environment
                .with_name("hippo")
                .with_telemetry(false)
                .commit();
            ort::environment::Environment::current()
                .map(|_| ())
                .map_err(|error| error.to_string())
        });
        match loaded {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => return Err(unusable(reason)),
            Err(panic) => return Err(unusable(crate::parse::panic_message(&*panic).to_owned())),
        }
        *opened = Some(library.to_owned());
        tracing::info!(library = %library.display(), "ONNX Runtime is loaded");
        Ok(Runtime {
            library: library.to_owned(),
        })
    }

    /// The execution provider that runs the models.
    pub fn provider(&self) -> &'static str {
        // No other is registered; one that were and failed would only warn.
        "cpu"
    }

    /// The library that was loaded.
    pub fn library(&self) -> &Path {
        &self.library
    }
}
