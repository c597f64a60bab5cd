//! SVG to pixels, and the words that stand in it.
//!
//! A drawing is a program as much as a picture: it may name files, call itself and ask for
//! more paint than there is time. So nothing that it names is opened; before it is built, how
//! deep and how large it becomes is worked out ([`links`]), and before it is painted, how
//! long that takes ([`paint`]). What is beyond is refused with a reason.
//!
//! Its letters are not drawn, as the worker has no fonts: they are found as text ([`words`]).

mod links;
mod paint;
mod words;

use std::io::Read;
use std::sync::Arc;

use flate2::read::GzDecoder;
use hippo_config::Limits;
use image::{ImageFormat, ImageReader};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::roxmltree::{self, Document, ParsingOptions};
use resvg::usvg::{self, ImageHrefResolver, ImageKind, Options, Tree};

use super::about::About;
use crate::extraction::{Picture, Refusal};
use crate::format;
use crate::parse::{declared_encoding, encoding};

const STAGE: &str = "draw";
/// The longest side of what is drawn: more than models look at, and enough for a person.
const LONGEST_SIDE_PIXELS: u32 = 1024;
/// Drawings that take much paint are painted smaller, but not smaller than this.
const SMALLEST_SIDE_PIXELS: u32 = 128;
/// What a gzip file begins with.
const GZIP: &[u8] = b"\x1F\x8B\x08";
/// So much of a file is looked at for its first element.
const HEAD_BYTES: usize = 8 << 10;
/// Nodes of a document, texts and comments among them.
const NODES_MAX: u32 = 500_000;
/// Attributes of one element; reading them takes time with the square of their number.
const ATTRIBUTES_MAX: usize = 20_000;
/// Bytes that the entities of a document may become.
const ENTITIES_MAX_BYTES: usize = 16 << 20;
/// References that one entity may lead to: the parser's own limit, and the first one.
const REFERENCES_OF_ENTITY: usize = 256;

/// A drawing as pixels on white, with what it says.
pub(super) struct Drawn {
    pub(super) picture: Picture,
    pub(super) about: About,
}

/// Whether a file that begins like this is an SVG, as it is or compressed by gzip.
pub(super) fn is_drawing(head: &[u8]) -> bool {
    let head = &head[..head.len().min(HEAD_BYTES)];
    if !head.starts_with(GZIP) {
        return begins_with_svg(head);
    }
    begins_with_svg(&inflated(head, HEAD_BYTES as u64).0)
}

/// Whether the first element is `<svg>`, behind whatever may stand before it.
fn begins_with_svg(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    if !matches!(head.trim_ascii_start().first(), Some(b'<' | 0xFE | 0xFF)) {
        return false;
    }
    // Of UTF-16, every other byte: the names are ASCII.
    let bytes = head.iter().filter(|byte| byte.is_ascii() && **byte != 0);
    let text: String = bytes.map(|byte| char::from(*byte)).collect();
    let mut rest = text.trim_start();
    loop {
        let end = match rest.as_bytes() {
            [b'<', b'?', ..] => "?>",
            [b'<', b'!', b'-', b'-', ..] => "-->",
            [b'<', b'!', ..] if declares_svg(rest) => return true,
            [b'<', b'!', ..] => ">",
            _ => break,
        };
        let Some((_, after)) = rest.split_once(end) else {
            return false;
        };
        rest = after.trim_start();
    }
    let name = rest.strip_prefix('<').unwrap_or_default();
    let name = name.split(|c: char| c.is_whitespace() || matches!(c, '>' | '/'));
    let name = name.into_iter().next().unwrap_or_default();
    name == "svg" || name.ends_with(":svg")
}

/// Whether a document's type is SVG's, for its declaration may be long.
fn declares_svg(declaration: &str) -> bool {
    let name = declaration.strip_prefix("<!DOCTYPE").unwrap_or_default();
    name.trim_start()
        .strip_prefix("svg")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_whitespace() || c == '>'))
}

/// The first bytes of what is compressed, and whether that is all of it in good order.
#[allow(clippy::disallowed_methods)] // bounded by `take`
fn inflated(bytes: &[u8], most: u64) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    let ended = GzDecoder::new(bytes).take(most).read_to_end(&mut out);
    (out, ended.is_ok())
}

/// Draws a whole file.
pub(super) fn draw(bytes: Vec<u8>, limits: &Limits) -> Result<Drawn, Refusal> {
    let text = text(bytes, limits)?;
    hold_entities(&text)?;
    if text
        .split('<')
        .any(|tag| tag.matches('=').count() > ATTRIBUTES_MAX)
    {
        return Err(Refusal::failed(
            STAGE,
            "a part of it has too many attributes",
        ));
    }
    let options = ParsingOptions {
        allow_dtd: true,
        nodes_limit: NODES_MAX,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(&text, options).map_err(|e| unreadable(&e))?;
    links::hold(&document)?;
    let about = words::about(&document);
    let tree = Tree::from_xmltree(&document, &options_without_files(limits))
        .map_err(|error| refusal(&error))?;
    let size = affordable(&tree, limits)?;
    Ok(Drawn {
        picture: painted(&tree, &size)?,
        about,
    })
}

/// The document as text: unpacked, and from whatever it was written in.
fn text(bytes: Vec<u8>, limits: &Limits) -> Result<String, Refusal> {
    let most = limits.text_max_bytes;
    let bytes = if bytes.starts_with(GZIP) {
        let (bytes, whole) = inflated(&bytes, most.saturating_add(1));
        if !whole {
            return Err(Refusal::failed(STAGE, "its compressed data is damaged"));
        }
        bytes
    } else {
        bytes
    };
    if bytes.len() as u64 > most {
        return Err(format::refuse_size(STAGE, bytes.len() as u64, most));
    }
    let label = declared_encoding(&bytes[..bytes.len().min(HEAD_BYTES)]);
    let decoded = encoding::decode(bytes, label.as_deref())
        .map_err(|_| Refusal::failed(STAGE, "damaged: it is no text"))?;
    Ok(decoded.text)
}

/// Refuses a document whose entities would swell: the parser bounds how they nest, not how
/// often the longest of them is named.
fn hold_entities(text: &str) -> Result<(), Refusal> {
    let Some(from) = text.find("<!ENTITY") else {
        return Ok(());
    };
    let declared = text[from..].find("]>").map_or(text.len(), |end| from + end);
    let nested = text[from..declared].contains('&');
    let named = text[declared..].matches('&').count();
    let each = (declared - from) * if nested { REFERENCES_OF_ENTITY } else { 1 };
    if each.saturating_mul(named) > ENTITIES_MAX_BYTES {
        return Err(Refusal::failed(
            STAGE,
            "its entities would become too long a text",
        ));
    }
    Ok(())
}

/// How documents are read: no file is opened, and of pictures within, those are decoded that
/// fit a picture's limit. A drawing within a drawing is left out.
fn options_without_files(limits: &Limits) -> Options<'static> {
    let most = limits.picture_max_pixels;
    Options {
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(move |_, data, _| embedded(data, most)),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    }
}

/// A picture that stands in the document itself, by its own first bytes.
fn embedded(data: Arc<Vec<u8>>, pixels_max: u64) -> Option<ImageKind> {
    let form = image::guess_format(&data).ok()?;
    let reader = ImageReader::with_format(std::io::Cursor::new(data.as_slice()), form);
    let (width, height) = reader.into_dimensions().ok()?;
    if u64::from(width) * u64::from(height) > pixels_max.min(paint::EMBEDDED_MAX_PIXELS) {
        return None;
    }
    Some(match form {
        ImageFormat::Png => ImageKind::PNG(data),
        ImageFormat::Jpeg => ImageKind::JPEG(data),
        ImageFormat::Gif => ImageKind::GIF(data),
        ImageFormat::WebP => ImageKind::WEBP(data),
        _ => return None,
    })
}

/// How large a drawing is painted.
struct Size {
    width: u32,
    height: u32,
    /// From the drawing's own measure.
    scale: Transform,
}

impl Size {
    fn of(tree: &Tree, longest: u32) -> Size {
        let (width, height) = (tree.size().width(), tree.size().height());
        let longest = longest as f32;
        let scale = longest / width.max(height);
        let side = |length: f32| (length * scale).round().clamp(1.0, longest);
        let (across, down) = (side(width), side(height));
        Size {
            width: across as u32,
            height: down as u32,
            scale: Transform::from_scale(across / width, down / height),
        }
    }
}

/// The largest size at which the drawing does not take too much to paint.
fn affordable(tree: &Tree, limits: &Limits) -> Result<Size, Refusal> {
    let most = (limits.picture_max_pixels as f64).sqrt() as u32;
    let mut longest = most.clamp(1, LONGEST_SIDE_PIXELS);
    loop {
        let size = Size::of(tree, longest);
        match paint::hold(tree, &size) {
            Ok(()) => return Ok(size),
            Err(refusal) if longest / 2 < SMALLEST_SIDE_PIXELS => return Err(refusal),
            Err(_) => longest /= 2,
        }
    }
}

fn painted(tree: &Tree, size: &Size) -> Result<Picture, Refusal> {
    let (width, height) = (size.width, size.height);
    let mut canvas = Pixmap::new(width, height)
        .ok_or_else(|| Refusal::failed(STAGE, "it has no size that could be drawn"))?;
    canvas.fill(Color::WHITE);
    resvg::render(tree, size.scale, &mut canvas.as_mut());
    // On white everything is opaque, so that nothing need be divided by how opaque it is.
    let pixels = canvas.data().chunks_exact(4);
    Ok(Picture {
        width,
        height,
        rgb: pixels
            .flat_map(|rgba| [rgba[0], rgba[1], rgba[2]])
            .collect(),
    })
}

fn refusal(error: &usvg::Error) -> Refusal {
    match error {
        usvg::Error::InvalidSize => Refusal::failed(STAGE, "it has no size that could be drawn"),
        usvg::Error::ElementsLimitReached => links::too_many(),
        usvg::Error::ParsingFailed(error) => unreadable(error),
        _ => Refusal::failed(STAGE, "damaged: it cannot be read as SVG"),
    }
}

fn unreadable(error: &roxmltree::Error) -> Refusal {
    match error {
        roxmltree::Error::NodesLimitReached => links::too_many(),
        roxmltree::Error::EntityReferenceLoop(_) => {
            Refusal::failed(STAGE, "its entities name each other without end")
        }
        roxmltree::Error::UnclosedRootNode | roxmltree::Error::UnexpectedEndOfStream => {
            Refusal::failed(STAGE, "the file stops early: it is cut off")
        }
        other => {
            let text = other.to_string().replace(['{', '}', '\n'], " ");
            let line: String = text.chars().take(200).collect();
            Refusal::failed(STAGE, format!("damaged: {}", line.trim_end_matches('.')))
        }
    }
}

#[cfg(test)]
mod tests;
