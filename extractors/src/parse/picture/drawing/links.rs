//! How deep and how large a drawing becomes once its parts stand where they are used.
//!
//! A part may be used by others (`<use>`, a pattern, a mask, a marker at every corner of a
//! line), and those by others again: ten lines can ask for a billion shapes, or for each other
//! without end. What reads and paints a drawing follows such links by calling itself, so a
//! drawing is measured first, without recursion, and never too small: what a style sheet gives
//! to some elements of a class is counted for all of them.

use std::collections::HashMap;

use resvg::usvg::roxmltree::{Document, Node, NodeId};

use super::STAGE;
use crate::extraction::Refusal;

/// Elements within elements, by nesting and by links together: some ten in what people draw,
/// and so few that the deepest fits a stack of 2 MiB.
const DEPTH_MAX: u32 = 160;
/// Elements, each counted as often as it is used.
const ELEMENTS_MAX: u64 = 300_000;
/// Elements times the selectors that are tried on each.
const MATCHES_MAX: u64 = 50_000_000;

/// How a part is used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// By the element itself.
    Once,
    /// By every element within, as a paint or the end of a line is.
    Each,
    /// At every corner of every line within.
    Corner,
}

/// The elements that keys of style sheets (`.class`, `#id`, `tag`, `*`) lend parts to.
type Sheet<'a> = HashMap<String, Vec<(Use, &'a str)>>;

pub(super) fn too_many() -> Refusal {
    Refusal::skipped(
        STAGE,
        "too large: it has more parts than a drawing may have: save it as PNG or PDF",
    )
}

/// Refuses a drawing that is too deep, too large or its own part.
pub(super) fn hold(document: &Document<'_>) -> Result<(), Refusal> {
    let links = Links::of(document);
    let nodes = document.descendants().count();
    let mut measured: Vec<Option<Measure>> = vec![None; nodes];
    let mut open = vec![false; nodes];
    let mut path = vec![Step::into(document.root_element(), &links)];
    while let Some(step) = path.last_mut() {
        open[step.node.get_usize()] = true;
        let Some((how, part)) = step.parts.get(step.next).copied() else {
            let measure = step.measure()?;
            if measure.elements.saturating_mul(links.selectors) > MATCHES_MAX {
                return Err(too_many());
            }
            open[step.node.get_usize()] = false;
            measured[step.node.get_usize()] = Some(measure);
            path.pop();
            continue;
        };
        match measured[part.get_usize()] {
            Some(measure) => {
                step.add(how, measure);
                step.next += 1;
            }
            None if open[part.get_usize()] => {
                return Err(Refusal::failed(STAGE, "a part of it is made of itself"));
            }
            None => match document.get_node(part) {
                Some(node) if path.len() < DEPTH_MAX as usize => {
                    path.push(Step::into(node, &links));
                }
                _ => return Err(too_deep()),
            },
        }
    }
    Ok(())
}

fn too_deep() -> Refusal {
    Refusal::failed(STAGE, "nested too deeply")
}

/// What an element becomes with all that is in it.
#[derive(Clone, Copy)]
struct Measure {
    depth: u32,
    elements: u64,
    corners: u64,
}

/// An element whose parts are being measured.
struct Step {
    node: NodeId,
    /// The elements within (none: no link) and those that it links to.
    parts: Vec<(Option<Use>, NodeId)>,
    next: usize,
    within: Measure,
    once: Measure,
    each: Measure,
    corner: Measure,
}

impl Step {
    fn into(node: Node<'_, '_>, links: &Links<'_>) -> Step {
        let nothing = Measure {
            depth: 0,
            elements: 0,
            corners: 0,
        };
        let inside = node.children().filter(Node::is_element);
        let mut parts: Vec<_> = inside.map(|child| (None, child.id())).collect();
        let linked = links.from(node);
        parts.extend(linked.into_iter().map(|(how, part)| (Some(how), part)));
        Step {
            node: node.id(),
            parts,
            next: 0,
            within: Measure {
                elements: 1,
                corners: corners(node),
                ..nothing
            },
            once: nothing,
            each: nothing,
            corner: nothing,
        }
    }

    fn add(&mut self, how: Option<Use>, part: Measure) {
        let sum = match how {
            None => &mut self.within,
            Some(Use::Once) => &mut self.once,
            Some(Use::Each) => &mut self.each,
            Some(Use::Corner) => &mut self.corner,
        };
        sum.depth = sum.depth.max(part.depth);
        sum.elements = sum.elements.saturating_add(part.elements);
        sum.corners = sum.corners.saturating_add(part.corners);
    }

    fn measure(&self) -> Result<Measure, Refusal> {
        // What is used by elements within hangs below the deepest of them.
        let below = self.each.depth.max(self.corner.depth);
        let depth = 1 + self.once.depth.max(self.within.depth + below);
        let each = self.within.elements.saturating_mul(self.each.elements);
        let corner = self.within.corners.saturating_mul(self.corner.elements);
        let elements = [self.once.elements, each, corner]
            .iter()
            .fold(self.within.elements, |sum, more| sum.saturating_add(*more));
        if depth > DEPTH_MAX {
            return Err(too_deep());
        }
        if elements > ELEMENTS_MAX {
            return Err(too_many());
        }
        Ok(Measure {
            depth,
            elements,
            corners: self.within.corners.saturating_add(self.once.corners),
        })
    }
}

/// At most so many corners has the line of an element: two bytes write one at least.
fn corners(node: Node<'_, '_>) -> u64 {
    let line = node.attribute("d").or_else(|| node.attribute("points"));
    line.map_or(0, |line| line.len() as u64 / 2 + 1)
}

/// Who links to whom in a document.
struct Links<'a> {
    /// The first and the last element of each name: readers differ in which they take.
    named: HashMap<&'a str, (NodeId, NodeId)>,
    sheet: Sheet<'a>,
    selectors: u64,
    document: &'a Document<'a>,
}

impl<'a> Links<'a> {
    fn of(document: &'a Document<'a>) -> Links<'a> {
        let mut named: HashMap<&str, (NodeId, NodeId)> = HashMap::new();
        let mut sheet = Sheet::new();
        let mut selectors = 0;
        for node in document.descendants() {
            if let Some(id) = node.attribute("id") {
                let of_name = named.entry(id).or_insert((node.id(), node.id()));
                of_name.1 = node.id();
            }
            if node.is_element() && node.tag_name().name() == "style" {
                for text in node.children().filter_map(|child| child.text()) {
                    selectors += text.matches(['{', ',']).count() as u64;
                    read_sheet(text, &mut sheet);
                }
            }
        }
        Links {
            named,
            sheet,
            selectors,
            document,
        }
    }

    /// The parts that an element uses. Gradients are none: they hold no shapes.
    fn from(&self, node: Node<'_, '_>) -> Vec<(Use, NodeId)> {
        let mut names: Vec<(Use, &str)> = Vec::new();
        let tag = node.tag_name().name();
        for attribute in node.attributes() {
            let value = attribute.value();
            match attribute.name() {
                "href" if matches!(tag, "use" | "feImage" | "pattern" | "filter" | "tref") => {
                    let name = value.trim_start().strip_prefix('#');
                    let name = name.and_then(|name| name.split_whitespace().next());
                    names.extend(name.map(|name| (Use::Once, name)));
                }
                "style" => declared(value, &mut names),
                property => names.extend(urls(value).map(|name| (how(property), name))),
            }
        }
        for key in keys(node) {
            names.extend(self.sheet.get(&key).into_iter().flatten().copied());
        }
        let ids = names.into_iter().filter_map(|(how, name)| {
            let (first, last) = *self.named.get(name)?;
            Some((how, first, last))
        });
        let mut parts: Vec<(Use, NodeId)> = Vec::new();
        for (how, first, last) in ids {
            for id in [first, last] {
                let gradient = self.document.get_node(id).is_some_and(|node| {
                    matches!(node.tag_name().name(), "linearGradient" | "radialGradient")
                });
                if !gradient && !parts.contains(&(how, id)) {
                    parts.push((how, id));
                }
            }
        }
        parts
    }
}

/// The keys under which a style sheet may mean this element.
fn keys(node: Node<'_, '_>) -> Vec<String> {
    let classes = node.attribute("class").unwrap_or_default();
    let mut keys: Vec<String> = classes
        .split_whitespace()
        .map(|class| format!(".{class}"))
        .collect();
    keys.extend(node.attribute("id").map(|id| format!("#{id}")));
    keys.push(node.tag_name().name().to_owned());
    keys.push("*".to_owned());
    keys
}

fn how(property: &str) -> Use {
    match property.trim() {
        "clip-path" | "mask" | "filter" => Use::Once,
        "marker" | "marker-mid" => Use::Corner,
        _ => Use::Each,
    }
}

/// The links of declarations such as `fill: url(#dots); mask: none`.
fn declared<'a>(declarations: &'a str, names: &mut Vec<(Use, &'a str)>) {
    for declaration in declarations.split(';') {
        if let Some((property, value)) = declaration.split_once(':') {
            names.extend(urls(value).map(|name| (how(property), name)));
        }
    }
}

/// The names in `url(#name)`.
fn urls(value: &str) -> impl Iterator<Item = &str> {
    value.split("url(").skip(1).filter_map(|rest| {
        let start = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'');
        let name = start.strip_prefix('#')?;
        name.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ')'))
            .next()
    })
}

/// Takes from a style sheet what its rules link to.
fn read_sheet<'a>(text: &'a str, sheet: &mut Sheet<'a>) {
    for rule in text.split('}') {
        let Some((selectors, declarations)) = rule.rsplit_once('{') else {
            continue;
        };
        let mut names = Vec::new();
        declared(declarations, &mut names);
        if names.is_empty() {
            continue;
        }
        let selectors = selectors.rsplit('{').next().unwrap_or_default();
        for selector in selectors.split(',') {
            sheet.entry(key(selector)).or_default().extend(&names);
        }
    }
}

/// What the last part of a selector asks for; anything of which that is not plain.
fn key(selector: &str) -> String {
    let strange = selector.contains(['[', '*', '\\', '(']) || selector.contains("/*");
    let mut parts = selector.split([' ', '\t', '\n', '\r', '>', '+', '~']);
    let last = parts.rfind(|part| !part.is_empty());
    let plain = last.and_then(|last| last.split(':').next()).unwrap_or("");
    if strange || plain.is_empty() {
        return "*".to_owned();
    }
    match plain.rfind(['.', '#']) {
        Some(at) => plain[at..].to_owned(),
        None => plain.to_owned(),
    }
}
