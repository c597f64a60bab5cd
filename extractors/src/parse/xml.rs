//! XML as a stream of tags and text, for formats whose elements mean something.
//!
//! As feeds are found: entities of HTML, namespaces that nobody declares, a lone `<`. Nothing is
//! expanded but single characters, nothing is fetched, nothing recurses, and a document costs
//! time with its length, whatever stands in it.

use std::borrow::Cow;

use super::markup::unescaped;

/// The next thing in a document. Comments, declarations and instructions are passed over.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// An element begins.
    Open(Tag<'a>),
    /// The element of this name ends.
    Close(&'a str),
    /// Text between tags, as it is meant.
    Text(Cow<'a, str>),
}

/// The tag that an element begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tag<'a> {
    /// With its prefix: `itunes:summary`.
    pub(super) name: &'a str,
    /// Whether the element ends with it.
    pub(super) empty: bool,
    attributes: &'a str,
}

impl<'a> Tag<'a> {
    /// The value of the attribute of this name.
    pub(super) fn attribute(&self, wanted: &str) -> Option<Cow<'a, str>> {
        let mut rest = self.attributes;
        while let Some((name, after)) = rest.split_once('=') {
            let after = after.trim_start();
            let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            let (value, next) = after[1..].split_once(quote)?;
            if name.trim() == wanted {
                return Some(unescaped(value));
            }
            rest = next;
        }
        None
    }
}

/// Reads a document token by token.
pub(super) struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Tokens<'a> {
        Tokens { rest: text }
    }

    /// What stands before `end`, which is passed too; all of the rest without it.
    fn until(&mut self, end: &str) -> &'a str {
        let (before, after) = self.rest.split_once(end).unwrap_or((self.rest, ""));
        self.rest = after;
        before
    }

    /// What stands between `<` and the `>` that is in no quotes; none without one.
    fn tag(&mut self) -> Option<&'a str> {
        let mut quote = None;
        for (at, byte) in self.rest.bytes().enumerate().skip(1) {
            match (quote, byte) {
                (None, b'>') => {
                    let tag = &self.rest[1..at];
                    self.rest = &self.rest[at + 1..];
                    return Some(tag);
                }
                (None, b'"' | b'\'') => quote = Some(byte),
                (Some(open), byte) if open == byte => quote = None,
                _ => {}
            }
        }
        None
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            if let Some(data) = self.rest.strip_prefix("<![CDATA[") {
                self.rest = data;
                return Some(Token::Text(self.until("]]>").into()));
            }
            if let Some(comment) = self.rest.strip_prefix("<!--") {
                self.rest = comment;
                self.until("-->");
                continue;
            }
            if !self.rest.starts_with('<') {
                let end = self.rest.find('<').unwrap_or(self.rest.len());
                let (text, rest) = self.rest.split_at(end);
                self.rest = rest;
                return Some(Token::Text(unescaped(text)));
            }
            let Some(tag) = self.tag() else {
                // A lone "<", or a document that is cut off.
                return Some(Token::Text(std::mem::take(&mut self.rest).into()));
            };
            if tag.starts_with(['?', '!']) {
                continue;
            }
            if let Some(name) = tag.strip_prefix('/') {
                return Some(Token::Close(name.trim()));
            }
            let (tag, empty) = tag
                .strip_suffix('/')
                .map_or((tag, false), |tag| (tag, true));
            let end = tag.find(char::is_whitespace).unwrap_or(tag.len());
            let (name, attributes) = tag.split_at(end);
            return Some(Token::Open(Tag {
                name,
                empty,
                attributes,
            }));
        }
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
            ["<a", "x & y", "<c:d/", "<p>1 < 2</p>", "/a", "z", "<"]
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
