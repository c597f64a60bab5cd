//! Writing read off real pictures and scanned pages, with a real PP-OCR, and how much of it is
//! wrong.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use hippo_config::{Limits, Manifest};
use hippo_extractors::infer::{OcrModel, Runtime, ocr};
use hippo_extractors::parse::{Engines, Input, Output, extract};
use hippo_extractors::{Scan, Segment, Wants};

use crate::common::{library, shared};

const MANIFEST: &str = "\
name = \"ppocr-mobile\"
role = \"ocr\"
licence = \"Apache-2.0\"
ocr = { detector = \"det.onnx\", recogniser = \"rec.onnx\", dictionary = \"dict.txt\" }
files = [{ name = \"det.onnx\" }, { name = \"rec.onnx\" }, { name = \"dict.txt\" }]
";

#[derive(Default)]
struct Kept {
    scans: Vec<Scan>,
    segments: usize,
}

impl Output for Kept {
    fn progress(&mut self, _: u64, _: u64, _: &str) {}

    fn segment(&mut self, _: Segment) -> io::Result<()> {
        self.segments += 1;
        Ok(())
    }

    fn scan(&mut self, scan: Scan) -> io::Result<()> {
        assert_eq!(scan.grey.len(), (scan.width * scan.height) as usize);
        assert!(scan.width.max(scan.height) <= ocr::LONGEST_SIDE);
        self.scans.push(scan);
        Ok(())
    }
}

fn pdfium() -> Option<PathBuf> {
    let library = library()?;
    let pdfium = library.with_file_name("libpdfium.so");
    if pdfium.is_file() {
        return Some(pdfium);
    }
    eprintln!("SKIPPED: no {}", pdfium.display());
    None
}

/// The scans of a file, as the worker gives them.
fn scans(engines: &Engines, path: &Path) -> Vec<Scan> {
    let file = File::open(path).unwrap();
    let input = Input {
        file: &file,
        name: &path.file_name().unwrap().to_string_lossy(),
        size: file.metadata().unwrap().len(),
        wants: &Wants {
            scans: Some(ocr::LONGEST_SIDE),
            ..Wants::default()
        },
    };
    let mut kept = Kept::default();
    let metadata = extract(engines, &input, &Limits::default(), &mut kept).unwrap();
    assert_eq!(
        metadata.in_pixels as usize,
        kept.scans.len(),
        "{:?}",
        metadata.notes
    );
    kept.scans
}

fn model() -> Option<OcrModel> {
    let (runtime, dir) = (library()?, shared("models/ppocr-mobile")?);
    let text =
        std::env::var("REC").map_or(MANIFEST.to_owned(), |r| MANIFEST.replace("rec.onnx", &r));
    let manifest = Manifest::parse(&text, Path::new("manifest.toml")).unwrap();
    let runtime = Runtime::open(&runtime).unwrap();
    Some(OcrModel::open(&runtime, &dir, &manifest, 2).unwrap())
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Levenshtein's distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let change = corner + usize::from(a != *b);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

/// Reads a file and holds it to what people read there; the error in characters, in percent.
fn check(model: &mut OcrModel, engines: &Engines, file: &str, truth: &str, most: f64) {
    let Some(path) = shared(&format!("corpus/docs/{file}")) else {
        return;
    };
    let started = std::time::Instant::now();
    let mut read = String::new();
    for scan in scans(engines, &path) {
        let lines = model.read(&scan).unwrap();
        eprintln!("{}x{}: {} lines", scan.width, scan.height, lines.len());
        read.push_str(&ocr::text(&lines));
        read.push('\n');
    }
    let took = started.elapsed();
    let truth_path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/ocr")
        .join(truth);
    let truth = fs::read_to_string(&truth_path).unwrap_or_default();
    let (read_words, truth_words) = (words(&read), words(&truth));
    let wrong = distance(&truth_words, &read_words);
    let error = 100.0 * wrong as f64 / truth_words.chars().count() as f64;
    println!(
        "{file}: {wrong} of {} characters wrong, {error:.2} %, {took:?}",
        truth_words.chars().count()
    );
    eprintln!("{read}");
    if std::env::var_os("SOFT").is_some() {
        return;
    }
    assert!(
        error <= most,
        "{file}: {error:.2} % of its characters are wrong:\n{read}"
    );
}

const TESTS: &str = "markitdown/packages/markitdown/tests/test_files";
const SCANS: &str = "markitdown/packages/markitdown-ocr/tests/ocr_test_data";

#[test]
fn ocr_of_pictures_is_nearly_without_error() {
    let (Some(mut model), engines) = (model(), Engines::load(None)) else {
        return;
    };
    let examples = "easyocr-examples/examples";
    for (file, truth) in [
        ("chinese.jpg", "chinese.txt"),
        ("english.png", "english.txt"),
    ] {
        check(
            &mut model,
            &engines,
            &format!("{examples}/{file}"),
            truth,
            1.0,
        );
    }
}

#[test]
fn ocr_of_scanned_documents_is_nearly_without_error() {
    let (Some(mut model), Some(pdfium)) = (model(), pdfium()) else {
        return;
    };
    let engines = Engines::load(Some(&pdfium));
    for (file, truth) in [
        (format!("{SCANS}/pdf_scanned_invoice.pdf"), "invoice.txt"),
        (
            format!("{SCANS}/pdf_scanned_sales_report.pdf"),
            "sales_report.txt",
        ),
        (
            format!("{SCANS}/pdf_scanned_meeting_minutes.pdf"),
            "meeting_minutes.txt",
        ),
        (
            format!("{TESTS}/MEDRPT-2024-PAT-3847_medical_report_scan.pdf"),
            "medical_report.txt",
        ),
    ] {
        check(&mut model, &engines, &file, truth, 2.0);
    }
}
