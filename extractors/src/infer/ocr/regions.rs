//! From the finder's map to the lines on it (the post-processing of DB, "Real-time Scene Text
//! Detection with Differentiable Binarization").
//!
//! What lies together above a threshold is a line's kernel; the smallest rectangle around it,
//! made wider by as much as training had made it narrower, is where the line stands.

/// A pixel with at least this chance is a line's.
const CHANCE_MIN: f32 = 0.3;
/// A line whose pixels have less on average is none.
const LINE_CHANCE_MIN: f32 = 0.6;
/// Kernels are made wider by their area over their edge, times this. PaddleOCR takes 1.5; the
/// tighter a line is cut, the more spaces the readers at hand drop (of a page's characters 7 %
/// with 1.5, 3 % with 2.0, 1.5 % from 2.3 to 2.5).
const WIDER: f32 = 2.4;
/// The same for small print, whose lines stand so close that more would show the next line too.
const WIDER_SMALL: f32 = 2.0;
/// Kernels lower than this, in pixels, are small print: letters of some 15 pixels and less.
const SMALL_PRINT: f32 = 12.0;
/// A kernel lower than this, in pixels, is a speck.
const KERNEL_MIN: f32 = 3.0;
/// Lines on one scan at most; a page of small print has some 200.
const REGIONS_MAX: usize = 1000;
/// From so many times as high as wide a region may be a line from top to bottom.
const TALL: f32 = 1.5;

/// A rectangle at any angle, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// Its middle.
    pub centre: [f32; 2],
    /// The direction in which it is read, of length 1.
    pub along: [f32; 2],
    /// Its length in that direction.
    pub width: f32,
    /// Its length across.
    pub height: f32,
}

impl Region {
    /// Whether it may be a line from top to bottom.
    pub(super) fn is_tall(&self) -> bool {
        self.height > TALL * self.width
    }

    /// The same place, read from its bottom to its top or from top to bottom lying down.
    pub(super) fn turned(&self) -> Region {
        let [x, y] = self.along;
        Region {
            along: [-y, x],
            width: self.height,
            height: self.width,
            ..*self
        }
    }

    /// How long it is when it is `rows` high.
    pub(super) fn columns(&self, rows: usize) -> usize {
        let columns = (rows as f32 * self.width / self.height.max(1.0)).ceil();
        (columns as usize).max(1)
    }
}

/// The regions on a map of chances with `stride` columns, of which `[width, height]` count.
pub(super) fn regions(chances: &[f32], stride: usize, [width, height]: [usize; 2]) -> Vec<Region> {
    let mut seen = vec![false; stride * height];
    let mut found = Vec::new();
    let (mut open, mut ends) = (Vec::new(), Vec::new());
    for start in 0..stride * height {
        if start % stride >= width || seen[start] || chances[start] <= CHANCE_MIN {
            continue;
        }
        // All that hangs together with it: of each row the first and the last column.
        ends.clear();
        seen[start] = true;
        open.push(start);
        while let Some(at) = open.pop() {
            let (x, y) = (at % stride, at / stride);
            note(&mut ends, x, y);
            for y in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                for x in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    let next = y * stride + x;
                    if !seen[next] && chances[next] > CHANCE_MIN {
                        seen[next] = true;
                        open.push(next);
                    }
                }
            }
        }
        let kernel = smallest_rectangle(&hull(&ends));
        if kernel.width.min(kernel.height) < KERNEL_MIN
            || chance(chances, stride, [width, height], &kernel) < LINE_CHANCE_MIN
        {
            continue;
        }
        let (w, h) = (kernel.width, kernel.height);
        let more = wider(w.min(h)) * w * h / (w + h);
        found.push(Region {
            width: w + more,
            height: h + more,
            ..kernel
        });
        if found.len() == REGIONS_MAX {
            break;
        }
    }
    found
}

fn wider(lower_side: f32) -> f32 {
    if lower_side < SMALL_PRINT {
        WIDER_SMALL
    } else {
        WIDER
    }
}

/// Rows come in order of the flood, which is none.
fn note(ends: &mut Vec<Option<(usize, usize)>>, x: usize, y: usize) {
    if ends.len() <= y {
        ends.resize(y + 1, None);
    }
    let (first, last) = ends[y].unwrap_or((x, x));
    ends[y] = Some((first.min(x), last.max(x)));
}

type Point = [f32; 2];

/// Twice the area of a triangle; positive where it turns left.
fn turn(a: Point, b: Point, c: Point) -> f32 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

/// The convex hull of rows of pixels (Andrew's monotone chain).
fn hull(ends: &[Option<(usize, usize)>]) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    for (y, ends) in ends.iter().enumerate() {
        if let Some((first, last)) = ends {
            points.push([*first as f32, y as f32]);
            points.push([*last as f32, y as f32]);
        }
    }
    points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    points.dedup();
    if points.len() < 3 {
        return points;
    }
    let mut hull: Vec<Point> = Vec::new();
    let back: Vec<Point> = points.iter().rev().copied().collect();
    for chain in [points, back] {
        let base = hull.len();
        for point in chain {
            while hull.len() >= base + 2
                && turn(hull[hull.len() - 2], hull[hull.len() - 1], point) <= 0.0
            {
                hull.pop();
            }
            hull.push(point);
        }
        hull.pop();
    }
    hull
}

/// The smallest rectangle around a convex polygon: one of its sides lies on one of the
/// polygon's.
fn smallest_rectangle(hull: &[Point]) -> Region {
    let mut best: Option<Region> = None;
    for (at, a) in hull.iter().enumerate() {
        let b = hull[(at + 1) % hull.len()];
        let (x, y) = (b[0] - a[0], b[1] - a[1]);
        let length = x.hypot(y);
        let side = if length > 0.0 {
            [x / length, y / length]
        } else {
            [1.0, 0.0]
        };
        let around = around(hull, side);
        let area = |region: &Region| region.width * region.height;
        if best.as_ref().is_none_or(|best| area(&around) < area(best)) {
            best = Some(around);
        }
    }
    best.unwrap_or(Region {
        centre: [0.0; 2],
        along: [1.0, 0.0],
        width: 0.0,
        height: 0.0,
    })
}

/// The rectangle around points with a side in this direction; it is read to the right.
fn around(points: &[Point], side: Point) -> Region {
    let [x, y] = side;
    // Of the two sides, the one that lies flatter, and to the right.
    let [x, y] = if x.abs() >= y.abs() { [x, y] } else { [-y, x] };
    let (x, y) = if x < 0.0 { (-x, -y) } else { (x, y) };
    let span = |[u, v]: Point| {
        let reach = points.iter().map(|p| p[0] * u + p[1] * v);
        reach.fold((f32::MAX, f32::MIN), |(l, m), at| (l.min(at), m.max(at)))
    };
    let ((left, right), (top, bottom)) = (span([x, y]), span([-y, x]));
    let (u, v) = (f32::midpoint(left, right), f32::midpoint(top, bottom));
    Region {
        centre: [u * x - v * y, u * y + v * x],
        along: [x, y],
        width: right - left,
        height: bottom - top,
    }
}

/// The average chance of the pixels in a region.
fn chance(chances: &[f32], stride: usize, [width, height]: [usize; 2], region: &Region) -> f32 {
    let ([cx, cy], [x, y]) = (region.centre, region.along);
    let (w, h) = (region.width / 2.0 + 0.5, region.height / 2.0 + 0.5);
    let (reach_x, reach_y) = ((x * w).abs() + (y * h).abs(), (y * w).abs() + (x * h).abs());
    let from = |at: f32| at.floor().max(0.0) as usize;
    let to = |at: f32, end: usize| (at.ceil().max(0.0) as usize).min(end - 1);
    let (mut sum, mut count) = (0.0, 0_u32);
    for row in from(cy - reach_y)..=to(cy + reach_y, height) {
        for column in from(cx - reach_x)..=to(cx + reach_x, width) {
            let (dx, dy) = (column as f32 - cx, row as f32 - cy);
            if (dx * x + dy * y).abs() <= w && (dy * x - dx * y).abs() <= h {
                sum += chances[row * stride + column];
                count += 1;
            }
        }
    }
    sum / count.max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A map with rectangles on it: middle, direction in degrees, lengths.
    fn map(size: usize, shapes: &[(f32, f32, f32, f32, f32)]) -> Vec<f32> {
        let mut map = vec![0.0; size * size];
        for (cx, cy, degrees, w, h) in shapes {
            let (y, x) = degrees.to_radians().sin_cos();
            for (at, chance) in map.iter_mut().enumerate() {
                let (dx, dy) = ((at % size) as f32 - cx, (at / size) as f32 - cy);
                if (dx * x + dy * y).abs() <= w / 2.0 && (dy * x - dx * y).abs() <= h / 2.0 {
                    *chance = 0.9;
                }
            }
        }
        map
    }

    #[test]
    fn lines_are_found_at_any_angle_and_made_wider() {
        for degrees in [0.0_f32, 10.0, -20.0] {
            let map = map(200, &[(100.0, 90.0, degrees, 100.0, 16.0)]);
            let found = regions(&map, 200, [200, 200]);
            let [line] = found[..] else {
                panic!("{degrees}: {found:?}");
            };
            assert!((line.centre[0] - 100.0).abs() < 1.5 && (line.centre[1] - 90.0).abs() < 1.5);
            let (y, x) = degrees.to_radians().sin_cos();
            assert!((line.along[0] - x).abs() < 0.03 && (line.along[1] - y).abs() < 0.03);
            let more = WIDER * 100.0 * 16.0 / 116.0;
            assert!((line.width - 100.0 - more).abs() < 4.0, "{line:?}");
            assert!((line.height - 16.0 - more).abs() < 4.0, "{line:?}");
        }
    }

    #[test]
    fn specks_faint_patches_and_padding_are_no_lines() {
        assert!(regions(&map(100, &[(50.0, 50.0, 0.0, 30.0, 1.0)]), 100, [100, 100]).is_empty());
        let faint: Vec<f32> = map(100, &[(50.0, 50.0, 0.0, 40.0, 20.0)])
            .into_iter()
            .map(|chance| chance / 2.0)
            .collect();
        assert!(regions(&faint, 100, [100, 100]).is_empty());
        let outside = map(100, &[(90.0, 90.0, 0.0, 10.0, 10.0)]);
        assert!(regions(&outside, 100, [80, 80]).is_empty());
        assert!(regions(&vec![1.0; 10_000], 100, [100, 100]).len() == 1);
    }

    #[test]
    fn what_stands_upright_can_be_read_lying_down() {
        let found = regions(
            &map(200, &[(50.0, 100.0, 0.0, 14.0, 120.0)]),
            200,
            [200, 200],
        );
        assert!(found[0].is_tall());
        let turned = found[0].turned();
        assert_eq!(
            (turned.width, turned.height),
            (found[0].height, found[0].width)
        );
        assert!(turned.along[1] > 0.9, "from top to bottom: {turned:?}");
    }
}
