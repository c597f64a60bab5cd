//! XML as a stream of tags and text, for formats whose elements mean something.
//!
//! As feeds are found: entities of HTML, namespaces that nobody declares, elements that nobody
//! closes, a lone `<`. Nothing is expanded but single characters, nothing is fetched, nothing
//! recurses, and a document costs time with its length, whatever stands in it. What is no XML any
//! more is text.

use std::borrow::Cow;

use quick_xml::events::{BytesStart, Event};

use super::markup::unescaped;

/// The next thing in a document. Comments, declarations and instructions are passed over.
#[derive(Debug)]
pub(super) enum Token<'a> {
    /// An element begins.
    Open(Tag<'a>),
    /// The element of this name ends.
    Close(String),
    /// Text between tags, as it is meant.
    Text(Cow<'a, str>),
}

/// The tag that an element begins with.
#[derive(Debug)]
pub(super) struct Tag<'a> {
    /// With its prefix: `itunes:summary`.
    pub(super) name: String,
    /// Whether the element ends with it.
    pub(super) empty: bool,
    start: BytesStart<'a>,
}

impl Tag<'_> {
    /// The value of the attribute of this name.
    pub(super) fn attribute(&self, wanted: &str) -> Option<String> {
        let mut attributes = self.start.html_attributes();
        let found = attributes.with_checks(false).flatten();
        let mut found = found.filter(|attribute| attribute.key.as_ref() == wanted);
        let value = found.next()?.value;
        Some(unescaped(&value).into_owned())
    }
}

/// Reads a document token by token.
pub(super) struct Tokens<'a> {
    text: &'a str,
    reader: quick_xml::Reader<&'a [u8]>,
    over: bool,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Tokens<'a> {
        let mut reader = quick_xml::Reader::from_str(text);
        let config = reader.config_mut();
        config.allow_unmatched_ends = true;
        config.check_end_names = false;
        config.allow_dangling_amp = true;
        Tokens {
            text,
            reader,
            over: false,
        }
    }

    /// What cannot be read as XML, to the end.
    fn rest(&mut self) -> Option<Token<'a>> {
        self.over = true;
        let from = usize::try_from(self.reader.error_position()).unwrap_or(usize::MAX);
        let rest = self.text.get(from..).filter(|rest| !rest.is_empty());
        rest.map(|rest| Token::Text(rest.into()))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        while !self.over {
            return Some(match self.reader.read_event() {
                Ok(Event::Start(start)) => Token::Open(tag(start, false)),
                Ok(Event::Empty(start)) => Token::Open(tag(start, true)),
                Ok(Event::End(end)) => Token::Close(end.name().as_ref().to_owned()),
                Ok(Event::Text(text)) => {
                    Token::Text(unescaped(&text.into_inner()).into_owned().into())
                }
                Ok(Event::CData(data)) => Token::Text(data.into_inner()),
                Ok(Event::GeneralRef(entity)) => {
                    let written = format!("&{};", entity.into_inner());
                    Token::Text(unescaped(&written).into_owned().into())
                }
                Ok(Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_)) => {
                    continue;
                }
                Ok(Event::Eof) => {
                    self.over = true;
                    return None;
                }
                Err(_) => return self.rest(),
            });
        }
        None
    }
}

fn tag(start: BytesStart<'_>, empty: bool) -> Tag<'_> {
    Tag {
        name: start.name().as_ref().to_owned(),
        empty,
        start,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        let tokens = Tokens::new(text);
        let shown = tokens.map(|token| match token {
            Token::Open(tag) => format!("<{}{}", tag.name, if tag.empty { "/" } else { "" }),
            Token::Close(name) => format!("/{name}"),
            Token::Text(text) => text.into_owned(),
        });
        shown.collect()
    }

    #[test]
    fn documents_come_as_tags_and_text() {
        let text = "<?xml version='1.0'?><!DOCTYPE a><a b='1'>x &amp; y<!-- <no> --><c:d/>\
                    <![CDATA[<p>1 < 2</p>]]></a >z<";
        assert_eq!(
            tokens(text),
            [
                "<a",
                "x ",
                "&",
                " y",
                "<c:d/",
                "<p>1 < 2</p>",
                "/a",
                "z",
                "<"
            ]
        );
    }

    #[test]
    fn attributes_are_read_in_either_quotes() {
        let text = "<enclosure url=\"https://a/b.mp3?x=1&amp;y=2\" type = 'a>b' length=\"\"/>";
        let Some(Token::Open(tag)) = Tokens::new(text).next() else {
            panic!("no tag");
        };
        assert_eq!(tag.attribute("url").unwrap(), "https://a/b.mp3?x=1&y=2");
        assert_eq!(tag.attribute("type").unwrap(), "a>b");
        assert_eq!(tag.attribute("length").unwrap(), "");
        assert_eq!(tag.attribute("href"), None);
    }

    proptest! {
        #[test]
        fn every_document_ends(text in "([<>&;='\"/a! \\-\\[\\]?]|CDATA){0,80}") {
            let tokens: Vec<_> = Tokens::new(&text).collect();
            for token in &tokens {
                if let Token::Open(tag) = token {
                    tag.attribute("a");
                }
            }
            prop_assert!(tokens.len() <= text.len());
        }
    }
}
