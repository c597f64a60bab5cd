//! Text to vectors, as a manifest's table `[text]` describes it: what passage models and
//! joint models share.
//!
//! The graph never sees more shapes than it must: lengths are padded to buckets, batches are
//! bounded by tokens. Truncation and padding are set here, since a tokenizer's file may carry
//! its own (and pad everything to 128).

use std::path::Path;

use hippo_config::{Manifest, Pooling, TextTower};
use tokenizers::{Tokenizer, TruncationParams};

use super::session::{Graph, Input, MISSING, Ports, checked};
use super::{InferError, Runtime};

/// Tokens of a batch, padding included: about 0.3 s of a small encoder (MiniLM, int8) on
/// two cores, which is what a query may have to wait for; larger batches are no faster.
const BATCH_MAX_TOKENS: usize = 2_048;
/// Texts of a batch: bounds the memory of outputs where texts are short.
const BATCH_MAX_TEXTS: usize = 32;
/// Lengths are padded up to a multiple of this: few shapes, little waste.
const BUCKET_TOKENS: usize = 16;
/// What a trial run embeds.
const TRIAL: &str = "hippo 河马";

/// A text tower at work.
pub(super) struct TextEncoder {
    graph: Graph,
    tokenizer: Tokenizer,
    tower: TextTower,
    dim: usize,
    normalise: bool,
    pad_id: i64,
    append_id: Option<i64>,
}

/// A text as the graph takes it.
struct Tokens {
    /// Its place among the texts that were asked for.
    place: usize,
    ids: Vec<i64>,
}

impl TextEncoder {
    /// Opens tokenizer and graph, and tries them.
    pub(super) fn open(
        runtime: &Runtime,
        dir: &Path,
        manifest: &Manifest,
        threads: usize,
    ) -> Result<TextEncoder, InferError> {
        let tower = manifest
            .text
            .clone()
            .ok_or_else(|| InferError::model(dir, "its manifest has no table [text]"))?;
        let words = Words::open(&dir.join(&tower.tokenizer), &tower)?;
        let names = &tower.graph.inputs;
        let tokens = Input::Tokens {
            pad_to: tower.pad_to,
        };
        let ports = Ports {
            inputs: [Some(&names.ids), names.mask.as_ref(), names.types.as_ref()]
                .into_iter()
                .flatten()
                .map(|name| (name.as_str(), tokens))
                .collect(),
            output: &tower.graph.output,
            dim: manifest.dim,
        };
        let graph = Graph::open(runtime, &dir.join(&tower.graph.file), &ports, threads)?;
        let mut encoder = TextEncoder {
            graph,
            tokenizer: words.tokenizer,
            pad_id: words.pad_id,
            append_id: words.append_id,
            dim: manifest.dim,
            normalise: manifest.normalise,
            tower,
        };
        // What the graph leaves open (its shapes, its vocabulary), a run tells.
        encoder
            .embed(&[TRIAL], true)
            .map_err(|reason| encoder.graph.blame(&reason))?;
        Ok(encoder)
    }

    pub(super) fn provider(&self) -> &'static str {
        self.graph.provider()
    }

    /// The vectors of texts, in their order: of questions or of passages.
    pub(super) fn embed(
        &mut self,
        texts: &[&str],
        is_query: bool,
    ) -> Result<Vec<Vec<f32>>, String> {
        let mut tokens = Vec::with_capacity(texts.len());
        for (place, text) in texts.iter().enumerate() {
            let ids = self.ids(text, is_query)?;
            tokens.push(Tokens { place, ids });
        }
        // Neighbours in length share a batch, so that little of it is padding.
        tokens.sort_by_key(|text| text.ids.len());
        let mut vectors = vec![Vec::new(); texts.len()];
        let mut rest = tokens.as_slice();
        while !rest.is_empty() {
            let (batch, after) = rest.split_at(self.batch_len(rest));
            for (text, vector) in batch.iter().zip(self.run(batch)?) {
                vectors[text.place] = vector;
            }
            rest = after;
        }
        Ok(vectors)
    }

    /// The tokens that the graph is given for a text, padding aside.
    pub(super) fn ids(&self, text: &str, is_query: bool) -> Result<Vec<i64>, String> {
        let prefix = if is_query {
            &self.tower.query_prefix
        } else {
            &self.tower.passage_prefix
        };
        let mut text = format!("{prefix}{text}");
        if self.tower.lowercase {
            text = text.to_lowercase();
        }
        let encoding = self
            .tokenizer
            .encode_fast(text, true)
            .map_err(|error| format!("the tokenizer failed: {error}"))?;
        let mut ids: Vec<i64> = encoding.get_ids().iter().map(|id| i64::from(*id)).collect();
        ids.truncate(self.tower.max_tokens - self.append_id.iter().len());
        ids.extend(self.append_id);
        if ids.is_empty() {
            // A text of nothing that the vocabulary knows still needs a token to look at.
            ids.push(self.pad_id);
        }
        Ok(ids)
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
            .take(self.graph.batch(BATCH_MAX_TEXTS))
            .enumerate()
            .take_while(|(nth, text)| {
                *nth == 0 || (nth + 1) * self.padded(text.ids.len()) <= BATCH_MAX_TOKENS
            })
            .count()
    }

    /// One run of the graph: a vector for each text.
    fn run(&mut self, batch: &[Tokens]) -> Result<Vec<Vec<f32>>, String> {
        let longest = batch.iter().map(|text| text.ids.len()).max().unwrap_or(1);
        let length = self.padded(longest);
        // A graph of a fixed batch gets rows of padding for what is missing.
        let rows = self.graph.batch(batch.len());
        let shape = [rows, length];
        let mut ids = vec![self.pad_id; rows * length];
        let mut mask = vec![0_i64; rows * length];
        for (row, text) in batch.iter().enumerate() {
            let used = text.ids.len().min(length);
            ids[row * length..][..used].copy_from_slice(&text.ids[..used]);
            mask[row * length..][..used].fill(1);
        }
        let names = &self.tower.graph.inputs;
        let mut inputs = vec![(names.ids.clone(), self.graph.tokens(shape, ids)?)];
        if let Some(name) = &names.mask {
            inputs.push((name.clone(), self.graph.tokens(shape, mask)?));
        }
        if let Some(name) = &names.types {
            let zeros = vec![0_i64; rows * length];
            inputs.push((name.clone(), self.graph.tokens(shape, zeros)?));
        }
        let used: Vec<usize> = batch
            .iter()
            .map(|text| text.ids.len().min(length))
            .collect();
        let pool = Pool {
            pooling: self.tower.pooling,
            rows,
            length,
            dim: self.dim,
        };
        let vectors = self
            .graph
            .run(inputs, |shape, values| pool.vectors(shape, values, &used))?;
        vectors
            .into_iter()
            .map(|vector| checked(vector, self.normalise))
            .collect()
    }
}

/// Token vectors `[batch, tokens, dim]`, or `[batch, dim]` where the graph has pooled, on
/// their way to one vector a text.
struct Pool {
    pooling: Pooling,
    rows: usize,
    length: usize,
    dim: usize,
}

impl Pool {
    /// `used`: how many tokens each text has, at least one.
    fn vectors(
        &self,
        shape: &[i64],
        values: &[f32],
        used: &[usize],
    ) -> Result<Vec<Vec<f32>>, String> {
        let pooled = self.pooling == Pooling::None;
        let (rows, length, dim) = (self.rows as i64, self.length as i64, self.dim as i64);
        let expected = if pooled {
            vec![rows, dim]
        } else {
            vec![rows, length, dim]
        };
        if shape != expected.as_slice() {
            return Err(format!(
                "its output has the shape {shape:?}, and by its manifest {expected:?}"
            ));
        }
        let row_len = if pooled {
            self.dim
        } else {
            self.length * self.dim
        };
        let rows = values.chunks_exact(row_len).zip(used);
        Ok(rows.map(|(row, used)| self.vector(row, *used)).collect())
    }

    fn vector(&self, row: &[f32], used: usize) -> Vec<f32> {
        let token = |nth: usize| row[nth * self.dim..][..self.dim].to_vec();
        match self.pooling {
            Pooling::None => row.to_vec(),
            Pooling::First => token(0),
            Pooling::Last => token(used - 1),
            Pooling::Mean => {
                let mut sum = vec![0.0_f32; self.dim];
                for token in row.chunks_exact(self.dim).take(used) {
                    for (sum, value) in sum.iter_mut().zip(token) {
                        *sum += value;
                    }
                }
                for sum in &mut sum {
                    *sum /= used as f32;
                }
                sum
            }
        }
    }
}

/// A tokenizer with what the manifest says of it.
struct Words {
    tokenizer: Tokenizer,
    pad_id: i64,
    append_id: Option<i64>,
}

impl Words {
    fn open(path: &Path, tower: &TextTower) -> Result<Words, InferError> {
        if !path.is_file() {
            return Err(InferError::model(path, MISSING));
        }
        let unusable = |error: tokenizers::Error| {
            InferError::model(path, format!("it is no tokenizer: {error}"))
        };
        let mut tokenizer = Tokenizer::from_file(path).map_err(unusable)?;
        let own = tokenizer.get_padding().map(|padding| padding.pad_id);
        let named = || {
            ["[PAD]", "<pad>", "<|endoftext|>"]
                .iter()
                .find_map(|pad| tokenizer.token_to_id(pad))
        };
        let pad_id = tower.pad_id.or(own).or_else(named).unwrap_or(0);
        let append_id = match &tower.append {
            None => None,
            Some(token) => Some(i64::from(tokenizer.token_to_id(token).ok_or_else(
                || {
                    InferError::model(
                        path,
                        format!("it has no token \"{token}\", which its manifest appends"),
                    )
                },
            )?)),
        };
        tokenizer.with_padding(None);
        let truncation = TruncationParams {
            max_length: tower.max_tokens - append_id.iter().len(),
            ..TruncationParams::default()
        };
        tokenizer
            .with_truncation(Some(truncation))
            .map_err(unusable)?;
        Ok(Words {
            tokenizer,
            pad_id: i64::from(pad_id),
            append_id,
        })
    }
}
