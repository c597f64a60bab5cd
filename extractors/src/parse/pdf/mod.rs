//! PDF, page by page.
//!
//! PDFium reads it where the library is there: fast, faithful, hard to crash. pdf-extract,
//! pure Rust, reads it where PDFium is absent or cannot open it. Either hands over a page's
//! lines; what makes paragraphs of lines, segments of paragraphs and reasons of failures
//! is common to both.

mod fallback;
mod library;

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::Path;

use hippo_config::Limits;
use pdfium_render::prelude::Pdfium;

use super::prose::as_claim;
use super::writer::{Place, Writer};
use super::{Input, read_bounded};
use crate::extraction::{Kind, Metadata, Refusal, SCANS_MAX, Scan};
use crate::reading;

/// Documents up to this size are read into memory first: PDFium reads in small steps, and
/// most documents are far below. Larger ones are read through the descriptor.
const WHOLE_MAX_BYTES: u64 = 64 << 20;
/// pdf-extract holds the document as a tree of objects, several times its size.
const FALLBACK_MAX_BYTES: u64 = 64 << 20;
/// Where PDFium found no text, pdf-extract is asked too, but only about small documents:
/// they are nearly always scans, and hearing so twice should be cheap.
const SECOND_OPINION_MAX_BYTES: u64 = 4 << 20;
/// ... and of few pages.
const SECOND_OPINION_MAX_PAGES: u32 = 20;
/// The stage at which a document ends whose pages are pictures, where nothing reads them.
pub const NEEDS_OCR: &str = "ocr";
/// A file that was written to its end says so within its last bytes.
const END_MARK_WITHIN_BYTES: u64 = 1024;

/// Shared libraries that parsers need, loaded **before** the sandbox closes.
pub struct Engines {
    pdfium: Option<&'static Pdfium>,
    problem: Option<String>,
}

impl Engines {
    /// Loads PDFium from `pdfium` (a full path) when given; without it PDFs are read by
    /// pdf-extract. A process has one PDFium: the first that loads stays.
    pub fn load(pdfium: Option<&Path>) -> Engines {
        match pdfium.map(library::load) {
            None => Engines {
                pdfium: None,
                problem: None,
            },
            Some(Ok(pdfium)) => Engines {
                pdfium: Some(pdfium),
                problem: None,
            },
            Some(Err(problem)) => Engines {
                pdfium: None,
                problem: Some(problem),
            },
        }
    }

    /// Whether PDFium is there.
    pub fn pdfium(&self) -> bool {
        self.pdfium.is_some()
    }

    /// Why PDFium is not there though its path was given.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
}

/// What an engine says of a document as a whole.
struct About {
    pages: u32,
    title: Option<String>,
    author: Option<String>,
}

/// Why an engine gave up on a document.
enum Trouble {
    /// No key, no text.
    NeedsPassword,
    /// In the engine's words.
    Damaged(String),
}

/// A document that an engine has opened.
trait Pages {
    fn about(&self) -> About;
    /// The text of a page (counted from 0), line by line; `Err`: why it cannot be read.
    fn text(&mut self, page: u32) -> Result<String, String>;
    /// The pixels of a page, its longest side at most `longest`; none from an engine that
    /// cannot draw.
    fn scan(&mut self, page: u32, longest: u32) -> Option<Result<Scan, String>> {
        let _ = (page, longest);
        None
    }
}

/// Reads a PDF with the best engine there is.
pub(super) fn read(
    engines: &Engines,
    input: &Input<'_>,
    limits: &Limits,
    mut writer: Writer<'_>,
) -> Result<Metadata, Refusal> {
    let (file, scans) = (input.file, input.wants.scans);
    writer.progress(0, 0, "pdf");
    // By seeking: the sandbox allows no statx, which is how the standard library asks for it.
    let mut end = file;
    let size = end
        .seek(SeekFrom::End(0))
        .map_err(|error| super::unreadable(&error))?;
    if !has_end_mark(file, size).unwrap_or(true) {
        writer.note("the file stops early: it may be cut off");
    }
    let mut first_trouble = None;
    if let Some(pdfium) = engines.pdfium {
        match library::Document::open(pdfium, file, size) {
            Ok(mut document) => {
                let about = document.about();
                let reading = Reading {
                    engine: "pdfium",
                    scans,
                };
                let ended = read_pages(&mut document, &about, reading, limits, writer);
                let scan = matches!(&ended, Err(Ended::NoText(..)));
                drop(document);
                return match ended {
                    Ok(metadata) => Ok(metadata),
                    Err(Ended::NoText(pages, writer))
                        if scan
                            && size <= SECOND_OPINION_MAX_BYTES
                            && pages <= SECOND_OPINION_MAX_PAGES =>
                    {
                        second_opinion(file, size, pages, limits, *writer)
                    }
                    Err(ended) => Err(ended.refusal()),
                };
            }
            Err(Trouble::NeedsPassword) => return Err(needs_password()),
            Err(Trouble::Damaged(why)) => first_trouble = Some(why),
        }
    }
    match fallback::Document::open(file, size) {
        Ok(mut document) => {
            let about = document.about();
            read_pages(&mut document, &about, Reading::FALLBACK, limits, writer)
                .map_err(Ended::refusal)
        }
        Err(Trouble::NeedsPassword) => Err(needs_password()),
        Err(Trouble::Damaged(why)) => Err(Refusal::failed(
            "pdf",
            format!("damaged: {}", first_trouble.unwrap_or(why)),
        )),
    }
}

fn second_opinion(
    file: &File,
    size: u64,
    pages: u32,
    limits: &Limits,
    writer: Writer<'_>,
) -> Result<Metadata, Refusal> {
    match fallback::Document::open(file, size) {
        Ok(mut document) => {
            let about = document.about();
            read_pages(&mut document, &about, Reading::FALLBACK, limits, writer)
                // What PDFium said of the document counts for more.
                .map_err(|_| no_text(pages))
        }
        Err(_) => Err(no_text(pages)),
    }
}

/// How a document ends that gives no segments. The writer goes back for another try.
enum Ended<'a> {
    NoText(u32, Box<Writer<'a>>),
    Refused(Refusal),
}

impl Ended<'_> {
    fn refusal(self) -> Refusal {
        match self {
            Ended::NoText(pages, _) => no_text(pages),
            Ended::Refused(refusal) => refusal,
        }
    }
}

fn needs_password() -> Refusal {
    Refusal::failed("pdf", "it is encrypted and needs a password")
}

fn no_text(pages: u32) -> Refusal {
    let pages = if pages == 1 {
        "its one page".to_owned()
    } else {
        format!("any of its {pages} pages")
    };
    Refusal::skipped(
        NEEDS_OCR,
        format!(
            "no text in {pages}: it needs a model for OCR; \
             `hippo models pull pp-ocrv6-small` gets one, and it is read then"
        ),
    )
}

/// How pages are read.
#[derive(Clone, Copy)]
struct Reading {
    /// What reads them.
    engine: &'static str,
    /// Whether and how large those without text are to be drawn.
    scans: Option<u32>,
}

impl Reading {
    const FALLBACK: Reading = Reading {
        engine: "pdf-extract",
        scans: None,
    };
}

fn read_pages<'a>(
    document: &mut dyn Pages,
    about: &About,
    reading: Reading,
    limits: &Limits,
    mut writer: Writer<'a>,
) -> Result<Metadata, Ended<'a>> {
    if about.pages == 0 {
        return Err(Ended::Refused(Refusal::failed(
            "pdf",
            "damaged: it has no pages",
        )));
    }
    let mut metadata = Metadata::new(Kind::Pdf, "application/pdf", reading.engine);
    metadata.title = about.title.as_deref().and_then(as_claim);
    metadata.author = about.author.as_deref().and_then(as_claim);
    metadata.pages = Some(about.pages);
    let wanted = about.pages.min(limits.pdf_max_pages);
    if wanted < about.pages {
        writer.note(format!(
            "only the first {wanted} of {} pages were read, the limit (limits.pdf_max_pages)",
            about.pages
        ));
    }
    let (mut without_text, mut unreadable) = (Vec::new(), Vec::new());
    let mut drawn = 0;
    let mut first_problem = None;
    for page in 0..wanted {
        if writer.closed() {
            break;
        }
        writer.progress(u64::from(page), u64::from(wanted), "pdf");
        match document.text(page) {
            Ok(text) => {
                let before = writer.written();
                write_page(&text, page + 1, &mut writer);
                if writer.written() == before && !writer.closed() {
                    without_text.push(page + 1);
                    let longest = reading.scans.filter(|_| drawn < SCANS_MAX);
                    match longest.and_then(|longest| document.scan(page, longest)) {
                        Some(Ok(scan)) => drawn += u32::from(writer.scan(scan)),
                        Some(Err(problem)) => {
                            writer.note(format!("page {}: {problem}", page + 1));
                        }
                        None => {}
                    }
                }
            }
            Err(problem) => {
                first_problem.get_or_insert(problem);
                unreadable.push(page + 1);
            }
        }
    }
    metadata.in_pixels = without_text.len() as u32;
    if writer.written() == 0 && drawn == 0 && !writer.closed() {
        return Err(match first_problem {
            Some(problem) if without_text.is_empty() => Ended::Refused(Refusal::failed(
                "pdf page 1",
                format!("damaged: no page can be read: {problem}"),
            )),
            _ => Ended::NoText(about.pages, Box::new(writer)),
        });
    }
    if !without_text.is_empty() && drawn == 0 {
        writer.note(format!("no text on {}", page_list(&without_text)));
    } else if without_text.len() > drawn as usize && drawn == SCANS_MAX {
        writer.note(format!(
            "only the first {SCANS_MAX} pages without text were looked at"
        ));
    }
    if let Some(problem) = first_problem {
        writer.note(format!(
            "{} cannot be read: {problem}",
            page_list(&unreadable)
        ));
    }
    writer.finish(metadata).map_err(Ended::Refused)
}

fn write_page(text: &str, page: u32, writer: &mut Writer<'_>) {
    let mut packer = reading::packed(text);
    writer.drain(&mut packer, Place::page(page));
}

/// A list of pages longer than this is not read by anyone.
const RUNS_MAX: usize = 12;

/// "page 3", "pages 3, 5-7 and 40".
fn page_list(pages: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for page in pages {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *page => *last = *page,
            _ => runs.push((*page, *page)),
        }
    }
    let more = runs.len().saturating_sub(RUNS_MAX);
    let mut names: Vec<String> = runs
        .iter()
        .take(RUNS_MAX)
        .map(|(first, last)| {
            if first == last {
                first.to_string()
            } else {
                format!("{first}-{last}")
            }
        })
        .collect();
    if more > 0 {
        names.push("others".to_owned());
    }
    let word = if pages.len() == 1 { "page" } else { "pages" };
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{word} {} and {last}", rest.join(", ")),
        _ => format!("{word} {}", names.concat()),
    }
}

fn has_end_mark(mut file: &File, size: u64) -> io::Result<bool> {
    file.seek(SeekFrom::Start(size.saturating_sub(END_MARK_WITHIN_BYTES)))?;
    let tail = read_bounded(file, END_MARK_WITHIN_BYTES)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(tail.windows(5).any(|window| window == b"%%EOF"))
}

/// The whole file in memory.
fn whole(mut file: &File, size: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(0))?;
    read_bounded(file, size)
}

#[cfg(test)]
mod tests {
    use super::page_list;

    #[test]
    fn pages_are_listed_in_runs() {
        assert_eq!(page_list(&[3]), "page 3");
        assert_eq!(page_list(&[3, 5, 6, 7, 40]), "pages 3, 5-7 and 40");
        assert_eq!(page_list(&[1, 2]), "pages 1-2");
        let odd: Vec<u32> = (0..40).map(|n| n * 2 + 1).collect();
        assert_eq!(
            page_list(&odd),
            "pages 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23 and others"
        );
    }
}
