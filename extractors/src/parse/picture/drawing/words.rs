//! What a drawing says: its title and description, and whatever is written in it.
//!
//! Writing in a drawing is text, not pixels, so it is found without anybody reading it: labels
//! of diagrams, legends, names on a map. It is kept as it stands in the file, a line for each
//! piece of writing, each line once.

use std::collections::HashSet;

use resvg::usvg::roxmltree::{Document, Node};

use super::super::about::About;
use super::super::caption::{KEYWORDS_MAX, as_caption};
use crate::parse::prose::as_claim;

/// Characters of a drawing's writing: a large diagram has some thousands.
const WRITING_MAX_CHARS: usize = 16_000;

/// SVG's own elements.
const SVG: &str = "http://www.w3.org/2000/svg";

/// The title, the description and the writing, in the order of the file.
pub(super) fn about(document: &Document<'_>) -> About {
    let root = document.root_element();
    let own = |tag| child(root, tag).map(text_of);
    let work = root
        .descendants()
        .find(|node| is(*node, "Work") || is(*node, "Description"));
    let said = |tag| work.and_then(|work| child(work, tag)).map(text_of);
    let subjects = work.and_then(|work| child(work, "subject"));
    let keywords = subjects.into_iter().flat_map(|node| node.descendants());
    About {
        title: own("title")
            .and_then(|text| as_claim(&text))
            .or_else(|| said("title").and_then(|text| as_claim(&text))),
        description: own("desc")
            .and_then(|text| as_caption(&text))
            .or_else(|| said("description").and_then(|text| as_caption(&text))),
        keywords: keywords
            .filter(|node| is(*node, "li"))
            .filter_map(|node| as_claim(&text_of(node)))
            .take(KEYWORDS_MAX)
            .collect(),
        author: said("creator").and_then(|text| as_claim(&text)),
        shot: None,
        writing: writing(root),
    }
}

/// Each piece of writing on a line.
fn writing(root: Node<'_, '_>) -> String {
    let mut seen = HashSet::new();
    let mut lines = String::new();
    let mut left = WRITING_MAX_CHARS;
    let pieces = root.descendants().filter(|node| {
        let of_a_part = node.parent() != Some(root) && is_svgs(*node);
        is(*node, "text")
            || is(*node, "foreignObject")
            || of_a_part && (is(*node, "title") || is(*node, "desc"))
    });
    for piece in pieces {
        let line = text_of(piece);
        let len = line.chars().count() + 1;
        if line.is_empty() || len > left || !seen.insert(line.clone()) {
            continue;
        }
        left -= len;
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines.push_str(&line);
    }
    lines
}

/// The text within an element on one line. Pieces that are placed anew are words of their own.
fn text_of(node: Node<'_, '_>) -> String {
    let mut text = String::new();
    for inside in node.descendants() {
        let placed = inside.is_element() && !is(inside, "tspan")
            || ["x", "y", "dy"]
                .iter()
                .any(|place| inside.attribute(*place).is_some());
        let hidden = |node: Node<'_, '_>| is(node, "style") || is(node, "script");
        if placed {
            text.push(' ');
        } else if inside.is_text() && !inside.parent().is_some_and(hidden) {
            text.push_str(inside.text().unwrap_or_default());
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn child<'a, 'input>(node: Node<'a, 'input>, tag: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| is(*child, tag))
}

/// Metadata has titles too, of other things.
fn is_svgs(node: Node<'_, '_>) -> bool {
    matches!(node.tag_name().namespace(), None | Some(SVG))
}

fn is(node: Node<'_, '_>, tag: &str) -> bool {
    node.is_element() && node.tag_name().name() == tag
}
