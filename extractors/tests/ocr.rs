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

fn model(recogniser: &str) -> Option<OcrModel> {
    let (runtime, dir) = (library()?, shared("models/ppocr-mobile")?);
    let text = MANIFEST.replace("rec.onnx", recogniser);
    let manifest = Manifest::parse(&text, Path::new("manifest.toml")).unwrap();
    let runtime = Runtime::open(&runtime).unwrap();
    Some(OcrModel::open(&runtime, &dir, &manifest, 2).unwrap())
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a file says by a model, row by row. A line that the scan's lower edge cuts through is
/// nobody's to read.
fn read(model: &mut OcrModel, engines: &Engines, path: &Path) -> String {
    let mut read = String::new();
    for scan in scans(engines, path) {
        let mut lines = model.read(&scan).unwrap();
        lines.retain(|line| {
            let below = line.region.centre[1] + line.region.height / 2.0;
            below < scan.height as f32 - 1.0
        });
        read.push_str(&ocr::text(&lines));
        read.push('\n');
    }
    read
}

/// Reads a file by both recognisers and holds them to what people read there: the error in
/// characters, in percent, and what it may be for each.
fn check(engines: &Engines, file: &str, truth: &str, most: [f64; 2]) {
    let Some(path) = shared(&format!("corpus/docs/{file}")) else {
        return;
    };
    let truths = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ocr");
    let truth = words(&fs::read_to_string(truths.join(truth)).unwrap());
    let characters = truth.chars().count();
    for (recogniser, most) in ["rec.onnx", "rec-small.onnx"].into_iter().zip(most) {
        let Some(mut model) = model(recogniser) else {
            return;
        };
        let text = words(&read(&mut model, engines, &path));
        let wrong = strsim::levenshtein(&truth, &text);
        let error = 100.0 * wrong as f64 / characters as f64;
        println!("{recogniser}: {file}: {wrong} of {characters} characters wrong, {error:.2} %");
        assert!(error <= most, "{file}: {error:.2} %:\n{text}");
    }
}

const TESTS: &str = "markitdown/packages/markitdown/tests/test_files";
const SCANS: &str = "markitdown/packages/markitdown-ocr/tests/ocr_test_data";

#[test]
fn ocr_of_pictures_is_nearly_without_error() {
    let engines = Engines::load(None);
    let examples = "easyocr-examples/examples";
    for (file, truth) in [
        ("chinese.jpg", "chinese.txt"),
        ("english.png", "english.txt"),
    ] {
        check(&engines, &format!("{examples}/{file}"), truth, [1.0, 3.5]);
    }
}

/// Most of what is wrong are spaces that the recogniser does not see.
#[test]
fn ocr_of_scanned_documents_has_few_errors() {
    let Some(pdfium) = pdfium() else {
        return;
    };
    let engines = Engines::load(Some(&pdfium));
    for (file, truth) in [
        ("pdf_scanned_invoice.pdf", "invoice.txt"),
        ("pdf_scanned_sales_report.pdf", "sales_report.txt"),
        ("pdf_scanned_meeting_minutes.pdf", "meeting_minutes.txt"),
    ] {
        check(&engines, &format!("{SCANS}/{file}"), truth, [2.0, 6.0]);
    }
}

/// A report in small print, shifted in strips, with lines printed over others that nobody can
/// read. The larger recogniser is lost with letters so small, and takes most for capitals.
#[test]
fn ocr_of_a_spoiled_scan_in_small_print_needs_the_small_recogniser() {
    let Some(pdfium) = pdfium() else {
        return;
    };
    let engines = Engines::load(Some(&pdfium));
    let report = format!("{TESTS}/MEDRPT-2024-PAT-3847_medical_report_scan.pdf");
    check(&engines, &report, "medical_report.txt", [70.0, 16.0]);
}

#[test]
fn ocr_finds_words_in_the_small_print_of_a_report() {
    let (Some(mut model), Some(pdfium)) = (model("rec.onnx"), pdfium()) else {
        return;
    };
    let report = format!("corpus/docs/{TESTS}/MEDRPT-2024-PAT-3847_medical_report_scan.pdf");
    let Some(path) = shared(&report) else {
        return;
    };
    let text = read(&mut model, &Engines::load(Some(&pdfium)), &path);
    for word in [
        "METFORMIN",
        "HYPERTENSION",
        "ATORVASTATIN",
        "LDL CHOLESTEROL",
    ] {
        assert!(text.contains(word), "{word} is not in\n{text}");
    }
}
