//! What tells one space from another: a hash of all that changes what a model gives.
//!
//! Every struct is taken apart without `..`, so that a field which joins a manifest does
//! not compile until somebody has said here whether it counts.

use super::{
    Filter, Fit, Manifest, ModelFile, Ocr, PictureGraph, PictureTower, Pooling, Speech, TextGraph,
    TextTower, Voice,
};

/// Hex digits of the hash in a model's id: 48 bits tell apart all that one machine
/// will ever hold.
const HASH_DIGITS: usize = 12;

pub(super) fn id(manifest: &Manifest) -> String {
    let Manifest {
        name,
        role,
        licence: _,
        dim,
        languages: _,
        normalise,
        files,
        text,
        picture,
        speech,
        voice,
        ocr,
    } = manifest;
    let mut essence = Essence {
        hasher: blake3::Hasher::new(),
        files,
    };
    essence.text(role.as_str());
    essence.text(&dim.to_string());
    essence.flag(*normalise);
    essence.all_files();
    essence.part("text", text.as_ref(), Essence::text_tower);
    essence.part("picture", picture.as_ref(), Essence::picture_tower);
    essence.part("speech", speech.as_ref(), Essence::speech);
    essence.part("voice", voice.as_ref(), Essence::voice);
    essence.part("ocr", ocr.as_ref(), Essence::ocr);
    let hash = essence.hasher.finalize().to_hex();
    format!("{name}-{}", &hash[..HASH_DIGITS])
}

struct Essence<'m> {
    hasher: blake3::Hasher,
    files: &'m [ModelFile],
}

impl Essence<'_> {
    fn text(&mut self, text: &str) {
        // Length first, so that no two lists of fields run together to the same.
        self.hasher.update(&(text.len() as u64).to_le_bytes());
        self.hasher.update(text.as_bytes());
    }

    fn flag(&mut self, flag: bool) {
        self.text(if flag { "1" } else { "0" });
    }

    fn optional(&mut self, value: Option<String>) {
        self.flag(value.is_some());
        self.text(&value.unwrap_or_default());
    }

    fn part<T>(&mut self, name: &str, part: Option<&T>, fill: fn(&mut Self, &T)) {
        if let Some(part) = part {
            self.text(name);
            fill(self, part);
        }
    }

    /// Every file's contents, in whatever order they are listed: weights may lie beside a
    /// graph in a file that no key names.
    fn all_files(&mut self) {
        let mut contents: Vec<String> = self.files.iter().map(contents).collect();
        contents.sort();
        for content in contents {
            self.text(&content);
        }
    }

    /// The contents of the file of this name: which of several is meant.
    fn file(&mut self, name: &str) {
        let file = self.files.iter().find(|file| file.name == name);
        self.text(&file.map_or_else(|| name.to_owned(), contents));
    }

    fn text_tower(&mut self, tower: &TextTower) {
        let TextTower {
            graph,
            tokenizer,
            query_prefix,
            passage_prefix,
            pooling,
            max_tokens,
            pad_to,
            pad_id,
            lowercase,
            append,
        } = tower;
        // The names of inputs are the graph's: they cannot be other ones.
        let TextGraph {
            file,
            inputs: _,
            output,
        } = graph;
        self.file(file);
        self.text(output);
        self.file(tokenizer);
        self.text(query_prefix);
        self.text(passage_prefix);
        self.text(match pooling {
            Pooling::Mean => "mean",
            Pooling::First => "first",
            Pooling::Last => "last",
            Pooling::None => "none",
        });
        self.text(&max_tokens.to_string());
        self.optional(pad_to.map(|tokens| tokens.to_string()));
        self.optional(pad_id.map(|id| id.to_string()));
        self.flag(*lowercase);
        self.optional(append.clone());
    }

    fn picture_tower(&mut self, tower: &PictureTower) {
        let PictureTower {
            graph,
            size,
            fit,
            filter,
            mean,
            std,
            answers: _,
        } = tower;
        let PictureGraph {
            file,
            input: _,
            output,
        } = graph;
        self.file(file);
        self.text(output);
        self.text(&size.to_string());
        self.text(match fit {
            Fit::Squash => "squash",
            Fit::Crop => "crop",
            Fit::Inside => "inside",
        });
        self.text(match filter {
            Filter::Bilinear => "bilinear",
            Filter::Bicubic => "bicubic",
        });
        for value in mean.iter().chain(std) {
            self.hasher.update(&value.to_bits().to_le_bytes());
        }
    }

    fn speech(&mut self, speech: &Speech) {
        let Speech {
            file,
            multilingual,
            max_text_ctx,
        } = speech;
        self.file(file);
        self.flag(*multilingual);
        self.optional(max_text_ctx.map(|tokens| tokens.to_string()));
    }

    fn voice(&mut self, voice: &Voice) {
        let Voice { file } = voice;
        self.file(file);
    }

    fn ocr(&mut self, ocr: &Ocr) {
        let Ocr {
            detector,
            recogniser,
            dictionary,
        } = ocr;
        self.file(detector);
        self.file(recogniser);
        self.file(dictionary);
    }
}

/// A file by its SHA-256, or else by its name.
fn contents(file: &ModelFile) -> String {
    match &file.sha256 {
        Some(sha256) => sha256.to_ascii_lowercase(),
        None => format!("name {}", file.name),
    }
}
