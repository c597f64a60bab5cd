//! The lines of a page back into paragraphs.
//!
//! A PDF knows where glyphs stand, not what a paragraph is. A line that is as long as its
//! neighbours was broken by the margin and goes on in the next; a short one ends there.
//! Words broken by a hyphen are joined, Chinese lines without a space between them. Rows of
//! numbers and lists stay lines.

use crate::passage::{Gap, Shape};
use crate::weight::is_cjk;

/// A stretch of a page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) shape: Shape,
    pub(crate) gap: Gap,
    pub(crate) text: String,
}

/// A line this short (in columns, Han counts two) was not broken by a margin.
const FULL_MIN_COLUMNS: usize = 28;
/// A line is full when it is at least so much of the longest near it.
const FULL_PERCENT: usize = 75;
/// One that ends a sentence must be nearer the margin to go on.
const FULL_ENDED_PERCENT: usize = 90;
/// How many lines on either side are near.
const NEAR_LINES: usize = 3;
/// What PDFium puts for a hyphen at a line's end.
const SOFT_HYPHENS: [char; 3] = ['\u{FFFE}', '\u{2}', '\u{AD}'];

/// The paragraphs of a page's text.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<String> = text.split('\n').map(tidy).collect();
    let columns: Vec<usize> = lines.iter().map(|line| columns(line)).collect();
    let typical = typical(&columns);
    let mut blocks: Vec<Block> = Vec::new();
    let mut paragraph = String::new();
    let mut joined = 0_usize;
    for (at, line) in lines.iter().enumerate() {
        if line.is_empty() {
            end(&mut paragraph, &mut joined, &mut blocks, Gap::Paragraph);
            continue;
        }
        join(&mut paragraph, line);
        joined += 1;
        let goes_on = lines.get(at + 1).is_some_and(|next| {
            let broken = paragraph.ends_with(SOFT_HYPHENS);
            !next.is_empty()
                && (broken
                    || (is_full(&columns, at, line, typical)
                        && !begins_item(next)
                        && !both_rows(line, next)))
        });
        if !goes_on {
            end(&mut paragraph, &mut joined, &mut blocks, Gap::Line);
        }
    }
    end(&mut paragraph, &mut joined, &mut blocks, Gap::Line);
    blocks
}

/// Ends a paragraph. Several lines that became one are set off from what is around them.
fn end(paragraph: &mut String, joined: &mut usize, blocks: &mut Vec<Block>, gap: Gap) {
    if !paragraph.is_empty() {
        let gap = if *joined > 1 { Gap::Paragraph } else { gap };
        let after_prose = blocks.last().is_some_and(|block| block.text.len() > 200);
        blocks.push(Block {
            shape: Shape::Prose,
            gap: if after_prose { Gap::Paragraph } else { gap },
            text: std::mem::take(paragraph).replace(SOFT_HYPHENS, ""),
        });
    }
    *joined = 0;
}

/// One space between words, none at the ends, no control characters but the hyphens.
fn tidy(line: &str) -> String {
    let line: String = line
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control() || SOFT_HYPHENS.contains(c))
        .collect();
    line.split(' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn columns(line: &str) -> usize {
    line.chars().map(|c| if is_cjk(c) { 2 } else { 1 }).sum()
}

/// The width of a page's full lines: three quarters of its longer lines are no wider.
fn typical(columns: &[usize]) -> usize {
    let mut long: Vec<usize> = columns
        .iter()
        .copied()
        .filter(|columns| *columns >= FULL_MIN_COLUMNS)
        .collect();
    long.sort_unstable();
    long.get(long.len() * 3 / 4)
        .copied()
        .unwrap_or(FULL_MIN_COLUMNS)
}

fn is_full(columns: &[usize], at: usize, line: &str, typical: usize) -> bool {
    let near = &columns[at.saturating_sub(NEAR_LINES)..columns.len().min(at + NEAR_LINES + 1)];
    // PDFium itself joins lines that a hyphen parted: those are no measure of the margin.
    let one_line = |columns: &usize| *columns * 2 <= typical * 3;
    let longest = near.iter().copied().filter(one_line).max().unwrap_or(0);
    let ended = line.ends_with(['.', '!', '?', '。', '！', '？', ':', '：']);
    if !one_line(&columns[at]) {
        return !ended;
    }
    let percent = if ended {
        FULL_ENDED_PERCENT
    } else {
        FULL_PERCENT
    };
    columns[at] >= FULL_MIN_COLUMNS && columns[at] * 100 >= longest * percent
}

/// "• point", "- point", "3. point", "(a) point", "第三条".
fn begins_item(line: &str) -> bool {
    let mut chars = line.chars();
    let Some(first) = chars.next() else {
        return false;
    };
    if matches!(
        first,
        '•' | '◦' | '▪' | '■' | '●' | '○' | '‣' | '·' | '➢' | '✓' | '*' | '\u{f0b7}'
    ) || (matches!(first, '-' | '–' | '—') && chars.next() == Some(' '))
    {
        return true;
    }
    let word = line.split(' ').next().unwrap_or_default();
    let number = word
        .trim_start_matches('(')
        .trim_end_matches(['.', ')', '、', '．']);
    word.len() > number.len()
        && word.len() <= 6
        && (number.bytes().all(|b| b.is_ascii_digit() || b == b'.') || number.len() == 1)
        && !number.is_empty()
}

/// Two lines that both end in a number are rows of a table.
fn both_rows(line: &str, next: &str) -> bool {
    let ends_in_number = |line: &str| {
        line.split(' ').next_back().is_some_and(|word| {
            let digits = word.bytes().filter(u8::is_ascii_digit).count();
            digits > 0 && digits * 2 >= word.len()
        })
    };
    ends_in_number(line) && ends_in_number(next)
}

/// Adds a line to a paragraph as its words demand.
fn join(paragraph: &mut String, line: &str) {
    let first = line.chars().next().unwrap_or(' ');
    let Some(last) = paragraph.chars().next_back() else {
        paragraph.push_str(line);
        return;
    };
    if SOFT_HYPHENS.contains(&last) {
        paragraph.pop();
        // "Franco-" + "German" keeps its hyphen, "exam-" + "ple" does not.
        if !first.is_lowercase() {
            paragraph.push('-');
        }
    } else if last == '-'
        && first.is_lowercase()
        && paragraph
            .chars()
            .rev()
            .nth(1)
            .is_some_and(char::is_alphabetic)
    {
        paragraph.pop();
    } else if last == '-' && first.is_alphanumeric() && !paragraph.ends_with(" -") {
        // A compound broken at its hyphen.
    } else if !(is_cjk(last) && is_cjk(first)) {
        paragraph.push(' ');
    }
    paragraph.push_str(line);
}

#[cfg(test)]
#[allow(clippy::needless_raw_string_hashes, clippy::format_push_string)] // as expect-test writes; as tests read best
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, expect: &Expect) {
        let shown: Vec<String> = blocks(text).into_iter().map(|block| block.text).collect();
        expect.assert_eq(&shown.join("\n---\n"));
    }

    #[test]
    fn lines_broken_by_a_margin_flow_again() {
        check(
            "A Title\r\nThis paragraph was set in a column and every line of it is about equ\u{FFFE}\r\nally long, with a hyphen at one end and a compound such as well-\r\nknown at another; then it ends.\r\nThe next paragraph begins here and also runs on for more than one\r\nline.\r\n",
            &expect![[r#"
                A Title
                ---
                This paragraph was set in a column and every line of it is about equally long, with a hyphen at one end and a compound such as wellknown at another; then it ends.
                ---
                The next paragraph begins here and also runs on for more than one line."#]],
        );
    }

    #[test]
    fn chinese_lines_are_joined_without_spaces() {
        check(
            "这是一个段落的第一行文字，它的长度和其他各行差不多一样\n长，所以会被接在一起，直到最后一行比较短。\n另一段在这里开始。",
            &expect![[r#"
                这是一个段落的第一行文字，它的长度和其他各行差不多一样长，所以会被接在一起，直到最后一行比较短。
                ---
                另一段在这里开始。"#]],
        );
    }

    #[test]
    fn lists_and_rows_stay_lines() {
        check(
            "• the first point of the list is about this long\n• the second point of the list is about as long\n\nWidgets of the larger kind, per dozen  120.00\nWidgets of the smaller kind, per dozen 95.50",
            &expect![[r#"
                • the first point of the list is about this long
                ---
                • the second point of the list is about as long
                ---
                Widgets of the larger kind, per dozen 120.00
                ---
                Widgets of the smaller kind, per dozen 95.50"#]],
        );
    }
}
