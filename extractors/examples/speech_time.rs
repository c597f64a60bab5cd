//! How long recognition takes, over how long whisper.cpp alone takes.
//!
//! `cargo run --release -p hippo-extractors --example speech_time -- WHISPER SILERO FILE [THREADS]`
//!
//! The file is decoded once. Then the same samples go through a session (voice activity,
//! windows, hygiene) and, with the same model, threads and settings, through one bare
//! `full()`. A file of ten minutes of continuous speech should give at most 1.05, one of
//! half silence at most 0.6.

use std::error::Error;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use hippo_config::Limits;
use hippo_extractors::Segment;
use hippo_extractors::infer::speech::{Options, Session, Silero, Voice, Whisper};
use hippo_extractors::parse::{Engines, Input, Output, Wants, extract};

#[derive(Default)]
struct Kept(Vec<i16>);

impl Output for Kept {
    fn progress(&mut self, _: u64, _: u64, _: &str) {}
    fn segment(&mut self, _: Segment) -> io::Result<()> {
        Ok(())
    }
    fn sound(&mut self, samples: &[i16]) -> io::Result<()> {
        self.0.extend_from_slice(samples);
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [whisper, silero, path, threads @ ..] = arguments.as_slice() else {
        return Err("usage: speech_time WHISPER SILERO FILE [THREADS]".into());
    };
    let threads = threads.first().map_or(Ok(2), |n| n.parse())?;
    let started = Instant::now();
    let sound = decode(Path::new(path))?;
    println!(
        "{:.1} s of sound, decoded in {:.2} s",
        sound.len() as f64 / 16_000.0,
        started.elapsed().as_secs_f64()
    );
    let options = Options {
        threads,
        max_text_ctx: Some(0),
        languages: Vec::new(),
    };
    let model = Whisper::open(Path::new(whisper), options)?;
    let floats: Vec<f32> = sound
        .iter()
        .map(|sample| f32::from(*sample) / 32_768.0)
        .collect();

    let started = Instant::now();
    Silero::open(Path::new(silero))?.probabilities(&floats)?;
    println!(
        "voice activity alone: {:.2} s",
        started.elapsed().as_secs_f64()
    );

    let started = Instant::now();
    let mut bare = model.listener(Arc::default())?;
    let said = bare.bare(&floats)?;
    let alone = started.elapsed().as_secs_f64();
    println!("whisper.cpp alone: {alone:.2} s, {said} utterances");

    let started = Instant::now();
    let listener = model.listener(Arc::default())?;
    let mut session = Session::new(Silero::open(Path::new(silero))?, listener);
    let mut said = 0;
    for chunk in sound.chunks(160_000) {
        said += session.push(chunk)?.len();
    }
    said += session.finish()?.len();
    let ours = started.elapsed().as_secs_f64();
    println!("the session: {ours:.2} s, {said} utterances");
    println!("ratio {:.3}", ours / alone);
    Ok(())
}

fn decode(path: &Path) -> Result<Vec<i16>, Box<dyn Error>> {
    let file = File::open(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let input = Input {
        size: file.metadata()?.len(),
        file: &file,
        name: &name,
        wants: &Wants {
            sound: true,
            scans: None,
            ..Wants::default()
        },
    };
    let mut kept = Kept::default();
    extract(&Engines::load(None), &input, &Limits::default(), &mut kept)?;
    Ok(kept.0)
}
