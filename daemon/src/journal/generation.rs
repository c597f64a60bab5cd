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
/// `x1~whisper-tiny-0123456789ab+3+5`: the recogniser belongs to the extractor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Generation {
    /// The extractor's version.
    pub extractor: String,
    /// The spaces that the rows have been through.
    pub spaces: BTreeSet<u64>,
}

impl Generation {
    /// Rows of this extractor that have been through these spaces.
    pub fn new(extractor: &str, spaces: impl IntoIterator<Item = u64>) -> Generation {
        Generation {
            extractor: extractor.to_owned(),
            spaces: spaces.into_iter().collect(),
        }
    }

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Generation {
        let mut parts = text.split('+');
        let extractor = parts.next().unwrap_or_default();
        Generation::new(extractor, parts.filter_map(|part| part.parse().ok()))
    }

    /// Whether the rows have been through all of these spaces.
    pub fn has_all(&self, spaces: &[u64]) -> bool {
        spaces.iter().all(|space| self.spaces.contains(space))
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One `+` at least: it ends the extractor's name, by which SQL finds it.
        write!(f, "{}+", self.extractor)?;
        for (at, space) in self.spaces.iter().enumerate() {
            let between = if at == 0 { "" } else { "+" };
            write!(f, "{between}{space}")?;
        }
        Ok(())
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
        ] {
            let generation = Generation::parse(text);
            assert_eq!(generation.to_string(), text);
            assert!(generation.has_all(&spaces) && !generation.has_all(&[3, 4]));
            assert_eq!(generation.spaces.len(), spaces.len());
        }
    }
}
