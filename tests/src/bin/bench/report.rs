//! The table at the end: what was measured, what was promised, and whether it holds.

use std::time::Duration;

/// One line.
struct Line {
    what: String,
    measured: String,
    wanted: String,
    holds: Option<bool>,
}

/// The table.
pub(crate) struct Report {
    lines: Vec<Line>,
}

impl Report {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Report { lines: Vec::new() }
    }

    /// A figure without a promise.
    pub(crate) fn note(&mut self, what: impl Into<String>, measured: impl Into<String>) {
        self.push(what.into(), measured.into(), String::new(), None);
    }

    /// A figure and its promise.
    pub(crate) fn check(
        &mut self,
        what: impl Into<String>,
        measured: impl Into<String>,
        wanted: impl Into<String>,
        holds: bool,
    ) {
        self.push(what.into(), measured.into(), wanted.into(), Some(holds));
    }

    fn push(&mut self, what: String, measured: String, wanted: String, holds: Option<bool>) {
        // At once, too: a long run that is broken off has still said something.
        eprintln!("  {what}: {measured} {wanted}");
        self.lines.push(Line {
            what,
            measured,
            wanted,
            holds,
        });
    }

    /// Prints it.
    pub(crate) fn print(&self) {
        let width = |of: fn(&Line) -> &str| {
            self.lines
                .iter()
                .map(|line| of(line).chars().count())
                .max()
                .unwrap_or(0)
        };
        let (what, measured, wanted) = (
            width(|line| &line.what),
            width(|line| &line.measured),
            width(|line| &line.wanted),
        );
        println!();
        println!(
            "{:what$}  {:>measured$}  {:wanted$}",
            "what", "measured", "wanted"
        );
        for line in &self.lines {
            let verdict = match line.holds {
                Some(true) => "holds",
                Some(false) => "MISSED",
                None => "",
            };
            println!(
                "{:what$}  {:>measured$}  {:wanted$}  {verdict}",
                line.what, line.measured, line.wanted
            );
        }
    }
}

/// `1.23 s`, `45 ms`, `0.6 ms`.
pub(crate) fn time(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    if ms >= 1000.0 {
        format!("{:.2} s", ms / 1000.0)
    } else if ms >= 10.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{ms:.1} ms")
    }
}

/// `123 MiB`.
pub(crate) fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// The share of sorted times that lies below.
pub(crate) fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let at = (sorted.len() as f64 * share) as usize;
    sorted[at.min(sorted.len() - 1)]
}
