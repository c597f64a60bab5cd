//! Pixels that were decoded and scaled, as a small JPEG to be shown.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageError};

use crate::extraction::Picture;

/// Photographs look as they should, and take some 10 KiB at 256 pixels.
const QUALITY: u8 = 80;

/// A picture as a JPEG.
pub fn jpeg(picture: &Picture) -> Result<Vec<u8>, ImageError> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode(
        &picture.rgb,
        picture.width,
        picture.height,
        ExtendedColorType::Rgb8,
    )?;
    Ok(jpeg)
}
