//! HEIC and AVIF through libheif, where hippo was built with the feature `heif`.
//!
//! The library is C++, and decodes in the sandbox like every other. It is initialised before
//! the sandbox closes ([`load`]), as its decoders may be plugins in files of their own. The
//! header is held to the limits before a pixel is decoded. Turning and mirroring are the
//! library's affair: they are part of the format, and what EXIF says of them is for others.

use std::sync::OnceLock;

use image::{DynamicImage, RgbImage, RgbaImage};
use libheif_rs::{
    ColorSpace, HeifContext, HeifError, HeifErrorCode, HeifErrorSubCode, ImageHandle, ItemId,
    LibHeif, RgbChroma,
};

use super::decode::{ABOUT_MAX_BYTES, Decoded, STAGE, check, plain};
use super::{Form, colour};
use crate::extraction::{Picture, Refusal};
use hippo_config::Limits;

/// Blocks of metadata of one kind: one of each is usual.
const BLOCKS_MAX: usize = 8;
/// Bytes of a pixel in brightness and colour, at most.
const PLANES_BYTES: u64 = 3;
/// Bytes of a pixel in red, green and blue: as the library gives it, and without padding.
const OPAQUE_BYTES: u64 = 6;
/// The same with how opaque it is, and the result.
const BLENDED_BYTES: u64 = 11;

/// What the first bytes announce: a box of brands, one of them a picture's.
pub(super) fn form(head: &[u8]) -> Option<Form> {
    if head.get(4..8) != Some(b"ftyp") {
        return None;
    }
    let len = u32::from_be_bytes(*head.first_chunk()?) as usize;
    let brands = &head[..len.min(head.len())];
    let mut brands = brands.get(8..)?.chunks_exact(4);
    // Behind the first brand stands its version.
    let (first, others) = (brands.next()?, brands.skip(1));
    let by_name = |brand: &[u8]| match brand {
        b"avif" | b"avis" => Some(Form::Avif),
        b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" => Some(Form::Heic),
        _ => None,
    };
    match first {
        b"mif1" | b"msf1" => others.into_iter().find_map(by_name),
        first => by_name(first),
    }
}

/// Initialises the library for good. Its plugins are files, which the sandbox opens no more.
pub(super) fn load() -> &'static LibHeif {
    static LIBRARY: OnceLock<LibHeif> = OnceLock::new();
    LIBRARY.get_or_init(LibHeif::new)
}

/// Decodes the picture that its file calls the first.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, Refusal> {
    let mut context = HeifContext::read_from_bytes(bytes).map_err(|error| refusal(&error))?;
    context.set_max_decoding_threads(0);
    let handle = context
        .primary_image_handle()
        .map_err(|error| refusal(&error))?;
    let opaque = !handle.has_alpha_channel();
    hold(&handle, opaque, limits)?;
    let mut rgb = colour::flatten(pixels_of(&handle, opaque)?);
    let mut notes = Vec::new();
    if let Some(profile) = handle.color_profile_raw()
        && let Err(note) = colour::to_srgb(&mut rgb, &profile.data)
    {
        notes.push(note);
    }
    Ok(Decoded {
        picture: Picture {
            width: handle.width(),
            height: handle.height(),
            rgb,
        },
        exif: exif(&handle),
        xmp: block(&handle, *b"mime", Some("application/rdf+xml")),
        iptc: None,
        notes,
    })
}

/// Holds the picture to the limits, as it is shown and as it is coded before its edges are cut.
fn hold(handle: &ImageHandle, opaque: bool, limits: &Limits) -> Result<(), Refusal> {
    let coded = |side: i32| u32::try_from(side).unwrap_or(0);
    let shown = (handle.width(), handle.height());
    let coded = (coded(handle.ispe_width()), coded(handle.ispe_height()));
    let area = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
    // The coded sides are those before a turn, so that areas are compared.
    let (width, height) = if area(coded) > area(shown) {
        coded
    } else {
        shown
    };
    let deep = if handle.luma_bits_per_pixel() > 8 {
        2
    } else {
        1
    };
    let each = PLANES_BYTES * deep + if opaque { OPAQUE_BYTES } else { BLENDED_BYTES };
    check(
        width,
        height,
        area((width, height)).saturating_mul(each),
        limits,
    )
}

/// The pixels of eight bits, upright, without the padding at the ends of their rows.
fn pixels_of(handle: &ImageHandle, opaque: bool) -> Result<DynamicImage, Refusal> {
    let (chroma, channels) = if opaque {
        (RgbChroma::Rgb, 3)
    } else {
        (RgbChroma::Rgba, 4)
    };
    // No options: this version of the binding frees them before they are used.
    let image = load()
        .decode(handle, ColorSpace::Rgb(chroma), None)
        .map_err(|error| refusal(&error))?;
    let (width, height) = (handle.width(), handle.height());
    let wrong = || Refusal::failed(STAGE, "it has fewer pixels than it announces");
    let planes = image.planes();
    let plane = planes.interleaved.ok_or_else(wrong)?;
    let row_bytes = width as usize * channels;
    if (plane.width, plane.height) != (width, height) || plane.stride < row_bytes {
        return Err(wrong());
    }
    let mut values = Vec::with_capacity(row_bytes * height as usize);
    for row in plane.data.chunks(plane.stride) {
        values.extend_from_slice(&row[..row_bytes]);
    }
    if !opaque && handle.is_premultiplied_alpha() {
        divide(&mut values);
    }
    let image = if opaque {
        RgbImage::from_raw(width, height, values).map(DynamicImage::from)
    } else {
        RgbaImage::from_raw(width, height, values).map(DynamicImage::from)
    };
    image.ok_or_else(wrong)
}

/// Colours as they are, of colours that were multiplied by how opaque they are.
fn divide(values: &mut [u8]) {
    for pixel in values.chunks_exact_mut(4) {
        let opaque = u32::from(pixel[3]).max(1);
        for value in &mut pixel[..3] {
            *value = (u32::from(*value) * 255 / opaque).min(255) as u8;
        }
    }
}

/// EXIF stands behind the number of bytes to skip before it.
fn exif(handle: &ImageHandle) -> Option<Vec<u8>> {
    let block = block(handle, *b"Exif", None)?;
    let skip = u32::from_be_bytes(*block.first_chunk()?) as usize;
    Some(block.get(skip.checked_add(4)?..)?.to_vec())
}

/// The first block of metadata of this kind.
fn block(handle: &ImageHandle, kind: [u8; 4], content: Option<&str>) -> Option<Vec<u8>> {
    let mut ids = [ItemId::default(); BLOCKS_MAX];
    let found = handle.metadata_block_ids(&mut ids, &kind);
    let mut ids = ids.into_iter().take(found.min(BLOCKS_MAX));
    let id = ids.find(|id| {
        content.is_none_or(|content| handle.metadata_content_type(*id) == Some(content))
            && handle.metadata_size(*id) <= ABOUT_MAX_BYTES
    })?;
    handle.metadata(id).ok()
}

/// The library's error in one plain sentence.
fn refusal(error: &HeifError) -> Refusal {
    match (error.code, error.sub_code) {
        (_, HeifErrorSubCode::EndOfData) => {
            Refusal::failed(STAGE, "the file stops early: it is cut off")
        }
        (_, HeifErrorSubCode::SecurityLimitExceeded)
        | (HeifErrorCode::MemoryAllocationError, _) => {
            Refusal::skipped(STAGE, "too large: it is beyond what libheif decodes")
        }
        (HeifErrorCode::UnsupportedFeature | HeifErrorCode::UnsupportedFileType, _) => {
            Refusal::skipped(
                STAGE,
                format!(
                    "a variant that this libheif cannot decode ({}): install its decoders, or \
                     save it as JPEG",
                    plain(&error.message)
                ),
            )
        }
        _ => Refusal::failed(STAGE, format!("damaged: {}", plain(&error.message))),
    }
}
