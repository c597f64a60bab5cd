//! A dual encoder: text and pictures to vectors of one space, CLIP's idea.

use std::borrow::Borrow;
use std::path::Path;

use hippo_config::{Manifest, PictureSpec};

use super::picture::PictureEncoder;
use super::session::check_files;
use super::text::TextEncoder;
use super::{InferError, Runtime};
use crate::extraction::Picture;

/// A loaded dual encoder.
pub struct JointModel {
    text: TextEncoder,
    picture: PictureEncoder,
    id: String,
    dim: usize,
}

impl JointModel {
    /// Loads the model whose files lie in `dir`. `threads` are those of one run.
    pub fn open(
        runtime: &Runtime,
        dir: &Path,
        manifest: &Manifest,
        threads: usize,
    ) -> Result<JointModel, InferError> {
        check_files(dir, manifest)?;
        Ok(JointModel {
            text: TextEncoder::open(runtime, dir, manifest, threads)?,
            picture: PictureEncoder::open(runtime, dir, manifest, threads)?,
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

    /// The pixels that [`JointModel::pictures`] takes.
    pub fn spec(&self) -> PictureSpec {
        self.picture.spec()
    }

    /// What runs its two graphs: "cpu", "cuda", "coreml", "openvino".
    pub fn provider(&self) -> &'static str {
        self.picture.provider()
    }

    /// The vectors of texts, in their order. Most dual encoders treat questions and
    /// passages alike; some have prefixes for them.
    pub fn texts(&mut self, texts: &[&str], is_query: bool) -> Result<Vec<Vec<f32>>, InferError> {
        self.text
            .embed(texts, is_query)
            .map_err(|reason| InferError::run(&self.id, reason))
    }

    /// The vectors of pictures, in their order. Each must be as [`JointModel::spec`] says.
    pub fn pictures<P: Borrow<Picture>>(
        &mut self,
        pictures: &[P],
    ) -> Result<Vec<Vec<f32>>, InferError> {
        self.picture
            .embed(pictures)
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
