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
use hippo_config::Limits;
use hippo_extractors::{Metadata, Picture, Refusal, Segment, Wants};

use super::protocol::{
    CHAPTERS_MAX, FromWorker, LABEL_MAX_BYTES, NOTES_MAX, SEGMENT_MAX_BYTES, labels,
};
use super::{Progress, Shown};

/// Progress that an honest worker reports: at most one frame each `child::STAGE_EVERY`, 200
/// a second. Five times that is a flood.
const PROGRESS_PER_SECOND: u64 = 1_000;

/// Progress frames that may come at once (a stalled daemon finds them queued).
const PROGRESS_BURST: u64 = 2_000;

/// Pixels of one file: some 400 pictures as most models see them.
const PICTURES_MAX_BYTES: usize = 64 * 1024 * 1024;

/// What a frame amounts to.
#[derive(Debug)]
pub(super) enum Step {
    /// Noted; read on.
    Noted,
    /// The file moved on: tell whoever asked.
    Moved,
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
    text_bytes: u64,
    picture_bytes: usize,
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
            text_bytes: 0,
            picture_bytes: 0,
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
        clean_option(&mut segment.lang)?;
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
        let pixels = wanted.size as usize * wanted.size as usize;
        if size != [wanted.size; 2] {
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

    fn done(&mut self, mut metadata: Box<Metadata>, segments: u64) -> Result<Step, String> {
        if segments != self.segments.len() as u64 {
            let came = self.segments.len();
            return Err(format!("{segments} segments announced, {came} came"));
        }
        if metadata.notes.len() > NOTES_MAX {
            return Err(format!("{} notes", metadata.notes.len()));
        }
        let chapters = metadata.sound.as_ref().map_or(0, |s| s.chapters.len());
        if chapters > CHAPTERS_MAX {
            return Err(format!("{chapters} chapters"));
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
mod tests {
    use super::*;
    use hippo_config::{Filter, Fit, PictureSpec};
    use hippo_extractors::{Kind, Source};
    use proptest::strategy::Strategy as _;

    fn limits() -> Limits {
        Limits {
            file_max_segments: 3,
            file_text_max_bytes: 10,
            ..Limits::default()
        }
    }

    fn segment(ordinal: u32, text: &str) -> Segment {
        Segment {
            ordinal,
            page: None,
            t0_ms: None,
            t1_ms: None,
            source: Source::Body,
            text: text.to_owned(),
            picture: false,
            lang: None,
        }
    }

    /// One picture of two by two pixels.
    fn wants() -> Wants {
        let spec = PictureSpec {
            size: 2,
            fit: Fit::Squash,
            filter: Filter::Bilinear,
        };
        Wants {
            pictures: vec![spec],
            sound: false,
        }
    }

    fn picture_frame(ordinal: u32, spec: usize, size: u32, bytes: usize) -> FromWorker {
        FromWorker::Picture {
            id: 1,
            ordinal,
            spec,
            width: size,
            height: size,
            rgb: BASE64.encode(vec![7; bytes]),
        }
    }

    fn picture_segment() -> FromWorker {
        let segment = Segment {
            picture: true,
            ..segment(0, "")
        };
        FromWorker::Segment { id: 1, segment }
    }

    fn frame(ordinal: u32, text: &str) -> FromWorker {
        let segment = segment(ordinal, text);
        FromWorker::Segment { id: 1, segment }
    }

    fn done(segments: u64) -> FromWorker {
        let metadata = Metadata::new(Kind::Text, "text/plain", "test");
        FromWorker::Done {
            id: 1,
            metadata: Box::new(metadata),
            segments,
        }
    }

    /// Feeds the frames after a start; the first error, or how it ended.
    fn check(frames: Vec<FromWorker>) -> Result<Option<Ending>, String> {
        let (limits, wants) = (limits(), wants());
        let now = Instant::now();
        let mut answer = Answer::new(1, &limits, &wants, now);
        answer.take(FromWorker::Started { id: 1 }, now)?;
        for frame in frames {
            if let Step::End(ending) = answer.take(frame, now)? {
                return Ok(Some(ending));
            }
        }
        Ok(None)
    }

    #[test]
    fn an_honest_answer_is_taken() {
        let ending = check(vec![frame(0, "one"), frame(1, "two"), done(2)]);
        assert!(matches!(ending, Ok(Some(Ending::Done(_)))));
    }

    #[test]
    fn a_picture_that_was_asked_for_is_taken() {
        let ending = check(vec![picture_segment(), picture_frame(0, 0, 2, 12), done(1)]);
        assert!(matches!(ending, Ok(Some(Ending::Done(_)))), "{ending:?}");
        let ending = check(vec![picture_segment(), done(1)]);
        assert!(matches!(ending, Ok(Some(Ending::Done(_)))), "{ending:?}");
    }

    #[test]
    fn promise_16_misbehaving_worker_wrong_answers_are_refused() {
        let late = Segment {
            t0_ms: Some(2),
            t1_ms: Some(1),
            ..segment(0, "x")
        };
        let never = Segment {
            t1_ms: Some(u64::MAX),
            ..segment(0, "x")
        };
        let long_label = FromWorker::Panicked {
            id: 1,
            stage: String::new(),
            message: "x".repeat(LABEL_MAX_BYTES + 1),
        };
        for (name, frames) in [
            ("another job", vec![FromWorker::Started { id: 2 }]),
            ("started twice", vec![FromWorker::Started { id: 1 }]),
            ("a gap", vec![frame(1, "x")]),
            ("twice the same", vec![frame(0, "x"), frame(0, "x")]),
            ("nothing in it", vec![frame(0, "")]),
            ("too many", (0..4).map(|n| frame(n, "x")).collect()),
            ("too much", vec![frame(0, "0123456789a")]),
            ("count", vec![frame(0, "x"), done(2)]),
            (
                "backwards",
                vec![FromWorker::Segment {
                    id: 1,
                    segment: late,
                }],
            ),
            (
                "never",
                vec![FromWorker::Segment {
                    id: 1,
                    segment: never,
                }],
            ),
            ("a long label", vec![long_label]),
            (
                "a picture of text",
                vec![frame(0, "x"), picture_frame(0, 0, 2, 12)],
            ),
            ("a picture of nothing", vec![picture_frame(0, 0, 2, 12)]),
            (
                "a picture nobody wants",
                vec![picture_segment(), picture_frame(0, 1, 2, 12)],
            ),
            (
                "a picture of another size",
                vec![picture_segment(), picture_frame(0, 0, 3, 27)],
            ),
            (
                "a picture cut short",
                vec![picture_segment(), picture_frame(0, 0, 2, 11)],
            ),
            (
                "a picture twice",
                vec![
                    picture_segment(),
                    picture_frame(0, 0, 2, 12),
                    picture_frame(0, 0, 2, 12),
                ],
            ),
        ] {
            assert!(check(frames).is_err(), "{name}");
        }
    }

    #[test]
    fn a_job_begins_with_started() {
        let (limits, wants) = (limits(), wants());
        let now = Instant::now();
        let mut answer = Answer::new(1, &limits, &wants, now);
        assert!(answer.take(frame(0, "x"), now).is_err());
    }

    #[test]
    fn promise_17_only_what_moves_is_a_sign_of_life() {
        let (limits, wants) = (limits(), wants());
        let begun = Instant::now();
        let stall = Duration::from_secs(20);
        let mut answer = Answer::new(1, &limits, &wants, begun);
        let at = |done: u64| FromWorker::Progress {
            id: 1,
            done,
            total: 9,
            stage: "page".to_owned(),
        };
        let mut now = begun;
        answer.take(FromWorker::Started { id: 1 }, now).unwrap();
        for page in 1..100 {
            now += stall * 9 / 10;
            assert!(answer.patience(stall, now) > Duration::ZERO);
            answer.take(at(page), now).unwrap();
        }
        for _ in 0..2 {
            now += stall / 2;
            answer.take(at(99), now).unwrap();
        }
        assert_eq!(answer.patience(stall, now), Duration::ZERO);
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        let message = "red \u{1b}[31m\nalert".to_owned();
        let stage = String::new();
        let ending = check(vec![FromWorker::Panicked {
            id: 1,
            stage,
            message,
        }]);
        assert!(matches!(ending, Ok(Some(Ending::Panicked(m))) if m == "red  [31m alert"));
    }

    #[test]
    fn a_flood_of_progress_is_no_progress() {
        let frames = (0..=PROGRESS_BURST).map(|done| FromWorker::Progress {
            id: 1,
            done,
            total: 0,
            stage: String::new(),
        });
        assert!(check(frames.collect()).is_err());
    }

    proptest::proptest! {
        /// Whatever bytes come, however they are cut: a step or a wrong answer, no panic.
        #[test]
        fn no_bytes_bring_the_daemon_down(
            frames in proptest::collection::vec(
                proptest::prop_oneof![
                    proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64),
                    "\\{\"(Started|Progress|Segment|Done|Refused|Panicked)\":\\{\"id\":[0-2](,\"(done|total|stage|segments|message)\":(0|-1|null|\"x\")){0,4}\\}\\}".prop_map(String::into_bytes),
                ],
                0..8,
            ),
        ) {
            let (limits, wants) = (limits(), wants());
            let now = Instant::now();
            let mut answer = Answer::new(1, &limits, &wants, now);
            let mut reader = super::super::protocol::Frames::default();
            for body in frames {
                let mut bytes = (body.len() as u32).to_le_bytes().to_vec();
                bytes.extend_from_slice(&body);
                let filled = reader.fill(|room| {
                    room[..bytes.len()].copy_from_slice(&bytes);
                    Ok(bytes.len())
                });
                proptest::prop_assert!(filled.is_ok());
                while let Ok(Some(frame)) = reader.take::<FromWorker>() {
                    if answer.take(frame, now).is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }
}
