//! Pictures: what they say of themselves, and their pixels as models want them.
//!
//! A picture is one segment. Its text is what its own metadata calls it, often nothing; its
//! pixels follow it, upright, in sRGB and on white, once for each size that a model asked
//! for. A drawing is painted first, and its own words are its text. Every picture is decoded
//! whether somebody wants the pixels or not, so that a broken one is known as broken whatever
//! models there are.
//!
//! Nothing here trusts a header: dimensions are held to `limits.picture_max_pixels` and
//! memory to [`decode`]'s estimate before a pixel is decoded, and a file that ends early is
//! refused, though some decoders would fill the rest with grey.

mod about;
mod caption;
mod colour;
mod count;
mod decode;
mod drawing;
mod fit;
#[cfg(feature = "heif")]
mod heif;
mod looks;
mod scan;

use hippo_config::Limits;

use super::writer::{Place, Writer};
use crate::extraction::{Kind, Metadata, Refusal, Wants};

/// The kinds of picture that are decoded, by their signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Jpeg,
    Png,
    Gif,
    WebP,
    Bmp,
    Tiff,
    Ico,
    Qoi,
    /// A drawing, as text or compressed.
    Svg,
    #[cfg(feature = "heif")]
    Heic,
    #[cfg(feature = "heif")]
    Avif,
}

impl Form {
    /// What the first bytes announce. Signatures of two letters are held to more than that.
    pub(super) fn of(head: &[u8]) -> Option<Form> {
        let at = |place: usize, bytes: &[u8]| head.get(place..place + bytes.len()) == Some(bytes);
        Some(if at(0, b"\xFF\xD8\xFF") {
            Form::Jpeg
        } else if at(0, b"\x89PNG\r\n\x1a\n") {
            Form::Png
        } else if at(0, b"GIF87a") || at(0, b"GIF89a") {
            Form::Gif
        } else if at(0, b"RIFF") && at(8, b"WEBP") {
            Form::WebP
        } else if is_tiff(head) && !at(8, b"CR") {
            // Canon's raw pictures are TIFFs with their own mark.
            Form::Tiff
        } else if at(0, b"qoif") {
            Form::Qoi
        } else if at(0, b"BM") && at(6, &[0; 4]) && at(15, &[0; 3]) {
            // Two reserved numbers, then the offset, then the header's size: below 256.
            Form::Bmp
        } else if at(0, b"\0\0\x01\0") && at(5, &[0]) && at(9, &[0]) {
            // Fewer than 256 icons, then the first one's reserved byte.
            Form::Ico
        } else if drawing::is_drawing(head) {
            Form::Svg
        } else {
            return boxed(head);
        })
    }

    pub(super) fn mime(self) -> &'static str {
        match self {
            Form::Jpeg => "image/jpeg",
            Form::Png => "image/png",
            Form::Gif => "image/gif",
            Form::WebP => "image/webp",
            Form::Bmp => "image/bmp",
            Form::Tiff => "image/tiff",
            Form::Ico => "image/x-icon",
            Form::Qoi => "image/qoi",
            Form::Svg => "image/svg+xml",
            #[cfg(feature = "heif")]
            Form::Heic => "image/heic",
            #[cfg(feature = "heif")]
            Form::Avif => "image/avif",
        }
    }
}

/// What libheif decodes, where hippo has it.
#[cfg(feature = "heif")]
fn boxed(head: &[u8]) -> Option<Form> {
    heif::form(head)
}

#[cfg(not(feature = "heif"))]
fn boxed(_: &[u8]) -> Option<Form> {
    None
}

/// Loads what decoders have in files of their own, before the sandbox closes.
pub(super) fn load() {
    #[cfg(feature = "heif")]
    heif::load();
}

fn is_tiff(head: &[u8]) -> bool {
    [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"]
        .iter()
        .any(|mark| head.starts_with(*mark))
}

/// Reads a picture whose first bytes are one's.
pub(super) fn read(
    bytes: Vec<u8>,
    wants: &Wants,
    limits: &Limits,
    mut writer: Writer<'_>,
) -> Result<Metadata, Refusal> {
    let form = Form::of(&bytes)
        .ok_or_else(|| Refusal::failed("decode", "the file changed while it was read"))?;
    let mut metadata = Metadata::new(Kind::Image, form.mime(), "image");
    match form {
        Form::Gif => {
            let frames = count::gif_frames(&bytes);
            if frames > 1 {
                writer.note(format!("the first of {frames} frames"));
            }
        }
        Form::Tiff => {
            let pages = count::tiff_pages(&bytes);
            metadata.pages = Some(pages);
            if pages > 1 {
                writer.note(format!("the first of {pages} pages"));
            }
        }
        _ => {}
    }
    let size = bytes.len() as u64;
    let (picture, about) = if form == Form::Svg {
        let drawn = drawing::draw(bytes, limits)?;
        (drawn.picture, drawn.about)
    } else {
        let decoded = decode::decode(bytes, form, limits)?;
        for note in decoded.notes {
            writer.note(note);
        }
        let (xmp, iptc) = (decoded.xmp.as_deref(), decoded.iptc.as_deref());
        let about = about::about(decoded.exif, xmp, iptc);
        (decoded.picture, about)
    };
    writer.progress(size, size, "decoded");
    let mut fitted = Vec::with_capacity(wants.pictures.len());
    for spec in &wants.pictures {
        let fit = fit::fit(&picture, *spec)
            .map_err(|error| Refusal::failed("scale", format!("it cannot be scaled: {error}")))?;
        fitted.push(fit);
    }
    metadata.looks = looks::looks(&picture)
        .map_err(|error| Refusal::failed("scale", format!("it cannot be scaled: {error}")))?;
    writer.picture(&about.text(), Place::CAPTION, fitted.into_iter());
    metadata.in_pixels = 1;
    if let Some(longest) = wants.scans {
        let scan = scan::scan(&picture, longest)
            .map_err(|error| Refusal::failed("scale", format!("it cannot be scaled: {error}")))?;
        if let Some(scan) = scan {
            writer.scan(scan);
        }
    }
    metadata.title = about.title;
    metadata.author = about.author;
    metadata.shot = about.shot;
    writer.finish(metadata)
}

#[cfg(test)]
mod tests;
