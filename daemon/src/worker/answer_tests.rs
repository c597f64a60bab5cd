//! Honest answers are taken, wrong ones refused, and no bytes bring the daemon down.

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
        speaker: None,
        lines: Vec::new(),
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
        cover: false,
        scans: None,
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
    let long_name = Segment {
        speaker: Some("x".repeat(LABEL_MAX_BYTES + 1)),
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
            "a long name",
            vec![FromWorker::Segment {
                id: 1,
                segment: long_name,
            }],
        ),
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
        let mut reader = super::super::frames::Frames::default();
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

#[test]
fn sound_is_taken_where_it_was_asked_for_and_only_as_much_as_there_can_be() {
    let frame = |bytes: &[u8]| FromWorker::Sound {
        id: 1,
        samples: BASE64.encode(bytes),
    };
    let (limits, now) = (limits(), Instant::now());
    let wants = Wants {
        sound: true,
        ..Wants::default()
    };
    let begun = |wants| {
        let mut answer = Answer::new(1, &limits, wants, now);
        answer.take(FromWorker::Started { id: 1 }, now).unwrap();
        answer
    };
    let step = begun(&wants).take(frame(&[1, 0, 0xff, 0xff]), now).unwrap();
    assert!(matches!(step, Step::Heard(samples) if samples == [1, -1]));
    for lie in [vec![], vec![1], vec![0; (SOUND_MAX_SAMPLES + 1) * 2]] {
        assert!(begun(&wants).take(frame(&lie), now).is_err());
    }
    let nobody = Wants::default();
    assert!(begun(&nobody).take(frame(&[1, 0]), now).is_err());
    let mut full = begun(&wants);
    full.samples = SOUND_MAX;
    assert!(full.take(frame(&[1, 0]), now).is_err());
}
