//! Plain text, Markdown and source code into blocks.
//!
//! The text is shown as it was written; only its structure is read: paragraphs at blank
//! lines, headings, code fences, front matter. A paragraph whose lines were broken by an
//! editor at a fixed width flows as prose; one utterance a line stays lines.

use super::writer::{Place, Tongue, Writer};
use crate::passage::{Gap, Packer, Shape};

/// A sign of life after so much text.
const PROGRESS_EVERY_BYTES: usize = 1 << 20;
/// Titles longer than this are no titles.
pub(crate) const TITLE_MAX_CHARS: usize = 200;
/// Lines that an editor broke are at least so wide (in columns; Han counts two) ...
const WRAP_MIN_COLUMNS: usize = 40;
/// ... and at most so wide.
const WRAP_MAX_COLUMNS: usize = 140;
/// Encoded data (pictures inside Markdown or JSON) is a run of at least so many characters.
const BLOB_MIN_BYTES: usize = 400;

/// What a text says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) title: Option<String>,
    pub(crate) author: Option<String>,
    pub(crate) lang: Option<String>,
}

/// A title, if it is one.
pub(crate) fn as_title(text: &str) -> Option<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty() && text.chars().count() <= TITLE_MAX_CHARS).then_some(text)
}

/// A document's title or author, if it is one: programs write "untitled" and "anonymous"
/// where nobody said anything, web pages an address for a name.
pub(crate) fn as_claim(text: &str) -> Option<String> {
    let claim = as_title(text)?;
    let bare = claim
        .trim_matches(['(', ')', '[', ']', '<', '>', ' '])
        .to_lowercase();
    let said = !matches!(
        bare.as_str(),
        "" | "untitled" | "anonymous" | "unknown" | "none" | "null" | "author" | "title"
    );
    (said && !bare.starts_with("http://") && !bare.starts_with("https://")).then_some(claim)
}

/// Feeds paragraphs to the packer and passages to the writer.
struct Flow<'a, 'b> {
    writer: &'a mut Writer<'b>,
    packer: Packer,
    total: usize,
    done: usize,
    told: usize,
    stage: &'static str,
}

impl<'a, 'b> Flow<'a, 'b> {
    fn new(writer: &'a mut Writer<'b>, total: usize, stage: &'static str) -> Flow<'a, 'b> {
        Flow {
            writer,
            packer: Packer::new(),
            total,
            done: 0,
            told: 0,
            stage,
        }
    }

    fn push(&mut self, shape: Shape, gap: Gap, text: &str) {
        self.packer.push(shape, gap, text);
        self.writer.drain(&mut self.packer, Place::BODY);
        self.done += text.len();
        if self.done >= self.told + PROGRESS_EVERY_BYTES {
            self.told = self.done;
            self.writer
                .progress(self.done as u64, self.total as u64, self.stage);
        }
    }

    fn finish(mut self) {
        self.packer.flush();
        self.writer.drain(&mut self.packer, Place::BODY);
    }
}

/// Plain text.
pub(crate) fn plain(text: &str, writer: &mut Writer<'_>) -> Facts {
    let mut flow = Flow::new(writer, text.len(), "text");
    for paragraph in paragraphs(text) {
        if flow.writer.closed() {
            break;
        }
        flow.push(shape_of(paragraph), Gap::Paragraph, paragraph);
    }
    flow.finish();
    Facts::default()
}

/// Stretches between blank lines, verbatim.
fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        // Skip blank lines but keep the indentation of the first that is not.
        while let Some((line, after)) = rest.split_once('\n') {
            if !line.trim().is_empty() {
                break;
            }
            rest = after;
        }
        if rest.trim().is_empty() {
            return None;
        }
        let mut end = 0;
        for line in rest.split_inclusive('\n') {
            if line.trim().is_empty() {
                break;
            }
            end += line.len();
        }
        let (paragraph, after) = rest.split_at(end);
        rest = after;
        Some(paragraph.trim_end())
    })
}

/// Whether a paragraph's line ends mean something: an editor that wraps makes lines of
/// nearly equal width, and few of them end a sentence.
fn shape_of(paragraph: &str) -> Shape {
    if !paragraph.contains('\n') {
        return Shape::Prose;
    }
    let columns = |line: &str| {
        line.chars()
            .map(|c| if crate::weight::is_cjk(c) { 2 } else { 1 })
            .sum::<usize>()
    };
    let widest = paragraph.lines().map(columns).max().unwrap_or(0);
    if !(WRAP_MIN_COLUMNS..=WRAP_MAX_COLUMNS).contains(&widest) {
        return Shape::Lines;
    }
    let mut lines = paragraph.lines().collect::<Vec<_>>();
    lines.pop();
    let wide = lines
        .iter()
        .filter(|line| columns(line) * 4 >= widest * 3)
        .count();
    let ended = lines
        .iter()
        .filter(|line| {
            line.trim_end()
                .ends_with(['.', '!', '?', '。', '！', '？', ':', ';'])
        })
        .count();
    if wide * 10 >= lines.len() * 7 && ended * 2 <= lines.len() {
        Shape::Prose
    } else {
        Shape::Lines
    }
}

/// Markdown: front matter for the facts, headings and fences for the structure.
pub(crate) fn markdown(text: &str, writer: &mut Writer<'_>) -> Facts {
    let (mut facts, body) = front_matter(text);
    let body = without_blobs(body);
    let mut flow = Flow::new(writer, body.len(), "text");
    for paragraph in fenced_paragraphs(&body) {
        if flow.writer.closed() {
            break;
        }
        let mut gap = Gap::Paragraph;
        for (shape, block) in headed_blocks(paragraph) {
            if shape == Shape::Heading && facts.title.is_none() {
                let words = block.lines().next().unwrap_or_default();
                facts.title = as_title(
                    words
                        .trim_start_matches('#')
                        .trim_end()
                        .trim_end_matches('#'),
                );
            }
            flow.push(shape, gap, block);
            gap = Gap::Line;
        }
    }
    flow.finish();
    facts
}

/// Paragraphs, with fenced code kept whole.
fn fenced_paragraphs(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut start, mut at) = (0, 0);
    let mut fence: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        let trimmed = line.trim();
        match fence {
            Some(mark) if trimmed.starts_with(mark) => {
                fence = None;
                found.push(&text[start..end]);
                start = end;
            }
            None if trimmed.starts_with("```") || trimmed.starts_with("~~~") => {
                found.extend(paragraphs(&text[start..at]));
                fence = Some(&trimmed[..3]);
                start = at;
            }
            Some(_) | None => {}
        }
        at = end;
    }
    if fence.is_some() {
        found.push(&text[start..]);
    } else {
        found.extend(paragraphs(&text[start..]));
    }
    found.retain(|paragraph| !paragraph.trim().is_empty());
    found
}

/// A paragraph's headings, which need no blank line around them, and what is between.
fn headed_blocks(paragraph: &str) -> Vec<(Shape, &str)> {
    if paragraph.starts_with("```") || paragraph.starts_with("~~~") {
        return vec![(Shape::Lines, paragraph)];
    }
    let mut blocks = Vec::new();
    let (mut start, mut at) = (0, 0);
    let body = |text: &'_ str| {
        if text.starts_with(['|', '-', '*', '+', '>']) {
            Shape::Lines
        } else {
            shape_of(text)
        }
    };
    for line in paragraph.split_inclusive('\n') {
        let end = at + line.len();
        let marks = line.bytes().take_while(|b| *b == b'#').count();
        let hashed = (1..=6).contains(&marks) && line[marks..].starts_with([' ', '\t']);
        let underline = line.trim_end();
        // One line of words above it makes a rule an underline.
        let above = paragraph[start..at].trim_end();
        let underlined = underline.len() >= 2
            && (underline.bytes().all(|b| b == b'=') || underline.bytes().all(|b| b == b'-'))
            && !above.is_empty()
            && !above.contains('\n')
            && !above.starts_with(['|', '-', '>']);
        if hashed && start < at {
            blocks.push((body(&paragraph[start..at]), &paragraph[start..at]));
            start = at;
        }
        if hashed || underlined {
            blocks.push((Shape::Heading, &paragraph[start..end]));
            start = end;
        }
        at = end;
    }
    if start < at {
        blocks.push((body(&paragraph[start..]), &paragraph[start..]));
    }
    blocks
}

/// YAML (`---`) or TOML (`+++`) before the text: its title, author and language are
/// facts, the rest is not for reading.
fn front_matter(text: &str) -> (Facts, &str) {
    let mut facts = Facts::default();
    let Some(mark) = ["---\n", "+++\n"]
        .into_iter()
        .find(|mark| text.starts_with(mark))
    else {
        return (facts, text);
    };
    let close = format!("\n{}", mark.trim_end());
    let Some(end) = text[3..].find(&close).map(|at| at + 3) else {
        return (facts, text);
    };
    let head = &text[mark.len().min(end)..end];
    // A rule and text, not front matter, when no line has a key.
    if !head.lines().any(|line| line.contains([':', '='])) {
        return (facts, text);
    }
    for line in head.lines() {
        let Some((key, value)) = line.split_once([':', '=']) else {
            continue;
        };
        let value = value.trim().trim_matches(['"', '\'']);
        let value = (!value.is_empty()).then(|| value.to_owned());
        match key.trim().to_ascii_lowercase().as_str() {
            "title" => facts.title = value.as_deref().and_then(as_title),
            "author" | "authors" => facts.author = value,
            "lang" | "language" => {
                facts.lang = value.as_deref().and_then(crate::language::normalise);
            }
            _ => {}
        }
    }
    let after = &text[end + close.len()..];
    (facts, after.split_once('\n').map_or("", |(_, body)| body))
}

/// Source code: items are parted by blank lines, and by lines that begin at the margin
/// after an indented one (code written without blank lines).
pub(crate) fn code(text: &str, writer: &mut Writer<'_>) -> Facts {
    writer.set_tongue(Tongue::Code);
    let mut flow = Flow::new(writer, text.len(), "code");
    for paragraph in paragraphs(text) {
        if flow.writer.closed() {
            break;
        }
        flow.push(Shape::Lines, Gap::Paragraph, paragraph);
    }
    flow.finish();
    Facts::default()
}

/// The text with long runs of encoded data (base64 pictures) cut to an ellipsis: they
/// are no words, and one picture would fill a hundred passages.
pub(crate) fn without_blobs(text: &str) -> std::borrow::Cow<'_, str> {
    let is_blob_byte =
        |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'_' | b'-' | b'%');
    let bytes = text.as_bytes();
    let mut out = String::new();
    let (mut kept, mut at) = (0, 0);
    while at < bytes.len() {
        let run = bytes[at..].iter().take_while(|b| is_blob_byte(b)).count();
        let blob = run >= BLOB_MIN_BYTES && bytes[at..at + run].iter().any(u8::is_ascii_digit);
        if blob {
            out.push_str(&text[kept..at]);
            out.push('…');
            kept = at + run;
        }
        at += run.max(1);
    }
    if kept == 0 {
        return text.into();
    }
    out.push_str(&text[kept..]);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::limits;
    use crate::parse::writer::tests::Kept;
    use expect_test::expect;

    fn run(read: fn(&str, &mut Writer<'_>) -> Facts, text: &str) -> (Facts, Vec<String>) {
        let limits = limits();
        let mut kept = Kept::default();
        let facts = read(text, &mut Writer::new(&mut kept, &limits));
        (
            facts,
            kept.segments
                .into_iter()
                .map(|segment| segment.text)
                .collect(),
        )
    }

    #[test]
    fn wrapped_paragraphs_are_prose_and_utterances_are_lines() {
        let wrapped = "It was the best of times, it was the worst of times, it was\nthe age of wisdom, it was the age of foolishness, it was the\nepoch of belief, it was the epoch of incredulity, it was\nthe season.";
        assert_eq!(shape_of(wrapped), Shape::Prose);
        let talk = "大家好\n非常的高兴，感觉到自己奋斗了 10 年，就是为了这一刻\n对，厚明，你太谦虚\n今天是这样\n我们来聊一聊";
        assert_eq!(shape_of(talk), Shape::Lines);
    }

    #[test]
    fn markdown_has_its_facts_and_its_headings() {
        let text = "---\ntitle: \"A day\"\nauthor: Ada\nlang: en-GB\n---\nIntro line.\n# One\ntext of one\n\nTwo\n===\n\n```\ncode\n\nmore code\n```\n";
        let (facts, passages) = run(markdown, text);
        expect![[r#"
            Facts {
                title: Some(
                    "A day",
                ),
                author: Some(
                    "Ada",
                ),
                lang: Some(
                    "en",
                ),
            }
        "#]]
        .assert_debug_eq(&facts);
        assert_eq!(
            passages,
            ["Intro line.\n# One\ntext of one\n\nTwo\n===\n\n```\ncode\n\nmore code\n```"]
        );
        let (facts, _) = run(markdown, "Some text\n\n## The *first* heading ##\n");
        assert_eq!(facts.title.as_deref(), Some("The *first* heading"));
        let (facts, passages) = run(markdown, "---\n\nA rule, then text.\n\n---\nmore\n");
        assert_eq!(facts, Facts::default());
        assert!(passages[0].contains("A rule, then text."));
    }

    #[test]
    fn pictures_inside_markdown_are_left_out() {
        let text = format!(
            "before ![](data:image/png;base64,{}) after",
            "iVBORw0KGgo9".repeat(100)
        );
        let (_, passages) = run(markdown, &text);
        assert_eq!(passages, ["before ![](data:image/png;base64,…) after"]);
    }

    #[test]
    fn code_keeps_its_indentation() {
        let text = "\n\n    fn a() {\n        1\n    }\n\n    fn b() {}\n";
        let (_, passages) = run(code, text);
        assert_eq!(
            passages,
            ["    fn a() {\n        1\n    }\n\n    fn b() {}"]
        );
    }
}
