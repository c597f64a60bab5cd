//! By what a file's rows were made: the extractor's version, and every embedding space that
//! they have been through.
//!
//! Spaces stand here by their number in the table `space`. Numbers are never given twice, so a
//! space that was dropped and comes again later is another one, and dropping one rewrites no
//! file. A row that a space's model has nothing to say of (a text in a language that it does
//! not know) has been through it all the same.

use std::collections::BTreeSet;
use std::fmt;

/// Written as `x1+3+5`: an extractor, then numbers of spaces. Of a recording that was heard it is
/// `x1~whisper-tiny-0123456789ab+3+5`: the recogniser belongs to the extractor. A file with
/// writing in its pixels has at its end who read it: `x1+3+5+o=pp-ocrv6-small@0123456789ab`, or
/// `x1+3+5+o=` while nobody has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Generation {
    /// The extractor's version.
    pub extractor: String,
    /// The spaces that the rows have been through.
    pub spaces: BTreeSet<u64>,
    /// Where there is writing in pixels: the model that read it, nobody's name before one has.
    pub read_by: Option<String>,
}

impl Generation {
    /// Rows of this extractor that have been through these spaces.
    pub fn new(extractor: &str, spaces: impl IntoIterator<Item = u64>) -> Generation {
        Generation {
            extractor: extractor.to_owned(),
            spaces: spaces.into_iter().collect(),
            read_by: None,
        }
    }

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Generation {
        let (text, read_by) = match text.split_once(READ_BY) {
            Some((text, read_by)) => (text, Some(read_by.to_owned())),
            None => (text, None),
        };
        let mut parts = text.split('+');
        let extractor = parts.next().unwrap_or_default();
        Generation {
            read_by,
            ..Generation::new(extractor, parts.filter_map(|part| part.parse().ok()))
        }
    }

    /// Whether the rows have been through all of these spaces.
    pub fn has_all(&self, spaces: &[u64]) -> bool {
        spaces.iter().all(|space| self.spaces.contains(space))
    }
}

/// Stands before who read what is written in pixels; SQL looks for it too.
const READ_BY: &str = "+o=";

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One `+` at least: it ends the extractor's name, by which SQL finds it.
        write!(f, "{}+", self.extractor)?;
        for (at, space) in self.spaces.iter().enumerate() {
            let between = if at == 0 { "" } else { "+" };
            write!(f, "{between}{space}")?;
        }
        match &self.read_by {
            Some(read_by) => write!(f, "{READ_BY}{read_by}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written() {
        for (text, spaces) in [
            ("x1+", vec![]),
            ("x1+3", vec![3]),
            ("x12+3+50", vec![3, 50]),
            ("x1~whisper-tiny-0123456789ab+3", vec![3]),
            ("x1++o=", vec![]),
            ("x1+3+5+o=reader@0+1", vec![3, 5]),
        ] {
            let generation = Generation::parse(text);
            assert_eq!(generation.to_string(), text);
            assert!(generation.has_all(&spaces) && !generation.has_all(&[3, 4]));
            assert_eq!(generation.spaces.len(), spaces.len());
        }
    }
}
