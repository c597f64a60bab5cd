//! What a manifest must hold: every problem is found before the first is told.

use std::collections::HashSet;
use std::path::{Component, Path};

use super::{Fit, MANIFEST_FILE, Manifest, ModelFile, PictureTower, Role, TextTower};

/// Dimensions of a vector, at most: the largest text encoders have 4,096.
const DIM_MAX: usize = 8_192;

/// Tokens in one text, at most: the longest contexts of sentence encoders.
const TOKENS_MAX: usize = 32_768;

/// Pixels of a picture's side, at most: what the worker may send in one frame, and as large
/// as the largest encoders in use.
const SIZE_MAX: u32 = 512;

/// Files of a model, at most: one has a dozen. It bounds what a stranger's manifest asks.
const FILES_MAX: usize = 64;

/// Characters in a model's name: it names a folder and stands in a column of the table.
const NAME_MAX_CHARS: usize = 64;

/// Ends of names that a download or an exchange makes for itself.
const OWN_SUFFIXES: [&str; 3] = [".part", ".new", ".old"];

/// Everything that is wrong with a manifest.
pub(super) fn problems(manifest: &Manifest) -> Vec<String> {
    let mut found = Problems::default();
    found.hold(is_model_name(&manifest.name), || {
        format!(
            "name \"{}\" must be 1 to {NAME_MAX_CHARS} letters, digits, '-', '_' or '.', \
             begin with a letter or a digit and not end in {}",
            manifest.name,
            OWN_SUFFIXES.join(", ")
        )
    });
    found.hold(!manifest.licence.trim().is_empty(), || {
        "licence is empty".to_owned()
    });
    for language in &manifest.languages {
        let code = (2..=3).contains(&language.len())
            && language.bytes().all(|byte| byte.is_ascii_lowercase());
        found.hold(code, || {
            format!("\"{language}\" is no language: write a code such as \"en\"")
        });
    }
    files(&mut found, &manifest.files);
    tables(&mut found, manifest);
    dimensions(&mut found, manifest);
    if let Some(tower) = &manifest.text {
        text(&mut found, tower);
    }
    if let Some(tower) = &manifest.picture {
        picture(&mut found, tower);
    }
    for (what, name) in manifest.named_files() {
        let listed = manifest.files.iter().any(|file| file.name == *name);
        found.hold(listed, || {
            format!("{what} \"{name}\" is not among the files")
        });
    }
    found.0
}

#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn hold(&mut self, holds: bool, problem: impl FnOnce() -> String) {
        if !holds {
            self.0.push(problem());
        }
    }
}

impl Manifest {
    /// The files that the tables name, with the key that does.
    pub(super) fn named_files(&self) -> Vec<(&'static str, &String)> {
        let mut named = Vec::new();
        if let Some(text) = &self.text {
            named.push(("text.graph.file", &text.graph.file));
            named.push(("text.tokenizer", &text.tokenizer));
        }
        if let Some(picture) = &self.picture {
            named.push(("picture.graph.file", &picture.graph.file));
        }
        if let Some(speech) = &self.speech {
            named.push(("speech.file", &speech.file));
        }
        if let Some(voice) = &self.voice {
            named.push(("voice.file", &voice.file));
        }
        if let Some(ocr) = &self.ocr {
            named.push(("ocr.detector", &ocr.detector));
            named.push(("ocr.recogniser", &ocr.recogniser));
            named.push(("ocr.dictionary", &ocr.dictionary));
        }
        named
    }
}

/// Each role has the tables that it needs, and no others: one that nobody reads is one
/// that somebody took for something else.
fn tables(found: &mut Problems, manifest: &Manifest) {
    use Role::{Joint, Ocr, Passage, Rerank, Speech, Voice};
    let role = manifest.role;
    let kind = role.as_str();
    for (table, there, roles) in [
        (
            "text",
            manifest.text.is_some(),
            &[Joint, Passage, Rerank][..],
        ),
        ("picture", manifest.picture.is_some(), &[Joint]),
        ("speech", manifest.speech.is_some(), &[Speech]),
        ("voice", manifest.voice.is_some(), &[Voice]),
        ("ocr", manifest.ocr.is_some(), &[Ocr]),
    ] {
        let wanted = roles.contains(&role);
        found.hold(there || !wanted, || {
            format!("a {kind} model needs a table [{table}]")
        });
        found.hold(wanted || !there, || {
            format!("a {kind} model has no use for [{table}]")
        });
    }
}

fn dimensions(found: &mut Problems, manifest: &Manifest) {
    let dim = manifest.dim;
    match manifest.role {
        Role::Joint | Role::Passage => found.hold((1..=DIM_MAX).contains(&dim), || {
            format!("dim is {dim}, must be 1 to {DIM_MAX}")
        }),
        role => found.hold(dim == 0, || {
            format!(
                "dim is {dim}, but a {} model makes no vectors: leave it out",
                role.as_str()
            )
        }),
    }
}

fn text(found: &mut Problems, tower: &TextTower) {
    let most = tower.max_tokens;
    found.hold((2..=TOKENS_MAX).contains(&most), || {
        format!("text.max_tokens is {most}, must be 2 to {TOKENS_MAX}")
    });
    if let Some(pad_to) = tower.pad_to {
        found.hold(pad_to == most, || {
            format!("text.pad_to is {pad_to}, must equal text.max_tokens, {most}")
        });
    }
    found.hold(tower.append.as_deref() != Some(""), || {
        "text.append is empty: leave it out".to_owned()
    });
    let inputs = &tower.graph.inputs;
    let mut names = HashSet::new();
    for name in [
        Some(&inputs.ids),
        inputs.mask.as_ref(),
        inputs.types.as_ref(),
    ]
    .into_iter()
    .flatten()
    {
        found.hold(!name.is_empty(), || {
            "text.graph.inputs holds an empty name".to_owned()
        });
        found.hold(names.insert(name), || {
            format!("text.graph.inputs names \"{name}\" twice")
        });
    }
    found.hold(!tower.graph.output.is_empty(), || {
        "text.graph.output is empty".to_owned()
    });
}

fn picture(found: &mut Problems, tower: &PictureTower) {
    let [from, to] = tower.answers;
    found.hold(-1.0 <= from && from < to && to <= 1.0, || {
        format!("picture.answers is [{from}, {to}], must be two rising cosines")
    });
    let size = tower.size;
    found.hold((1..=SIZE_MAX).contains(&size), || {
        format!("picture.size is {size}, must be 1 to {SIZE_MAX}")
    });
    found.hold(tower.fit != Fit::Inside, || {
        "picture.fit is inside, must be squash or crop".to_owned()
    });
    let graph = &tower.graph;
    for (what, name) in [("input", &graph.input), ("output", &graph.output)] {
        found.hold(!name.is_empty(), || {
            format!("picture.graph.{what} is empty")
        });
    }
    let unit = |value: &f32| (0.0..=1.0).contains(value);
    found.hold(tower.mean.iter().all(unit), || {
        format!("picture.mean is {:?}, must be 0 to 1 each", tower.mean)
    });
    let scale = |value: &f32| *value > 0.0 && *value <= 1.0;
    found.hold(tower.std.iter().all(scale), || {
        format!(
            "picture.std is {:?}, must be above 0 and at most 1 each",
            tower.std
        )
    });
}

fn files(found: &mut Problems, files: &[ModelFile]) {
    found.hold((1..=FILES_MAX).contains(&files.len()), || {
        format!("{} files are listed, must be 1 to {FILES_MAX}", files.len())
    });
    // Some file systems take two names that differ in case for one.
    let lowered: Vec<String> = files.iter().map(|file| file.name.to_lowercase()).collect();
    for (file, lower) in files.iter().zip(&lowered) {
        let name = &file.name;
        found.hold(is_inside(name), || {
            format!("the file \"{name}\" would lie outside the model's folder")
        });
        found.hold(lower != MANIFEST_FILE, || {
            format!("the file \"{name}\" would lie in place of the manifest")
        });
        found.hold(!has_own_suffix(lower), || {
            format!(
                "the file \"{name}\" must not end in {}: downloads are called so",
                OWN_SUFFIXES.join(", ")
            )
        });
        let same = lowered.iter().filter(|other| *other == lower).count();
        found.hold(same == 1, || format!("the file \"{name}\" is listed twice"));
        let below = format!("{lower}/");
        found.hold(
            !lowered.iter().any(|other| other.starts_with(&below)),
            || format!("\"{name}\" is both a file and a folder"),
        );
        let known = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        found.hold(file.url.as_ref().is_none_or(known), || {
            format!("the url of \"{name}\" must begin with https:// or http://")
        });
        found.hold(file.bytes != Some(0), || {
            format!("\"{name}\" has 0 bytes: leave `bytes` out where the size is unknown")
        });
        let hex =
            |text: &String| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        found.hold(file.sha256.as_ref().is_none_or(hex), || {
            format!("the sha256 of \"{name}\" is not 64 hex digits")
        });
    }
}

/// Whether a name stays in its folder on every system: plain names between slashes.
pub(super) fn is_inside(name: &str) -> bool {
    let plain = |part: &str| {
        let mut components = Path::new(part).components();
        matches!(
            (components.next(), components.next()),
            (Some(Component::Normal(only)), None) if only.to_str() == Some(part)
        )
    };
    !name.contains(|c: char| c.is_control() || c == '\\' || c == ':') && name.split('/').all(plain)
}

/// Whether a text may name a model: it becomes a folder's name, and part of other names.
pub fn is_model_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name.len() <= NAME_MAX_CHARS
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(allowed)
        && !has_own_suffix(&name.to_lowercase())
}

fn has_own_suffix(lower: &str) -> bool {
    OWN_SUFFIXES.iter().any(|suffix| lower.ends_with(suffix))
}
