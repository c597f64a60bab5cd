//! Untrusted bytes to segments.
//!
//! Runs only inside the sandboxed worker, with one read-only descriptor of the file and
//! nothing else: no path is opened, no process started, no network used. Every file ends
//! in one of three ways: segments and [`Metadata`], a [`Refusal`] that skips it, or a
//! [`Refusal`] that says what failed. A parser that panics is a failed file; one that
//! hangs or swells is the worker's limits' affair.

mod cues;
mod encoding;
mod feed;
mod gazetteer;
mod html;
mod json;
mod markup;
// Public within, for what it gives to `Engines` below.
#[allow(unreachable_pub)]
mod pdf;
mod picture;
mod prose;
mod sniff;
mod sound;
mod subtitle;
mod table;
mod voices;
mod writer;
mod xml;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use hippo_config::Limits;

pub use crate::extraction::Wants;
pub use pdf::NEEDS_OCR;

use self::prose::Facts;
use self::subtitle::Script;
use self::writer::Writer;
use crate::extraction::{Kind, Metadata, Picture, Refusal, Scan, Segment};
use crate::format::{self, Format, Known, Named};

/// The libraries of others that are loaded before the sandbox closes, for they are files.
pub struct Engines {
    pdf: pdf::Engines,
}

impl Engines {
    /// Loads PDFium from `pdfium` (a full path) when given; without it PDFs are read by
    /// pdf-extract. A process has one PDFium: the first that loads stays.
    pub fn load(pdfium: Option<&Path>) -> Engines {
        picture::load();
        Engines {
            pdf: pdf::Engines::load(pdfium),
        }
    }

    /// Whether PDFium is there.
    pub fn pdfium(&self) -> bool {
        self.pdf.pdfium()
    }

    /// Why PDFium is not there though its path was given.
    pub fn problem(&self) -> Option<&str> {
        self.pdf.problem()
    }
}

/// The file to read.
pub struct Input<'a> {
    /// Read-only, at offset 0.
    pub file: &'a File,
    /// Its name without folders; it may lie.
    pub name: &'a str,
    /// Its size in bytes when it was opened.
    pub size: u64,
    /// What is to be given besides text.
    pub wants: &'a Wants,
}

/// Where segments go while they are made.
pub trait Output {
    /// A sign of life: `done` of `total` (bytes, pages, ...) at `stage`.
    fn progress(&mut self, done: u64, total: u64, stage: &str);
    /// The next segment. An error ends the extraction.
    fn segment(&mut self, segment: Segment) -> io::Result<()>;
    /// The pixels of the picture whose segment came last, made for `wants.pictures[spec]`.
    /// Whoever asks for none need not take any: they are dropped.
    fn picture(&mut self, ordinal: u32, spec: usize, picture: Picture) -> io::Result<()> {
        let _ = (ordinal, spec, picture);
        Ok(())
    }
    /// A picture, or a page without text, that writing is to be read off, as `wants.scans`
    /// asks for it. Whoever asks for none need not take any: they are dropped.
    fn scan(&mut self, scan: Scan) -> io::Result<()> {
        let _ = scan;
        Ok(())
    }
    /// The next samples of a recording, 16 kHz mono, in order, at most 10 s of them.
    /// Whoever asks for none need not take any: they are dropped.
    fn sound(&mut self, samples: &[i16]) -> io::Result<()> {
        let _ = samples;
        Ok(())
    }
}

/// Reads one file into segments. See the module for the three ways in which it ends.
pub fn extract(
    engines: &Engines,
    input: &Input<'_>,
    limits: &Limits,
    out: &mut dyn Output,
) -> Result<Metadata, Refusal> {
    let mut stage = "sniff";
    // Parsers of other people's formats panic. Nothing of ours outlives the panic but the
    // output, which only ever holds whole segments.
    let ended = catch_unwind(AssertUnwindSafe(|| {
        read(engines, input, limits, out, &mut stage)
    }));
    match ended {
        Ok(result) => result,
        Err(panic) => Err(Refusal::failed(
            stage,
            format!("the reader crashed: {}", panic_message(&*panic)),
        )),
    }
}

fn read(
    engines: &Engines,
    input: &Input<'_>,
    limits: &Limits,
    out: &mut dyn Output,
    stage: &mut &'static str,
) -> Result<Metadata, Refusal> {
    let head = read_head(input.file).map_err(|error| unreadable(&error))?;
    if head.is_empty() {
        return Err(Refusal::skipped("sniff", "the file is empty"));
    }
    let named = format::by_name(OsStr::new(input.name));
    let known = sniff::decide(&head, named)?;
    let max_bytes = format::max_bytes(known.format, limits);
    if input.size > max_bytes {
        return Err(format::refuse_size("sniff", input.size, max_bytes));
    }
    let mut writer = Writer::new(out, limits);
    if known.format == Format::Pdf {
        *stage = "pdf";
        return pdf::read(&engines.pdf, input, limits, writer);
    }
    if known.format == Format::Sound {
        *stage = sound::STAGE;
        return sound::read(input, known, limits, writer);
    }
    *stage = "decode";
    writer.progress(0, input.size, "read");
    let bytes = read_whole(input, max_bytes)?;
    if known.format == Format::Picture {
        if let Some(note) = sniff::contradiction(known, named) {
            writer.note(note);
        }
        return picture::read(bytes, input.wants, limits, writer);
    }
    let label = matches!(known.format, Format::Html | Format::Xml)
        .then(|| declared_encoding(&head))
        .flatten();
    let decoded = encoding::decode(bytes, label.as_deref()).map_err(|_| sniff::not_text(named))?;
    if decoded.encoding != "UTF-8" {
        writer.note(format!("read as {}", decoded.encoding));
    }
    if decoded.lossy {
        writer.note("some characters could not be read");
    }
    *stage = "text";
    let mut metadata = Metadata::new(Kind::Text, known.mime, "text");
    let facts = if known.format == Format::Xml
        && let Some((facts, feed)) = feed::read(&decoded.text, &mut writer)
    {
        metadata.feed = (!feed.episodes.is_empty()).then_some(feed);
        facts
    } else {
        read_text(&decoded.text, known, named, &mut writer)
    };
    metadata.title = facts.title;
    metadata.author = facts.author;
    metadata.lang = facts.lang;
    if writer.written() == 0 && !writer.closed() {
        return Err(Refusal::skipped("text", "there is no text in it"));
    }
    writer.finish(metadata)
}

/// Reads decoded text as what it is. Text that is not what its name says is read as
/// plain text, with a note.
fn read_text(text: &str, known: Known, named: Named, writer: &mut Writer<'_>) -> Facts {
    match known.format {
        Format::Text | Format::Pdf | Format::Picture | Format::Sound | Format::ForeignSound => {
            prose::plain(text, writer)
        }
        Format::Markdown => prose::markdown(text, writer),
        Format::Html => html::page(text, writer),
        Format::Xml => html::xml(text, writer),
        Format::Code => prose::code(text, writer),
        Format::Csv => {
            table::write(text, table::separator(text), writer);
            Facts::default()
        }
        Format::Tsv => {
            table::write(text, b'\t', writer);
            Facts::default()
        }
        Format::Json => {
            if let Some(script) = subtitle::transcript_json(text) {
                return read_script(script, text, writer);
            }
            json::document(text, writer).unwrap_or_else(|error| {
                read_as_plain(text, named, "JSON", &error.to_string(), writer)
            })
        }
        Format::JsonLines => json::lines(text, writer),
        Format::Notebook => json::notebook(text, writer)
            .or_else(|_| json::document(text, writer))
            .unwrap_or_else(|error| {
                read_as_plain(text, named, "a notebook", &error.to_string(), writer)
            }),
        Format::Srt => read_script(subtitle::timed_text(text, false), text, writer),
        Format::Vtt => read_script(subtitle::timed_text(text, true), text, writer),
        Format::Lrc => read_script(subtitle::lyrics(text), text, writer),
    }
}

fn read_as_plain(
    text: &str,
    named: Named,
    what: &str,
    error: &str,
    writer: &mut Writer<'_>,
) -> Facts {
    if matches!(named, Named::As(_)) {
        writer.note(format!("not {what}, and read as plain text: {error}"));
    }
    prose::plain(text, writer)
}

fn read_script(script: Script, text: &str, writer: &mut Writer<'_>) -> Facts {
    if script.cues.is_empty() {
        writer.note("no times were found in it, and it was read as plain text");
        return prose::plain(text, writer);
    }
    cues::write(&script, writer);
    Facts {
        title: script.title,
        author: script.author,
        lang: script.lang.as_deref().and_then(crate::language::normalise),
    }
}

/// The first bytes, with the file left where it was: at the start.
fn read_head(mut file: &File) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(0))?;
    let head = read_bounded(file, sniff::HEAD_BYTES as u64)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(head)
}

/// The whole file, which may have grown since its size was taken: the limit holds.
fn read_whole(input: &Input<'_>, max_bytes: u64) -> Result<Vec<u8>, Refusal> {
    let bytes = read_bounded(input.file, max_bytes + 1).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > max_bytes {
        return Err(format::refuse_size("sniff", bytes.len() as u64, max_bytes));
    }
    Ok(bytes)
}

/// At most so many bytes from where the file stands.
#[allow(clippy::disallowed_methods)] // bounded by `take`
fn read_bounded(file: &File, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(max_bytes).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(error: &io::Error) -> Refusal {
    Refusal::failed("read", format!("the file cannot be read: {error}"))
}

/// `<meta charset="gb2312">`, `<?xml encoding="big5"?>`.
fn declared_encoding(head: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let at = ["charset=", "encoding="]
        .iter()
        .find_map(|key| Some(head.find(key)? + key.len()))?;
    let label: String = head[at..]
        .trim_start_matches(['"', '\''])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':'))
        .collect();
    (!label.is_empty()).then_some(label)
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("for a reason unknown")
}
