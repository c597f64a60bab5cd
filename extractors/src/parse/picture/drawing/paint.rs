//! What painting a drawing takes, before it is painted.
//!
//! A handful of elements can ask for hours: a filter that looks at a thousand neighbours of
//! every pixel, a pattern of a million tiles, layers within layers. So the tree is walked as
//! the painter will walk it, with every surface that it will make, and steps and memory are
//! added up. A step is about what one pixel of a plain shape costs, a nanosecond or two.

use resvg::tiny_skia::{Rect, Transform};
use resvg::usvg::filter::{Filter, Kind};
use resvg::usvg::{ClipPath, Group, Image, Mask, Node, Paint, Path, Pattern, Tree};

use super::{STAGE, Size};
use crate::extraction::Refusal;

/// Pixels of a picture that stands in a drawing.
pub(super) const EMBEDDED_MAX_PIXELS: u64 = 25_000_000;

/// Steps of a whole drawing: a busy one of a thousand layers takes some hundred million.
const STEPS_MAX: f64 = 3e9;
/// Bytes of all surfaces that exist at once.
const SURFACES_MAX_BYTES: f64 = 256.0 * 1024.0 * 1024.0;
/// Bytes of a pixel of a surface.
const PIXEL_BYTES: f64 = 4.0;
/// The painter makes layers up to so many canvases beyond the canvas on each side.
const BEYOND: f32 = 2.0;
/// Steps of a shape, whatever its size, and of each piece of its line.
const SHAPE_STEPS: f64 = 4_000.0;
const PIECE_STEPS: f64 = 100.0;
/// Steps of each row of pixels that a piece of a line passes: four rows of finer ones.
const ROW_STEPS: f64 = 40.0;
/// Steps for each edge that a new edge is sorted into.
const SORT_STEPS: f64 = 0.5;
/// Pieces of the outline of one piece of a stroke.
const STROKE_PIECES: f64 = 16.0;
/// Steps of one pixel of a layer or pattern that is laid on another, of a gradient, of a picture
/// that is decoded and scaled, and of what a filter merges.
const BLEND_STEPS: f64 = 4.0;
const GRADIENT_STEPS: f64 = 8.0;
const DECODE_STEPS: f64 = 10.0;
const MERGE_STEPS: f64 = 12.0;
/// A line has at most so many dashes, or none: the painter's own limit.
const DASHES_MAX: f64 = 1e6;

/// Refuses a drawing that would take too long or too much memory to paint.
pub(super) fn hold(tree: &Tree, size: &Size) -> Result<(), Refusal> {
    let (width, height) = (size.width as f32, size.height as f32);
    let beyond = Surface {
        left: -BEYOND * width,
        top: -BEYOND * height,
        right: (1.0 + BEYOND) * width,
        bottom: (1.0 + BEYOND) * height,
    };
    let canvas = Surface::of_size(width, height);
    let mut bill = Bill { steps: 0.0, beyond };
    bill.group(tree.root(), size.scale, canvas, canvas.bytes())
}

/// Where is painted: a rectangle of pixels.
#[derive(Clone, Copy)]
struct Surface {
    left: f32,
    top: f32,
    right: f32,
    bottom: f32,
}

impl Surface {
    fn of_size(width: f32, height: f32) -> Surface {
        Surface {
            left: 0.0,
            top: 0.0,
            right: width,
            bottom: height,
        }
    }

    /// The part of it under a rectangle that is moved there; all of it where that overflows.
    fn under(self, rect: Rect, by: Transform) -> Surface {
        let Some(rect) = rect.transform(by) else {
            return self;
        };
        // The painter adds up to two pixels for soft edges.
        Surface {
            left: self.left.max(rect.left() - 2.0),
            top: self.top.max(rect.top() - 2.0),
            right: self.right.min(rect.right() + 2.0),
            bottom: self.bottom.min(rect.bottom() + 2.0),
        }
    }

    fn pixels(self) -> f64 {
        let side = |from: f32, to: f32| f64::from(to - from).max(0.0);
        side(self.left, self.right) * side(self.top, self.bottom)
    }

    fn rows(self) -> f64 {
        f64::from(self.bottom - self.top).max(0.0)
    }

    fn bytes(self) -> f64 {
        self.pixels() * PIXEL_BYTES
    }
}

/// What is added up.
struct Bill {
    steps: f64,
    beyond: Surface,
}

impl Bill {
    fn add(&mut self, steps: f64, held: f64) -> Result<(), Refusal> {
        self.steps += steps;
        // What is no number is no less than the limit either.
        let within = self.steps < STEPS_MAX && held < SURFACES_MAX_BYTES;
        if within {
            return Ok(());
        }
        Err(Refusal::skipped(
            STAGE,
            "too large: painting it would take more time or memory than a drawing may: save \
             it as PNG or PDF",
        ))
    }

    fn group(
        &mut self,
        group: &Group,
        by: Transform,
        on: Surface,
        held: f64,
    ) -> Result<(), Refusal> {
        let by = by.pre_concat(group.transform());
        if !group.should_isolate() {
            return self.nodes(group, by, on, held);
        }
        let layer = self.beyond.under(group.layer_bounding_box().to_rect(), by);
        let held = held + layer.bytes();
        self.add(layer.pixels() * BLEND_STEPS, held)?;
        self.nodes(group, by, layer, held)?;
        for filter in group.filters() {
            self.filter(filter, by, layer, held)?;
        }
        if let Some(clip) = group.clip_path() {
            self.clip(clip, by, layer, held)?;
        }
        if let Some(mask) = group.mask() {
            self.mask(mask, by, layer, held)?;
        }
        Ok(())
    }

    fn nodes(
        &mut self,
        group: &Group,
        by: Transform,
        on: Surface,
        held: f64,
    ) -> Result<(), Refusal> {
        for node in group.children() {
            match node {
                Node::Group(group) => self.group(group, by, on, held)?,
                Node::Path(path) => self.path(path, by, on, held)?,
                Node::Image(image) => self.image(image, by, on, held)?,
                Node::Text(text) => self.group(text.flattened(), by, on, held)?,
            }
        }
        Ok(())
    }

    fn path(&mut self, path: &Path, by: Transform, on: Surface, held: f64) -> Result<(), Refusal> {
        let pieces = path.data().len() as f64;
        let (_, down) = by.get_scale();
        let rows = rise(path, by, on);
        if let Some(fill) = path.fill() {
            let pixels = on.under(path.bounding_box(), by).pixels();
            self.add(edges(pieces, rows, on), held)?;
            self.paint(fill.paint(), pixels, by, held)?;
        }
        if let Some(stroke) = path.stroke() {
            let pixels = on.under(path.stroke_bounding_box(), by).pixels();
            let dashes = stroke.dasharray().map_or(0.0, |dashes| count(path, dashes));
            let pieces = pieces + dashes;
            // Both sides of the line, and both ends of each piece.
            let width = f64::from(stroke.width().get() * down).min(on.rows());
            let rows = 2.0 * rows + 4.0 * pieces * width;
            self.add(edges(STROKE_PIECES * pieces, rows, on), held)?;
            self.paint(stroke.paint(), pixels, by, held)?;
        }
        Ok(())
    }

    fn paint(
        &mut self,
        paint: &Paint,
        pixels: f64,
        by: Transform,
        held: f64,
    ) -> Result<(), Refusal> {
        match paint {
            Paint::Color(_) => self.add(pixels, held),
            Paint::LinearGradient(_) | Paint::RadialGradient(_) => {
                self.add(pixels * GRADIENT_STEPS, held)
            }
            Paint::Pattern(pattern) => {
                self.add(pixels * BLEND_STEPS, held)?;
                self.pattern(pattern, by, held)
            }
        }
    }

    /// One tile, on a surface of its own size.
    fn pattern(&mut self, pattern: &Pattern, by: Transform, held: f64) -> Result<(), Refusal> {
        let (across, down) = by.pre_concat(pattern.transform()).get_scale();
        let rect = pattern.rect();
        let tile = Surface::of_size(rect.width() * across, rect.height() * down);
        let held = held + tile.bytes();
        self.add(tile.pixels(), held)?;
        let by = Transform::from_scale(across, down);
        self.nodes(pattern.root(), by, tile, held)
    }

    fn image(
        &mut self,
        image: &Image,
        by: Transform,
        on: Surface,
        held: f64,
    ) -> Result<(), Refusal> {
        let own = f64::from(image.size().width()) * f64::from(image.size().height());
        let pixels = on.under(image.bounding_box(), by).pixels();
        let held = held + 2.0 * own * PIXEL_BYTES;
        self.add(own * DECODE_STEPS + pixels * DECODE_STEPS, held)
    }

    fn clip(
        &mut self,
        clip: &ClipPath,
        by: Transform,
        on: Surface,
        held: f64,
    ) -> Result<(), Refusal> {
        let held = held + on.bytes();
        self.add(on.pixels() * BLEND_STEPS, held)?;
        self.nodes(clip.root(), by.pre_concat(clip.transform()), on, held)?;
        match clip.clip_path() {
            Some(clip) => self.clip(clip, by, on, held),
            None => Ok(()),
        }
    }

    fn mask(&mut self, mask: &Mask, by: Transform, on: Surface, held: f64) -> Result<(), Refusal> {
        let held = held + 2.0 * on.bytes();
        self.add(on.pixels() * BLEND_STEPS, held)?;
        self.nodes(mask.root(), by, on, held)?;
        match mask.mask() {
            Some(mask) => self.mask(mask, by, on, held),
            None => Ok(()),
        }
    }

    /// Each step of a filter makes a surface that is kept to its end.
    fn filter(
        &mut self,
        filter: &Filter,
        by: Transform,
        on: Surface,
        held: f64,
    ) -> Result<(), Refusal> {
        let (across, down) = by.get_scale();
        let mut held = held + on.bytes();
        for primitive in filter.primitives() {
            held += 2.0 * on.bytes();
            let neighbours = |x: f32, y: f32| {
                let side = |radius: f32, scale: f32| 2.0 * f64::from(radius * scale) + 1.0;
                side(x, across) * side(y, down)
            };
            let steps = match primitive.kind() {
                Kind::Image(image) => {
                    self.nodes(image.root(), by, on, held)?;
                    BLEND_STEPS
                }
                Kind::Morphology(morphology) => {
                    let (x, y) = (morphology.radius_x().get(), morphology.radius_y().get());
                    neighbours(x, y).min(on.pixels()) * BLEND_STEPS
                }
                Kind::ConvolveMatrix(convolve) => {
                    let matrix = convolve.matrix();
                    f64::from(matrix.columns()) * f64::from(matrix.rows()) * BLEND_STEPS
                }
                Kind::Turbulence(noise) => f64::from(noise.num_octaves()) * 100.0,
                Kind::Merge(merge) => merge.inputs().len() as f64 * MERGE_STEPS,
                Kind::GaussianBlur(_) | Kind::DropShadow(_) => 120.0,
                Kind::DiffuseLighting(_) | Kind::SpecularLighting(_) => 100.0,
                _ => 15.0,
            };
            self.add(on.pixels() * (steps + BLEND_STEPS), held)?;
        }
        Ok(())
    }
}

/// Steps of a shape's edges: every new one is sorted into those that pass the same row.
fn edges(pieces: f64, rows: f64, on: Surface) -> f64 {
    let beside = rows / on.rows().max(1.0);
    SHAPE_STEPS + pieces * (PIECE_STEPS + beside * SORT_STEPS) + rows * ROW_STEPS
}

/// The rows that the pieces of a line pass, all together.
fn rise(path: &Path, by: Transform, on: Surface) -> f64 {
    let row = |x: f32, y: f32| f64::from(by.ky * x + by.sy * y + by.ty);
    let pieces = path.data().points().windows(2);
    let rows = pieces.map(|pair| (row(pair[1].x, pair[1].y) - row(pair[0].x, pair[0].y)).abs());
    // What is no number passes as many as any.
    rows.map(|rows| on.rows().min(rows)).sum()
}

/// The dashes of a line, at most: its length is no more than its points are apart.
fn count(path: &Path, dashes: &[f32]) -> f64 {
    let length: f64 = path
        .data()
        .points()
        .windows(2)
        .map(|pair| f64::from((pair[1].x - pair[0].x).hypot(pair[1].y - pair[0].y)))
        .sum();
    let each: f64 = dashes.iter().map(|dash| f64::from(*dash)).sum();
    (length / each * dashes.len() as f64).min(DASHES_MAX)
}
