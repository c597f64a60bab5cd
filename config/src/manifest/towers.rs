//! The parts of a model, one table of the manifest each: what goes in, and how.

use serde::{Deserialize, Serialize};

/// The side of a picture towards its model, the fit and the filter: all that decides
/// which pixels arrive. It travels to the worker, which makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PictureSpec {
    /// Pixels, square.
    pub size: u32,
    /// What becomes of another shape.
    pub fit: Fit,
    /// How pixels are weighed.
    pub filter: Filter,
}

/// How a picture that is no square becomes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// Both sides are scaled to the size, whatever that does to the shape.
    Squash,
    /// The short side is scaled to the size, and the middle is cut out.
    Crop,
    /// The long side is scaled to the size, unless it is shorter, and the shape is kept: to be
    /// looked at, for models take squares: no manifest may have it.
    Inside,
}

/// How a picture is scaled: as Pillow does it, with its antialiasing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Filter {
    /// A triangle.
    Bilinear,
    /// Catmull-Rom, a = -0.5.
    Bicubic,
}

/// What a text graph calls its inputs: each int64 `[batch, tokens]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphInputs {
    /// Token ids.
    pub ids: String,
    /// 1 where a token stands, 0 where padding does; some graphs of a fixed length ask
    /// for none.
    pub mask: Option<String>,
    /// Zeros, for models of the BERT family that ask for them.
    pub types: Option<String>,
}

/// The ONNX graph for text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextGraph {
    /// The file.
    pub file: String,
    /// Its inputs.
    pub inputs: GraphInputs,
    /// The output that is read: f32 `[batch, tokens, dim]`, or `[batch, dim]` with
    /// [`Pooling::None`].
    pub output: String,
}

/// How the vectors of tokens become the vector of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// Their mean, padding aside.
    Mean,
    /// The first token's.
    First,
    /// The last token's, padding aside.
    Last,
    /// The graph has done it.
    None,
}

/// How text becomes a vector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextTower {
    /// Its graph.
    pub graph: TextGraph,
    /// The tokenizer's file, as Hugging Face's `tokenizers` reads it.
    pub tokenizer: String,
    /// Stands before a question.
    #[serde(default)]
    pub query_prefix: String,
    /// Stands before a passage.
    #[serde(default)]
    pub passage_prefix: String,
    /// How tokens become one vector.
    pub pooling: Pooling,
    /// Tokens at most, `append` among them; longer texts are cut.
    pub max_tokens: usize,
    /// Pad every text to this many tokens, for graphs that were trained so.
    pub pad_to: Option<usize>,
    /// The token that pads; without it, the one that the tokenizer's file names.
    pub pad_id: Option<u32>,
    /// Lower the case of the text before the tokenizer sees it.
    #[serde(default)]
    pub lowercase: bool,
    /// A token that closes every text, a cut one too, where the tokenizer adds none itself.
    pub append: Option<String>,
}

/// The ONNX graph for pictures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureGraph {
    /// The file.
    pub file: String,
    /// Its input: f32 `[batch, 3, size, size]`, red first.
    pub input: String,
    /// The output that is read: f32 `[batch, dim]`.
    pub output: String,
}

/// How a picture becomes a vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureTower {
    /// Its graph.
    pub graph: PictureGraph,
    /// Pixels, square.
    pub size: u32,
    /// What becomes of another shape.
    pub fit: Fit,
    /// How pixels are weighed.
    pub filter: Filter,
    /// Taken from each channel, which is 0 to 1 by then.
    pub mean: [f32; 3],
    /// What is left is divided by it.
    pub std: [f32; 3],
    /// The cosines of a text and a picture at which the picture begins to answer, and surely
    /// does. They differ from model to model and change no vector.
    #[serde(default = "usual_scale")]
    pub answers: [f32; 2],
}

/// OpenAI's CLIP: pictures that have nothing to do with a text lie at 0.15 to 0.2, good ones
/// at 0.3.
fn usual_scale() -> [f32; 2] {
    [0.2, 0.3]
}

impl PictureTower {
    /// What the worker needs to know.
    pub fn spec(&self) -> PictureSpec {
        PictureSpec {
            size: self.size,
            fit: self.fit,
            filter: self.filter,
        }
    }
}

/// A recogniser of speech: a ggml Whisper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Speech {
    /// The file.
    pub file: String,
    /// Whether it knows more than English.
    pub multilingual: bool,
    /// Tokens of the text so far that a window of sound is read with; 0 for models that
    /// repeat themselves otherwise. Without it, whisper.cpp's own.
    pub max_text_ctx: Option<i32>,
}

/// A detector of voices: a ggml Silero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voice {
    /// The file.
    pub file: String,
}

/// Readers of writing in pictures: PP-OCR.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ocr {
    /// The graph that finds lines.
    pub detector: String,
    /// The graph that reads one.
    pub recogniser: String,
    /// Its characters, one a line.
    pub dictionary: String,
}
