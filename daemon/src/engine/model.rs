//! A model in memory, of either role that makes vectors, and where it lies.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use hippo_config::{Manifest, Role};
use hippo_extractors::Picture;
use hippo_extractors::infer::{JointModel, PassageModel, Runtime};

/// Where the model lies and how to open it.
pub(super) struct ModelSource {
    /// The ONNX Runtime library; `None` when it was not found.
    pub(super) runtime: Option<PathBuf>,
    /// The model's folder.
    pub(super) dir: PathBuf,
    /// What the folder says of it.
    pub(super) manifest: Manifest,
    /// Threads for one batch.
    pub(super) threads: usize,
    /// Unload after this long without work.
    pub(super) unload_after: Duration,
}

/// Texts of one run: about half a second on a laptop's core, the longest that a question waits.
pub(super) const TEXTS_AT_ONCE: usize = 16;
/// Pictures of one run: more are no faster on a CPU.
const PICTURES_AT_ONCE: usize = 4;

/// What vectors are made of.
pub(super) enum Input {
    Texts(Vec<String>),
    Pictures(Vec<Picture>),
}

impl Input {
    pub(super) fn len(&self) -> usize {
        match self {
            Input::Texts(texts) => texts.len(),
            Input::Pictures(pictures) => pictures.len(),
        }
    }

    /// How many of its sort are done in one run.
    pub(super) fn at_once(&self) -> usize {
        match self {
            Input::Texts(_) => TEXTS_AT_ONCE,
            Input::Pictures(_) => PICTURES_AT_ONCE,
        }
    }

    /// Some of it.
    pub(super) fn part(&self, range: Range<usize>) -> Part<'_> {
        match self {
            Input::Texts(texts) => Part::Texts(&texts[range]),
            Input::Pictures(pictures) => Part::Pictures(&pictures[range]),
        }
    }
}

/// A part of an input.
#[derive(Clone, Copy)]
pub(super) enum Part<'a> {
    Texts(&'a [String]),
    Pictures(&'a [Picture]),
}

impl Part<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Part::Texts(texts) => texts.len(),
            Part::Pictures(pictures) => pictures.len(),
        }
    }
}

/// A loaded model.
pub(super) enum Model {
    Passage(Box<PassageModel>),
    Joint(Box<JointModel>),
}

impl Model {
    /// Loads it; why it cannot be, in words.
    pub(super) fn open(source: &ModelSource) -> Result<Model, String> {
        let library = source.runtime.as_deref().ok_or(
            "ONNX Runtime (libonnxruntime) was not found: `hippo doctor` says where it is looked for",
        )?;
        let runtime = Runtime::open(library).map_err(|e| e.to_string())?;
        let (dir, manifest) = (&source.dir, &source.manifest);
        match manifest.role {
            Role::Passage => PassageModel::open(&runtime, dir, manifest, source.threads)
                .map(|model| Model::Passage(Box::new(model)))
                .map_err(|e| e.to_string()),
            Role::Joint => JointModel::open(&runtime, dir, manifest, source.threads)
                .map(|model| Model::Joint(Box::new(model)))
                .map_err(|e| e.to_string()),
            other => Err(format!(
                "{} is a model of the role {}, which makes no vectors here",
                manifest.name,
                other.as_str()
            )),
        }
    }

    /// What runs it.
    pub(super) fn provider(&self) -> &'static str {
        match self {
            Model::Passage(model) => model.provider(),
            Model::Joint(model) => model.provider(),
        }
    }

    /// The vector of a question, which is one text.
    pub(super) fn question(&mut self, input: &Part<'_>) -> Result<Vec<Vec<f32>>, String> {
        let Part::Texts([text]) = input else {
            return self.vectors(std::slice::from_ref(input));
        };
        let vectors = match self {
            Model::Passage(model) => model.embed_query(text).map(|vector| vec![vector]),
            Model::Joint(model) => model.texts(&[text], true),
        };
        vectors.map_err(|e| e.to_string())
    }

    /// The vectors of what is to be embedded, all of one sort, in order.
    pub(super) fn vectors(&mut self, parts: &[Part<'_>]) -> Result<Vec<Vec<f32>>, String> {
        let mut texts: Vec<&str> = Vec::new();
        let mut pictures: Vec<&Picture> = Vec::new();
        for part in parts {
            match part {
                Part::Texts(part) => texts.extend(part.iter().map(String::as_str)),
                Part::Pictures(part) => pictures.extend(*part),
            }
        }
        let vectors = match self {
            Model::Passage(_) if !pictures.is_empty() => {
                return Err("a passage model sees no pictures".to_owned());
            }
            Model::Passage(model) => model.embed_passages(&texts),
            Model::Joint(model) if pictures.is_empty() => model.texts(&texts, false),
            Model::Joint(model) => model.pictures(&pictures),
        };
        vectors.map_err(|e| e.to_string())
    }
}
