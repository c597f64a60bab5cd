//! Pixels to vectors, as a manifest's table `[picture]` describes it.
//!
//! Pixels come at the size that the model takes: whoever decoded them scaled them, by
//! [`PictureSpec`]. Here they only become numbers.

use std::borrow::Borrow;
use std::path::Path;

use hippo_config::{Manifest, PictureSpec, PictureTower};
use ort::value::Tensor;

use super::session::{Graph, Input, Ports, checked};
use super::{InferError, Runtime};
use crate::extraction::Picture;

/// Pictures of a batch: on a CPU a larger one is no faster and a question waits longer.
const BATCH_MAX_PICTURES: usize = 4;

/// A picture tower at work.
pub(super) struct PictureEncoder {
    graph: Graph,
    tower: PictureTower,
    dim: usize,
    normalise: bool,
    /// What each byte of each channel is to the graph.
    levels: [[f32; 256]; 3],
}

impl PictureEncoder {
    /// Opens the graph, and tries it.
    pub(super) fn open(
        runtime: &Runtime,
        dir: &Path,
        manifest: &Manifest,
        threads: usize,
    ) -> Result<PictureEncoder, InferError> {
        let tower = manifest
            .picture
            .clone()
            .ok_or_else(|| InferError::model(dir, "its manifest has no table [picture]"))?;
        let ports = Ports {
            inputs: vec![(
                tower.graph.input.as_str(),
                Input::Pixels { size: tower.size },
            )],
            output: &tower.graph.output,
            dim: manifest.dim,
        };
        let graph = Graph::open(runtime, &dir.join(&tower.graph.file), &ports, threads)?;
        let level = |channel: usize| {
            let (mean, spread) = (tower.mean[channel], tower.std[channel]);
            std::array::from_fn(|byte| (byte as f32 / 255.0 - mean) / spread)
        };
        let levels = [level(0), level(1), level(2)];
        let mut encoder = PictureEncoder {
            graph,
            dim: manifest.dim,
            normalise: manifest.normalise,
            levels,
            tower,
        };
        let trial = encoder.trial();
        encoder
            .embed(&[trial])
            .map_err(|reason| encoder.graph.blame(&reason))?;
        Ok(encoder)
    }

    pub(super) fn spec(&self) -> PictureSpec {
        self.tower.spec()
    }

    pub(super) fn provider(&self) -> &'static str {
        self.graph.provider()
    }

    /// The vectors of pictures, in their order.
    pub(super) fn embed<P: Borrow<Picture>>(
        &mut self,
        pictures: &[P],
    ) -> Result<Vec<Vec<f32>>, String> {
        let mut vectors = Vec::with_capacity(pictures.len());
        for batch in pictures.chunks(self.graph.batch(BATCH_MAX_PICTURES)) {
            vectors.extend(self.run(batch)?);
        }
        Ok(vectors)
    }

    fn run<P: Borrow<Picture>>(&mut self, batch: &[P]) -> Result<Vec<Vec<f32>>, String> {
        let side = self.tower.size as usize;
        let rows = self.graph.batch(batch.len());
        let plane = side * side;
        let mut values = vec![0.0_f32; rows * 3 * plane];
        for (picture, row) in batch.iter().zip(values.chunks_exact_mut(3 * plane)) {
            self.fill(picture.borrow(), row)?;
        }
        let pixels = Tensor::from_array(([rows, 3, side, side], values))
            .map_err(|error| format!("its input cannot be made: {error}"))?;
        let inputs = vec![(self.tower.graph.input.clone(), pixels.into())];
        let expected = [rows as i64, self.dim as i64];
        let dim = self.dim;
        let vectors = self.graph.run(inputs, |shape, values| {
            if shape != expected {
                return Err(format!(
                    "its output has the shape {shape:?}, and by its manifest {expected:?}"
                ));
            }
            let rows = values.chunks_exact(dim).take(batch.len());
            Ok(rows.map(<[f32]>::to_vec).collect::<Vec<_>>())
        })?;
        vectors
            .into_iter()
            .map(|vector| checked(vector, self.normalise))
            .collect()
    }

    /// One picture as `[3, size, size]`: all of its red, then green, then blue.
    fn fill(&self, picture: &Picture, row: &mut [f32]) -> Result<(), String> {
        let size = self.tower.size;
        let plane = size as usize * size as usize;
        if (picture.width, picture.height) != (size, size) || picture.rgb.len() != 3 * plane {
            return Err(format!(
                "it takes pictures of {size} x {size} pixels, and was given one of {} x {}",
                picture.width, picture.height
            ));
        }
        for (channel, values) in row.chunks_exact_mut(plane).enumerate() {
            let levels = &self.levels[channel];
            for (value, pixel) in values.iter_mut().zip(picture.rgb.chunks_exact(3)) {
                *value = levels[usize::from(pixel[channel])];
            }
        }
        Ok(())
    }

    /// A slope from dark to light: no picture that a model could take for nothing.
    fn trial(&self) -> Picture {
        let size = self.tower.size;
        let pixels = size as usize * size as usize;
        Picture {
            width: size,
            height: size,
            rgb: (0..pixels)
                .flat_map(|nth| [(nth * 255 / pixels) as u8; 3])
                .collect(),
        }
    }
}
