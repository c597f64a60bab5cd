//! A sentence encoder: text to vectors of one space, as its manifest describes it.

use std::path::Path;

use hippo_config::Manifest;

use super::session::check_files;
use super::text::TextEncoder;
use super::{InferError, Runtime};

/// A loaded sentence encoder.
pub struct PassageModel {
    text: TextEncoder,
    id: String,
    dim: usize,
}

impl PassageModel {
    /// Loads the model whose files lie in `dir`. `threads` are those of one run.
    pub fn open(
        runtime: &Runtime,
        dir: &Path,
        manifest: &Manifest,
        threads: usize,
    ) -> Result<PassageModel, InferError> {
        check_files(dir, manifest)?;
        Ok(PassageModel {
            text: TextEncoder::open(runtime, dir, manifest, threads)?,
            id: manifest.id(),
            dim: manifest.dim,
        })
    }

    /// The model's id: vectors of other ids are of another space.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Elements of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// What runs it: "cpu", "cuda", "coreml", "openvino".
    pub fn provider(&self) -> &'static str {
        self.text.provider()
    }

    /// The vector of a question.
    pub fn embed_query(&mut self, text: &str) -> Result<Vec<f32>, InferError> {
        let vectors = self.text.embed(&[text], true);
        vectors
            .and_then(|mut vectors| vectors.pop().ok_or_else(|| "it gave no vector".to_owned()))
            .map_err(|reason| InferError::run(&self.id, reason))
    }

    /// The vectors of passages, in their order.
    pub fn embed_passages(&mut self, texts: &[&str]) -> Result<Vec<Vec<f32>>, InferError> {
        self.text
            .embed(texts, false)
            .map_err(|reason| InferError::run(&self.id, reason))
    }

    /// The tokens that the graph is given for a text, padding aside: what is compared with
    /// a reference when vectors differ.
    pub fn token_ids(&self, text: &str, is_query: bool) -> Result<Vec<i64>, InferError> {
        self.text
            .ids(text, is_query)
            .map_err(|reason| InferError::run(&self.id, reason))
    }
}
