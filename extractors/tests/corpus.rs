//! Real and broken files, read as the worker reads them: every one ends with segments or
//! with a reason, none with a panic, and soon.
//!
//! PDFium is found by `HIPPO_LIB_DIR`; where it is absent the tests say so, loudly, and read
//! PDFs without it.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::shared;
use hippo_config::Limits;
use hippo_extractors::parse::{Engines, Input, Output, extract};
use hippo_extractors::{Kind, Metadata, Refusal, Segment, Source, Verdict, Wants, refuse_unread};

#[derive(Default)]
struct Kept(Vec<Segment>);

impl Output for Kept {
    fn progress(&mut self, _: u64, _: u64, _: &str) {}
    fn segment(&mut self, segment: Segment) -> io::Result<()> {
        self.0.push(segment);
        Ok(())
    }
}

fn engines() -> Engines {
    let library = std::env::var_os("HIPPO_LIB_DIR").and_then(|dir| {
        let mut names = fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path());
        names.find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("libpdfium."))
        })
    });
    if library.is_none() {
        eprintln!(
            "NOTE: no libpdfium in HIPPO_LIB_DIR; PDFs are read without it (`make test` sets it)"
        );
    }
    let engines = Engines::load(library.as_deref());
    assert_eq!(engines.problem(), None);
    engines
}

fn read_file(engines: &Engines, path: &Path) -> (Result<Metadata, Refusal>, Vec<Segment>) {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let file = File::open(path).unwrap();
    let size = file.metadata().unwrap().len();
    let limits = Limits::default();
    if let Some(refusal) = refuse_unread(name.as_ref(), size, &limits) {
        return (Err(refusal), Vec::new());
    }
    let input = Input {
        file: &file,
        name: &name,
        size,
        wants: &Wants::default(),
    };
    let mut kept = Kept::default();
    let ended = extract(engines, &input, &limits, &mut kept);
    for (nth, segment) in kept.0.iter().enumerate() {
        assert_eq!(segment.ordinal, nth as u32, "{}", path.display());
        assert!(
            segment.picture || !segment.text.trim().is_empty(),
            "{}",
            path.display()
        );
        assert!(
            hippo_extractors::passage::weight(&segment.text)
                <= 2 * hippo_extractors::passage::MAX_WEIGHT
        );
    }
    (ended, kept.0)
}

fn read_bytes(
    engines: &Engines,
    name: &str,
    bytes: &[u8],
) -> (Result<Metadata, Refusal>, Vec<Segment>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    File::create(&path).unwrap().write_all(bytes).unwrap();
    read_file(engines, &path)
}

fn files_under(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_under(&path, found);
        } else {
            found.push(path);
        }
    }
    found.sort();
}

#[test]
fn every_document_of_the_corpus_ends_with_text_or_a_reason() {
    let Some(docs) = shared("corpus/docs") else {
        return;
    };
    let engines = engines();
    let mut files = Vec::new();
    files_under(&docs, &mut files);
    assert!(files.len() > 100);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for path in &files {
        let started = Instant::now();
        let (ended, segments) = read_file(&engines, path);
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "{} took {:?}",
            path.display(),
            started.elapsed()
        );
        let how = match ended {
            Ok(metadata) => {
                // What is said in a recording is not in what the worker sends.
                let is_sound = metadata.sound.is_some();
                assert!(is_sound || !segments.is_empty(), "{}", path.display());
                metadata.kind.to_string()
            }
            Err(refusal) => {
                assert!(
                    !refusal.reason.contains("crashed"),
                    "{}: {refusal}",
                    path.display()
                );
                format!("{:?}: {}", refusal.verdict, refusal.reason)
            }
        };
        *counts.entry(how).or_default() += 1;
    }
    eprintln!("{counts:#?}");
}

/// What pdftotext and people read in them, however the engine breaks its lines.
#[test]
fn documents_read_well() {
    let Some(docs) = shared("corpus/docs") else {
        return;
    };
    let engines = engines();
    let text_of = |part: &str| {
        let (ended, segments) = read_file(&engines, &docs.join(part));
        let metadata = ended.unwrap_or_else(|refusal| panic!("{part}: {refusal}"));
        let text = segments
            .iter()
            .map(|segment| segment.text.as_str())
            .collect::<Vec<_>>()
            .join("\n\n");
        (metadata, text)
    };
    let tests = "markitdown/packages/markitdown/tests/test_files";
    let (paper, text) = text_of(&format!("{tests}/test.pdf"));
    assert_eq!(
        (paper.kind, paper.pages, paper.lang.as_deref()),
        (Kind::Pdf, Some(1), Some("en"))
    );
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("While there is contemporaneous exploration of multi-agent approaches"));
    if engines.pdfium() {
        // One sentence over two lines of the page, in one line of ours.
        assert!(
            text.contains(
                "early evidence of promise, it is intriguing to ask the following question"
            ),
            "{text}"
        );
    }
    let (blog, text) = text_of(&format!("{tests}/test_blog.html"));
    assert!(
        blog.title
            .unwrap()
            .starts_with("Does Model and Inference Parameter Matter")
    );
    assert!(text.contains(
        "Large language models (LLMs) are powerful tools that can generate natural language texts"
    ));
    let (table, text) = text_of(&format!("{tests}/test_mskanji.csv"));
    assert_eq!(table.notes, ["read as Shift_JIS"]);
    assert!(text.contains("名前, 年齢, 住所\n佐藤太郎, 30, 東京"));
    let (book, _) = text_of("py-pdf-sample-files/009-pdflatex-geotopo/GeoTopo-komprimiert.pdf");
    assert_eq!(book.title.as_deref(), Some("Geometrie und Topologie"));
    assert_eq!(book.author.as_deref(), Some("Martin Thoma"));
    assert_eq!(book.pages, Some(117));
    assert_eq!(book.lang.as_deref(), Some("de"));
    let (locked, _) = read_file(
        &engines,
        &docs.join(
            "py-pdf-sample-files/005-libreoffice-writer-password/libreoffice-writer-password.pdf",
        ),
    );
    let locked = locked.unwrap_err();
    assert_eq!(
        (locked.verdict, locked.reason.as_str()),
        (Verdict::Failed, "it is encrypted and needs a password")
    );
}

#[test]
fn a_long_talk_is_passages_of_whole_utterances() {
    let Some(talk) = shared("corpus/podcast/indigo-talk.zh.txt") else {
        return;
    };
    let (ended, segments) = read_file(&engines(), &talk);
    assert_eq!(ended.unwrap().lang.as_deref(), Some("zh"));
    let lines: Vec<String> = fs::read_to_string(&talk)
        .unwrap()
        .lines()
        .map(|line| line.trim().to_owned())
        .collect();
    let read: Vec<String> = segments
        .iter()
        .flat_map(|segment| segment.text.lines())
        .map(|line| line.trim().to_owned())
        .collect();
    let spoken: Vec<String> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    let read: Vec<String> = read.into_iter().filter(|line| !line.is_empty()).collect();
    assert_eq!(read, spoken);
    assert!(
        segments
            .iter()
            .all(|segment| segment.source == Source::Body && segment.lang.as_deref() == Some("zh"))
    );
}

/// The smallest PDF of one page that says something.
fn tiny_pdf(says: &str) -> Vec<u8> {
    let content = format!("BT /F1 12 Tf 72 700 Td ({says}) Tj ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
        "<< /Title (A small paper) /Author (Ada) >>".to_owned(),
    ];
    let mut pdf = b"%PDF-1.4\n".to_vec();
    let mut offsets = Vec::new();
    for (nth, object) in objects.iter().enumerate() {
        offsets.push(pdf.len());
        pdf.extend(format!("{} 0 obj\n{object}\nendobj\n", nth + 1).bytes());
    }
    let xref = pdf.len();
    pdf.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for offset in offsets {
        pdf.extend(format!("{offset:010} 00000 n \n").bytes());
    }
    pdf.extend(
        format!(
            "trailer\n<< /Size {} /Root 1 0 R /Info 6 0 R >>\nstartxref\n{xref}\n%%EOF\n",
            objects.len() + 1
        )
        .bytes(),
    );
    pdf
}

#[test]
fn a_pdf_is_read_by_either_engine() {
    let pdf = tiny_pdf("The hippocampus remembers");
    for (engine, engines) in [("pdf-extract", Engines::load(None)), ("pdfium", engines())] {
        if engine == "pdfium" && !engines.pdfium() {
            continue;
        }
        // The name does not matter, the bytes do.
        for name in ["paper.pdf", "paper"] {
            let (ended, segments) = read_bytes(&engines, name, &pdf);
            let metadata = ended.unwrap();
            assert_eq!(metadata.engine, engine);
            assert_eq!(metadata.title.as_deref(), Some("A small paper"));
            assert_eq!(metadata.author.as_deref(), Some("Ada"));
            assert_eq!(metadata.pages, Some(1));
            assert_eq!(metadata.notes, Vec::<String>::new());
            assert_eq!(segments.len(), 1);
            assert_eq!(
                (segments[0].page, segments[0].text.as_str()),
                (Some(1), "The hippocampus remembers")
            );
        }
    }
}

#[test]
fn broken_and_lying_files_get_their_reason() {
    let engines = engines();
    let reason = |name: &str, bytes: &[u8]| match read_bytes(&engines, name, bytes).0 {
        Ok(metadata) => panic!("{name} was read: {metadata:?}"),
        Err(refusal) => format!("{:?}: {}", refusal.verdict, refusal.reason),
    };
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01";
    for name in ["a.pdf", "a.txt", "a.jpg", "no-name"] {
        assert_eq!(
            reason(name, png),
            "Failed: the file stops early: it is cut off"
        );
    }
    assert_eq!(reason("a.txt", b""), "Skipped: the file is empty");
    assert_eq!(reason("a.txt", b" \n\n"), "Skipped: there is no text in it");
    let junk: Vec<u8> = (0..4000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    assert_eq!(
        reason("a.txt", &junk),
        "Failed: named .txt but is binary data, not text"
    );
    assert_eq!(
        reason("no-name", &junk),
        "Skipped: not a kind that hippo reads"
    );
    assert_eq!(
        reason("a.pdf", b"<html><body>404"),
        "Failed: named .pdf but is a web page (often a failed download)"
    );
    assert!(reason("a.pdf", b"%PDF-1.4\nnothing else").starts_with("Failed: damaged: "));
    assert_eq!(
        reason("a.docx", b"PK\x03\x04"),
        "Skipped: an office document: hippo does not read office documents yet"
    );
    let blank = reason("blank.pdf", &tiny_pdf(""));
    assert_eq!(
        blank,
        "Skipped: no text in its one page: it needs a model for OCR; \
         `hippo models pull pp-ocrv6-small` gets one, and it is read then"
    );
}

#[test]
fn a_pdf_cut_off_says_so() {
    let engines = engines();
    let whole = tiny_pdf("The hippocampus remembers");
    let cut = &whole[..whole.len() - 150];
    match read_bytes(&engines, "cut.pdf", cut).0 {
        // PDFium puts such a file together again.
        Ok(metadata) => assert_eq!(metadata.notes, ["the file stops early: it may be cut off"]),
        Err(refusal) => assert!(refusal.reason.starts_with("damaged: "), "{refusal}"),
    }
}

/// Truncations and flipped bits of small files of every kind: an end, not a panic.
#[test]
fn mutated_files_end_with_text_or_a_reason() {
    let engines = engines();
    let without = Engines::load(None);
    let pdf = tiny_pdf("The hippocampus remembers");
    let utf16: Vec<u8> = "你好，世界。\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let seeds: [(&str, &[u8]); 14] = [
        ("a.txt", "训练成本每年下降。A line.\n\nAnother one\r\n".as_bytes()),
        ("a16.txt", &utf16),
        ("a.md", "---\ntitle: x\n---\n# Head\n\n```\ncode\n```\n| a | b |\nTitle\n===\n".as_bytes()),
        ("a.html", "<html lang=zh><title>t</title><body><p>你好 &amp; <b>b</b><table><tr><td>1<td>2</table><pre> x\n y".as_bytes()),
        ("a.xml", "<?xml version='1.0'?><a><b>x</b><![CDATA[y]]><!-- z --></a>".as_bytes()),
        ("a.csv", "name,city\n\"A; b\",北京\n1,2,3\n".as_bytes()),
        ("a.json", r#"{"a": {"b": ["x", 1, null, {"c": "你"}]}, "segments": 3}"#.as_bytes()),
        ("t.json", r#"{"version":"1.0.0","segments":[{"startTime":0.5,"endTime":1,"body":"hi","speaker":"A"}]}"#.as_bytes()),
        ("a.jsonl", "{\"a\": \"x\"}\n[1]\n".as_bytes()),
        ("a.ipynb", r##"{"cells":[{"cell_type":"markdown","source":["# t\n"]}]}"##.as_bytes()),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\n<i>hi</i>\n\n2\n00:00:03,000 --> 00:00:04,000\n再见\n".as_bytes()),
        ("a.vtt", "WEBVTT\n\nNOTE x\n\n00:01.000 --> 00:02.000\n<v A>hi\n".as_bytes()),
        ("a.lrc", "[ti:x]\n[offset:-100]\n[00:01.00][00:02.00]la\n".as_bytes()),
        ("a.pdf", &pdf),
    ];
    // SplitMix64, so that a failure can be run again from its seed.
    let seed = std::env::var("HIPPO_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(20_261_123_u64);
    eprintln!("HIPPO_SEED={seed}");
    let mut state = seed;
    let mut random = move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    for round in 0..60 {
        for (name, whole) in seeds {
            let mut bytes = whole.to_vec();
            if round % 3 == 0 {
                bytes.truncate(random() as usize % (bytes.len() + 1));
            }
            for _ in 0..(random() % 8) {
                if !bytes.is_empty() {
                    let at = random() as usize % bytes.len();
                    bytes[at] ^= 1 << (random() % 8);
                }
            }
            // pdf-extract panics by design of its fonts; that is caught page by page.
            let engines = if round % 2 == 0 { &engines } else { &without };
            if let Err(refusal) = read_bytes(engines, name, &bytes).0 {
                let crashed = refusal.reason.contains("crashed") && name != "a.pdf";
                assert!(!crashed, "{name} in round {round}: {refusal}");
            }
        }
    }
}
