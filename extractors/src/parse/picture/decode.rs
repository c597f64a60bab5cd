//! Bytes to upright pixels, within limits of dimensions and memory.
//!
//! A header of forty bytes may announce a picture of a million by a million. So what a
//! picture would take is worked out from its header, and it is refused before that is
//! allocated; the decoders' own limits stand behind. Where a decoder would fill what is
//! missing with grey, the missing end is looked for first.

use std::io::Cursor;

use hippo_config::Limits;
use image::error::{ImageError, LimitErrorKind};
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};

use super::{Form, colour, count};
use crate::extraction::{Picture, Refusal};

pub(super) const STAGE: &str = "decode";
/// Bytes that decoding may take for each pixel of the largest picture: colours of eight
/// bits, and a second copy while they are turned upright, take six; transparency seven;
/// sixteen bits with transparency eleven, so such a picture may have fewer pixels.
const BYTES_PER_PIXEL: u64 = 8;
/// Bytes of a pixel's coefficients, which a progressive JPEG keeps until its last scan.
const PROGRESSIVE_BYTES_PER_PIXEL: u64 = 6;
/// Bytes of a pixel of the result.
const RGB_BYTES: u64 = 3;
/// Larger metadata describes nothing that a person wrote.
pub(super) const ABOUT_MAX_BYTES: usize = 4 << 20;
/// A TIFF is its own EXIF, and reading that copies it: only those up to this size.
const TIFF_EXIF_MAX_BYTES: usize = 16 << 20;

/// A decoded picture with what its file says of it.
pub(super) struct Decoded {
    pub(super) picture: Picture,
    pub(super) exif: Option<Vec<u8>>,
    pub(super) xmp: Option<Vec<u8>>,
    pub(super) iptc: Option<Vec<u8>>,
    pub(super) notes: Vec<String>,
}

/// Decodes a picture, its first frame or page.
pub(super) fn decode(bytes: Vec<u8>, form: Form, limits: &Limits) -> Result<Decoded, Refusal> {
    #[cfg(feature = "heif")]
    if matches!(form, Form::Heic | Form::Avif) {
        return super::heif::decode(&bytes, limits);
    }
    // The decoder of icons takes PNGs of one kind only.
    let icon = (form == Form::Ico)
        .then(|| count::ico_png(&bytes))
        .flatten();
    let (bytes, form) = match icon.map(<[u8]>::to_vec) {
        Some(icon) => (icon, Form::Png),
        None => (bytes, form),
    };
    let jpeg = match form {
        Form::Jpeg => count::jpeg_facts(&bytes),
        _ => count::JpegFacts::default(),
    };
    if form == Form::Jpeg && !jpeg.ended {
        return Err(Refusal::failed(
            STAGE,
            "the file stops early: it is cut off",
        ));
    }
    let tiff_exif =
        (form == Form::Tiff && bytes.len() <= TIFF_EXIF_MAX_BYTES).then(|| bytes.clone());
    let memory_max = limits.picture_max_pixels.saturating_mul(BYTES_PER_PIXEL);
    let format = format(form).ok_or_else(|| Refusal::failed(STAGE, "it is not made of pixels"))?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut own = image::Limits::no_limits();
    own.max_alloc = Some(memory_max);
    reader.limits(own);
    let mut decoder = reader.into_decoder().map_err(|error| refusal(&error))?;
    let (width, height) = decoder.dimensions();
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let memory = Need {
        pixels: u64::from(width) * u64::from(height),
        decoded: decoder.total_bytes(),
        copied: decoder.color_type() != ColorType::Rgb8,
        turned: orientation != Orientation::NoTransforms,
        progressive: jpeg.progressive,
    };
    check(width, height, memory.bytes(), limits)?;
    let profile = decoder.icc_profile().ok().flatten();
    let small = |bytes: &Vec<u8>| bytes.len() <= ABOUT_MAX_BYTES;
    let exif = decoder
        .exif_metadata()
        .ok()
        .flatten()
        .filter(small)
        .or(tiff_exif);
    let xmp = decoder.xmp_metadata().ok().flatten().filter(small);
    let iptc = decoder.iptc_metadata().ok().flatten().filter(small);
    let image = DynamicImage::from_decoder(decoder).map_err(|error| refusal(&error))?;
    let mut rgb = colour::flatten(image);
    let mut notes = Vec::new();
    if let Some(profile) = profile
        && let Err(note) = colour::to_srgb(&mut rgb, &profile)
    {
        notes.push(note);
    }
    Ok(Decoded {
        picture: upright(width, height, rgb, orientation)?,
        exif,
        xmp,
        iptc,
        notes,
    })
}

/// What the decoders of pixels call it; none for what is not made of pixels.
fn format(form: Form) -> Option<ImageFormat> {
    Some(match form {
        Form::Jpeg => ImageFormat::Jpeg,
        Form::Png => ImageFormat::Png,
        Form::Gif => ImageFormat::Gif,
        Form::WebP => ImageFormat::WebP,
        Form::Bmp => ImageFormat::Bmp,
        Form::Tiff => ImageFormat::Tiff,
        Form::Ico => ImageFormat::Ico,
        Form::Qoi => ImageFormat::Qoi,
        Form::Svg => return None,
        #[cfg(feature = "heif")]
        Form::Heic | Form::Avif => return None,
    })
}

/// What decoding will hold at once.
struct Need {
    pixels: u64,
    /// Bytes of all pixels as the decoder gives them.
    decoded: u64,
    /// Whether they are copied on their way to red, green and blue.
    copied: bool,
    turned: bool,
    progressive: bool,
}

impl Need {
    fn bytes(&self) -> u64 {
        let result = self.pixels.saturating_mul(RGB_BYTES);
        let coefficients = if self.progressive {
            self.pixels.saturating_mul(PROGRESSIVE_BYTES_PER_PIXEL)
        } else {
            0
        };
        // One after the other: decoding, narrowing, turning.
        [
            self.decoded.saturating_add(coefficients),
            self.decoded
                .saturating_add(if self.copied { result } else { 0 }),
            result.saturating_mul(if self.turned { 2 } else { 1 }),
        ]
        .into_iter()
        .max()
        .unwrap_or(result)
    }
}

/// Holds what a header announces to the limits.
pub(super) fn check(width: u32, height: u32, memory: u64, limits: &Limits) -> Result<(), Refusal> {
    if width == 0 || height == 0 {
        return Err(Refusal::failed(STAGE, "it has no pixels"));
    }
    let pixels = u64::from(width) * u64::from(height);
    let most = limits.picture_max_pixels;
    if pixels > most {
        return Err(Refusal::skipped(
            STAGE,
            format!(
                "too large: {width} x {height} pixels, and the limit is {most} in all (see \
                 [limits] in the settings)"
            ),
        ));
    }
    if memory > most.saturating_mul(BYTES_PER_PIXEL) {
        return Err(too_much_memory());
    }
    Ok(())
}

fn too_much_memory() -> Refusal {
    Refusal::skipped(
        STAGE,
        "too large: decoding it would take more memory than pictures may (see \
         limits.picture_max_pixels in the settings)",
    )
}

/// The picture as it is meant to be seen.
fn upright(
    width: u32,
    height: u32,
    rgb: Vec<u8>,
    orientation: Orientation,
) -> Result<Picture, Refusal> {
    let image = RgbImage::from_raw(width, height, rgb)
        .ok_or_else(|| Refusal::failed(STAGE, "it has fewer pixels than it announces"))?;
    let mut image = DynamicImage::ImageRgb8(image);
    image.apply_orientation(orientation);
    Ok(Picture {
        width: image.width(),
        height: image.height(),
        rgb: image.into_rgb8().into_raw(),
    })
}

/// A decoder's error in one plain sentence.
fn refusal(error: &ImageError) -> Refusal {
    match error {
        ImageError::Limits(limit) => match limit.kind() {
            LimitErrorKind::DimensionError | LimitErrorKind::InsufficientMemory => {
                too_much_memory()
            }
            _ => Refusal::failed(STAGE, "it is beyond what its decoder can do"),
        },
        ImageError::Unsupported(what) => Refusal::skipped(
            STAGE,
            format!(
                "a variant that hippo cannot decode: {}",
                plain(&what.to_string())
            ),
        ),
        ImageError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            Refusal::failed(STAGE, "the file stops early: it is cut off")
        }
        other => Refusal::failed(STAGE, format!("damaged: {}", plain(&innermost(other)))),
    }
}

/// The error that started it: the ones around it only repeat the format's name.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// One line, of a length that fits a status page, without a full stop and without the
/// insides that some decoders print.
pub(super) fn plain(text: &str) -> String {
    const REASON_MAX_CHARS: usize = 200;
    if text.starts_with("CRC error") {
        return "a checksum is wrong".to_owned();
    }
    if text.contains('{') {
        return "its parts do not fit together".to_owned();
    }
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.trim_end_matches('.')
        .chars()
        .take(REASON_MAX_CHARS)
        .collect()
}
