//! The order in which people read what stands on a page: columns of prose one after the other,
//! all else row by row.

use super::Line;

/// Two lines are of one row when their middles are nearer than this part of the lower one.
const ROW_PART: f32 = 0.5;
/// A gap of this many times a line's height ends a paragraph.
const PARAGRAPH_GAP: f32 = 1.0;
/// A gutter between columns is at least so many times as wide as a line is high.
const GUTTER: f32 = 1.0;
/// Lines of prose are so many times as long as high; cells of a table are shorter.
const PROSE: f32 = 8.0;
/// A column of prose has so many lines.
const COLUMN_LINES_MIN: usize = 4;

impl Line {
    fn left(&self) -> f32 {
        self.region.centre[0] - self.region.width / 2.0
    }

    fn right(&self) -> f32 {
        self.region.centre[0] + self.region.width / 2.0
    }

    /// The half of its height that it takes on the page, however it is turned.
    fn half(&self) -> f32 {
        let [x, y] = self.region.along;
        f32::midpoint(
            (self.region.width * y).abs(),
            (self.region.height * x).abs(),
        )
    }

    fn middle(&self) -> f32 {
        self.region.centre[1]
    }
}

/// Brings lines into the order in which they are read.
pub(super) fn sort(lines: &mut Vec<Line>) {
    let mut sorted = Vec::with_capacity(lines.len());
    page(std::mem::take(lines), &mut sorted);
    *lines = sorted;
}

/// A part of a page: its columns, or its upper and its lower part, or its rows.
fn page(lines: Vec<Line>, sorted: &mut Vec<Line>) {
    if let Some(gutter) = gutter(&lines) {
        let (left, right) = lines
            .into_iter()
            .partition(|line| line.region.centre[0] < gutter);
        page(left, sorted);
        page(right, sorted);
        return;
    }
    // What spans both columns parts them from what is below: a heading.
    if let Some(at) = widest_pause(&lines) {
        let (above, below): (Vec<_>, Vec<_>) =
            lines.into_iter().partition(|line| line.middle() < at);
        if has_columns(&above) || has_columns(&below) {
            page(above, sorted);
            page(below, sorted);
            return;
        }
        rows(above.into_iter().chain(below).collect(), sorted);
        return;
    }
    rows(lines, sorted);
}

fn has_columns(lines: &[Line]) -> bool {
    gutter(lines).is_some()
        || widest_pause(lines).is_some_and(|at| {
            let (above, below): (Vec<_>, Vec<_>) =
                lines.iter().cloned().partition(|line| line.middle() < at);
            has_columns(&above) || has_columns(&below)
        })
}

/// Where a gutter runs between two columns of prose.
fn gutter(lines: &[Line]) -> Option<f32> {
    if lines.len() < 2 * COLUMN_LINES_MIN {
        return None;
    }
    let height = median(lines.iter().map(|line| line.region.height));
    let mut spans: Vec<(f32, f32)> = lines.iter().map(|l| (l.left(), l.right())).collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut reach = spans[0].1;
    for (left, right) in spans {
        if left - reach >= GUTTER * height {
            let at = f32::midpoint(left, reach);
            let is_prose = |side: &dyn Fn(&&Line) -> bool| {
                let long = lines
                    .iter()
                    .filter(side)
                    .map(|l| l.region.width / l.region.height);
                let long: Vec<f32> = long.collect();
                long.len() >= COLUMN_LINES_MIN && median(long.into_iter()) >= PROSE
            };
            if is_prose(&|l| l.region.centre[0] < at) && is_prose(&|l| l.region.centre[0] >= at) {
                return Some(at);
            }
        }
        reach = reach.max(right);
    }
    None
}

/// The middle of the widest stretch without lines, from top to bottom.
fn widest_pause(lines: &[Line]) -> Option<f32> {
    let span = |l: &Line| (l.middle() - l.half(), l.middle() + l.half());
    let mut spans: Vec<(f32, f32)> = lines.iter().map(span).collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut reach = spans.first()?.1;
    let mut widest = (0.0, None);
    for (top, bottom) in spans {
        if top - reach > widest.0 {
            widest = (top - reach, Some(f32::midpoint(top, reach)));
        }
        reach = reach.max(bottom);
    }
    widest.1
}

fn rows(mut lines: Vec<Line>, sorted: &mut Vec<Line>) {
    lines.sort_by(|a, b| a.middle().total_cmp(&b.middle()));
    let mut row: Vec<Line> = Vec::new();
    for line in lines {
        if !row.is_empty() && !belongs(&row, &line) {
            end_row(&mut row, sorted);
        }
        row.push(line);
    }
    end_row(&mut row, sorted);
}

fn belongs(row: &[Line], line: &Line) -> bool {
    let middle = row.iter().map(Line::middle).sum::<f32>() / row.len() as f32;
    let lowest = row.iter().map(Line::half).fold(line.half(), f32::min) * 2.0;
    (line.middle() - middle).abs() < ROW_PART * lowest
}

fn end_row(row: &mut Vec<Line>, sorted: &mut Vec<Line>) {
    row.sort_by(|a, b| a.left().total_cmp(&b.left()));
    sorted.append(row);
}

fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.collect();
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Lines in order as one text: a row is a line, and an empty one stands where the page has a
/// gap.
pub fn text(lines: &[Line]) -> String {
    let mut text = String::new();
    let mut before: Option<&Line> = None;
    for line in lines {
        if let Some(before) = before {
            let apart = line.middle() - before.middle();
            let gap = apart - before.half() - line.half();
            let next = line.left() >= before.left()
                && apart.abs() < ROW_PART * 2.0 * before.half().min(line.half());
            let height = before.region.height.min(line.region.height);
            text.push_str(if next {
                " "
            } else if gap > PARAGRAPH_GAP * height || gap < -height * 2.0 {
                "\n\n"
            } else {
                "\n"
            });
        }
        text.push_str(line.text.trim());
        before = Some(line);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::Region;
    use super::*;

    fn line(text: &str, x: f32, y: f32, width: f32, height: f32) -> Line {
        Line {
            text: text.to_owned(),
            score: 1.0,
            region: Region {
                centre: [x + width / 2.0, y + height / 2.0],
                along: [1.0, 0.0],
                width,
                height,
            },
        }
    }

    fn read(mut lines: Vec<Line>) -> String {
        sort(&mut lines);
        text(&lines)
    }

    #[test]
    fn a_sign_is_read_row_by_row() {
        // The street sign of the corpus: a large name between two smaller columns.
        let lines = vec![
            line("Yuyuan Rd.", 230.0, 171.0, 185.0, 40.0),
            line("315", 74.0, 120.0, 64.0, 37.0),
            line("愚园路", 187.0, 78.0, 276.0, 79.0),
            line("西", 86.0, 79.0, 48.0, 46.0),
            line("E", 530.0, 171.0, 38.0, 44.0),
            line("东", 518.0, 80.0, 48.0, 46.0),
            line("W", 76.0, 170.0, 52.0, 44.0),
            line("309", 512.0, 122.0, 61.0, 33.0),
        ];
        assert_eq!(read(lines), "西 愚园路 东\n315 309\nW Yuyuan Rd. E");
    }

    #[test]
    fn columns_of_prose_are_read_one_after_the_other() {
        let mut lines = vec![line("Title", 100.0, 0.0, 600.0, 30.0)];
        for row in 0..5 {
            let y = 60.0 + 25.0 * row as f32;
            lines.push(line(&format!("right {row}"), 420.0, y, 300.0, 20.0));
            lines.push(line(&format!("left {row}"), 50.0, y, 300.0, 20.0));
        }
        let text = read(lines);
        let order: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(order[0], "Title");
        assert_eq!(order[1], "left 0");
        assert_eq!(order[5], "left 4");
        assert_eq!(order[6], "right 0");
    }

    #[test]
    fn tables_are_read_row_by_row() {
        let mut lines = Vec::new();
        for row in 0..6 {
            let y = 30.0 * row as f32;
            lines.push(line(&format!("{row}.50"), 500.0, y, 60.0, 20.0));
            lines.push(line(&format!("item {row}"), 50.0, y, 90.0, 20.0));
        }
        assert!(read(lines).starts_with("item 0 0.50\nitem 1 1.50\n"));
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(read(Vec::new()), "");
    }
}
