//! Web pages and XML: what a reader would read.
//!
//! Of a web page the main text (Mozilla's Readability, as dom_smoothie has it), without
//! menus and footers; where that finds too little to be right, all visible text. Scripts,
//! styles and hidden templates are never text. Nothing here recurses: a page nested a
//! hundred thousand deep is read like any other.

use dom_query::{Document, NodeRef};

use super::markup::{Block, Gatherer, Role, nesting, role as markup_role, stripped};
use super::prose::{self, Facts};
use super::writer::{Place, Writer};
use crate::language;
use crate::passage::{Gap, Packer};

/// Building a tree takes time with the square of its depth (each tag looks up through
/// its ancestors): 50,000 take a minute, 2,000 a tenth of a second.
const TREE_MAX_DEPTH: usize = 2_000;
/// Pages above this are stripped of their tags rather than built into a tree, which
/// takes some twenty times the memory of the page.
const TREE_MAX_BYTES: usize = 8 << 20;
/// Readability scores every paragraph against its ancestors; above this size it takes
/// seconds, and pages of that size are listings, not articles.
const READABILITY_MAX_BYTES: usize = 2 << 20;
/// Deeper trees than any article's: what is nested so deep is broken or hostile.
const READABILITY_MAX_DEPTH: usize = 200;
/// An "article" with less than this share of the visible text is a wrong guess: a
/// listing, a page of results, a table ...
const MAIN_MIN_PERCENT: usize = 30;
/// ... but one that is long by itself may stand among many comments and menus.
const LONG_MAIN_BYTES: usize = 2_000;
/// The share that it still must have.
const LONG_MAIN_MIN_PERCENT: usize = 15;
/// A sign of life after so many blocks.
const PROGRESS_EVERY_BLOCKS: usize = 5_000;

/// Writes a web page.
pub(crate) fn page(text: &str, writer: &mut Writer<'_>) -> Facts {
    if text.len() > TREE_MAX_BYTES || nesting(text) > TREE_MAX_DEPTH {
        writer
            .note("a very large or very deep web page: all of its text was read, not its article");
        write_blocks(&stripped(text, true), writer);
        return Facts::default();
    }
    let document = Document::from(text);
    writer.progress(0, text.len() as u64, "html");
    let mut facts = Facts {
        title: document.select_single("title").try_text(),
        author: meta(&document, &["author", "article:author", "dc.creator"]),
        lang: document
            .select_single("html")
            .attr("lang")
            .and_then(|lang| language::normalise(&lang)),
    };
    if facts.title.is_none() {
        facts.title =
            meta(&document, &["og:title"]).or_else(|| document.select_single("h1").try_text());
    }
    let (visible, depth) = blocks(&document.root());
    let visible_bytes: usize = visible.iter().map(|block| block.text.len()).sum();
    if text.len() <= READABILITY_MAX_BYTES && depth <= READABILITY_MAX_DEPTH {
        writer.progress(text.len() as u64 / 2, text.len() as u64, "html");
        if let Some((main, byline)) = main_text(document) {
            let main_bytes: usize = main.iter().map(|block| block.text.len()).sum();
            facts.author = facts.author.or(byline);
            let least = if main_bytes >= LONG_MAIN_BYTES {
                LONG_MAIN_MIN_PERCENT
            } else {
                MAIN_MIN_PERCENT
            };
            if main_bytes * 100 >= visible_bytes * least {
                write_blocks(&main, writer);
                return facts;
            }
        }
    }
    write_blocks(&visible, writer);
    facts
}

/// Writes an XML document: the text of its elements, markup inside them too (feeds carry
/// escaped HTML).
pub(crate) fn xml(text: &str, writer: &mut Writer<'_>) -> Facts {
    let mut blocks = Vec::new();
    for mut block in stripped(text, false) {
        // Most elements of XML hold a word or two: one a line.
        block.gap = Gap::Line;
        if block.text.contains('<') && block.text.contains('>') {
            blocks.extend(stripped(&block.text, true));
        } else {
            blocks.push(block);
        }
    }
    write_blocks(&blocks, writer);
    let title = text.find("<title>").and_then(|at| {
        let rest = &text[at + "<title>".len()..];
        let raw = &rest[..rest.find("</title>")?];
        stripped(raw, false)
            .first()
            .and_then(|block| prose::as_title(&block.text))
    });
    Facts {
        title,
        ..Facts::default()
    }
}

trait Title {
    fn try_text(&self) -> Option<String>;
}

impl Title for dom_query::Selection<'_> {
    fn try_text(&self) -> Option<String> {
        prose::as_title(&self.text())
    }
}

fn meta(document: &Document, names: &[&str]) -> Option<String> {
    document.select("meta[content]").iter().find_map(|tag| {
        let name = tag.attr("name").or_else(|| tag.attr("property"))?;
        names
            .iter()
            .any(|wanted| name.eq_ignore_ascii_case(wanted))
            .then(|| prose::as_claim(&tag.attr("content")?))
            .flatten()
    })
}

fn main_text(document: Document) -> Option<(Vec<Block>, Option<String>)> {
    let mut readability = dom_smoothie::Readability::with_document(document, None, None).ok()?;
    let article = readability.parse().ok()?;
    let (main, _) = blocks(&Document::fragment(article.content).root());
    Some((main, article.byline.as_deref().and_then(prose::as_claim)))
}

fn write_blocks(blocks: &[Block], writer: &mut Writer<'_>) {
    let mut packer = Packer::new();
    for (nth, block) in blocks.iter().enumerate() {
        if writer.closed() {
            break;
        }
        if nth % PROGRESS_EVERY_BLOCKS == 0 {
            writer.progress(nth as u64, blocks.len() as u64, "html");
        }
        packer.push(block.shape, block.gap, &block.text);
        writer.drain(&mut packer, Place::BODY);
    }
    packer.flush();
    writer.drain(&mut packer, Place::BODY);
}

/// The visible text under a node, block by block, and how deep the tree is.
fn blocks(root: &NodeRef<'_>) -> (Vec<Block>, usize) {
    let mut gatherer = Gatherer::default();
    let (mut depth, mut deepest) = (0, 0);
    let mut open: Vec<Role> = Vec::new();
    let mut next = root.first_child();
    while let Some(node) = next {
        let mut role = Role::Inline;
        if node.is_text() {
            gatherer.add(&node.text());
        } else if let Some(name) = node.node_name() {
            role = markup_role(&name);
            if node.has_attr("hidden") {
                role = Role::Hidden;
            }
            gatherer.enter(role);
        }
        if role != Role::Hidden
            && !node.is_text()
            && let Some(child) = node.first_child()
        {
            open.push(role);
            depth += 1;
            deepest = deepest.max(depth);
            next = Some(child);
            continue;
        }
        gatherer.leave(role);
        let mut at = node;
        next = loop {
            if let Some(sibling) = at.next_sibling() {
                break Some(sibling);
            }
            let (Some(role), Some(parent)) = (open.pop(), at.parent()) else {
                break None;
            };
            gatherer.leave(role);
            depth -= 1;
            at = parent;
        };
    }
    gatherer.end_block();
    (gatherer.blocks, deepest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::limits;
    use crate::parse::writer::tests::Kept;

    fn run(read: fn(&str, &mut Writer<'_>) -> Facts, text: &str) -> (Facts, String) {
        let limits = limits();
        let mut kept = Kept::default();
        let facts = read(text, &mut Writer::new(&mut kept, &limits));
        let texts: Vec<_> = kept
            .segments
            .into_iter()
            .map(|segment| segment.text)
            .collect();
        (facts, texts.join("\n=====\n"))
    }

    #[test]
    fn an_article_comes_without_its_menus() {
        let sentence = "The hippocampus is where memories are formed, and it was named after the seahorse, which it resembles. ";
        let html = format!(
            "<!doctype html><html lang='en-GB'><head><title>On  memory</title><meta name=author content='Ada'>\
             <style>p{{}}</style></head><body><nav><a href=/>Home</a> <a href=/x>Subscribe now</a></nav>\
             <article><h1>On memory</h1><p>{0}</p><p>{0}</p><ul><li>one</li><li>two</li></ul><p>{0}</p></article>\
             <script>var hidden = 1;</script><footer>Copyright</footer></body></html>",
            sentence.repeat(8)
        );
        let (facts, text) = run(page, &html);
        assert_eq!(facts.title.as_deref(), Some("On memory"));
        assert_eq!(facts.author.as_deref(), Some("Ada"));
        assert_eq!(facts.lang.as_deref(), Some("en"));
        assert!(text.contains("named after the seahorse"));
        assert!(text.contains("one\ntwo"), "{text}");
        for unwanted in ["Subscribe", "hidden", "Copyright", "p{}"] {
            assert!(!text.contains(unwanted), "{unwanted} in {text}");
        }
    }

    #[test]
    fn where_there_is_no_article_all_visible_text_counts() {
        let html = "<title>Table</title><h2>Cities</h2><table><tr><th>City<th>People</tr><tr><td>北京<td>21,540,000</tr></table><pre>a\n  b</pre>x<br>y";
        let (_, text) = run(page, html);
        assert_eq!(
            text,
            "Cities\nCity | People\n北京 | 21,540,000\n\na\n  b\n\nx\ny"
        );
    }

    #[test]
    fn deep_pages_are_read_without_recursion() {
        let html = format!("{}words at the bottom", "<div>".repeat(50_000));
        let (_, text) = run(page, &html);
        assert_eq!(text, "words at the bottom");
    }

    #[test]
    fn a_feed_is_read_with_its_escaped_pages() {
        let feed = "<?xml version='1.0'?><rss><channel><title>News &amp; more</title><item><title>First</title>\
            <description>&lt;p&gt;Hello &lt;b&gt;world&lt;/b&gt;&lt;/p&gt;</description></item>\
            <!-- a comment --><item><content><![CDATA[<p>Raw 你好</p>]]></content></item></channel></rss>";
        let (facts, text) = run(xml, feed);
        assert_eq!(facts.title.as_deref(), Some("News & more"));
        assert_eq!(text, "News & more\nFirst\n\nHello world\n\nRaw 你好");
    }
}
