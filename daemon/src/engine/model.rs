//! A model in memory, of either role that makes vectors, and where it lies.

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
    pub(super) fn question(&mut self, input: &Input) -> Result<Vec<Vec<f32>>, String> {
        match (self, input) {
            (Model::Passage(model), Input::Texts(texts)) => {
                model.embed_query(&texts[0]).map(|vector| vec![vector])
            }
            (Model::Joint(model), Input::Texts(texts)) => model.texts(&[&texts[0]], true),
            (model, pictures) => return model.batch(pictures, 0, pictures.len()),
        }
        .map_err(|e| e.to_string())
    }

    /// The vectors of a part of what is to be embedded, in order.
    pub(super) fn batch(
        &mut self,
        input: &Input,
        from: usize,
        to: usize,
    ) -> Result<Vec<Vec<f32>>, String> {
        match (self, input) {
            (Model::Passage(_), Input::Pictures(_)) => {
                return Err("a passage model sees no pictures".to_owned());
            }
            (Model::Passage(model), Input::Texts(texts)) => {
                model.embed_passages(&borrowed(&texts[from..to]))
            }
            (Model::Joint(model), Input::Texts(texts)) => {
                model.texts(&borrowed(&texts[from..to]), false)
            }
            (Model::Joint(model), Input::Pictures(pictures)) => model.pictures(&pictures[from..to]),
        }
        .map_err(|e| e.to_string())
    }
}

fn borrowed(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}
