//! How much of the corpus' clips a real recogniser gets wrong: words of English, characters of
//! Chinese, both folded as the index folds them.
//!
//! The demo model knows 2,430 words and is not asked. `HIPPO_WHISPER` names a ggml file that is.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use hippo_extractors::infer::speech::{Session, Silero, Whisper};
use hippo_tests::corpus::{files_below, is_han};
use serde_json::Value;

use super::against::decode;

/// Edits, of so many.
#[derive(Default)]
pub(super) struct Errors {
    pub(super) edits: usize,
    pub(super) of: usize,
    pub(super) clips: usize,
}

impl Errors {
    pub(super) fn percent(&self) -> f64 {
        100.0 * self.edits as f64 / self.of.max(1) as f64
    }
}

/// The errors in one text.
pub(super) fn between(truth: &str, heard: &str) -> Errors {
    let (truth, heard) = (units(truth), units(heard));
    Errors {
        edits: strsim::generic_levenshtein(&truth, &heard),
        of: truth.len(),
        clips: 1,
    }
}

/// The errors in English and in Chinese.
pub(super) fn measure(model: &Whisper, silero: &Path, corpus: &Path) -> (Errors, Errors) {
    let files = files_below(corpus);
    let texts = transcripts(&files);
    let (mut english, mut chinese) = (Errors::default(), Errors::default());
    for path in &files {
        let is_sound = path.extension().is_some_and(|e| e == "wav" || e == "mp3");
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        // The Chinese clip stands there under two names.
        let Some(text) = texts.get(stem.as_ref()).filter(|_| is_sound) else {
            continue;
        };
        let sound = decode(path);
        let listener = model.listener(Arc::default()).unwrap();
        let mut session = Session::new(Silero::open(silero).unwrap(), listener);
        let mut heard = session.push(&sound).unwrap();
        heard.extend(session.finish().unwrap());
        let heard: Vec<&str> = heard.iter().map(|said| said.text.as_str()).collect();
        let errors = if text.chars().any(is_han) {
            &mut chinese
        } else {
            &mut english
        };
        let here = between(text, &heard.join(" "));
        errors.edits += here.edits;
        errors.of += here.of;
        errors.clips += 1;
    }
    (english, chinese)
}

/// What is said in the clips, by their names, from the four kinds of lists in the corpus.
fn transcripts(files: &[std::path::PathBuf]) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    let mut add = |name: &str, text: &str| {
        let stem = Path::new(name).file_stem().unwrap_or_default();
        texts.insert(stem.to_string_lossy().into_owned(), text.to_owned());
    };
    for path in files {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let lines = || fs::read_to_string(path).unwrap();
        if name == "text" {
            for line in lines().lines() {
                if let Some((clip, text)) = line.split_once(' ') {
                    add(clip, text);
                }
            }
        } else if name.ends_with("transcription") {
            // <s> what is said </s> (clip)
            for line in lines().lines() {
                let line = line.trim_start_matches("<s>").trim_end_matches(')');
                if let Some((text, clip)) = line.split_once("</s> (") {
                    add(clip, text);
                }
            }
        } else if name == "dev.csv" {
            for line in lines().lines().skip(1) {
                if let Some((clip, text)) = line.split_once(',') {
                    add(clip, text);
                }
            }
        } else if name.starts_with("common_voice") && name.ends_with(".json") {
            for line in lines().lines() {
                let entry: Value = serde_json::from_str(line).unwrap();
                if let (Some(clip), Some(text)) =
                    (entry["path"].as_str(), entry["sentence"].as_str())
                {
                    add(clip, text);
                }
            }
        }
    }
    texts
}

/// Words, and every character of Chinese.
fn units(text: &str) -> Vec<String> {
    let mut units = vec![String::new()];
    for c in hippo_index::fold::fold(text).chars() {
        if is_han(c) {
            units.extend([c.to_string(), String::new()]);
        } else if c.is_alphanumeric() {
            units.last_mut().unwrap().push(c);
        } else if c != '\'' {
            units.push(String::new());
        }
    }
    units.retain(|unit| !unit.is_empty());
    units
}
