//! A picture as a reader of writing wants it: grey, and no larger than it need be.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::fit::FitError;
use crate::extraction::{Picture, Scan, luma};

/// Below so many pixels on a side there is no letter.
const SIDE_MIN_PIXELS: u32 = 12;

/// The picture in grey, its longest side at most `longest`; none where it is too small to
/// have writing on it.
pub(super) fn scan(picture: &Picture, longest: u32) -> Result<Option<Scan>, FitError> {
    let (width, height) = scaled(picture.width, picture.height, longest);
    if width.min(height) < SIDE_MIN_PIXELS {
        return Ok(None);
    }
    let pixels = picture.rgb.chunks_exact(3);
    let grey: Vec<u8> = pixels.map(|rgb| luma(rgb[0], rgb[1], rgb[2])).collect();
    let grey = if (width, height) == (picture.width, picture.height) {
        grey
    } else {
        let source = ImageRef::new(picture.width, picture.height, &grey, PixelType::U8)?;
        let mut smaller = Image::new(width, height, PixelType::U8);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        Resizer::new().resize(&source, &mut smaller, &options)?;
        smaller.into_vec()
    };
    Ok(Some(Scan {
        page: None,
        width,
        height,
        grey,
    }))
}

/// The size with its longest side at most `longest`; never larger.
fn scaled(width: u32, height: u32, longest: u32) -> (u32, u32) {
    let most = width.max(height);
    if most <= longest {
        return (width, height);
    }
    let side = |side: u32| {
        let scaled = (u64::from(side) * u64::from(longest) + u64::from(most) / 2) / u64::from(most);
        (scaled as u32).max(1)
    };
    (side(width), side(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_is_grey_and_never_enlarged() {
        let picture = Picture {
            width: 40,
            height: 20,
            rgb: [255, 0, 0].repeat(800),
        };
        let same = scan(&picture, 1920).unwrap().unwrap();
        assert_eq!((same.width, same.height, same.grey[0]), (40, 20, 76));
        let half = scan(&picture, 30).unwrap().unwrap();
        assert_eq!((half.width, half.height), (30, 15));
        assert_eq!(half.grey, vec![76; 450]);
        assert!(
            scan(&picture, 20).unwrap().is_none(),
            "10 rows hold no letter"
        );
        assert_eq!(scaled(30_000, 3, 1920), (1920, 1));
    }
}
