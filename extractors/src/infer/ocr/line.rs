//! One line: cut out of its scan as the reader wants it, and from the reader's columns of
//! chances to characters (CTC).

use super::regions::Region;
use crate::extraction::Scan;

/// What the reader can write: classes after the blank, which is 0.
#[derive(Debug, Default)]
pub(super) struct Alphabet {
    characters: Vec<String>,
}

impl Alphabet {
    /// The characters of a dictionary, one a line, for a reader of so many classes: those, the
    /// blank before them and, in most models, the space after them.
    pub(super) fn new(dictionary: &str, classes: usize) -> Result<Alphabet, String> {
        let dictionary = dictionary.strip_suffix('\n').unwrap_or(dictionary);
        let lines = dictionary.split('\n');
        let mut characters: Vec<String> = lines
            .map(|line| line.strip_suffix('\r').unwrap_or(line).to_owned())
            .collect();
        if classes == characters.len() + 2 {
            characters.push(" ".to_owned());
        }
        if classes != characters.len() + 1 {
            let has = characters.len();
            return Err(format!(
                "it has {has} characters, and the reader knows {classes} classes: it is of another model"
            ));
        }
        Ok(Alphabet { characters })
    }

    /// What an output `[1, columns, classes]` says, and how sure it is on average.
    pub(super) fn read(&self, shape: &[i64], chances: &[f32]) -> Result<(String, f32), String> {
        let classes = self.characters.len() + 1;
        if shape.len() != 3 || shape[0] != 1 || shape[2] != classes as i64 {
            return Err(format!("its output has the shape {shape:?}"));
        }
        let (mut text, mut sum, mut count) = (String::new(), 0.0, 0_u32);
        let mut last = 0;
        for column in chances.chunks_exact(classes) {
            let best = column.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            let (class, chance) = best.map_or((0, 0.0), |(class, chance)| (class, *chance));
            if class != 0 && class != last {
                text.push_str(&self.characters[class - 1]);
                sum += chance;
                count += 1;
            }
            last = class;
        }
        Ok((text, sum / count.max(1) as f32))
    }
}

/// The pixels of a region as `[rows, columns]`, from -1 to 1, at the edge as beyond it. Several
/// are averaged to one where the line is made much smaller.
pub(super) fn cut(scan: &Scan, region: &Region, [rows, columns]: [usize; 2]) -> Vec<f32> {
    let ([cx, cy], [x, y]) = (region.centre, region.along);
    let step = [region.width / columns as f32, region.height / rows as f32];
    // How many of the scan's pixels one is made of, in either direction.
    let parts = step.map(|step| (step.round() as usize).clamp(1, 16));
    let share = 1.0 / (parts[0] * parts[1]) as f32;
    let mut pixels = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        for column in 0..columns {
            let mut sum = 0.0;
            for part in 0..parts[0] * parts[1] {
                let within = |at: usize, parts: usize| (at as f32 + 0.5) / parts as f32;
                let u = (column as f32 + within(part % parts[0], parts[0])) * step[0]
                    - region.width / 2.0;
                let v = (row as f32 + within(part / parts[0], parts[1])) * step[1]
                    - region.height / 2.0;
                sum += shade(scan, cx + u * x - v * y, cy + u * y + v * x);
            }
            pixels.push(sum * share / 127.5 - 1.0);
        }
    }
    pixels
}

/// The shade between four pixels.
fn shade(scan: &Scan, x: f32, y: f32) -> f32 {
    let clamp = |at: f32, side: u32| at.clamp(0.0, (side - 1) as f32);
    let (x, y) = (clamp(x, scan.width), clamp(y, scan.height));
    let (left, top) = (x as usize, y as usize);
    let right = (left + 1).min(scan.width as usize - 1);
    let bottom = (top + 1).min(scan.height as usize - 1);
    let at = |x: usize, y: usize| f32::from(scan.grey[y * scan.width as usize + x]);
    let (fx, fy) = (x.fract(), y.fract());
    let above = at(left, top) * (1.0 - fx) + at(right, top) * fx;
    let below = at(left, bottom) * (1.0 - fx) + at(right, bottom) * fx;
    above * (1.0 - fy) + below * fy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_classes_are_one_character_and_blanks_part_them() {
        let alphabet = Alphabet::new("a\nb\n", 4).unwrap();
        let column = |class: usize| (0..4).map(move |c| if c == class { 0.8 } else { 0.1 });
        let chances: Vec<f32> = [1, 1, 0, 1, 2, 3, 2, 0]
            .into_iter()
            .flat_map(column)
            .collect();
        let (text, score) = alphabet.read(&[1, 8, 4], &chances).unwrap();
        assert_eq!(text, "aab b");
        assert!((score - 0.8).abs() < 1e-6);
        assert!(alphabet.read(&[1, 8, 5], &chances).is_err());
        assert_eq!(
            alphabet.read(&[1, 0, 4], &[]).unwrap(),
            (String::new(), 0.0)
        );
    }

    #[test]
    fn a_dictionary_of_another_model_is_refused() {
        assert!(Alphabet::new("a\nb", 3).is_ok(), "without a space");
        let error = Alphabet::new("a\n\nb\nc", 4).unwrap_err();
        assert!(error.contains("4 characters"), "{error}");
        // An ideographic space is a character.
        assert_eq!(
            Alphabet::new("\u{3000}\r\na", 3).unwrap().characters[0],
            "\u{3000}"
        );
    }

    #[test]
    fn a_line_is_cut_out_upright_and_its_edge_goes_on() {
        let scan = Scan {
            page: None,
            width: 4,
            height: 2,
            grey: vec![0, 0, 255, 255, 0, 0, 255, 255],
        };
        let region = Region {
            centre: [1.5, 0.5],
            along: [1.0, 0.0],
            width: 4.0,
            height: 2.0,
        };
        let cut_out = cut(&scan, &region, [2, 4]);
        assert_eq!(cut_out, [-1.0, -1.0, 1.0, 1.0, -1.0, -1.0, 1.0, 1.0]);
        let wide = Region {
            width: 40.0,
            ..region
        };
        let cut_out = cut(&scan, &wide, [1, 2]);
        assert!(cut_out[0] < -0.9 && cut_out[1] > 0.9);
    }
}
