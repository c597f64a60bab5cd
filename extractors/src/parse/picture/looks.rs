//! A picture's looks in 64 bits: the perceptual hash pHash (Zauner 2010).
//!
//! The picture is shrunk to 32 by 32 greys; of its discrete cosine transform the 8 by 8 lowest
//! frequencies but for the constant ones are kept, and each bit says whether one of them is above
//! their median. Scaling, compression and a little more light change few bits; another picture
//! changes half of them.

use std::array;
use std::f32::consts::PI;

use hippo_config::{Filter, Fit, PictureSpec};

use super::fit::{FitError, fit};
use crate::extraction::{Picture, luma};

/// Pixels on either side of the shrunken picture.
const SIDE: usize = 32;
/// Frequencies on either side.
const KEPT: usize = 8;
/// A picture none of whose frequencies is stronger is of one colour and looks like nothing:
/// a difference of one grey in 32.
const FAINT: f32 = SIDE as f32;

/// The hash; none for a picture of one colour.
pub(super) fn looks(picture: &Picture) -> Result<Option<u64>, FitError> {
    let small = PictureSpec {
        size: SIDE as u32,
        fit: Fit::Squash,
        filter: Filter::Bilinear,
    };
    let small = fit(picture, small)?;
    let pixels = small.rgb.chunks_exact(3);
    let greys: Vec<f32> = pixels
        .map(|rgb| f32::from(luma(rgb[0], rgb[1], rgb[2])))
        .collect();
    let strengths = lowest_frequencies(&greys);
    if strengths.iter().all(|strength| strength.abs() < FAINT) {
        return Ok(None);
    }
    let mut ordered = strengths;
    ordered.sort_by(f32::total_cmp);
    let median = ordered[ordered.len() / 2].midpoint(ordered[ordered.len() / 2 - 1]);
    let bits = strengths.iter().fold(0, |bits, strength| {
        bits << 1 | u64::from(*strength > median)
    });
    Ok(Some(bits))
}

/// The two-dimensional DCT-II at frequencies 1 to 8 of either side, without its constant factor.
fn lowest_frequencies(greys: &[f32]) -> [f32; KEPT * KEPT] {
    let wave: [[f32; SIDE]; KEPT] = array::from_fn(|k| {
        array::from_fn(|x| ((2 * x + 1) as f32 * (k + 1) as f32 * PI / (2 * SIDE) as f32).cos())
    });
    let across: Vec<[f32; KEPT]> = greys
        .chunks_exact(SIDE)
        .map(|row| array::from_fn(|k| row.iter().zip(&wave[k]).map(|(g, w)| g * w).sum()))
        .collect();
    array::from_fn(|at| {
        let (down, k) = (at / KEPT, at % KEPT);
        across
            .iter()
            .zip(&wave[down])
            .map(|(row, w)| row[k] * w)
            .sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Light and dark that come from `seed` alone, whatever the size: waves that meet.
    fn waves(seed: u32, width: u32, height: u32) -> Picture {
        let mut state = seed;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from((state >> 16) as u16) / 65_536.0
        };
        let waves: Vec<[f32; 3]> = (0..12)
            .map(|_| [random() * 5.0, random() * 5.0, random() * 2.0 * PI])
            .collect();
        let grey = |x: u32, y: u32| {
            let (x, y) = (x as f32 / width as f32, y as f32 / height as f32);
            let wave = |[across, down, shift]: &[f32; 3]| {
                ((across * x + down * y) * 2.0 * PI + shift).sin() * 25.0
            };
            (128.0 + waves.iter().map(wave).sum::<f32>()) as u8
        };
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Picture {
            width,
            height,
            rgb: pixels.flat_map(|(x, y)| [grey(x, y); 3]).collect(),
        }
    }

    fn apart(one: &Picture, other: &Picture) -> u32 {
        (looks(one).unwrap().unwrap() ^ looks(other).unwrap().unwrap()).count_ones()
    }

    #[test]
    fn a_resized_and_brighter_copy_looks_alike_and_others_do_not() {
        let large = waves(1, 900, 600);
        assert!(apart(&large, &waves(1, 300, 200)) <= 6);
        let mut bright = large.clone();
        for grey in &mut bright.rgb {
            *grey = grey.saturating_add(12);
        }
        assert!(apart(&large, &bright) <= 6);
        for seed in 2..40 {
            let other = waves(seed, 900, 600);
            assert!(apart(&large, &other) > 12, "{seed}");
        }
    }

    #[test]
    fn one_colour_looks_like_nothing() {
        let blank = Picture {
            width: 50,
            height: 40,
            rgb: vec![200; 6_000],
        };
        assert_eq!(looks(&blank).unwrap(), None);
    }
}
