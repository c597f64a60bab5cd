//! A sentence encoder: text to vectors of one space, as its manifest describes it.
//!
//! The session never sees two shapes more than it must: lengths are padded to buckets,
//! batches are bounded by tokens. Truncation and padding are set here, since a tokenizer's
//! file may carry its own (and pad everything to 128).

use std::path::Path;

use hippo_config::{Manifest, Pooling, TextTower};
use ort::session::{Session, builder::GraphOptimizationLevel};
use ort::value::{Tensor, TensorElementType, ValueType};
use tokenizers::{Tokenizer, TruncationParams};

use super::{InferError, Runtime};

/// Tokens of a batch, padding included: about 0.3 s of a small encoder (MiniLM, int8) on
/// two cores, which is what a query may have to wait for; larger batches are no faster.
const BATCH_MAX_TOKENS: usize = 2_048;
/// Texts of a batch: bounds the memory of outputs where texts are short.
const BATCH_MAX_TEXTS: usize = 32;
/// Lengths are padded up to a multiple of this: few shapes, little waste.
const BUCKET_TOKENS: usize = 16;
/// A vector shorter than this has no direction.
const NORM_MIN: f32 = 1e-6;

/// A loaded sentence encoder.
pub struct PassageModel {
    session: Session,
    tokenizer: Tokenizer,
    tower: TextTower,
    dim: usize,
    normalise: bool,
    id: String,
    pad_id: i64,
}

/// A text as the graph takes it.
struct Tokens {
    /// Its place among the texts that were asked for.
    place: usize,
    ids: Vec<i64>,
}

impl PassageModel {
    /// Loads the model whose files lie in `dir`. `threads` are those of one run.
    pub fn open(
        _runtime: &Runtime,
        dir: &Path,
        manifest: &Manifest,
        threads: usize,
    ) -> Result<PassageModel, InferError> {
        let tower = manifest.text.as_ref().ok_or_else(|| {
            InferError::model(
                dir,
                "its manifest has no table [text]: it is no passage model",
            )
        })?;
        let graph = dir.join(&tower.graph.file);
        let vocabulary = dir.join(&tower.tokenizer);
        for path in [&graph, &vocabulary] {
            if !path.is_file() {
                return Err(InferError::model(path, "the model's file is missing"));
            }
        }
        let (tokenizer, pad_id) = open_tokenizer(&vocabulary, tower)?;
        let session = open_session(&graph, threads).map_err(|error| {
            InferError::model(&graph, format!("ONNX Runtime cannot load it: {error}"))
        })?;
        check_graph(&session, tower, manifest.dim)
            .map_err(|reason| InferError::model(&graph, reason))?;
        Ok(PassageModel {
            session,
            tokenizer,
            id: manifest.id(),
            tower: tower.clone(),
            dim: manifest.dim,
            normalise: manifest.normalise,
            pad_id,
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

    /// The vector of a question.
    pub fn embed_query(&mut self, text: &str) -> Result<Vec<f32>, InferError> {
        let tokens = self.tokens(0, &self.tower.query_prefix, text)?;
        let mut vectors = self.run(&[tokens])?;
        vectors
            .pop()
            .map(|(_, vector)| vector)
            .ok_or_else(|| self.failed("it gave no vector"))
    }

    /// The vectors of passages, in their order.
    pub fn embed_passages(&mut self, texts: &[&str]) -> Result<Vec<Vec<f32>>, InferError> {
        let mut tokens = Vec::with_capacity(texts.len());
        for (place, text) in texts.iter().enumerate() {
            tokens.push(self.tokens(place, &self.tower.passage_prefix, text)?);
        }
        // Neighbours in length share a batch, so that little of it is padding.
        tokens.sort_by_key(|text| text.ids.len());
        let mut vectors = vec![Vec::new(); texts.len()];
        let mut rest = tokens.as_slice();
        while !rest.is_empty() {
            let (batch, after) = rest.split_at(self.batch_len(rest));
            for (place, vector) in self.run(batch)? {
                vectors[place] = vector;
            }
            rest = after;
        }
        Ok(vectors)
    }

    fn failed(&self, reason: impl Into<String>) -> InferError {
        InferError::Run {
            model: self.id.clone(),
            reason: reason.into(),
        }
    }

    fn tokens(&self, place: usize, prefix: &str, text: &str) -> Result<Tokens, InferError> {
        let encoding = if prefix.is_empty() {
            self.tokenizer.encode_fast(text, true)
        } else {
            self.tokenizer.encode_fast(format!("{prefix}{text}"), true)
        };
        let encoding =
            encoding.map_err(|error| self.failed(format!("the tokenizer failed: {error}")))?;
        let mut ids: Vec<i64> = encoding.get_ids().iter().map(|id| i64::from(*id)).collect();
        ids.truncate(self.tower.max_tokens);
        if ids.is_empty() {
            // A text of nothing that the vocabulary knows still needs a token to look at.
            ids.push(self.pad_id);
        }
        Ok(Tokens { place, ids })
    }

    /// The padded length of a batch whose longest text has so many tokens.
    fn padded(&self, tokens: usize) -> usize {
        self.tower.pad_to.unwrap_or_else(|| {
            tokens
                .next_multiple_of(BUCKET_TOKENS)
                .min(self.tower.max_tokens.max(tokens))
        })
    }

    /// How many of the texts, sorted by length, make the next batch. At least one.
    fn batch_len(&self, sorted: &[Tokens]) -> usize {
        sorted
            .iter()
            .take(BATCH_MAX_TEXTS)
            .enumerate()
            .take_while(|(nth, text)| {
                *nth == 0 || (nth + 1) * self.padded(text.ids.len()) <= BATCH_MAX_TOKENS
            })
            .count()
    }

    /// One run of the graph: the vectors with the places of their texts.
    fn run(&mut self, batch: &[Tokens]) -> Result<Vec<(usize, Vec<f32>)>, InferError> {
        let longest = batch.iter().map(|text| text.ids.len()).max().unwrap_or(1);
        let length = self.padded(longest);
        let shape = [batch.len(), length];
        let mut ids = vec![self.pad_id; batch.len() * length];
        let mut mask = vec![0_i64; batch.len() * length];
        for (row, text) in batch.iter().enumerate() {
            let used = text.ids.len().min(length);
            ids[row * length..][..used].copy_from_slice(&text.ids[..used]);
            mask[row * length..][..used].fill(1);
        }
        let model = self.id.clone();
        let failed = |error: ort::Error| InferError::Run {
            model: model.clone(),
            reason: format!("the run failed: {error}"),
        };
        let names = &self.tower.graph.inputs;
        let mut inputs = vec![(
            names.ids.clone(),
            Tensor::from_array((shape, ids)).map_err(failed)?,
        )];
        if let Some(name) = &names.mask {
            inputs.push((
                name.clone(),
                Tensor::from_array((shape, mask)).map_err(failed)?,
            ));
        }
        if let Some(types) = &names.types {
            let zeros = vec![0_i64; batch.len() * length];
            inputs.push((
                types.clone(),
                Tensor::from_array((shape, zeros)).map_err(failed)?,
            ));
        }
        let outputs = self.session.run(inputs).map_err(failed)?;
        let output = outputs
            .get(&self.tower.graph.output)
            .ok_or_else(|| InferError::Run {
                model: model.clone(),
                reason: format!("it gave no output \"{}\"", self.tower.graph.output),
            })?;
        let (shape, values) = output.try_extract_tensor::<f32>().map_err(failed)?;
        let pooled =
            pool(self.tower.pooling, self.dim, shape, values, batch, length).and_then(|vectors| {
                vectors
                    .into_iter()
                    .map(|(place, vector)| Ok((place, checked(vector, self.normalise)?)))
                    .collect()
            });
        pooled.map_err(|reason| InferError::Run { model, reason })
    }
}

/// Token vectors `[batch, tokens, dim]`, or `[batch, dim]` where the graph has pooled, as
/// one vector a text.
fn pool(
    pooling: Pooling,
    dim: usize,
    shape: &[i64],
    values: &[f32],
    batch: &[Tokens],
    length: usize,
) -> Result<Vec<(usize, Vec<f32>)>, String> {
    let pooled = pooling == Pooling::None;
    let expected: Vec<i64> = if pooled {
        vec![batch.len() as i64, dim as i64]
    } else {
        vec![batch.len() as i64, length as i64, dim as i64]
    };
    if shape != expected.as_slice() {
        return Err(format!(
            "its output has the shape {shape:?}, and by its manifest {expected:?}"
        ));
    }
    let row_len = if pooled { dim } else { length * dim };
    let mut vectors = Vec::with_capacity(batch.len());
    for (text, row) in batch.iter().zip(values.chunks_exact(row_len)) {
        let used = text.ids.len().min(length);
        let token = |nth: usize| row[nth * dim..][..dim].to_vec();
        let vector = match pooling {
            Pooling::None => row.to_vec(),
            Pooling::First => token(0),
            Pooling::Last => token(used - 1),
            Pooling::Mean => {
                let mut sum = vec![0.0_f32; dim];
                for token in row.chunks_exact(dim).take(used) {
                    for (sum, value) in sum.iter_mut().zip(token) {
                        *sum += value;
                    }
                }
                for sum in &mut sum {
                    *sum /= used as f32;
                }
                sum
            }
        };
        vectors.push((text.place, vector));
    }
    Ok(vectors)
}

/// The vector, scaled to length 1 if so wished; refused where it has no direction.
fn checked(mut vector: Vec<f32>, normalise: bool) -> Result<Vec<f32>, String> {
    if !vector.iter().all(|value| value.is_finite()) {
        return Err("it gave a vector that is not finite".to_owned());
    }
    let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if !norm.is_finite() || norm < NORM_MIN {
        return Err("it gave a vector without length".to_owned());
    }
    if normalise {
        for value in &mut vector {
            *value /= norm;
        }
    }
    Ok(vector)
}

fn open_tokenizer(path: &Path, tower: &TextTower) -> Result<(Tokenizer, i64), InferError> {
    let unusable =
        |error: tokenizers::Error| InferError::model(path, format!("it is no tokenizer: {error}"));
    let mut tokenizer = Tokenizer::from_file(path).map_err(unusable)?;
    let pad_id = tokenizer
        .get_padding()
        .map(|padding| padding.pad_id)
        .or_else(|| {
            ["[PAD]", "<pad>", "<|endoftext|>"]
                .iter()
                .find_map(|pad| tokenizer.token_to_id(pad))
        })
        .unwrap_or(0);
    tokenizer.with_padding(None);
    let truncation = TruncationParams {
        max_length: tower.max_tokens,
        ..TruncationParams::default()
    };
    tokenizer
        .with_truncation(Some(truncation))
        .map_err(unusable)?;
    Ok((tokenizer, i64::from(pad_id)))
}

fn open_session(graph: &Path, threads: usize) -> Result<Session, ort::Error> {
    let builder = Session::builder()?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(threads.max(1))?
        .with_inter_threads(1)?
        // A daemon must not burn a core while it waits for the next batch.
        .with_intra_op_spinning(false)?
        // With shapes that vary, plans of memory pile up.
        .with_memory_pattern(false);
    builder?.commit_from_file(graph)
}

/// Whether the graph has the inputs and the output that the manifest names.
fn check_graph(session: &Session, tower: &TextTower, dim: usize) -> Result<(), String> {
    let names = &tower.graph.inputs;
    let wanted: Vec<&str> = [Some(&names.ids), names.mask.as_ref(), names.types.as_ref()]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    let has: Vec<&str> = session
        .inputs()
        .iter()
        .map(ort::value::Outlet::name)
        .collect();
    for name in &wanted {
        if !has.contains(name) {
            return Err(format!(
                "the graph has no input \"{name}\"; it has {}",
                has.join(", ")
            ));
        }
    }
    if let Some(extra) = has.iter().find(|name| !wanted.contains(name)) {
        return Err(format!(
            "the graph wants an input \"{extra}\" that the manifest does not name"
        ));
    }
    let output = session
        .outputs()
        .iter()
        .find(|output| output.name() == tower.graph.output);
    let Some(output) = output else {
        let has: Vec<&str> = session
            .outputs()
            .iter()
            .map(ort::value::Outlet::name)
            .collect();
        return Err(format!(
            "the graph has no output \"{}\"; it has {}",
            tower.graph.output,
            has.join(", ")
        ));
    };
    let ValueType::Tensor { ty, shape, .. } = output.dtype() else {
        return Err(format!(
            "its output \"{}\" is no tensor",
            tower.graph.output
        ));
    };
    if *ty != TensorElementType::Float32 {
        return Err(format!(
            "its output \"{}\" is of type {ty:?}, not Float32",
            tower.graph.output
        ));
    }
    // Dimensions that the graph leaves open are negative.
    match shape.last() {
        Some(last) if *last >= 0 && *last != dim as i64 => Err(format!(
            "its vectors have {last} dimensions, and by its manifest {dim}"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::checked;

    #[test]
    fn vectors_without_direction_are_refused() {
        assert!(checked(vec![f32::NAN, 1.0], true).is_err());
        assert!(checked(vec![f32::INFINITY, 1.0], false).is_err());
        assert!(checked(vec![0.0; 4], true).is_err());
        assert!(checked(vec![f32::MAX, f32::MAX], true).is_err());
        assert_eq!(checked(vec![3.0, 4.0], true).unwrap(), [0.6, 0.8]);
        assert_eq!(checked(vec![3.0, 4.0], false).unwrap(), [3.0, 4.0]);
    }
}
