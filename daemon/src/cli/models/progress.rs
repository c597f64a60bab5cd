//! How downloads come along: a bar a file on a terminal, a line where something happens
//! elsewhere.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::style::{Style, bytes, plain};
use crate::models::Step;

/// Columns of a file's name on a bar; longer ones lose their middle.
const NAME_COLUMNS: usize = 36;

/// Tells a person how the files of one model come along. Quiet with `--json`.
pub(super) struct Progress {
    model: String,
    quiet: bool,
    bars: Option<MultiProgress>,
    files: Mutex<HashMap<String, ProgressBar>>,
}

impl Progress {
    pub(super) fn new(model: &str, quiet: bool) -> Progress {
        let terminal = Style::stderr().is_terminal();
        let target = ProgressDrawTarget::stderr();
        Progress {
            model: model.to_owned(),
            quiet,
            bars: (terminal && !quiet).then(|| MultiProgress::with_draw_target(target)),
            files: Mutex::default(),
        }
    }

    /// Takes note of a step.
    pub(super) fn step(&self, file: &str, step: &Step) {
        if self.quiet {
            return;
        }
        match &self.bars {
            Some(bars) => self.draw(bars, file, step),
            None => {
                if let Some(line) = line(step) {
                    eprintln!("{}", plain(&format!("{}/{file}: {line}", self.model)));
                }
            }
        }
    }

    /// The bars are taken away; what stays is said by the caller.
    pub(super) fn finish(&self) {
        if let Some(bars) = &self.bars {
            // A terminal that cannot be cleared keeps its bars.
            let _ = bars.clear();
        }
    }

    fn draw(&self, bars: &MultiProgress, file: &str, step: &Step) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = files
            .entry(file.to_owned())
            .or_insert_with(|| bars.add(bar(file)));
        match step {
            Step::Starts { have, total } => {
                if let Some(total) = total {
                    bar.set_length(*total);
                }
                // After a cut it stands there already; set again, it would count as speed.
                if bar.position() != *have {
                    bar.set_position(*have);
                }
                bar.set_message("");
            }
            Step::Brings(more) => bar.inc(*more),
            Step::Waits { why, wait } => {
                bar.set_message(plain(&format!(
                    "{why}; again in {} s",
                    wait.as_secs().max(1)
                )));
            }
            Step::Checks => bar.set_message("checking"),
            Step::Done => {
                bar.finish_with_message("done");
            }
        }
    }
}

fn bar(file: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    let template =
        "  {prefix:36} {bar:20} {bytes:>11}/{total_bytes:11} {bytes_per_sec:13} {wide_msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar.set_prefix(shorten(&plain(file)));
    bar
}

/// At most so many characters, the middle left out.
fn shorten(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    if chars.len() <= NAME_COLUMNS {
        return name.to_owned();
    }
    let half = (NAME_COLUMNS - 1) / 2;
    let start: String = chars[..half].iter().collect();
    let end: String = chars[chars.len() - half..].iter().collect();
    format!("{start}…{end}")
}

/// What is said of a step where there is no terminal: no line for every packet.
fn line(step: &Step) -> Option<String> {
    match step {
        Step::Starts { have: 0, total } => Some(total.map_or_else(
            || "begins".to_owned(),
            |total| format!("begins, {}", bytes(total)),
        )),
        Step::Starts { have, total } => Some(total.map_or_else(
            || format!("goes on after {}", bytes(*have)),
            |total| format!("goes on after {} of {}", bytes(*have), bytes(total)),
        )),
        Step::Waits { why, wait } => Some(format!("{why}; again in {:.1} s", wait.as_secs_f32())),
        Step::Done => Some("done".to_owned()),
        Step::Brings(_) | Step::Checks => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lines_for_logs() {
        let starts = |have, total| line(&Step::Starts { have, total }).unwrap();
        assert_eq!(starts(0, Some(3 << 20)), "begins, 3.0 MiB");
        assert_eq!(
            starts(1 << 20, Some(3 << 20)),
            "goes on after 1.0 MiB of 3.0 MiB"
        );
        assert_eq!(starts(5, None), "goes on after 5 B");
        let waits = Step::Waits {
            why: "cut".to_owned(),
            wait: Duration::from_millis(500),
        };
        assert_eq!(line(&waits).unwrap(), "cut; again in 0.5 s");
        assert_eq!(line(&Step::Brings(7)), None);
    }

    #[test]
    fn long_names_lose_their_middle() {
        assert_eq!(shorten("m.onnx"), "m.onnx");
        let short = shorten(&format!("{}.onnx_data", "模".repeat(50)));
        assert!(short.starts_with('模') && short.ends_with(".onnx_data"));
        assert!(short.chars().count() <= NAME_COLUMNS && short.contains('…'));
    }
}
