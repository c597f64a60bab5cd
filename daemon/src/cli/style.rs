//! Colours where there is a terminal, plain text where there is none.
//!
//! Paths and texts come from files that anybody may have made: before they reach a terminal,
//! [`plain`] takes out whatever could steer it.

use std::io::IsTerminal as _;

use crate::query::text::{columns, is_wide, width};

/// Lines longer than this are hard to read, however wide the terminal.
const MAX_WIDTH: usize = 110;

/// How to write on one of the standard streams.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    color: bool,
    /// Columns; None where there is no terminal and lines are not broken.
    pub(super) width: Option<usize>,
}

impl Style {
    pub(super) fn stdout() -> Style {
        let out = std::io::stdout();
        let size = rustix::termios::tcgetwinsize(&out);
        Style::of(
            out.is_terminal(),
            size.map_or(80, |size| usize::from(size.ws_col)),
        )
    }

    pub(super) fn stderr() -> Style {
        Style::of(std::io::stderr().is_terminal(), 80)
    }

    fn of(terminal: bool, columns: usize) -> Style {
        // https://no-color.org: any value but the empty one.
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Style {
            color: terminal && !refused && !dumb,
            width: terminal.then_some(columns.clamp(40, MAX_WIDTH)),
        }
    }

    /// Whether this is a terminal.
    pub(super) fn is_terminal(self) -> bool {
        self.width.is_some()
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.color && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(super) fn red(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    pub(super) fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(super) fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    pub(super) fn cyan(self, text: &str) -> String {
        self.paint("1;36", text)
    }

    /// What matched.
    pub(super) fn mark(self, text: &str) -> String {
        self.paint("1;33", text)
    }
}

/// Without control characters: no file's name moves the cursor or renames the window.
pub(super) fn plain(text: &str) -> String {
    let steers = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|c| if steers(c) { '\u{FFFD}' } else { c })
        .collect()
}

/// A path as people write it: `~` for home.
pub(super) fn short_path(path: &str) -> String {
    let home = std::env::var("HOME").unwrap_or_default();
    let rest = path
        .strip_prefix(&home)
        .filter(|rest| !home.is_empty() && (rest.is_empty() || rest.starts_with('/')));
    plain(&rest.map_or_else(|| path.to_owned(), |rest| format!("~{rest}")))
}

/// Breaks a text into lines of at most `limit` columns, at spaces and between wide characters.
pub(super) fn wrap(text: &[(char, bool)], limit: usize) -> Vec<Vec<(char, bool)>> {
    let mut lines = Vec::new();
    let mut rest = text;
    loop {
        let mut used = 0;
        let fits = rest.iter().take_while(|(c, _)| {
            used += columns(*c);
            used <= limit
        });
        let fits = fits.count().max(1);
        if fits >= rest.len() {
            lines.push(rest.to_vec());
            return lines;
        }
        let breaks = |at: &usize| {
            let (before, after) = (rest[*at - 1].0, rest[*at].0);
            after == ' ' || ((is_wide(before) || is_wide(after)) && !closes(after))
        };
        let at = (1..=fits).rev().find(breaks).unwrap_or(fits);
        lines.push(rest[..at].to_vec());
        rest = &rest[at..];
        while let [(' ', _), tail @ ..] = rest {
            rest = tail;
        }
        if rest.is_empty() {
            return lines;
        }
    }
}

/// Punctuation that does not begin a line.
fn closes(c: char) -> bool {
    matches!(
        c,
        '，' | '。'
            | '、'
            | '；'
            | '：'
            | '？'
            | '！'
            | '）'
            | '」'
            | '』'
            | '”'
            | '》'
            | '…'
            | ','
            | '.'
            | ';'
            | ':'
            | '?'
            | '!'
            | ')'
    )
}

/// Adds to a text without a text in between.
pub(super) trait Put {
    /// Adds `text`.
    fn put(&mut self, text: impl std::fmt::Display);
}

impl Put for String {
    fn put(&mut self, text: impl std::fmt::Display) {
        use std::fmt::Write as _;
        // Writing to a String cannot fail.
        let _ = write!(self, "{text}");
    }
}

/// Pads on the right to so many columns.
pub(super) fn pad(text: &str, to: usize) -> String {
    let missing = to.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(missing))
}

/// `1 file`, `3 files`, `12,345 files`.
pub(super) fn count(n: u64, one: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {one}{plural}", grouped(n))
}

/// `12,345`.
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `16.0 MiB`.
pub(super) fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let decimals = usize::from(unit > 0 && value < 100.0);
    format!("{value:.decimals$} {}", UNITS[unit])
}

/// `1 h 6 min`, `12 min`, `40 s`.
pub(super) fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, m) => format!("{m} min"),
        (0, h, m) => format!("{h} h {m} min"),
        (d, h, _) => format!("{d} d {h} h"),
    }
}

/// A place in a recording: `2:05`, `1:02:05`.
pub(super) fn clock(ms: u64) -> String {
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        h => format!("{h}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str, limit: usize) -> Vec<String> {
        let chars: Vec<(char, bool)> = text.chars().map(|c| (c, false)).collect();
        let lines = wrap(&chars, limit).into_iter();
        lines
            .map(|line| line.into_iter().map(|(c, _)| c).collect())
            .collect()
    }

    #[test]
    fn lines_break_at_spaces_and_between_han() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("训练成本每年下降", 8), ["训练成本", "每年下降"]);
        assert_eq!(wrapped("训练成本，每年", 8), ["训练成", "本，每年"]);
        assert_eq!(wrapped("用 Notion 续写", 9), ["用 Notion", "续写"]);
        assert_eq!(wrapped("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("", 4), [""]);
    }

    #[test]
    fn what_steers_a_terminal_is_taken_out() {
        assert_eq!(
            plain("a\x1b[31mb\u{202E}c\u{7}"),
            "a\u{FFFD}[31mb\u{FFFD}c\u{FFFD}"
        );
    }

    #[test]
    fn numbers_are_for_people() {
        assert_eq!(count(1, "file"), "1 file");
        assert_eq!(count(1_234_567, "file"), "1,234,567 files");
        assert_eq!(bytes(16 << 20), "16.0 MiB");
        assert_eq!(bytes(12), "12 B");
        assert_eq!(
            (span(40), span(4000)),
            ("40 s".to_owned(), "1 h 6 min".to_owned())
        );
        assert_eq!(
            (clock(125_000), clock(3_725_000)),
            ("2:05".to_owned(), "1:02:05".to_owned())
        );
        assert_eq!(width(&pad("成本", 6)), 6);
    }
}
