//! The one place where ONNX graphs are opened and run.
//!
//! A graph is held to its manifest before anything is embedded with it: it has the inputs
//! and the output that the manifest names, of the types and sizes that it says, and wants no
//! others. Whatever is wrong is told of the file. Options are those of a daemon: no thread
//! spins while it waits, and no plan of memory is kept for shapes that vary.

use std::path::{Path, PathBuf};

use hippo_config::Manifest;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::{Outlet, Tensor, TensorElementType, ValueType};

use super::{InferError, Runtime, provider};

/// A vector shorter than this has no direction.
const NORM_MIN: f32 = 1e-6;

/// What is wrong with a file that is not there.
pub(super) const MISSING: &str = "the model's file is missing";

/// What a graph is given, and what is read from it.
pub(super) struct Ports<'m> {
    /// Its inputs, all of them.
    pub(super) inputs: Vec<(&'m str, Input)>,
    pub(super) output: &'m str,
    /// Elements of a vector: the output's last dimension.
    pub(super) dim: usize,
}

/// What an input takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// Whole numbers `[batch, tokens]`; some graphs have a fixed number of tokens.
    Tokens { pad_to: Option<usize> },
    /// f32 `[batch, 3, size, size]`.
    Pixels { size: u32 },
}

/// An opened graph.
pub(super) struct Graph {
    session: Session,
    file: PathBuf,
    output: String,
    provider: &'static str,
    /// How many a run takes, where the graph leaves no choice.
    batch: Option<usize>,
    /// Whether tokens are numbers of four bytes, and not of eight.
    narrow_tokens: bool,
}

impl Graph {
    /// Opens a graph and checks that it is what its manifest says. `threads` are those of
    /// one run.
    pub(super) fn open(
        runtime: &Runtime,
        file: &Path,
        ports: &Ports<'_>,
        threads: usize,
    ) -> Result<Graph, InferError> {
        if !file.is_file() {
            return Err(InferError::model(file, MISSING));
        }
        let unusable = |reason: String| InferError::model(file, reason);
        let (session, provider) = open_session(runtime, file, threads)
            .map_err(|error| unusable(format!("ONNX Runtime cannot load it: {error}")))?;
        let mut graph = Graph {
            session,
            file: file.to_owned(),
            output: ports.output.to_owned(),
            provider,
            batch: None,
            narrow_tokens: false,
        };
        graph.check(ports).map_err(unusable)?;
        Ok(graph)
    }

    /// How many of `most` one run takes.
    pub(super) fn batch(&self, most: usize) -> usize {
        self.batch.unwrap_or(most)
    }

    /// What runs it.
    pub(super) fn provider(&self) -> &'static str {
        self.provider
    }

    /// Tokens as the graph takes them.
    pub(super) fn tokens(
        &self,
        shape: [usize; 2],
        ids: Vec<i64>,
    ) -> Result<SessionInputValue<'static>, String> {
        let made = if self.narrow_tokens {
            let ids: Vec<i32> = ids.into_iter().map(|id| id as i32).collect();
            Tensor::from_array((shape, ids)).map(Into::into)
        } else {
            Tensor::from_array((shape, ids)).map(Into::into)
        };
        made.map_err(|error: ort::Error| format!("its input cannot be made: {error}"))
    }

    /// One run: `read` gets the output's shape and values.
    pub(super) fn run<T>(
        &mut self,
        inputs: Vec<(String, SessionInputValue<'_>)>,
        read: impl FnOnce(&[i64], &[f32]) -> Result<T, String>,
    ) -> Result<T, String> {
        let failed = |error: ort::Error| format!("the run failed: {error}");
        let outputs = self.session.run(inputs).map_err(failed)?;
        let output = outputs
            .get(&self.output)
            .ok_or_else(|| format!("it gave no output \"{}\"", self.output))?;
        let (shape, values) = output.try_extract_tensor::<f32>().map_err(failed)?;
        read(shape, values)
    }

    /// What goes wrong in the first run is the file's fault.
    pub(super) fn blame(&self, reason: &str) -> InferError {
        InferError::model(&self.file, format!("a trial run failed: {reason}"))
    }

    fn check(&mut self, ports: &Ports<'_>) -> Result<(), String> {
        let named: Vec<&str> = self.session.inputs().iter().map(Outlet::name).collect();
        for (name, _) in &ports.inputs {
            if !named.contains(name) {
                return Err(format!(
                    "the graph has no input \"{name}\"; it has {}",
                    named.join(", ")
                ));
            }
        }
        let is_wanted = |name: &&str| ports.inputs.iter().any(|(wanted, _)| wanted == name);
        if let Some(extra) = named.iter().find(|name| !is_wanted(name)) {
            return Err(format!(
                "the graph wants an input \"{extra}\" that the manifest does not name"
            ));
        }
        for (name, wanted) in &ports.inputs {
            let input = self
                .session
                .inputs()
                .iter()
                .find(|input| input.name() == *name);
            let Some(ValueType::Tensor { ty, shape, .. }) = input.map(Outlet::dtype) else {
                return Err(format!("its input \"{name}\" is no tensor"));
            };
            match wanted {
                Input::Tokens { pad_to } => {
                    check_shape(name, shape, &[None, *pad_to])?;
                    self.narrow_tokens = match ty {
                        TensorElementType::Int64 => false,
                        TensorElementType::Int32 => true,
                        _ => return Err(wrong_type("input", name, *ty, "Int64")),
                    };
                }
                Input::Pixels { size } => {
                    let side = Some(*size as usize);
                    check_shape(name, shape, &[None, Some(3), side, side])?;
                    if *ty != TensorElementType::Float32 {
                        return Err(wrong_type("input", name, *ty, "Float32"));
                    }
                }
            }
            // Dimensions that the graph leaves open are negative.
            self.batch = shape.first().and_then(|batch| usize::try_from(*batch).ok());
            if self.batch == Some(0) {
                return Err(format!("its input \"{name}\" takes nothing at all"));
            }
        }
        check_output(&self.session, ports)
    }
}

/// `[None, Some(3), ...]`: what each dimension must be, where that is known.
fn check_shape(name: &str, shape: &[i64], wanted: &[Option<usize>]) -> Result<(), String> {
    let fits = shape.len() == wanted.len()
        && shape.iter().zip(wanted).skip(1).all(|(has, wanted)| {
            // A length that the graph fixes and the manifest leaves open cannot be met.
            *has < 0 || wanted.is_some_and(|wanted| *has == wanted as i64)
        });
    if fits {
        return Ok(());
    }
    let wanted: Vec<String> = wanted
        .iter()
        .map(|wanted| wanted.map_or_else(|| "any".to_owned(), |wanted| wanted.to_string()))
        .collect();
    Err(format!(
        "its input \"{name}\" has the shape {shape:?}, and by its manifest [{}]",
        wanted.join(", ")
    ))
}

fn wrong_type(what: &str, name: &str, ty: TensorElementType, wanted: &str) -> String {
    format!("its {what} \"{name}\" is of type {ty:?}, not {wanted}")
}

fn check_output(session: &Session, ports: &Ports<'_>) -> Result<(), String> {
    let wanted = ports.output;
    let named = session
        .outputs()
        .iter()
        .find(|output| output.name() == wanted);
    let Some(output) = named else {
        let has: Vec<&str> = session.outputs().iter().map(Outlet::name).collect();
        return Err(format!(
            "the graph has no output \"{wanted}\"; it has {}",
            has.join(", ")
        ));
    };
    let ValueType::Tensor { ty, shape, .. } = output.dtype() else {
        return Err(format!("its output \"{wanted}\" is no tensor"));
    };
    if *ty != TensorElementType::Float32 {
        return Err(wrong_type("output", wanted, *ty, "Float32"));
    }
    match shape.last() {
        Some(last) if *last >= 0 && *last != ports.dim as i64 => Err(format!(
            "its vectors have {last} dimensions, and by its manifest {}",
            ports.dim
        )),
        _ => Ok(()),
    }
}

/// A session with the best provider there is; one that fails makes room for the next, and
/// the CPU is the last.
pub(super) fn open_session(
    _runtime: &Runtime,
    file: &Path,
    threads: usize,
) -> Result<(Session, &'static str), ort::Error> {
    for (name, accelerator) in provider::accelerators() {
        let opened = options(threads)
            .and_then(|builder| Ok(builder.with_execution_providers([accelerator])?))
            .and_then(|mut builder| builder.commit_from_file(file));
        match opened {
            Ok(session) => return Ok((session, name)),
            Err(error) => tracing::warn!(provider = name, %error, "it cannot run this model"),
        }
    }
    let session = options(threads)?.commit_from_file(file)?;
    Ok((session, provider::CPU))
}

fn options(threads: usize) -> Result<ort::session::builder::SessionBuilder, ort::Error> {
    let builder = Session::builder()?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(threads.max(1))?
        .with_inter_threads(1)?
        // A daemon must not burn a core while it waits for the next batch.
        .with_intra_op_spinning(false)?
        // With shapes that vary, plans of memory pile up.
        .with_memory_pattern(false)?;
    Ok(builder)
}

/// Refuses a model with a file that is not there or of another size than its manifest says.
/// What is in them, a checksum tells, which takes seconds: that is for when they arrive.
pub(super) fn check_files(dir: &Path, manifest: &Manifest) -> Result<(), InferError> {
    for file in &manifest.files {
        let path = dir.join(&file.name);
        let has = match path.metadata() {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            _ => return Err(InferError::model(&path, MISSING)),
        };
        if let Some(wanted) = file.bytes.filter(|wanted| *wanted != has) {
            return Err(InferError::model(
                &path,
                format!(
                    "it has {has} bytes, and by its manifest {wanted}: it is cut off or another"
                ),
            ));
        }
    }
    Ok(())
}

/// The vector, scaled to length 1 if so wished; refused where it has no direction.
pub(super) fn checked(mut vector: Vec<f32>, normalise: bool) -> Result<Vec<f32>, String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_without_direction_are_refused() {
        assert!(checked(vec![f32::NAN, 1.0], true).is_err());
        assert!(checked(vec![f32::INFINITY, 1.0], false).is_err());
        assert!(checked(vec![0.0; 4], true).is_err());
        assert!(checked(vec![f32::MAX, f32::MAX], true).is_err());
        assert_eq!(checked(vec![3.0, 4.0], true).unwrap(), [0.6, 0.8]);
        assert_eq!(checked(vec![3.0, 4.0], false).unwrap(), [3.0, 4.0]);
    }

    #[test]
    fn shapes_are_held_to_the_manifest_where_they_are_fixed() {
        let check = |has: &[i64], wanted: &[Option<usize>]| check_shape("x", has, wanted);
        assert!(check(&[-1, -1], &[None, None]).is_ok());
        assert!(check(&[1, 64], &[None, Some(64)]).is_ok());
        assert!(check(&[-1, 3, 224, 224], &[None, Some(3), Some(224), Some(224)]).is_ok());
        assert_eq!(
            check(&[-1, 3, 256, 256], &[None, Some(3), Some(224), Some(224)]).unwrap_err(),
            "its input \"x\" has the shape [-1, 3, 256, 256], and by its manifest [any, 3, 224, 224]"
        );
        assert!(check(&[-1, 77], &[None, None]).is_err());
        assert!(check(&[-1], &[None, None]).is_err());
    }
}
