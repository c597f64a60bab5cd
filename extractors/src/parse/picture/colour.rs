//! Any kind of pixel as eight bits of red, green and blue, in sRGB and on white.
//!
//! White is what a page is: a drawing on a transparent ground is mostly dark lines, and on
//! black nothing of it would be seen. A profile is applied where it describes red, green and
//! blue. Profiles of greys differ by less than a model notices, and a print's CMYK has
//! already become RGB by then: both are left alone.

use image::DynamicImage;
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

/// Pixels turned into sRGB at a time: they fit the cache, and bound the copy.
const PIXELS_AT_ONCE: usize = 64 << 10;
/// Larger profiles are no display's: one of a camera's has 3 KiB, a printer's a megabyte.
const PROFILE_MAX_BYTES: usize = 8 << 20;

/// The image's pixels as `[red, green, blue]`, row by row.
pub(super) fn flatten(image: DynamicImage) -> Vec<u8> {
    match image {
        DynamicImage::ImageRgb8(image) => image.into_raw(),
        DynamicImage::ImageLuma8(image) => spread(image.as_raw(), |grey| *grey),
        DynamicImage::ImageLuma16(image) => spread(image.as_raw(), |grey| narrow(*grey)),
        DynamicImage::ImageRgb16(image) => image.as_raw().iter().copied().map(narrow).collect(),
        DynamicImage::ImageLumaA8(image) => on_white(image.as_raw(), 2, |value| value),
        DynamicImage::ImageRgba8(image) => on_white(image.as_raw(), 4, |value| value),
        DynamicImage::ImageLumaA16(image) => on_white(image.as_raw(), 2, narrow),
        DynamicImage::ImageRgba16(image) => on_white(image.as_raw(), 4, narrow),
        other => on_white(other.into_rgba8().as_raw(), 4, |value| value),
    }
}

/// Sixteen bits to the nearest of eight.
fn narrow(value: u16) -> u8 {
    ((u32::from(value) + 128) / 257) as u8
}

fn spread<T>(greys: &[T], as_byte: fn(&T) -> u8) -> Vec<u8> {
    greys.iter().flat_map(|grey| [as_byte(grey); 3]).collect()
}

/// Pixels of `channels` values, the last of them how opaque they are: 2 for greys, 4 for
/// colours.
fn on_white<T: Copy>(values: &[T], channels: usize, as_byte: fn(T) -> u8) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(values.len() / channels * 3);
    for pixel in values.chunks_exact(channels) {
        let opaque = u32::from(as_byte(pixel[channels - 1]));
        let blend = |value: T| {
            let value = u32::from(as_byte(value));
            ((value * opaque + 255 * (255 - opaque) + 127) / 255) as u8
        };
        if channels == 2 {
            rgb.extend([blend(pixel[0]); 3]);
        } else {
            rgb.extend([blend(pixel[0]), blend(pixel[1]), blend(pixel[2])]);
        }
    }
    rgb
}

/// Turns pixels from the profile's colours into sRGB's. `Err`: why the profile was left
/// alone, for a note.
pub(super) fn to_srgb(rgb: &mut [u8], profile: &[u8]) -> Result<(), String> {
    if profile.len() > PROFILE_MAX_BYTES {
        return Err("its colour profile is too large and was ignored".to_owned());
    }
    let unusable = |error: moxcms::CmsError| format!("its colour profile was ignored: {error}");
    let source = ColorProfile::new_from_slice(profile).map_err(unusable)?;
    if source.color_space != DataColorSpace::Rgb {
        return Ok(());
    }
    let transform = source
        .create_transform_8bit(
            Layout::Rgb,
            &ColorProfile::new_srgb(),
            Layout::Rgb,
            TransformOptions::default(),
        )
        .map_err(unusable)?;
    let mut before = Vec::with_capacity(PIXELS_AT_ONCE * 3);
    for pixels in rgb.chunks_mut(PIXELS_AT_ONCE * 3) {
        before.clear();
        before.extend_from_slice(pixels);
        transform.transform(&before, pixels).map_err(unusable)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageBuffer, Luma, LumaA, Rgb, Rgba, Rgba32FImage};

    #[test]
    fn what_is_transparent_is_white() {
        let pixels = [[9_u8, 8, 7, 255], [9, 8, 7, 0], [0, 0, 0, 128]];
        let image = ImageBuffer::<Rgba<u8>, _>::from_raw(3, 1, pixels.concat()).unwrap();
        let expected = [9, 8, 7, 255, 255, 255, 127, 127, 127];
        assert_eq!(flatten(image.into()), expected);
        let deep: Vec<u16> = pixels
            .concat()
            .iter()
            .map(|v| u16::from(*v) * 257)
            .collect();
        let image = ImageBuffer::<Rgba<u16>, _>::from_raw(3, 1, deep).unwrap();
        assert_eq!(flatten(image.into()), expected);
        let image = ImageBuffer::<LumaA<u8>, _>::from_raw(2, 1, vec![5, 255, 5, 0]).unwrap();
        assert_eq!(flatten(image.into()), [5, 5, 5, 255, 255, 255]);
    }

    #[test]
    fn greys_and_deep_pixels_become_bytes() {
        let image = ImageBuffer::<Luma<u16>, _>::from_raw(2, 1, vec![65535, 257]).unwrap();
        assert_eq!(flatten(image.into()), [255, 255, 255, 1, 1, 1]);
        let image = ImageBuffer::<Rgb<u16>, _>::from_raw(1, 1, vec![128, 129, 65406]).unwrap();
        assert_eq!(flatten(image.into()), [0, 1, 254]);
        let image = Rgba32FImage::from_raw(1, 1, vec![1.0, 0.0, 2.0, 1.0]).unwrap();
        assert_eq!(flatten(image.into()), [255, 0, 255]);
    }

    /// The red that is purest on a screen of Display P3 is more than sRGB can show; what
    /// sRGB calls red is (234, 51, 35) there.
    #[test]
    fn profiles_are_applied() {
        let profile = ColorProfile::new_display_p3().encode().unwrap();
        let mut rgb = [234, 51, 35, 255, 0, 0, 128, 128, 128];
        to_srgb(&mut rgb, &profile).unwrap();
        for (got, wanted) in rgb.iter().zip([255, 0, 0, 255, 0, 0, 128, 128, 128]) {
            assert!(got.abs_diff(wanted) <= 2, "{rgb:?}");
        }
        let mut rgb = [1, 2, 3];
        assert!(
            to_srgb(&mut rgb, b"no profile")
                .unwrap_err()
                .contains("ignored")
        );
        assert_eq!(rgb, [1, 2, 3]);
    }
}
