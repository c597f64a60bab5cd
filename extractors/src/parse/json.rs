//! JSON, JSON Lines and notebooks as people would read them: `key: value`.
//!
//! The document is walked as it is parsed, never held as a tree (a tree of 32 MiB of
//! numbers takes a gigabyte). Strings count, and numbers that have a name; arrays of
//! numbers do not: they are data, not words.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::prose::{self, Facts};
use super::writer::{Place, Writer};
use crate::passage::{Gap, Packer, Shape};

/// A sign of life after so many values.
const PROGRESS_EVERY_VALUES: u64 = 50_000;

/// Takes the values as they come.
struct Reader<'a, 'b> {
    writer: &'a mut Writer<'b>,
    packer: Packer,
    gap: Gap,
    values: u64,
    total_bytes: u64,
    facts: Facts,
}

impl<'a, 'b> Reader<'a, 'b> {
    fn new(writer: &'a mut Writer<'b>, total_bytes: u64) -> Reader<'a, 'b> {
        Reader {
            writer,
            packer: Packer::new(),
            gap: Gap::Line,
            values: 0,
            total_bytes,
            facts: Facts::default(),
        }
    }

    fn value(&mut self, parent: &str, key: &str, value: &str, depth: usize) {
        self.values += 1;
        if self.values.is_multiple_of(PROGRESS_EVERY_VALUES) {
            self.writer.progress(0, self.total_bytes, "json");
        }
        let value = value.trim();
        if value.is_empty() || self.writer.closed() {
            return;
        }
        if depth <= 1 && self.facts.title.is_none() && matches!(key, "title" | "name" | "headline")
        {
            self.facts.title = prose::as_title(value);
        }
        let value = prose::without_blobs(value);
        let line = match (parent, key) {
            ("", "") => value.into_owned(),
            ("", key) => format!("{key}: {value}"),
            (parent, "") => format!("{parent}: {value}"),
            (parent, key) => format!("{parent}.{key}: {value}"),
        };
        self.packer.push(Shape::Lines, self.gap, &line);
        self.gap = Gap::Line;
        self.writer.drain(&mut self.packer, Place::BODY);
    }

    fn finish(mut self) -> Facts {
        self.packer.flush();
        self.writer.drain(&mut self.packer, Place::BODY);
        self.facts
    }
}

/// One value of the document, with its key and its parent's.
struct Node<'n, 'a, 'b> {
    reader: &'n mut Reader<'a, 'b>,
    parent: &'n str,
    key: &'n str,
    depth: usize,
    in_array: bool,
}

impl<'de> DeserializeSeed<'de> for Node<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Node<'_, '_, '_> {
    fn number(self, number: &dyn fmt::Display) {
        if !self.in_array && !self.key.is_empty() {
            self.reader
                .value(self.parent, self.key, &number.to_string(), self.depth);
        }
    }
}

impl<'de> Visitor<'de> for Node<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.reader.value(self.parent, self.key, value, self.depth);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.number(&value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.number(&value);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.number(&value);
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq
            .next_element_seed(Node {
                reader: &mut *self.reader,
                parent: self.parent,
                key: self.key,
                // What stands in a list is not said of the document.
                depth: self.depth + 1,
                in_array: true,
            })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        // An object among others is set off like a paragraph.
        self.reader.gap = Gap::Paragraph;
        let parent = if self.in_array { "" } else { self.key };
        while let Some(key) = map.next_key::<String>()? {
            map.next_value_seed(Node {
                reader: &mut *self.reader,
                parent,
                key: &key,
                depth: self.depth + 1,
                in_array: false,
            })?;
        }
        Ok(())
    }
}

/// Writes a JSON document. `Err`: it is not valid JSON, and nothing was written.
pub(crate) fn document(text: &str, writer: &mut Writer<'_>) -> Result<Facts, serde_json::Error> {
    serde_json::from_str::<IgnoredAny>(text)?;
    let mut reader = Reader::new(writer, text.len() as u64);
    walk(text, &mut reader)?;
    Ok(reader.finish())
}

/// Writes JSON Lines; a line that is no JSON is written as it stands.
pub(crate) fn lines(text: &str, writer: &mut Writer<'_>) -> Facts {
    let mut reader = Reader::new(writer, text.len() as u64);
    let mut broken = 0_usize;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if reader.writer.closed() {
            break;
        }
        if serde_json::from_str::<IgnoredAny>(line).is_ok_and(|_| walk(line, &mut reader).is_ok()) {
            continue;
        }
        broken += 1;
        reader.gap = Gap::Paragraph;
        reader.value("", "", line, usize::MAX);
    }
    if broken > 0 {
        reader
            .writer
            .note(format!("{broken} lines are no JSON and were read as text"));
    }
    let mut facts = reader.finish();
    // The first record's name is not the file's title.
    facts.title = None;
    facts
}

fn walk(text: &str, reader: &mut Reader<'_, '_>) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Node {
        reader,
        parent: "",
        key: "",
        depth: 0,
        in_array: false,
    }
    .deserialize(&mut deserializer)
}

/// Writes a notebook: the text of its Markdown and code cells, not their outputs.
pub(crate) fn notebook(text: &str, writer: &mut Writer<'_>) -> Result<Facts, serde_json::Error> {
    #[derive(Deserialize)]
    struct Notebook {
        cells: Vec<Cell>,
    }
    #[derive(Deserialize)]
    struct Cell {
        cell_type: String,
        source: Lines,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Lines {
        Whole(String),
        Each(Vec<String>),
    }
    let notebook: Notebook = serde_json::from_str(text)?;
    let mut script = String::new();
    for cell in notebook.cells {
        let source = match cell.source {
            Lines::Whole(whole) => whole,
            Lines::Each(lines) => lines.concat(),
        };
        if cell.cell_type == "code" {
            script.push_str("```\n");
            script.push_str(source.trim_end());
            script.push_str("\n```\n\n");
        } else {
            script.push_str(source.trim_end());
            script.push_str("\n\n");
        }
    }
    Ok(prose::markdown(&script, writer))
}

#[cfg(test)]
#[allow(clippy::needless_raw_string_hashes, clippy::format_push_string)] // as expect-test writes; as tests read best
mod tests {
    use super::*;
    use crate::format::tests::limits;
    use crate::parse::writer::tests::Kept;
    use expect_test::{Expect, expect};

    fn check(read: impl Fn(&str, &mut Writer<'_>) -> Facts, text: &str, expect: &Expect) {
        let limits = limits();
        let mut kept = Kept::default();
        let facts = read(text, &mut Writer::new(&mut kept, &limits));
        let mut shown = format!("title: {:?}\n", facts.title);
        for segment in kept.segments {
            shown += &format!("---\n{}\n", segment.text);
        }
        expect.assert_eq(&shown);
    }

    #[test]
    fn values_are_read_with_their_keys() {
        let text = r#"{"title": "书单", "count": 2, "ok": true, "none": null,
            "books": [{"name": "A", "author": {"first": "Ada"}}, {"name": "B", "tags": ["x", "y"], "data": [1, 2, 3]}]}"#;
        check(
            |text, writer| document(text, writer).unwrap(),
            text,
            &expect![[r#"
                title: Some("书单")
                ---
                title: 书单
                count: 2

                name: A

                author.first: Ada

                name: B
                tags: x
                tags: y
            "#]],
        );
    }

    #[test]
    fn lines_of_json_are_records() {
        check(
            lines,
            "{\"a\": \"one\"}\n\"two\"\n{broken\n{\"a\": \"three\"}\n",
            &expect![[r#"
                title: None
                ---
                a: one
                two

                {broken

                a: three
            "#]],
        );
    }

    #[test]
    fn a_notebook_is_its_cells() {
        check(
            |text, writer| notebook(text, writer).unwrap(),
            r##"{"cells": [{"cell_type": "markdown", "source": ["# My analysis\n", "of things"]},
                {"cell_type": "code", "source": "print(1)", "outputs": [{"text": "1"}]}], "nbformat": 4}"##,
            &expect![[r##"
                title: Some("My analysis")
                ---
                # My analysis
                of things

                ```
                print(1)
                ```
            "##]],
        );
    }

    #[test]
    fn what_is_no_json_is_refused_before_a_word_is_written() {
        let limits = limits();
        let mut kept = Kept::default();
        let mut writer = Writer::new(&mut kept, &limits);
        assert!(document("{\"a\": \"one\", ", &mut writer).is_err());
        // Deep nesting is an error of serde_json's, not a stack overflow.
        assert!(document(&"[".repeat(100_000), &mut writer).is_err());
        assert_eq!(writer.written(), 0);
    }
}
