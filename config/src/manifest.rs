//! Model manifests: a TOML page that tells how a model is fed and read.
//!
//! With it, any ONNX sentence encoder, any ONNX dual encoder of text and pictures, any
//! ggml Whisper drops in without code: which files it has and where they come from, what
//! its graphs call their inputs, how pixels and tokens become one vector. What changes
//! what a model gives is hashed into [`Manifest::id`], so that rows made by another
//! model, or by the same one fed otherwise, are never compared.
//!
//! A manifest that [`Manifest::parse`] let through is whole: its role has the tables that
//! it needs and no others, every file that they name is listed, and no name leads out of
//! the model's folder.

mod check;
mod id;
mod towers;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use check::is_model_name;
pub use towers::{
    Filter, Fit, GraphInputs, Ocr, PictureGraph, PictureSpec, PictureTower, Pooling, Speech,
    TextGraph, TextTower, Voice,
};

/// The file of a model's folder that describes it.
pub const MANIFEST_FILE: &str = "manifest.toml";

/// Why a model cannot be used.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// The manifest is not there or cannot be read.
    #[error("{}: the manifest cannot be read: {source}", path.display())]
    Read {
        /// The manifest.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no TOML, or holds other keys than a manifest does.
    #[error("{}: {message}", path.display())]
    Parse {
        /// The manifest.
        path: PathBuf,
        /// What is wrong and where.
        message: String,
    },
    /// Values that cannot be.
    #[error("{}: {}", path.display(), problems.join("; "))]
    Invalid {
        /// The manifest.
        path: PathBuf,
        /// Every problem found.
        problems: Vec<String>,
    },
}

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Text and pictures in one space.
    Joint,
    /// Text passages alone.
    Passage,
    /// Speech to text.
    Speech,
    /// Where somebody speaks.
    Voice,
    /// Text in pictures.
    Ocr,
    /// Words for pictures.
    Tags,
    /// The order of a few hits.
    Rerank,
}

impl Role {
    /// The word in a manifest and in the settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Joint => "joint",
            Role::Passage => "passage",
            Role::Speech => "speech",
            Role::Voice => "voice",
            Role::Ocr => "ocr",
            Role::Tags => "tags",
            Role::Rerank => "rerank",
        }
    }
}

/// One file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// Its name in the model's folder; `/` makes folders below it.
    pub name: String,
    /// Where it is published.
    pub url: Option<String>,
    /// Its size.
    pub bytes: Option<u64>,
    /// Its SHA-256, in hex.
    pub sha256: Option<String>,
}

/// A model, as its manifest describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What people call it; its folder has this name.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// The licence of its weights, as an SPDX expression.
    pub licence: String,
    /// Elements of a vector; 0 for a role that makes none.
    #[serde(default)]
    pub dim: usize,
    /// The languages that it was trained for, as ISO 639-1 codes; empty for one that knows
    /// many. What is written in the script of another is left to the other legs.
    #[serde(default)]
    pub languages: Vec<String>,
    /// Scale vectors to length 1. Cosine and dot product are then the same.
    #[serde(default = "yes")]
    pub normalise: bool,
    /// Its files.
    pub files: Vec<ModelFile>,
    /// How text becomes a vector (joint, passage), or question and passage a score (rerank).
    pub text: Option<TextTower>,
    /// How a picture becomes a vector (joint).
    pub picture: Option<PictureTower>,
    /// How speech becomes text (speech).
    pub speech: Option<Speech>,
    /// How one knows where somebody speaks (voice).
    pub voice: Option<Voice>,
    /// How writing in pictures becomes text (ocr).
    pub ocr: Option<Ocr>,
}

fn yes() -> bool {
    true
}

impl Manifest {
    /// Reads `manifest.toml` in a model's folder.
    pub fn load(dir: &Path) -> Result<Manifest, ManifestError> {
        Manifest::read(&dir.join(MANIFEST_FILE))
    }

    /// Reads a manifest that may have any name.
    pub fn read(path: &Path) -> Result<Manifest, ManifestError> {
        let text = std::fs::read_to_string(path).map_err(|source| ManifestError::Read {
            path: path.to_owned(),
            source,
        })?;
        Manifest::parse(&text, path)
    }

    /// Checks a manifest's text. `origin` is what errors call it.
    pub fn parse(text: &str, origin: &Path) -> Result<Manifest, ManifestError> {
        let manifest: Manifest =
            toml_edit::de::from_str(text).map_err(|error| ManifestError::Parse {
                path: origin.to_owned(),
                message: error.to_string().trim_end().to_owned(),
            })?;
        let problems = check::problems(&manifest);
        if problems.is_empty() {
            return Ok(manifest);
        }
        Err(ManifestError::Invalid {
            path: origin.to_owned(),
            problems,
        })
    }

    /// The name, and a short hash of everything that changes what the model gives.
    ///
    /// Weights count by their SHA-256: a manifest without one calls two files of the
    /// same name the same.
    pub fn id(&self) -> String {
        id::id(self)
    }

    /// Those of its files that do not lie in `dir`.
    pub fn missing(&self, dir: &Path) -> Vec<&ModelFile> {
        let absent = |file: &&ModelFile| !dir.join(&file.name).is_file();
        self.files.iter().filter(absent).collect()
    }
}

#[cfg(test)]
mod tests;
