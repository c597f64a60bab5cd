//! Model manifests: a TOML page that tells how a model is fed and read.
//!
//! With it, any ONNX sentence encoder drops in without code: which files it has and
//! where they come from, what its graph calls its inputs, how tokens become one
//! vector. What changes the vectors is hashed into [`Manifest::id`], so that rows
//! made by another model, or by the same one fed otherwise, are never compared.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The file of a model's folder that describes it.
const MANIFEST_FILE: &str = "manifest.toml";

/// Hex digits of the hash in a model's id: 48 bits tell apart all that one machine
/// will ever hold.
const ID_HASH_DIGITS: usize = 12;

/// Dimensions of a vector, at most: the largest text encoders have 4,096.
const DIM_MAX: usize = 8_192;

/// Tokens in one text, at most: the longest contexts of sentence encoders.
const TOKENS_MAX: usize = 32_768;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// One file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// Its name in the model's folder.
    pub name: String,
    /// Where it is published.
    pub url: Option<String>,
    /// Its size.
    pub bytes: Option<u64>,
    /// Its SHA-256, in hex.
    pub sha256: Option<String>,
}

/// What the graph calls its inputs: each int64 `[batch, tokens]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphInputs {
    /// Token ids.
    pub ids: String,
    /// 1 where a token stands, 0 where padding does.
    pub mask: String,
    /// Zeros, for models of the BERT family that ask for them.
    pub types: Option<String>,
}

/// The ONNX graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graph {
    /// The file.
    pub file: String,
    /// Its inputs.
    pub inputs: GraphInputs,
    /// The output that is read: f32 `[batch, tokens, dim]`, or `[batch, dim]` with
    /// [`Pooling::None`].
    pub output: String,
}

/// How the vectors of tokens become the vector of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// Their mean, padding aside.
    Mean,
    /// The first token's.
    First,
    /// The last token's, padding aside.
    Last,
    /// The graph has done it.
    None,
}

/// A model, as its manifest describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// The licence of its weights, as an SPDX expression.
    pub licence: String,
    /// Elements of a vector.
    pub dim: usize,
    /// Its files.
    pub files: Vec<ModelFile>,
    /// Its graph.
    pub graph: Graph,
    /// The tokenizer's file, as Hugging Face's `tokenizers` reads it.
    pub tokenizer: String,
    /// Stands before a question.
    #[serde(default)]
    pub query_prefix: String,
    /// Stands before a passage.
    #[serde(default)]
    pub passage_prefix: String,
    /// How tokens become one vector.
    pub pooling: Pooling,
    /// Tokens at most; longer texts are cut.
    pub max_tokens: usize,
    /// Pad every text to this many tokens, for graphs of a fixed shape.
    #[serde(default)]
    pub pad_to: Option<usize>,
    /// The languages that it was trained for, as ISO 639-1 codes; empty for one that knows
    /// many. What is written in the script of another is left to the other legs.
    #[serde(default)]
    pub languages: Vec<String>,
    /// Scale vectors to length 1. Cosine and dot product are then the same.
    #[serde(default = "yes")]
    pub normalise: bool,
}

fn yes() -> bool {
    true
}

impl Manifest {
    /// Reads `manifest.toml` in a model's folder.
    pub fn load(dir: &Path) -> Result<Manifest, ManifestError> {
        let path = dir.join(MANIFEST_FILE);
        let text = std::fs::read_to_string(&path).map_err(|source| ManifestError::Read {
            path: path.clone(),
            source,
        })?;
        Manifest::parse(&text, &path)
    }

    /// Checks a manifest's text. `origin` is what errors call it.
    pub fn parse(text: &str, origin: &Path) -> Result<Manifest, ManifestError> {
        let manifest: Manifest =
            toml_edit::de::from_str(text).map_err(|error| ManifestError::Parse {
                path: origin.to_owned(),
                message: error.to_string().trim_end().to_owned(),
            })?;
        let problems = manifest.problems();
        if problems.is_empty() {
            return Ok(manifest);
        }
        Err(ManifestError::Invalid {
            path: origin.to_owned(),
            problems,
        })
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut hold = |holds: bool, problem: String| {
            if !holds {
                problems.push(problem);
            }
        };
        hold(
            is_inside(&self.name),
            format!("name \"{}\" is no name", self.name),
        );
        hold(
            (1..=DIM_MAX).contains(&self.dim),
            format!("dim is {}, must be 1 to {DIM_MAX}", self.dim),
        );
        hold(
            (2..=TOKENS_MAX).contains(&self.max_tokens),
            format!(
                "max_tokens is {}, must be 2 to {TOKENS_MAX}",
                self.max_tokens
            ),
        );
        if let Some(pad_to) = self.pad_to {
            hold(
                pad_to == self.max_tokens,
                format!(
                    "pad_to is {pad_to}, must equal max_tokens, {}",
                    self.max_tokens
                ),
            );
        }
        for (what, name) in [
            ("graph.file", &self.graph.file),
            ("tokenizer", &self.tokenizer),
        ] {
            let listed = self.files.iter().any(|file| file.name == *name);
            hold(listed, format!("{what} \"{name}\" is not among the files"));
        }
        for file in &self.files {
            let name = &file.name;
            hold(
                is_inside(name),
                format!("the file \"{name}\" would lie outside the model's folder"),
            );
            let hex = |text: &String| {
                text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
            };
            hold(
                file.sha256.as_ref().is_none_or(hex),
                format!("the sha256 of \"{name}\" is not 64 hex digits"),
            );
        }
        problems
    }

    /// The name, and a short hash of everything that changes vectors.
    ///
    /// Weights count by their SHA-256: a manifest without one calls two files of the
    /// same name the same.
    pub fn id(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut field = |text: &str| {
            // Length first, so that no two lists of fields run together to the same.
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        for name in [&self.graph.file, &self.tokenizer] {
            let file = self.files.iter().find(|file| file.name == *name);
            let sha256 = file.and_then(|file| file.sha256.as_deref());
            field(name);
            field(&sha256.unwrap_or_default().to_ascii_lowercase());
        }
        field(&self.graph.output);
        field(&self.query_prefix);
        field(&self.passage_prefix);
        field(&format!("{:?}", self.pooling));
        for number in [self.dim, self.max_tokens, self.pad_to.unwrap_or(0)] {
            field(&number.to_string());
        }
        field(if self.normalise { "1" } else { "0" });
        let hash = hasher.finalize().to_hex();
        format!("{}-{}", self.name, &hash[..ID_HASH_DIGITS])
    }
}

/// Whether a name stays in its folder: parts of plain names and no more.
fn is_inside(name: &str) -> bool {
    let mut parts = Path::new(name).components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINILM: &str = include_str!("../manifests/all-minilm-l6-v2.toml");
    const E5: &str = include_str!("../manifests/multilingual-e5-small.toml");

    fn parse(text: &str) -> Result<Manifest, ManifestError> {
        Manifest::parse(text, Path::new("manifest.toml"))
    }

    #[test]
    fn the_bundled_manifests_hold() {
        let minilm = parse(MINILM).unwrap();
        assert_eq!((minilm.dim, minilm.pooling), (384, Pooling::Mean));
        assert_eq!(minilm.graph.inputs.types.as_deref(), Some("token_type_ids"));
        let e5 = parse(E5).unwrap();
        assert_eq!(e5.query_prefix, "query: ");
        assert_eq!(e5.passage_prefix, "passage: ");
        assert!(
            e5.files
                .iter()
                .all(|file| file.url.is_some() && file.sha256.is_some())
        );
        assert_ne!(minilm.id(), e5.id());
    }

    #[test]
    fn the_id_changes_with_the_vectors_and_with_nothing_else() {
        let one = parse(E5).unwrap();
        let mut same = one.clone();
        same.licence = "other".to_owned();
        same.files[0].url = None;
        same.graph.inputs.types = None;
        assert_eq!(one.id(), same.id());
        let changes: [fn(&mut Manifest); 7] = [
            |m| m.query_prefix.clear(),
            |m| m.passage_prefix.clear(),
            |m| m.pooling = Pooling::First,
            |m| m.max_tokens = 128,
            |m| m.normalise = false,
            |m| m.graph.output = "pooler_output".to_owned(),
            |m| m.files[0].sha256 = None,
        ];
        let mut ids = vec![one.id()];
        for change in changes {
            let mut other = one.clone();
            change(&mut other);
            ids.push(other.id());
        }
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count, "each change gives an id of its own");
    }

    #[test]
    fn files_outside_the_folder_are_refused() {
        for name in ["../../etc/passwd", "/etc/passwd", ""] {
            let text = MINILM.replace("model_int8.onnx", name);
            let error = parse(&text).unwrap_err();
            assert!(error.to_string().contains("outside"), "{error}");
        }
        assert!(is_inside("onnx/model.onnx"));
    }

    #[test]
    fn all_problems_at_once() {
        let text = MINILM
            .replace("dim = 384", "dim = 0")
            .replace("tokenizer = \"tokenizer.json\"", "tokenizer = \"t.json\"");
        let error = parse(&text).unwrap_err();
        let ManifestError::Invalid { problems, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(problems.len(), 2, "{error}");
    }

    #[test]
    fn unknown_keys_are_refused_with_their_line() {
        let error = parse(&format!("colour = 1\n{MINILM}"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("colour") && error.contains("line 1"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_manifest_names_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let error = Manifest::load(dir.path()).unwrap_err().to_string();
        assert!(error.contains("manifest.toml"), "{error}");
    }
}
