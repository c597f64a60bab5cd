//! Tesseract, where the system has it: reads what is written in pixels when no model for OCR is
//! here.
//!
//! It is a program of its own: each scan goes to it as a grey picture (PGM) on its stdin, and comes
//! back as words with their places and how sure it is of each (its TSV). It runs as
//! [`hippo jail`](crate::worker::jail) lets it. Promise: no scan holds its thread for longer than
//! [`PATIENCE`], and a line of which Tesseract is unsure is none.

use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use hippo_extractors::Scan;

/// Languages that are asked for where they are installed, the most likely script first.
const LANGUAGES: [&str; 3] = ["chi_sim", "chi_tra", "eng"];
/// A line of which it is less sure on average, of 100, is none: what it makes of leaves and faces
/// has 20 to 50, what it reads on a clean page over 90.
const SURE_MIN: f32 = 60.0;
/// How long a scan may take, by the clock.
const PATIENCE: Duration = Duration::from_mins(2);
/// What is read of its answer: a page of small print has some 100 KiB.
const ANSWER_MAX_BYTES: u64 = 16 << 20;
/// What is read of its complaints.
const COMPLAINT_MAX_BYTES: u64 = 4 << 10;

/// An installed Tesseract.
#[derive(Debug, Clone)]
pub(crate) struct Tesseract {
    program: PathBuf,
    /// As its option `-l` takes them.
    languages: String,
    /// The program, its version and its languages: other ones read otherwise.
    pub(crate) id: String,
}

impl Tesseract {
    /// The one on the search path; why it is of no use, in words.
    pub(super) fn find(search_path: &std::ffi::OsStr) -> Result<Tesseract, String> {
        let program = std::env::split_paths(search_path)
            .map(|dir| dir.join("tesseract"))
            .find(|program| program.is_file())
            .ok_or(
                "tesseract is not installed (Debian: apt install tesseract-ocr \
                 tesseract-ocr-chi-sim)",
            )?;
        let version = said(&program, "--version")?;
        let version = version.split_whitespace().nth(1).unwrap_or("unknown");
        let installed = said(&program, "--list-langs")?;
        let installed: Vec<&str> = installed.lines().map(str::trim).collect();
        let languages: Vec<&str> = LANGUAGES
            .into_iter()
            .filter(|language| installed.contains(language))
            .collect();
        if languages.is_empty() {
            return Err(
                "tesseract has neither Chinese nor English (Debian: apt install \
                        tesseract-ocr-eng tesseract-ocr-chi-sim)"
                    .to_owned(),
            );
        }
        Ok(Tesseract {
            id: format!("tesseract-{version}@{}", languages.join(",")),
            languages: languages.join("+"),
            program,
        })
    }

    /// What stands on a scan, line by line.
    pub(super) fn read(&self, scan: &Scan) -> Result<String, String> {
        let mut command = Command::new(crate::worker::this_program());
        command.arg("jail").arg(&self.program);
        command.args(["stdin", "stdout", "-l", &self.languages, "tsv"]);
        // One page is read faster by one thread than by several (OpenMP waits by spinning).
        command.env_clear().env("OMP_THREAD_LIMIT", "1");
        if let Some(data) = std::env::var_os("TESSDATA_PREFIX") {
            command.env("TESSDATA_PREFIX", data);
        }
        let answer = run(&mut command, pgm(scan), PATIENCE)?;
        Ok(lines(&answer))
    }
}

/// What the program says of itself.
fn said(program: &Path, option: &str) -> Result<String, String> {
    let failed = |reason: String| format!("{} {option}: {reason}", program.display());
    let output = Command::new(program)
        .arg(option)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    // Version 3 answered on stderr.
    let said = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// A scan as netpbm's PGM.
fn pgm(scan: &Scan) -> Vec<u8> {
    let mut bytes = format!("P5\n{} {}\n255\n", scan.width, scan.height).into_bytes();
    bytes.extend_from_slice(&scan.grey);
    bytes
}

/// Runs a program over its input, which is written by a thread of its own: a program that writes
/// before it has read all would wait for us as we for it.
fn run(command: &mut Command, input: Vec<u8>, patience: Duration) -> Result<String, String> {
    let failed = |what: &str, error: std::io::Error| format!("tesseract {what}: {error}");
    let mut child = command
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed("does not start", error))?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
        return Err("tesseract has no pipes".to_owned());
    };
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A program that ends early says why on stderr.
            let _ = stdin.write_all(&input);
        });
        scope.spawn(move || {
            let answer = read(stdout, ANSWER_MAX_BYTES);
            let complaint = read(stderr, COMPLAINT_MAX_BYTES).unwrap_or_default();
            let _ = tell.send(answer.map(|answer| (answer, complaint)));
        });
        let said = told.recv_timeout(patience);
        if said.is_err() {
            let _ = child.kill();
        }
        let status = child.wait().map_err(|error| failed("was lost", error))?;
        let (answer, complaint) = said
            .map_err(|_| format!("tesseract did not answer within {} s", patience.as_secs()))?
            .map_err(|error| failed("gave no text", error))?;
        if status.success() {
            return Ok(answer);
        }
        let why = complaint.lines().next_back().unwrap_or_default();
        Err(format!("tesseract ended with {status}: {why}"))
    })
}

/// The first `most` bytes of what a program says.
#[allow(clippy::disallowed_methods)] // bounded
fn read(pipe: impl Read, most: u64) -> std::io::Result<String> {
    let mut said = Vec::new();
    pipe.take(most).read_to_end(&mut said)?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// The words of Tesseract's TSV as lines, an empty one between its paragraphs.
fn lines(tsv: &str) -> String {
    let mut text = String::new();
    let mut last_paragraph = None;
    let words: Vec<Word<'_>> = tsv.lines().filter_map(Word::parse).collect();
    for line in words.chunk_by(|a, b| a.line == b.line) {
        let sure = line.iter().map(|word| word.sure).sum::<f32>() / line.len() as f32;
        if sure < SURE_MIN {
            continue;
        }
        let paragraph = &line[0].line[..3];
        match last_paragraph.replace(paragraph) {
            Some(last) if last == paragraph => text.push('\n'),
            Some(_) => text.push_str("\n\n"),
            None => {}
        }
        let begin = text.len();
        for word in line {
            let before = text[begin..].chars().next_back();
            if before.is_some_and(|before| !(is_wide(before) && word.begins_wide())) {
                text.push(' ');
            }
            text.push_str(word.text);
        }
    }
    text
}

/// A word of the TSV.
struct Word<'a> {
    /// Page, block, paragraph and line.
    line: [u32; 4],
    /// How sure it is, up to 100.
    sure: f32,
    text: &'a str,
}

impl Word<'_> {
    /// A row of level 5: `level page block par line word left top width height conf text`. Blank
    /// words, which it is very sure of, are none.
    fn parse(row: &str) -> Option<Word<'_>> {
        let fields: Vec<&str> = row.split('\t').collect();
        let ["5", page, block, paragraph, line, _, _, _, _, _, sure, text] = fields[..] else {
            return None;
        };
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let number = |field: &str| field.parse().ok();
        Some(Word {
            line: [
                number(page)?,
                number(block)?,
                number(paragraph)?,
                number(line)?,
            ],
            sure: sure.parse().ok()?,
            text,
        })
    }

    fn begins_wide(&self) -> bool {
        self.text.chars().next().is_some_and(is_wide)
    }
}

/// Chinese and Japanese are written without spaces, which Tesseract puts between characters.
fn is_wide(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ff60}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_lines_and_paragraphs() {
        let row = |place: &str, sure: &str, text: &str| {
            let place = place.replace(' ', "\t");
            format!("5\t1\t{place}\t0\t0\t9\t9\t{sure}\t{text}\n")
        };
        let tsv = [
            "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n".to_owned(),
            "4\t1\t1\t1\t1\t0\t0\t0\t9\t9\t-1\t\n".to_owned(),
            row("1 1 1 1", "95.5", "Total"),
            row("1 1 1 2", "91", "due:"),
            row("1 1 2 1", "96", "价"),
            row("1 1 2 2", "96", "格"),
            row("1 1 2 3", "88", "5"),
            row("1 1 2 4", "95", " "),
            row("2 1 1 1", "34", "~~ee"),
            row("3 1 1 1", "90", "Thanks"),
        ]
        .concat();
        assert_eq!(lines(&tsv), "Total due:\n价格 5\n\nThanks");
        assert_eq!(lines(""), "");
        assert_eq!(lines("5\t1\tx"), "");
    }

    #[test]
    fn a_program_that_hangs_or_fails_is_waited_for_no_longer() {
        let shell = |script: &str| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", script]);
            command
        };
        let long = Duration::from_mins(1);
        let echoed = run(&mut shell("cat"), vec![b'a'; 1 << 20], long).unwrap();
        assert_eq!(echoed.len(), 1 << 20);
        let failed = run(
            &mut shell("echo no data >&2; exit 3"),
            vec![0; 1 << 20],
            long,
        );
        let failed = failed.unwrap_err();
        assert!(failed.ends_with("no data"), "{failed}");
        let hung = run(
            &mut shell("exec sleep 60"),
            Vec::new(),
            Duration::from_millis(50),
        );
        assert_eq!(hung.unwrap_err(), "tesseract did not answer within 0 s");
        let none = Tesseract::find("/nowhere".as_ref()).unwrap_err();
        assert!(none.starts_with("tesseract is not installed"), "{none}");
    }
}
