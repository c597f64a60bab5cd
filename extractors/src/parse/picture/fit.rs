//! Pixels for a model: scaled as Pillow scales them, since that is what models were
//! trained behind.
//!
//! Pillow filters rows first and columns then, rounding to a byte in between. The crate
//! does it the other way round, so each pass is asked for by itself: with hard edges and a
//! bicubic filter's overshoot the order shows. What a crop would throw away is never
//! computed, which keeps a strip of 30,000 by 3 pixels from becoming two million wide.

use std::cell::RefCell;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{
    FilterType, ImageBufferError, PixelType, ResizeAlg, ResizeError, ResizeOptions, Resizer,
};
use hippo_config::{Filter, Fit, PictureSpec};

use crate::extraction::Picture;

#[derive(Debug, thiserror::Error)]
pub(super) enum FitError {
    #[error(transparent)]
    Buffer(#[from] ImageBufferError),
    #[error(transparent)]
    Resize(#[from] ResizeError),
}

thread_local! {
    /// It keeps its buffers from one picture to the next.
    static RESIZER: RefCell<Resizer> = RefCell::new(Resizer::new());
}

/// A stretch of one side of the source, in its pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Span {
    start: f64,
    len: f64,
}

/// The picture as `spec` wants it: `spec.size` pixels on either side.
pub(super) fn fit(picture: &Picture, spec: PictureSpec) -> Result<Picture, FitError> {
    let (across, down) = match spec.fit {
        Fit::Squash => (whole(picture.width), whole(picture.height)),
        Fit::Crop => middle(picture.width, picture.height, spec.size),
        Fit::Inside => return inside(picture, spec),
    };
    let filter = match spec.filter {
        Filter::Bilinear => FilterType::Bilinear,
        Filter::Bicubic => FilterType::CatmullRom,
    };
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(filter))
        .use_alpha(false);
    let source = ImageRef::new(picture.width, picture.height, &picture.rgb, PixelType::U8x3)?;
    // The rows that the second pass will look at, and no others, go through the first.
    let (top, rows) = rows_needed(down, picture.height, spec);
    let mut between = Image::new(spec.size, rows, PixelType::U8x3);
    let mut scaled = Image::new(spec.size, spec.size, PixelType::U8x3);
    RESIZER.with_borrow_mut(|resizer| {
        let rows_only = options.crop(across.start, f64::from(top), across.len, f64::from(rows));
        resizer.resize(&source, &mut between, &rows_only)?;
        let size = f64::from(spec.size);
        let columns_only = options.crop(0.0, down.start - f64::from(top), size, down.len);
        resizer.resize(&between, &mut scaled, &columns_only)
    })?;
    Ok(Picture {
        width: spec.size,
        height: spec.size,
        rgb: scaled.into_vec(),
    })
}

/// The whole picture in its own shape, no larger than it is.
fn inside(picture: &Picture, spec: PictureSpec) -> Result<Picture, FitError> {
    let longest = picture.width.max(picture.height);
    if longest <= spec.size {
        return Ok(picture.clone());
    }
    let scaled = |side: u32| {
        let scaled = u64::from(side) * u64::from(spec.size) / u64::from(longest);
        (scaled as u32).max(1)
    };
    let (width, height) = (scaled(picture.width), scaled(picture.height));
    let source = ImageRef::new(picture.width, picture.height, &picture.rgb, PixelType::U8x3)?;
    let mut smaller = Image::new(width, height, PixelType::U8x3);
    let filter = ResizeAlg::Convolution(FilterType::Bilinear);
    let options = ResizeOptions::new().resize_alg(filter).use_alpha(false);
    RESIZER.with_borrow_mut(|resizer| resizer.resize(&source, &mut smaller, &options))?;
    Ok(Picture {
        width,
        height,
        rgb: smaller.into_vec(),
    })
}

fn whole(pixels: u32) -> Span {
    Span {
        start: 0.0,
        len: f64::from(pixels),
    }
}

/// What of the source the middle square comes from, once the short side is `size`.
///
/// Both roundings are those of transformers: the long side is cut to whole pixels, and an
/// odd pixel too many goes to the right and to the bottom.
fn middle(width: u32, height: u32, size: u32) -> (Span, Span) {
    let (short, long) = (width.min(height), width.max(height));
    let scaled = (u64::from(size) * u64::from(long) / u64::from(short)).max(u64::from(size));
    let skipped = (scaled - u64::from(size)) / 2;
    let source_per_pixel = f64::from(long) / scaled as f64;
    let start = skipped as f64 * source_per_pixel;
    // Rounding must not lead a hair's breadth out of the picture.
    let len = (f64::from(size) * source_per_pixel).min(f64::from(long) - start);
    let cut = Span { start, len };
    if width <= height {
        (whole(width), cut)
    } else {
        (cut, whole(height))
    }
}

/// The first row and the number of rows that the filter reaches from `down`.
fn rows_needed(down: Span, height: u32, spec: PictureSpec) -> (u32, u32) {
    let radius = match spec.filter {
        Filter::Bilinear => 1.0,
        Filter::Bicubic => 2.0,
    };
    let scale = (down.len / f64::from(spec.size)).max(1.0);
    let reach = radius * scale + 1.0;
    let first = (down.start - reach).floor().max(0.0) as u32;
    let end = ((down.start + down.len + reach).ceil() as u32).min(height);
    (first, end - first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(size: u32, fit: Fit, filter: Filter) -> PictureSpec {
        PictureSpec { size, fit, filter }
    }

    fn plain(width: u32, height: u32, colour: [u8; 3]) -> Picture {
        Picture {
            width,
            height,
            rgb: colour.repeat((width * height) as usize),
        }
    }

    #[test]
    fn one_colour_stays_that_colour_in_any_shape() {
        for (width, height) in [
            (1, 1),
            (3, 2),
            (1, 5000),
            (30_000, 3),
            (224, 224),
            (640, 480),
        ] {
            for fit_as in [Fit::Squash, Fit::Crop] {
                for filter in [Filter::Bilinear, Filter::Bicubic] {
                    let source = plain(width, height, [10, 128, 250]);
                    let scaled = fit(&source, spec(32, fit_as, filter)).unwrap();
                    assert_eq!(scaled, plain(32, 32, [10, 128, 250]), "{width}x{height}");
                }
            }
        }
    }

    #[test]
    fn what_is_to_be_looked_at_keeps_its_shape_and_is_never_enlarged() {
        for ((width, height), expect) in [
            ((64, 32), (32, 16)),
            ((3, 900), (1, 32)),
            ((20, 10), (20, 10)),
            ((32, 32), (32, 32)),
        ] {
            let source = plain(width, height, [9, 8, 7]);
            let scaled = fit(&source, spec(32, Fit::Inside, Filter::Bilinear)).unwrap();
            assert_eq!(scaled, plain(expect.0, expect.1, [9, 8, 7]));
        }
    }

    #[test]
    fn the_middle_is_cut_as_transformers_cuts_it() {
        // 100 x 50 becomes 64 x 32, of which 16 to 48 stay.
        let (across, down) = middle(100, 50, 32);
        assert_eq!((across.start, across.len), (25.0, 50.0));
        assert_eq!(down, whole(50));
        // 10 x 33 becomes 32 x 105 (not 105.6), of which 36 (not 36.5) to 68 stay.
        let (across, down) = middle(10, 33, 32);
        assert_eq!(across, whole(10));
        assert!((down.start - 36.0 * 33.0 / 105.0).abs() < 1e-9);
        assert!((down.len - 32.0 * 33.0 / 105.0).abs() < 1e-9);
    }
}
