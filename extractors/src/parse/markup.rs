//! Markup without a tree: what its elements mean for the text in them, and a reader that
//! strips tags in one pass, for XML and for pages too large or too deep to be built.

use std::borrow::Cow;

use crate::passage::{Gap, Shape};

/// A stretch of text between block elements.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) shape: Shape,
    pub(super) gap: Gap,
    pub(super) text: String,
}

/// How an element bears on the text around it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Inline,
    Block,
    Row,
    Cell,
    Heading,
    Pre,
    Break,
    Hidden,
}

/// The role of an element of HTML.
pub(super) fn role(name: &str) -> Role {
    match name {
        "script" | "style" | "noscript" | "template" | "svg" | "iframe" | "object" | "head"
        | "canvas" | "title" | "select" | "textarea" => Role::Hidden,
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => Role::Heading,
        "pre" => Role::Pre,
        "br" => Role::Break,
        "li" | "tr" | "dt" | "dd" | "option" => Role::Row,
        "td" | "th" => Role::Cell,
        "p" | "div" | "section" | "article" | "main" | "header" | "footer" | "nav" | "aside"
        | "blockquote" | "table" | "tbody" | "thead" | "tfoot" | "ul" | "ol" | "dl" | "figure"
        | "figcaption" | "form" | "fieldset" | "hr" | "body" | "html" | "address" | "details"
        | "summary" | "caption" | "center" => Role::Block,
        _ => Role::Inline,
    }
}

/// Text as it is gathered, until a block element ends it.
#[derive(Default)]
pub(super) struct Gatherer {
    pub(super) blocks: Vec<Block>,
    text: String,
    pre: usize,
    heading: usize,
    row: bool,
}

impl Gatherer {
    pub(super) fn end_block(&mut self) {
        let text = self
            .text
            .trim_matches(|c: char| c == '\n' || c == ' ' || c == '|' || c == '\u{a0}')
            .trim_end();
        if !text.is_empty() {
            let shape = if self.heading > 0 {
                Shape::Heading
            } else if text.contains('\n') {
                Shape::Lines
            } else {
                Shape::Prose
            };
            self.blocks.push(Block {
                shape,
                gap: if self.row { Gap::Line } else { Gap::Paragraph },
                text: text.to_owned(),
            });
        }
        self.text.clear();
        self.row = false;
    }

    pub(super) fn add(&mut self, text: &str) {
        if self.pre > 0 {
            self.text.push_str(text);
            return;
        }
        for c in text.chars() {
            if !c.is_whitespace() || c == '\u{3000}' {
                self.text.push(c);
            } else if !self.text.is_empty() && !self.text.ends_with([' ', '\n']) {
                self.text.push(' ');
            }
        }
    }

    pub(super) fn enter(&mut self, role: Role) {
        match role {
            Role::Inline | Role::Hidden => {}
            Role::Break => self.text.push('\n'),
            Role::Cell => {
                if !self.text.trim().is_empty() {
                    self.text.push_str(" | ");
                }
            }
            Role::Block | Role::Row | Role::Heading | Role::Pre => {
                self.end_block();
                self.row = role == Role::Row;
                self.heading += usize::from(role == Role::Heading);
                self.pre += usize::from(role == Role::Pre);
            }
        }
    }

    pub(super) fn leave(&mut self, role: Role) {
        if matches!(role, Role::Block | Role::Row | Role::Heading | Role::Pre) {
            self.end_block();
            self.heading -= usize::from(role == Role::Heading && self.heading > 0);
            self.pre -= usize::from(role == Role::Pre && self.pre > 0);
        }
    }
}

/// How deep a page nests, about: elements that need no closing tag are not counted.
pub(super) fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for (at, _) in text.match_indices('<') {
        let tag = &text.as_bytes()[at + 1..];
        let closes = tag.first() == Some(&b'/');
        let name: Vec<u8> = tag
            .iter()
            .skip(usize::from(closes))
            .take_while(|b| b.is_ascii_alphanumeric())
            .map(u8::to_ascii_lowercase)
            .take(12)
            .collect();
        match name.as_slice() {
            b"" | b"p" | b"li" | b"dt" | b"dd" | b"tr" | b"td" | b"th" | b"thead" | b"tbody"
            | b"tfoot" | b"option" | b"br" | b"hr" | b"img" | b"input" | b"meta" | b"link"
            | b"col" | b"area" | b"base" | b"embed" | b"source" | b"track" | b"wbr" | b"param" => {}
            _ if closes => depth = depth.saturating_sub(1),
            _ => {
                depth += 1;
                deepest = deepest.max(depth);
            }
        }
    }
    deepest
}

/// The text between tags, without building a tree. `html`: scripts and styles are no
/// text, and inline elements do not part words.
pub(super) fn stripped(text: &str, html: bool) -> Vec<Block> {
    let mut gatherer = Gatherer::default();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        gatherer.add(&unescaped(&rest[..at]));
        rest = &rest[at..];
        if let Some(cdata) = rest.strip_prefix("<![CDATA[") {
            let end = cdata.find("]]>").unwrap_or(cdata.len());
            gatherer.add(&cdata[..end]);
            rest = cdata.get(end + 3..).unwrap_or("");
            continue;
        }
        if rest.starts_with("<!--") {
            rest = rest.find("-->").map_or("", |end| &rest[end + 3..]);
            continue;
        }
        let Some(end) = rest.find('>') else {
            // A lone "<" is text, and so is what follows it.
            gatherer.add(&unescaped(rest));
            rest = "";
            break;
        };
        let name: String = rest[1..end]
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase();
        let opens = !rest[1..].starts_with('/');
        rest = &rest[end + 1..];
        let role = if html { role(&name) } else { Role::Block };
        if html && opens && matches!(name.as_str(), "script" | "style") {
            let close = format!("</{name}");
            // Case matters little here: closing tags in capitals are rare, and then the
            // script ends with the page.
            rest = rest.find(&close).map_or("", |at| &rest[at..]);
        } else if opens {
            gatherer.enter(role);
        } else {
            gatherer.leave(role);
        }
    }
    gatherer.add(&unescaped(rest));
    gatherer.end_block();
    gatherer.blocks
}

/// Longest entity looked at: `&thetasym;` and numbers are shorter.
const ENTITY_MAX_BYTES: usize = 12;

/// `&amp;`, `&#20320;`, `&#x4f60;` as characters.
pub(super) fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(ENTITY_MAX_BYTES).position(|b| b == b';');
        let replaced = end.and_then(|end| {
            let entity = &rest[1..end];
            let c = match entity {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                "nbsp" => ' ',
                _ => {
                    let number = entity.strip_prefix('#')?;
                    let code = match number.strip_prefix(['x', 'X']) {
                        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                        None => number.parse().ok()?,
                    };
                    char::from_u32(code)?
                }
            };
            Some((c, end + 1))
        });
        let (c, used) = replaced.unwrap_or(('&', 1));
        out.push(c);
        rest = &rest[used..];
    }
    out.push_str(rest);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_are_characters() {
        assert_eq!(
            unescaped("a &lt; b &#20320;&#x597D; &unknown; & c"),
            "a < b 你好 &unknown; & c"
        );
    }
}
