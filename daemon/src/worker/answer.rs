//! Checks a worker's answer frame by frame, believing none of it.
//!
//! A worker may be in the hands of the file that it reads. Pure: frames in, steps out, and
//! the first thing out of order ends the conversation. What it guards: the daemon's memory
//! (sizes and counts), the models (a picture has the size that was asked for), the table
//! (ordinals, times), the terminal (control characters), and the deadline (only what moves
//! counts as a sign of life).

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hippo_config::{Fit, Limits};
use hippo_extractors::{EPISODES_MAX, Metadata, Picture, Refusal, Scan, Segment, Wants};

use super::protocol::{
    CHAPTERS_MAX, FromWorker, LABEL_MAX_BYTES, NOTES_MAX, SEGMENT_MAX_BYTES, SOUND_MAX_SAMPLES,
    labels,
};
use super::scans::{Scans, Strip};
use super::{Progress, Shown};

/// Progress that an honest worker reports: at most one frame each `child::STAGE_EVERY`, 200
/// a second. Five times that is a flood.
const PROGRESS_PER_SECOND: u64 = 1_000;

/// Progress frames that may come at once (a stalled daemon finds them queued).
const PROGRESS_BURST: u64 = 2_000;

/// Pixels of one file: some 400 pictures as most models see them.
const PICTURES_MAX_BYTES: usize = 64 * 1024 * 1024;

/// Sound of one file: a day, which is where an honest worker stops, and a minute of silence
/// that it may fill in.
const SOUND_MAX: u64 = (24 * 3_600 + 60) * 16_000;

/// What a frame amounts to.
#[derive(Debug)]
pub(super) enum Step {
    /// Noted; read on.
    Noted,
    /// The file moved on: tell whoever asked.
    Moved,
    /// A whole scan, for whoever reads it.
    Scan(Scan),
    /// The next samples of a recording.
    Heard(Vec<i16>),
    /// The end.
    End(Ending),
}

/// How a worker says that it is through with a file.
#[derive(Debug)]
pub(super) enum Ending {
    Done(Box<Metadata>),
    Refused(Refusal),
    Panicked(String),
}

/// One file's answer so far.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    id: u64,
    limits: &'a Limits,
    wants: &'a Wants,
    begun: Instant,
    /// When it last moved.
    pub(super) alive: Instant,
    /// Whether the worker has taken the job (from then on its death is the file's).
    pub(super) started: bool,
    /// Where it is.
    pub(super) progress: Progress,
    /// What has come.
    pub(super) segments: Vec<Segment>,
    /// Pixels of the segments that are pictures.
    pub(super) pictures: Vec<Shown>,
    scans: Scans,
    text_bytes: u64,
    picture_bytes: usize,
    samples: u64,
    progress_frames: u64,
}

impl<'a> Answer<'a> {
    pub(super) fn new(id: u64, limits: &'a Limits, wants: &'a Wants, now: Instant) -> Answer<'a> {
        Answer {
            id,
            limits,
            wants,
            begun: now,
            alive: now,
            started: false,
            progress: Progress {
                stage: "start".to_owned(),
                ..Progress::default()
            },
            segments: Vec::new(),
            pictures: Vec::new(),
            scans: Scans::new(wants.scans),
            text_bytes: 0,
            picture_bytes: 0,
            samples: 0,
            progress_frames: 0,
        }
    }

    /// Takes one frame. An error is a wrong answer, in words.
    pub(super) fn take(&mut self, frame: FromWorker, now: Instant) -> Result<Step, String> {
        let id = match &frame {
            FromWorker::Hello { .. } | FromWorker::Unfit { .. } => {
                return Err("a greeting in the middle of a job".to_owned());
            }
            FromWorker::Started { id }
            | FromWorker::Progress { id, .. }
            | FromWorker::Segment { id, .. }
            | FromWorker::Picture { id, .. }
            | FromWorker::Scan { id, .. }
            | FromWorker::Sound { id, .. }
            | FromWorker::Done { id, .. }
            | FromWorker::Refused { id, .. }
            | FromWorker::Panicked { id, .. } => *id,
        };
        if id != self.id {
            return Err(format!("job {id} answered, {} asked", self.id));
        }
        let starting = matches!(frame, FromWorker::Started { .. });
        if starting == self.started {
            return Err("frames out of order around the start of a job".to_owned());
        }
        match frame {
            FromWorker::Progress {
                done, total, stage, ..
            } => self.moved(done, total, stage, now),
            FromWorker::Segment { segment, .. } => self.segment(segment, now),
            FromWorker::Picture {
                ordinal,
                spec,
                width,
                height,
                rgb,
                ..
            } => self.picture(ordinal, spec, [width, height], &rgb, now),
            FromWorker::Sound { samples, .. } => self.sound(&samples, now),
            FromWorker::Scan {
                page,
                width,
                height,
                top,
                grey,
                ..
            } => {
                let grey = &grey;
                let strip = Strip {
                    page,
                    width,
                    height,
                    top,
                    grey,
                };
                let whole = self.scans.take(&strip)?;
                self.alive = now;
                Ok(whole.map_or(Step::Noted, Step::Scan))
            }
            FromWorker::Done {
                metadata, segments, ..
            } => self.done(metadata, segments),
            FromWorker::Refused { mut refusal, .. } => {
                clean(&mut refusal.stage)?;
                clean(&mut refusal.reason)?;
                Ok(Step::End(Ending::Refused(refusal)))
            }
            FromWorker::Panicked {
                mut message,
                mut stage,
                ..
            } => {
                clean(&mut stage)?;
                clean(&mut message)?;
                self.progress.stage = stage;
                Ok(Step::End(Ending::Panicked(message)))
            }
            FromWorker::Started { .. } | FromWorker::Hello { .. } | FromWorker::Unfit { .. } => {
                self.started = true;
                self.alive = now;
                Ok(Step::Noted)
            }
        }
    }

    fn moved(
        &mut self,
        done: u64,
        total: u64,
        mut stage: String,
        now: Instant,
    ) -> Result<Step, String> {
        self.progress_frames += 1;
        let seconds = now.saturating_duration_since(self.begun).as_secs();
        if self.progress_frames > PROGRESS_BURST + seconds * PROGRESS_PER_SECOND {
            return Err("a flood of progress reports".to_owned());
        }
        clean(&mut stage)?;
        if done == self.progress.done && stage == self.progress.stage {
            // The same again is a pulse without life.
            return Ok(Step::Noted);
        }
        self.progress = Progress { done, total, stage };
        self.alive = now;
        Ok(Step::Moved)
    }

    fn segment(&mut self, mut segment: Segment, now: Instant) -> Result<Step, String> {
        let count = self.segments.len() as u64;
        if count >= u64::from(self.limits.file_max_segments) {
            return Err(format!("more than {count} segments"));
        }
        if u64::from(segment.ordinal) != count {
            return Err(format!("segment {} in place {count}", segment.ordinal));
        }
        let empty = segment.text.is_empty() && !segment.picture;
        if empty || segment.text.len() > SEGMENT_MAX_BYTES {
            return Err(format!("a segment of {} bytes", segment.text.len()));
        }
        self.text_bytes += segment.text.len() as u64;
        if self.text_bytes > self.limits.file_text_max_bytes {
            return Err(format!("{} bytes of text", self.text_bytes));
        }
        if matches!((segment.t0_ms, segment.t1_ms), (Some(from), Some(to)) if from > to) {
            return Err("a segment that ends before it begins".to_owned());
        }
        // Times become signed milliseconds in the table's clients.
        if segment.t0_ms.max(segment.t1_ms) > Some(i64::MAX as u64) {
            return Err("a segment at an impossible time".to_owned());
        }
        if segment.lines.len() > segment.text.len() {
            return Err(format!("{} lines of a segment", segment.lines.len()));
        }
        clean_option(&mut segment.lang)?;
        clean_option(&mut segment.speaker)?;
        self.segments.push(segment);
        self.alive = now;
        Ok(Step::Noted)
    }

    fn picture(
        &mut self,
        ordinal: u32,
        spec: usize,
        size: [u32; 2],
        rgb: &str,
        now: Instant,
    ) -> Result<Step, String> {
        let Some(wanted) = self.wants.pictures.get(spec) else {
            return Err(format!("picture {spec}, which nobody asked for"));
        };
        let shown = self.segments.last();
        if !shown.is_some_and(|segment| segment.picture && segment.ordinal == ordinal) {
            return Err(format!("a picture for segment {ordinal}, which is none"));
        }
        let last = self.pictures.last();
        if last.is_some_and(|last| last.ordinal == ordinal && last.spec >= spec) {
            return Err(format!("picture {spec} of segment {ordinal} out of order"));
        }
        let pixels = size[0] as usize * size[1] as usize;
        let fits = match wanted.fit {
            Fit::Squash | Fit::Crop => size == [wanted.size; 2],
            Fit::Inside => size.iter().all(|side| (1..=wanted.size).contains(side)),
        };
        if !fits {
            return Err(format!("a picture of {size:?}, {} asked", wanted.size));
        }
        self.picture_bytes += pixels * 3;
        if self.picture_bytes > PICTURES_MAX_BYTES {
            return Err(format!("{} bytes of pictures", self.picture_bytes));
        }
        let rgb = BASE64
            .decode(rgb)
            .map_err(|error| format!("a picture that cannot be read: {error}"))?;
        if rgb.len() != pixels * 3 {
            return Err(format!("a picture of {} bytes", rgb.len()));
        }
        let [width, height] = size;
        self.pictures.push(Shown {
            ordinal,
            spec,
            picture: Picture { width, height, rgb },
        });
        self.alive = now;
        Ok(Step::Noted)
    }

    fn sound(&mut self, samples: &str, now: Instant) -> Result<Step, String> {
        if !self.wants.sound {
            return Err("sound, which nobody asked for".to_owned());
        }
        let bytes = BASE64
            .decode(samples)
            .map_err(|error| format!("sound that cannot be read: {error}"))?;
        let (pairs, odd) = bytes.as_chunks::<2>();
        if pairs.is_empty() || pairs.len() > SOUND_MAX_SAMPLES || !odd.is_empty() {
            return Err(format!("{} bytes of sound at once", bytes.len()));
        }
        self.samples += pairs.len() as u64;
        if self.samples > SOUND_MAX {
            return Err(format!("{} samples of sound", self.samples));
        }
        self.alive = now;
        Ok(Step::Heard(
            pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect(),
        ))
    }

    fn done(&mut self, mut metadata: Box<Metadata>, segments: u64) -> Result<Step, String> {
        if segments != self.segments.len() as u64 {
            let came = self.segments.len();
            return Err(format!("{segments} segments announced, {came} came"));
        }
        self.scans.finish()?;
        if metadata.notes.len() > NOTES_MAX {
            return Err(format!("{} notes", metadata.notes.len()));
        }
        let chapters = metadata.sound.as_ref().map_or(0, |s| s.chapters.len());
        if chapters > CHAPTERS_MAX {
            return Err(format!("{chapters} chapters"));
        }
        let episodes = metadata.feed.as_ref().map_or(0, |f| f.episodes.len());
        if episodes > EPISODES_MAX {
            return Err(format!("{episodes} episodes"));
        }
        labels(&mut metadata).try_for_each(clean)?;
        Ok(Step::End(Ending::Done(metadata)))
    }

    /// How long until the worker counts as stalled; zero when it does.
    pub(super) fn patience(&self, stall: Duration, now: Instant) -> Duration {
        (self.alive + stall).saturating_duration_since(now)
    }
}

/// Labels go to terminals and logs: no control characters, and no more than a line or two.
fn clean(label: &mut String) -> Result<(), String> {
    if label.len() > LABEL_MAX_BYTES {
        return Err(format!("a label of {} bytes", label.len()));
    }
    if label.contains(char::is_control) {
        *label = label.replace(char::is_control, " ");
    }
    Ok(())
}

fn clean_option(label: &mut Option<String>) -> Result<(), String> {
    label.as_mut().map_or(Ok(()), clean)
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
