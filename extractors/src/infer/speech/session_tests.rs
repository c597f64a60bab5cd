use super::*;
use crate::infer::speech::{Loudness, moments};

/// Hears bursts of sound, each by its loudness, as a recogniser hears words.
struct Echo {
    windows: usize,
    longest: usize,
}

impl Recogniser for Echo {
    fn hear(&mut self, window: &[f32], _: Option<&str>) -> Result<Heard, SpeechError> {
        self.windows += 1;
        self.longest = self.longest.max(window.len());
        let mut said: Vec<Said> = Vec::new();
        let ms = |sample: usize| (sample as u64 / PER_MS) as u32;
        let mut at = 0;
        while at < window.len() {
            let loud = window[at].abs();
            let run = window[at..]
                .iter()
                .take_while(|s| s.abs().total_cmp(&loud).is_eq())
                .count();
            if loud > 0.01 {
                let end = at + run;
                said.push(Said {
                    t0_ms: ms(at),
                    t1_ms: (end < window.len()).then(|| ms(end)),
                    text: format!("Burst {}.", (loud * 32_768.0).round()),
                    silence: 0.0,
                    sure: 1.0,
                });
            }
            at += run;
        }
        let lang = Some("en".to_owned());
        Ok(Heard {
            said,
            lang,
            mixed: false,
        })
    }
}

/// Bursts of the given lengths and the pauses before them, in milliseconds, and when
/// each is heard.
fn file(bursts: &[(u64, u64)]) -> (Vec<i16>, Vec<Utterance>) {
    let mut sound: Vec<i16> = Vec::new();
    let mut said = Vec::new();
    for (nth, (pause, length)) in bursts.iter().enumerate() {
        sound.resize(sound.len() + (pause * PER_MS) as usize, 0);
        let t0_ms = sound.len() as u64 / PER_MS;
        let loud = 4_000 + nth as i16 * 7;
        // A voice swings; the loudness of a frame is what is judged.
        sound.resize(sound.len() + (length * PER_MS) as usize, loud);
        said.push(Utterance {
            t0_ms,
            t1_ms: sound.len() as u64 / PER_MS,
            text: format!("Burst {loud}."),
            lang: Some("en".to_owned()),
        });
    }
    sound.resize(sound.len() + 16_000, 0);
    (sound, said)
}

fn session() -> Session<Loudness, Echo> {
    Session::new(
        Loudness,
        Echo {
            windows: 0,
            longest: 0,
        },
    )
}

fn speech() -> Vec<(u64, u64)> {
    (0..400_u64)
        .map(|n| {
            (
                300 + n * 37 % 2_000 + if n % 50 == 49 { 400_000 } else { 0 },
                500 + n * 731 % 9_000,
            )
        })
        .collect()
}

#[test]
fn what_is_said_comes_out_at_its_time_however_the_sound_comes_in() {
    let (sound, said) = file(&speech());
    for chunk in [160_000, 48_000, 7_777, sound.len()] {
        let mut session = session();
        let mut heard = Vec::new();
        for part in sound.chunks(chunk) {
            heard.extend(session.push(part).unwrap());
            assert!(session.sound.len() < 65 * RATE_HZ as usize);
        }
        heard.extend(session.finish().unwrap());
        assert_eq!(heard, said, "in chunks of {chunk}");
        assert!(session.recogniser.longest <= 30 * RATE_HZ as usize);
        // Windows are well filled: 30 s of speech in each would be the fewest.
        let voiced_ms: u64 = said.iter().map(|said| said.t1_ms - said.t0_ms).sum();
        let fewest = voiced_ms as usize / 30_000;
        assert!(
            session.recogniser.windows * 10 < fewest * 13,
            "{}",
            session.recogniser.windows
        );
    }
}

#[test]
fn a_session_goes_on_from_any_checkpoint_and_none_is_old() {
    let (sound, said) = file(&speech());
    let mut session = session();
    let mut kept: Vec<Utterance> = Vec::new();
    for (nth, part) in sound.chunks(160_000).enumerate() {
        kept.extend(session.push(part).unwrap());
        let checkpoint = session.checkpoint();
        let at = (nth * 160_000 + part.len()) as u64;
        let behind_s = (at - checkpoint.samples_done) / u64::from(RATE_HZ);
        assert!(behind_s < 300, "{behind_s} s would be lost");
        if nth % 7 != 0 {
            continue;
        }
        // As it is written to disk and read again after a crash.
        let written = serde_json::to_string(&checkpoint).unwrap();
        let checkpoint: Checkpoint = serde_json::from_str(&written).unwrap();
        let echo = Echo {
            windows: 0,
            longest: 0,
        };
        let mut again = Session::resume(Loudness, echo, &checkpoint);
        let rest = again
            .push(&sound[checkpoint.samples_done as usize..])
            .unwrap();
        let all: Vec<Utterance> = kept
            .iter()
            .cloned()
            .chain(rest)
            .chain(again.finish().unwrap())
            .collect();
        assert_eq!(all, said, "from {}", checkpoint.samples_done);
    }
}

#[test]
fn speech_without_a_pause_is_heard_once_and_whole() {
    // Bursts of 4 s that touch each other, for three minutes.
    let (sound, said) = file(
        &[(500, 4_000)]
            .into_iter()
            .chain((0..45).map(|_| (0, 4_000)))
            .collect::<Vec<_>>(),
    );
    let mut session = session();
    let mut heard = session.push(&sound).unwrap();
    heard.extend(session.finish().unwrap());
    assert_eq!(heard, said);
    // Little more than the 184 s / 30 s that there are.
    assert!(
        session.recogniser.windows <= 8,
        "{}",
        session.recogniser.windows
    );
}

#[test]
fn moments_of_a_session_are_of_decent_length() {
    let (sound, _) = file(&speech());
    let mut session = session();
    let mut heard = session.push(&sound).unwrap();
    heard.extend(session.finish().unwrap());
    let moments = moments(&heard, &[]);
    assert!(
        moments
            .iter()
            .all(|moment| moment.t1_ms - moment.t0_ms <= 60_000)
    );
    let long = moments
        .iter()
        .filter(|m| m.t1_ms - m.t0_ms >= 20_000)
        .count();
    assert!(
        long * 10 >= moments.len() * 8,
        "{long} of {}",
        moments.len()
    );
}

#[test]
fn times_stay_inside_and_in_order_whatever_is_heard() {
    /// Answers with times that make no sense.
    struct Confused;
    impl Recogniser for Confused {
        fn hear(&mut self, _: &[f32], _: Option<&str>) -> Result<Heard, SpeechError> {
            let said = |t0_ms, t1_ms, text: &str| Said {
                t0_ms,
                t1_ms,
                text: text.to_owned(),
                silence: 0.0,
                sure: 1.0,
            };
            Ok(Heard {
                said: vec![
                    said(29_000, Some(40_000), "late"),
                    said(5_000, Some(3_000), "back"),
                    said(900_000, None, "beyond"),
                ],
                lang: None,
                mixed: true,
            })
        }
    }
    let (sound, _) = file(&speech()[..60]);
    let end_ms = sound.len() as u64 / PER_MS;
    let mut session = Session::new(Loudness, Confused);
    let mut heard = session.push(&sound).unwrap();
    heard.extend(session.finish().unwrap());
    assert!(!heard.is_empty());
    let mut before = 0;
    for said in heard {
        assert!(before <= said.t0_ms && said.t0_ms <= said.t1_ms && said.t1_ms <= end_ms);
        before = said.t1_ms;
    }
}
