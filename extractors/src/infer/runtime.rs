//! ONNX Runtime, loaded from a shared library at run time.
//!
//! `ort` looks for the library by itself when it is first used and panics when it is not
//! there; worse, a load that failed inside `ort` leaves it believing that it has a library.
//! So the library is opened, asked for its version and only then given to `ort`, before
//! anything else touches that. A [`Runtime`] is the proof that all went well.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_void};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{InferError, provider};

/// The oldest minor version whose interface `ort` is built for (its feature `api-22`).
const MINOR_VERSION_MIN: u32 = 22;

/// A process has one ONNX Runtime. Once `ort` has seen a library there is no way back:
/// its path, or why it failed.
static GIVEN: Mutex<Option<Result<PathBuf, (PathBuf, String)>>> = Mutex::new(None);

/// Proof that ONNX Runtime is loaded.
#[derive(Debug, Clone)]
pub struct Runtime {
    library: PathBuf,
}

impl Runtime {
    /// Loads the library. Once one is loaded, another call gives that one, whatever its
    /// path; a call that failed may be repeated with a better library.
    pub fn open(library: &Path) -> Result<Runtime, InferError> {
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        match given.as_ref() {
            Some(Ok(library)) => {
                return Ok(Runtime {
                    library: library.clone(),
                });
            }
            Some(Err((path, reason))) => {
                return Err(InferError::RuntimeUnusable {
                    path: path.clone(),
                    reason: format!("{reason} (restart to try another)"),
                });
            }
            None => {}
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
        let version = try_library(library).map_err(unusable)?;
        if let Err(reason) = give_to_ort(library) {
            *given = Some(Err((library.to_owned(), reason.clone())));
            return Err(unusable(reason));
        }
        *given = Some(Ok(library.to_owned()));
        tracing::info!(library = %library.display(), version, "ONNX Runtime is loaded");
        Ok(Runtime {
            library: library.to_owned(),
        })
    }

    /// The best execution provider that this build and the library have. A model that it
    /// cannot run is run by the CPU; each model says what runs it.
    pub fn provider(&self) -> &'static str {
        provider::accelerators()
            .first()
            .map_or(provider::CPU, |(name, _)| name)
    }

    /// The library that was loaded.
    pub fn library(&self) -> &Path {
        &self.library
    }
}

/// The beginning of ONNX Runtime's interface, as its C header fixes it for good.
#[repr(C)]
struct ApiBase {
    get_api: unsafe extern "C" fn(u32) -> *const c_void,
    get_version_string: unsafe extern "C" fn() -> *const c_char,
}

/// Opens the library and returns its version, if that is new enough.
fn try_library(path: &Path) -> Result<String, String> {
    // SAFETY: the initialisers of ONNX Runtime have no conditions; that the file is one,
    // and no other code, is the user's word, who named it or put it into our folder.
    let library = unsafe { libloading::Library::new(path) }.map_err(|error| with_cause(&error))?;
    // SAFETY: the name and the type are those of onnxruntime_c_api.h.
    let base = unsafe { library.get::<unsafe extern "C" fn() -> *const ApiBase>(b"OrtGetApiBase") }
        .map_err(|_| "it is another library: it has no OrtGetApiBase".to_owned())?;
    // SAFETY: the function takes nothing and returns a static table, or null.
    let base = unsafe { base().as_ref() }.ok_or("it has no interface to offer")?;
    // SAFETY: the function takes nothing and returns a static string.
    let version = unsafe { (base.get_version_string)() };
    if version.is_null() {
        return Err("it does not know its own version".to_owned());
    }
    // SAFETY: not null, ends with a zero, and lives as long as the library, which is open.
    let version = unsafe { CStr::from_ptr(version) }
        .to_string_lossy()
        .into_owned();
    let minor = version
        .split('.')
        .nth(1)
        .and_then(|minor| minor.parse::<u32>().ok())
        .unwrap_or(0);
    if minor < MINOR_VERSION_MIN {
        return Err(format!(
            "it is version {version}, and 1.{MINOR_VERSION_MIN} or newer is needed"
        ));
    }
    // SAFETY: the function takes a number and returns a static table, or null.
    if unsafe { (base.get_api)(MINOR_VERSION_MIN) }.is_null() {
        return Err(format!(
            "its version {version} does not offer the interface of 1.{MINOR_VERSION_MIN}"
        ));
    }
    // `ort` opens it again; unloading it in between would run its finalisers for nothing.
    std::mem::forget(library);
    Ok(version)
}

/// libloading keeps the loader's own words one level down.
fn with_cause(error: &dyn std::error::Error) -> String {
    error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

fn give_to_ort(library: &Path) -> Result<(), String> {
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
    loaded.unwrap_or_else(|panic| Err(crate::parse::panic_message(&*panic).to_owned()))
}
