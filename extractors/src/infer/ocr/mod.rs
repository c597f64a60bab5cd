//! Writing in pictures to text: PP-OCR, a graph that finds lines and one that reads them.
//!
//! What surrounds the two graphs is a few hundred lines and stands here, rather than taken
//! from the crate `oar-ocr`: that brings fifty crates (AV1 and EXR codecs, a second
//! tokenizer with a C library), turns on features of serde and image for the whole program,
//! and offers layouts and tables that nobody asks for.
//!
//! Feeding follows PaddleOCR: the finder sees `[1, 3, h, w]` normalised by ImageNet's means,
//! the reader `[1, 3, 48, w]` from -1 to 1. Scans are grey, so the order of colours does not
//! matter. Both inputs are padded to steps of their sides: with as many shapes as pictures,
//! ONNX Runtime's memory grows without end.

mod line;
mod order;
mod regions;

use std::path::Path;

use hippo_config::{Manifest, Role};
use ort::session::Session;
use ort::value::{Outlet, Tensor, ValueType};

use super::session::{MISSING, check_files, open_session};
use super::{InferError, Runtime};
use crate::extraction::Scan;

pub use order::text;
pub use regions::Region;

/// The longest side of a scan: small print on a page is some 11 pixels high then, the least
/// that is read well.
pub const LONGEST_SIDE: u32 = 1920;
/// Sides of what the finder sees are multiples of this; of 32 they must be.
const FINDER_STEP: usize = 160;
/// Lengths of what the reader sees, in pixels.
const READER_STEP: usize = 160;
/// A line longer than this is squeezed: some 130 letters.
const READER_MAX: usize = 3200;
/// Rows of a line where the graph does not say.
const READER_ROWS: usize = 48;
/// A line of which the reader is less sure is none. It is what PaddleOCR drops.
const SURE_MIN: f32 = 0.5;
/// ImageNet's means and deviations, which the finder was trained behind.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// A line of writing.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What it says.
    pub text: String,
    /// How sure the reader is, from 0 to 1.
    pub score: f32,
    /// Where it stands.
    pub region: Region,
}

/// A graph with one input and one output.
struct Net {
    session: Session,
    input: String,
    /// The input's sizes; negative where any will do.
    shape: Vec<i64>,
    output: String,
}

impl Net {
    fn open(
        runtime: &Runtime,
        file: &Path,
        threads: usize,
    ) -> Result<(Net, &'static str), InferError> {
        let unusable = |reason: String| InferError::model(file, reason);
        if !file.is_file() {
            return Err(unusable(MISSING.to_owned()));
        }
        let (session, provider) = open_session(runtime, file, threads)
            .map_err(|error| unusable(format!("ONNX Runtime cannot load it: {error}")))?;
        let ([input], [output]) = (session.inputs(), session.outputs()) else {
            return Err(unusable(
                "it is no graph of one input and one output".to_owned(),
            ));
        };
        let shape = match input.dtype() {
            ValueType::Tensor { shape, .. } if shape.len() == 4 => shape.iter().copied().collect(),
            _ => return Err(unusable("its input is no picture".to_owned())),
        };
        let net = Net {
            input: input.name().to_owned(),
            shape,
            output: Outlet::name(output).to_owned(),
            session,
        };
        Ok((net, provider))
    }

    /// One run over a picture `[1, 3, rows, columns]`; `read` gets the output.
    fn run<T>(
        &mut self,
        [rows, columns]: [usize; 2],
        pixels: Vec<f32>,
        read: impl FnOnce(&[i64], &[f32]) -> Result<T, String>,
    ) -> Result<T, String> {
        let failed = |error: ort::Error| format!("the run failed: {error}");
        let tensor = Tensor::from_array(([1, 3, rows, columns], pixels)).map_err(failed)?;
        let inputs = ort::inputs![self.input.as_str() => tensor];
        let outputs = self.session.run(inputs).map_err(failed)?;
        let output = outputs.get(&self.output).ok_or("it gave no output")?;
        let (shape, values) = output.try_extract_tensor::<f32>().map_err(failed)?;
        read(shape, values)
    }
}

/// A PP-OCR in memory.
pub struct OcrModel {
    id: String,
    finder: Net,
    reader: Net,
    alphabet: line::Alphabet,
    rows: usize,
    provider: &'static str,
}

impl OcrModel {
    /// Opens the model that a manifest describes, and has it read an empty line.
    pub fn open(
        runtime: &Runtime,
        dir: &Path,
        manifest: &Manifest,
        threads: usize,
    ) -> Result<OcrModel, InferError> {
        let Some(files) = manifest.ocr.as_ref().filter(|_| manifest.role == Role::Ocr) else {
            let reason = format!("{} is no model for OCR", manifest.name);
            return Err(InferError::model(dir, reason));
        };
        check_files(dir, manifest)?;
        let (finder, provider) = Net::open(runtime, &dir.join(&files.detector), threads)?;
        let reader_file = dir.join(&files.recogniser);
        let (reader, _) = Net::open(runtime, &reader_file, threads)?;
        let dictionary = dir.join(&files.dictionary);
        let characters = std::fs::read_to_string(&dictionary)
            .map_err(|error| InferError::model(&dictionary, error.to_string()))?;
        let rows = usize::try_from(reader.shape[2]).unwrap_or(READER_ROWS);
        let mut model = OcrModel {
            id: manifest.id(),
            finder,
            reader,
            alphabet: line::Alphabet::default(),
            rows,
            provider,
        };
        let pixels = vec![0.0; 3 * rows * READER_STEP];
        let classes = model
            .reader
            .run([rows, READER_STEP], pixels, |shape, _| {
                let classes = shape.last().filter(|_| shape.len() == 3);
                classes
                    .map(|n| *n as usize)
                    .ok_or_else(|| format!("its output has the shape {shape:?}"))
            })
            .map_err(|reason| {
                InferError::model(&reader_file, format!("a trial run failed: {reason}"))
            })?;
        model.alphabet = line::Alphabet::new(&characters, classes)
            .map_err(|reason| InferError::model(&dictionary, reason))?;
        Ok(model)
    }

    /// What runs it.
    pub fn provider(&self) -> &'static str {
        self.provider
    }

    /// The lines on a scan, as they are read by people.
    pub fn read(&mut self, scan: &Scan) -> Result<Vec<Line>, InferError> {
        let run = |reason: String| InferError::run(&self.id, reason);
        let (width, height) = (scan.width as usize, scan.height as usize);
        if width == 0 || height == 0 || scan.grey.len() != width * height {
            return Err(run("a scan without pixels".to_owned()));
        }
        let mut lines = Vec::new();
        for region in find(&mut self.finder, scan).map_err(run)? {
            let read = read_line(&mut self.reader, &self.alphabet, self.rows, scan, region);
            lines.extend(read.map_err(run)?);
        }
        order::sort(&mut lines);
        Ok(lines)
    }
}

/// Where lines are.
fn find(finder: &mut Net, scan: &Scan) -> Result<Vec<Region>, String> {
    let (width, height) = (scan.width as usize, scan.height as usize);
    let [rows, columns] = [height, width].map(|side| side.next_multiple_of(FINDER_STEP));
    // Nought is the mean: no shade, and so no edge of it is a stroke.
    let mut pixels = vec![0.0; 3 * rows * columns];
    for (plane, (mean, deviation)) in pixels
        .chunks_exact_mut(rows * columns)
        .zip(MEAN.into_iter().zip(DEVIATION))
    {
        let lines = scan.grey.chunks_exact(width);
        for (to, from) in plane.chunks_exact_mut(columns).zip(lines) {
            for (to, from) in to.iter_mut().zip(from) {
                *to = (f32::from(*from) / 255.0 - mean) / deviation;
            }
        }
    }
    finder.run([rows, columns], pixels, |shape, chances| {
        if shape != [1, 1, rows as i64, columns as i64] {
            return Err(format!("its output has the shape {shape:?}"));
        }
        Ok(regions::regions(chances, columns, [width, height]))
    })
}

/// Reads one line; none where nothing is sure enough. What stands upright may be a line from
/// top to bottom or one narrow letter, so both are tried.
fn read_line(
    reader: &mut Net,
    alphabet: &line::Alphabet,
    rows: usize,
    scan: &Scan,
    region: Region,
) -> Result<Option<Line>, String> {
    let mut best: Option<Line> = None;
    let turned = region.is_tall().then(|| region.turned());
    for region in std::iter::once(region).chain(turned) {
        let columns = region.columns(rows).min(READER_MAX);
        let padded = columns.next_multiple_of(READER_STEP);
        let grey = line::cut(scan, &region, [rows, columns]);
        let mut pixels = vec![0.0; 3 * rows * padded];
        for plane in pixels.chunks_exact_mut(rows * padded) {
            for (to, from) in plane
                .chunks_exact_mut(padded)
                .zip(grey.chunks_exact(columns))
            {
                to[..columns].copy_from_slice(from);
            }
        }
        let (text, score) = reader.run([rows, padded], pixels, |shape, chances| {
            alphabet.read(shape, chances)
        })?;
        let sure = score >= SURE_MIN && !text.trim().is_empty();
        if sure && best.as_ref().is_none_or(|best| best.score < score) {
            best = Some(Line {
                text,
                score,
                region,
            });
        }
    }
    Ok(best)
}
