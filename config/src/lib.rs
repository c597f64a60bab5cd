//! Settings, paths, limits and model manifests: raw input in, validated values out.
//!
//! What it promises: a value that leaves this crate has been checked, and input
//! that cannot be used is refused whole, with every mistake named at once, by key
//! and line. It knows nothing else of the workspace, so that every other crate may
//! lean on it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod edit;
mod manifest;
mod paths;
mod profiles;
mod raw;
mod registry;
mod settings;
mod validate;

pub use manifest::{
    Filter, Fit, GraphInputs, MANIFEST_FILE, Manifest, ManifestError, ModelFile, Ocr, PictureGraph,
    PictureSpec, PictureTower, Pooling, Role, Speech, TextGraph, TextTower, Voice, is_model_name,
};
pub use paths::{Paths, PathsError};
pub use profiles::{NO_MODEL, Profile, TESSERACT};
pub use raw::{SettingsError, SettingsErrors};
pub use registry::{Choice, Installed, Published, Registry};
pub use settings::{
    FolderSettings, IgnoreSettings, IndexSettings, Limits, LogLevel, LogSettings, ModelSettings,
    OnBattery, PowerSettings, ProfileSetting, SearchSettings, ServiceSettings, Settings,
    WatchSettings, WorkerSettings,
};
pub use validate::{KeyInfo, known_keys};
