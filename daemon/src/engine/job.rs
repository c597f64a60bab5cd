//! The work on one file, from its claim to the rows that are ready to be committed.
//!
//! open and stat -> refuse by name and size -> hash -> take over what is known of these bytes,
//! or have the sandboxed worker read them -> make vectors -> hand to commit.
//!
//! What it promises: the bytes are read through one descriptor, opened once; the daemon itself
//! only hashes them; content that was read before is not read again, under whatever name; two
//! files of the same content that come at once are read once.

use std::fs::File;
use std::sync::Arc;

use hippo_extractors::parse::NEEDS_OCR;
use hippo_extractors::{EXTRACTOR_VERSION, Feed, Kind, Refusal, Scan, format_class, refuse_unread};
use hippo_index::Row;
use tokio::sync::mpsc;

use super::about::about;
use super::bytes::{Opened, hash, open};
use super::heard::Heard;
use super::looks::Looks;
use super::pixels::Pixels;
use super::place::Place;
use super::reader::{LONGEST_SIDE, Reader, SCANS_WAITING};
use super::shared::{ReadingGuard, Shared, blocking};
use super::{EngineError, ffmpeg};
use crate::journal::{About, Claim, Donor, Generation, Verdict};
use crate::scan::DiskFact;
use crate::worker::{Extraction, Outcome};

mod rows;

use rows::{embed, locate, row_of};

/// A finished reading, on its way to commit.
pub(super) struct Finished {
    pub(super) claim: Claim,
    pub(super) reading: Reading,
    /// Keeps others of the same content waiting until this is committed.
    pub(super) _guard: Option<ReadingGuard>,
}

/// How a reading ended.
pub(super) enum Reading {
    /// There is an outcome for the bytes that `disk` describes.
    Outcome(Box<OutcomeOf>),
    /// The bytes are those that are committed.
    Unchanged(DiskFact),
    /// There is nothing to read at this path any more: look at it again.
    Vanished,
    /// It could not be tried (no worker, a journal error); why.
    Later(String),
}

/// What is to be recorded of a file.
pub(super) struct OutcomeOf {
    pub(super) disk: DiskFact,
    pub(super) content: Option<[u8; 32]>,
    pub(super) class: &'static str,
    pub(super) verdict: Verdict,
    pub(super) refusal: Option<(String, String)>,
    pub(super) generation: Generation,
    pub(super) about: About,
    /// What it says of recordings around it, if it is a feed.
    pub(super) feed: Option<Feed>,
    /// Without revision: commit gives it.
    pub(super) rows: Vec<Row>,
}

/// Reads one claimed file.
pub(super) async fn read(shared: &Arc<Shared>, claim: Claim, place: &Place) -> Finished {
    let mut guard = None;
    let reading = match try_read(shared, (&claim, place), &mut guard).await {
        Ok(reading) => reading,
        Err(error) => Reading::Later(error.to_string()),
    };
    Finished {
        claim,
        reading,
        _guard: guard,
    }
}

async fn try_read(
    shared: &Arc<Shared>,
    (claim, place): (&Claim, &Place),
    guard: &mut Option<ReadingGuard>,
) -> Result<Reading, EngineError> {
    let name = claim.path.file_name().unwrap_or_default();
    let class = format_class(name);
    let (file, disk) = match open(claim) {
        Opened::File(file, disk) => (file, disk),
        Opened::Vanished => return Ok(Reading::Vanished),
        Opened::Refused(disk, reason) => {
            let refusal = Refusal {
                verdict: failed(),
                stage: "open".into(),
                reason,
            };
            return Ok(refused(disk, None, class, refusal));
        }
    };
    let limits = shared.settings().limits.clone();
    if let Some(refusal) = refuse_unread(name, disk.size, &limits) {
        return Ok(refused(disk, None, class, refusal));
    }

    shared.note(claim.id, &claim.path, "hashing", 0, disk.size);
    let (file, content) = match hash(file).await {
        Ok(hashed) => hashed,
        Err(error) => {
            let reason = format!("reading it failed: {error}");
            let refusal = Refusal {
                verdict: failed(),
                stage: "read".into(),
                reason,
            };
            return Ok(refused(disk, None, class, refusal));
        }
    };

    let heard = Heard::of(shared, &claim.path, class, content).await?;
    // Others of the same content wait until the first is committed, then take it over.
    *guard = loop {
        if heard.by_content() {
            let donor = find_donor(shared, claim.id, content, class, heard.made_by()).await?;
            if let Some(donor) = donor {
                return take_over(shared, claim, disk, content, class, donor).await;
            }
        }
        match shared.begin_reading(content, class) {
            Ok(guard) => break Some(guard),
            Err(mut other) => {
                let _ = other.changed().await;
            }
        }
    };

    let opened = (file, disk, content, class);
    extract(shared, (claim, place), opened, heard).await
}

async fn find_donor(
    shared: &Arc<Shared>,
    id: u64,
    content: [u8; 32],
    class: &'static str,
    extractor: String,
) -> Result<Option<Donor>, EngineError> {
    let shared = Arc::clone(shared);
    let reader = shared.ocr().reader().map(|reader| reader.id.clone());
    blocking(move || {
        let by = (extractor.as_str(), reader.as_deref());
        Ok(shared.journal.donor(id, &content, class, by)?)
    })
    .await
}

/// The extractors' part of a generation.
pub(super) fn extractor_name() -> String {
    format!("x{EXTRACTOR_VERSION}")
}

/// These bytes were read before: the outcome is the same, and so are the vectors that there
/// are.
async fn take_over(
    shared: &Arc<Shared>,
    claim: &Claim,
    disk: DiskFact,
    content: [u8; 32],
    class: &'static str,
    donor: Donor,
) -> Result<Reading, EngineError> {
    if donor.id == claim.id {
        return Ok(Reading::Unchanged(disk));
    }
    let mut rows = match donor.revision {
        0 => Vec::new(),
        revision => shared.store.rows_of(donor.id, revision).await?,
    };
    for row in &mut rows {
        locate(row, claim, &disk);
        row.title.clone_from(&donor.about.title);
    }
    let generation = embed(
        shared,
        claim,
        &mut rows,
        &Looks::default(),
        donor.generation,
    )
    .await;
    let looking = Arc::clone(shared);
    let feed = blocking(move || Ok(looking.journal.feed(donor.id)?)).await?;
    Ok(Reading::Outcome(Box::new(OutcomeOf {
        disk,
        content: Some(content),
        class,
        verdict: donor.verdict,
        refusal: donor.refusal,
        generation,
        about: donor.about,
        feed,
        rows,
    })))
}

/// Has the worker read the bytes.
async fn extract(
    shared: &Arc<Shared>,
    (claim, place): (&Claim, &Place),
    (file, disk, content, class): (File, DiskFact, [u8; 32], &'static str),
    heard: Heard,
) -> Result<Reading, EngineError> {
    let name = claim
        .path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let progress = |p: crate::worker::Progress| {
        shared.note(claim.id, &claim.path, &p.stage, p.done, p.total);
    };
    let looks = Looks::wanted(shared);
    let mut wants = looks.wants();
    let reader = shared.ocr().reader().cloned();
    wants.scans = reader.as_ref().map(|_| LONGEST_SIDE);
    let (scans, coming) = mpsc::channel(SCANS_WAITING);
    let extracted = async {
        let ffmpeg::Plain { file, size, of } =
            match ffmpeg::plain(shared, &name, file, disk.size).await {
                Ok(plain) => plain,
                Err(outcome) => return outcome,
            };
        let (pool, name) = (&shared.pool, name.clone());
        let reading = pool.extract_with_scans(file, name, size, wants, progress, Some(scans));
        let mut outcome = reading.await;
        if let Outcome::Done(read) = &mut outcome {
            ffmpeg::name_it(of, read);
        }
        outcome
    };
    let (outcome, pixels) = tokio::join!(extracted, read_pixels(reader, coming));
    let refusal = match outcome {
        Outcome::Done(read) => {
            let mut read = *read;
            let made = Generation::new(&heard.add_to(&mut read), []);
            let seen = (looks, pixels);
            let texts = read.segments.iter().map(|segment| segment.text.len());
            place.has_read(texts.sum()).await;
            return Ok(done(shared, claim, disk, (content, class), read, seen, made).await);
        }
        Outcome::Refused(refusal) if refusal.stage == NEEDS_OCR => {
            return Ok(unread(refused(disk, Some(content), class, refusal)));
        }
        Outcome::Refused(refusal) => refusal,
        Outcome::Died { reason, stage } => Refusal {
            verdict: failed(),
            stage,
            reason,
        },
        Outcome::Unavailable { reason } => return Ok(Reading::Later(reason)),
    };
    Ok(refused(disk, Some(content), class, refusal))
}

/// Reads what is written in a file's pixels while the worker makes them.
async fn read_pixels(reader: Option<Reader>, coming: mpsc::Receiver<Scan>) -> Pixels {
    let Some(reader) = reader else {
        return Pixels::NotLooked;
    };
    match reader.read_all(coming).await {
        Ok(pages) => Pixels::Read(reader, pages),
        Err(reason) => Pixels::Failed(reader, reason),
    }
}

/// A refusal that a model for OCR would have spared: the file waits for one.
fn unread(reading: Reading) -> Reading {
    let Reading::Outcome(mut outcome) = reading else {
        return reading;
    };
    outcome.generation.read_by = Some(String::new());
    Reading::Outcome(outcome)
}

async fn done(
    shared: &Arc<Shared>,
    claim: &Claim,
    disk: DiskFact,
    (content, class): ([u8; 32], &'static str),
    read: Extraction,
    (mut looks, pixels): (Looks, Pixels),
    mut made: Generation,
) -> Reading {
    let Extraction {
        mut metadata,
        mut segments,
        pictures,
    } = read;
    looks.pictures = pictures;
    segments.extend(pixels.segments(segments.len() as u32));
    let note = pixels.note(&metadata);
    if segments.is_empty() && metadata.in_pixels > 0 {
        // A document of nothing but pictures, and nothing was read off them.
        let reason = note.unwrap_or_else(|| "there is nothing to be read in it".to_owned());
        let refusal = Refusal::skipped(NEEDS_OCR, reason);
        let mut reading = refused(disk, Some(content), class, refusal);
        if let Reading::Outcome(outcome) = &mut reading {
            outcome.generation.read_by = pixels.read_by(&metadata);
        }
        return reading;
    }
    metadata.notes.extend(note);
    let read_by = pixels.read_by(&metadata);
    let mime = metadata.mime.clone();
    let feed = metadata.feed.take();
    let about = about(metadata);
    let mut rows: Vec<Row> = segments
        .into_iter()
        .map(|segment| row_of(claim, &disk, &content, (&about, &mime), segment))
        .collect();
    made.read_by = read_by;
    let generation = embed(shared, claim, &mut rows, &looks, made).await;
    Reading::Outcome(Box::new(OutcomeOf {
        disk,
        content: Some(content),
        class,
        verdict: Verdict::Done,
        refusal: None,
        generation,
        about,
        feed,
        rows,
    }))
}

fn failed() -> hippo_extractors::Verdict {
    hippo_extractors::Verdict::Failed
}

fn refused(
    disk: DiskFact,
    content: Option<[u8; 32]>,
    class: &'static str,
    refusal: Refusal,
) -> Reading {
    Reading::Outcome(Box::new(OutcomeOf {
        disk,
        content,
        class,
        verdict: match refusal.verdict {
            hippo_extractors::Verdict::Failed => Verdict::Failed,
            hippo_extractors::Verdict::Skipped => Verdict::Skipped,
        },
        refusal: Some((refusal.stage, refusal.reason)),
        generation: Generation::new(&extractor_name(), []),
        about: About::of_kind(class_kind(class)),
        feed: None,
        rows: Vec::new(),
    }))
}

/// What a refused file would have been, as far as its name tells.
fn class_kind(class: &str) -> &'static str {
    match class {
        "pdf" => Kind::Pdf.as_str(),
        "picture" => Kind::Image.as_str(),
        "sound" => Kind::Audio.as_str(),
        "unread" | "unknown" => "",
        _ => Kind::Text.as_str(),
    }
}
