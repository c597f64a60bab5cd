//! Tables in text: CSV and TSV.
//!
//! Rows are packed into passages, and each passage begins with the names of the columns,
//! so that a row found alone still says what its values are.

use super::writer::{Place, Writer};
use crate::passage::{Gap, Packer, Shape};

/// The separator is chosen by so many lines.
const SAMPLE_LINES: usize = 20;
/// A sign of life after so many rows.
const PROGRESS_EVERY_ROWS: u64 = 20_000;
/// A value longer than this is text of its own, not a name of a column.
const NAME_MAX_CHARS: usize = 60;

/// The separator that gives the most even columns, or a comma.
pub(crate) fn separator(text: &str) -> u8 {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(SAMPLE_LINES)
        .collect();
    let mut best = (0, b',');
    for candidate in [b',', b';', b'\t', b'|'] {
        let counts: Vec<usize> = lines
            .iter()
            .map(|line| line.bytes().filter(|b| *b == candidate).count())
            .collect();
        let typical = counts.first().copied().unwrap_or(0);
        let even = counts
            .iter()
            .filter(|count| **count == typical && typical > 0)
            .count();
        if even > best.0 {
            best = (even, candidate);
        }
    }
    best.1
}

/// Writes a table's rows.
pub(crate) fn write(text: &str, separator: u8, writer: &mut Writer<'_>) {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    let mut packer = Packer::new();
    let mut rows = 0_u64;
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            // The text is valid UTF-8 and rows may differ in length: what is left is a
            // row that cannot be read; the next may.
            Err(error) => {
                writer.note(format!("row {}: {error}", rows + 1));
                break;
            }
        }
        if writer.closed() {
            break;
        }
        let row = row_text(&record);
        if rows == 0 && names_columns(&record) {
            packer = Packer::with_prefix(&row);
            // A header that is too long to be a prefix is still text.
            if packer.prefix().is_empty() {
                packer.push(Shape::Lines, Gap::Line, &row);
            }
        } else {
            packer.push(Shape::Lines, Gap::Line, &row);
        }
        writer.drain(&mut packer, Place::BODY);
        rows += 1;
        if rows.is_multiple_of(PROGRESS_EVERY_ROWS) {
            writer.progress(reader.position().byte(), text.len() as u64, "table");
        }
    }
    // Column names without a row are all there is.
    if rows == 1 && !packer.prefix().is_empty() {
        writer.put(packer.prefix(), Place::BODY);
    }
    packer.flush();
    writer.drain(&mut packer, Place::BODY);
}

/// "Ada Lovelace, 36, London": values without their quotes and line ends.
fn row_text(record: &csv::StringRecord) -> String {
    let mut row = String::new();
    for value in record {
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        if value.is_empty() {
            continue;
        }
        if !row.is_empty() {
            row.push_str(", ");
        }
        row.push_str(&value);
    }
    row
}

/// Whether a first row names columns: several short values, none of them a number, no
/// two the same.
fn names_columns(record: &csv::StringRecord) -> bool {
    let values: Vec<&str> = record
        .iter()
        .map(str::trim)
        .filter(|value| !value.is_empty())
        .collect();
    let mut distinct = values.clone();
    distinct.sort_unstable();
    distinct.dedup();
    values.len() >= 2
        && distinct.len() == values.len()
        && values
            .iter()
            .all(|value| value.parse::<f64>().is_err() && value.chars().count() <= NAME_MAX_CHARS)
}

#[cfg(test)]
#[allow(clippy::needless_raw_string_hashes, clippy::format_push_string)] // as expect-test writes; as tests read best
mod tests {
    use super::*;
    use crate::format::tests::limits;
    use crate::parse::writer::tests::Kept;

    fn passages(text: &str) -> Vec<String> {
        let limits = limits();
        let mut kept = Kept::default();
        write(text, separator(text), &mut Writer::new(&mut kept, &limits));
        kept.segments
            .into_iter()
            .map(|segment| segment.text)
            .collect()
    }

    #[test]
    fn every_passage_names_its_columns() {
        let mut text = "name;city\n".to_owned();
        for n in 0..200 {
            text += &format!("\"Person; number {n}\";London\n");
        }
        let passages = passages(&text);
        assert!(passages.len() > 3);
        assert!(
            passages
                .iter()
                .all(|passage| passage.starts_with("name, city\nPerson; number "))
        );
    }

    #[test]
    fn odd_tables_lose_nothing() {
        assert_eq!(passages("1,2\n3,4\n"), ["1, 2\n3, 4"]);
        assert_eq!(passages("a,b\n"), ["a, b"]);
        assert_eq!(passages("a,b\n1\n2,\"x\ny\",z\n"), ["a, b\n1\n2, x y, z"]);
        assert_eq!(
            passages("a\tb\n\"open quote\tand on\n"),
            ["a, b\nopen quote and on"]
        );
        assert_eq!(passages("just text\n"), ["just text"]);
    }
}
