//! Reads files as the worker would, without the sandbox, and prints what came of each.
//!
//! `cargo run --release -p hippo-extractors --example extract -- [--text] FILE...`
//! PDFium is looked for in `HIPPO_LIB_DIR`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use hippo_config::Limits;
use hippo_extractors::parse::{Engines, Input, Output, extract};
use hippo_extractors::{Segment, Wants};

struct Printer {
    show_text: bool,
    segments: usize,
    bytes: usize,
}

impl Output for Printer {
    fn progress(&mut self, _: u64, _: u64, _: &str) {}

    fn segment(&mut self, segment: Segment) -> io::Result<()> {
        self.segments += 1;
        self.bytes += segment.text.len();
        if self.show_text {
            println!(
                "--- {} page {:?} time {:?}-{:?} {} {:?}\n{}",
                segment.ordinal,
                segment.page,
                segment.t0_ms,
                segment.t1_ms,
                segment.source,
                segment.lang,
                segment.text
            );
        }
        Ok(())
    }
}

fn main() -> io::Result<()> {
    let mut show_text = false;
    let pdfium =
        std::env::var_os("HIPPO_LIB_DIR").map(|dir| PathBuf::from(dir).join("libpdfium.so"));
    let engines = Engines::load(pdfium.as_deref());
    let limits = Limits::default();
    for argument in std::env::args().skip(1) {
        if argument == "--text" {
            show_text = true;
            continue;
        }
        let path = Path::new(&argument);
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let mut printer = Printer {
            show_text,
            segments: 0,
            bytes: 0,
        };
        let started = Instant::now();
        let input = Input {
            file: &file,
            name: &name,
            size,
            wants: &Wants::default(),
        };
        let refused = hippo_extractors::refuse_unread(name.as_ref(), size, &limits);
        let ended = refused.map_or_else(|| extract(&engines, &input, &limits, &mut printer), Err);
        let took_ms = started.elapsed().as_secs_f64() * 1000.0;
        match ended {
            Ok(metadata) => println!(
                "done    {argument}: {} segments, {} bytes, {took_ms:.1} ms, {metadata:?}",
                printer.segments, printer.bytes
            ),
            Err(refusal) => println!(
                "{:7} {argument}: {} (at {}), {took_ms:.1} ms",
                format!("{:?}", refusal.verdict).to_lowercase(),
                refusal.reason,
                refusal.stage
            ),
        }
    }
    Ok(())
}
