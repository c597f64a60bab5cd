//! Episodes in the demo recogniser's words, spoken by espeak-ng, and when each sentence is said.
//!
//! Sentences are filled templates of 430 of the words that `models/demo-whisper` knows, in two of the
//! voices that it was trained on; between stretches of speech there is music, noise or silence.
//! The same seed makes the same episode. What it promises: `begins_ms` is the first loud sample.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::process::Command;

use hippo_tests::Rng;

/// What espeak-ng speaks at.
pub(super) const RATE: usize = 22_050;
const VOICES: [&str; 2] = ["en-us", "en-us+f3"];
/// A WAV file's header, as espeak-ng writes it.
const HEADER_BYTES: usize = 44;
/// Below this it is silence before and after a sentence.
const QUIET: i16 = 60;

/// Templates, and the words that fill them; a capital letter stands for a class.
const TEMPLATES: [&str; 12] = [
    "the P from C did not B D A T.",
    "welcome back to the O podcast with N and N.",
    "today we talk about O and O in C.",
    "N U V D A T.",
    "it took M minutes to B D A T.",
    "N works as a P in C.",
    "I think D A T is more useful than D T.",
    "nobody knows why N V D A T.",
    "my favorite T is about O and A O.",
    "we should U B D T before we B D P.",
    "there are M miles between C and C.",
    "N and N V D T in C.",
];
const CLASSES: [(&str, &str); 10] = [
    (
        "A",
        "new old small large quiet strange famous hidden modern ancient simple golden green blue dark warm cold slow heavy clever broken secret",
    ),
    (
        "T",
        "network computer camera telescope engine battery rocket museum garden bridge island mountain river forest ocean city village kitchen hospital castle tower book letter story picture map clock window door table bottle machine planet star volcano brain archive",
    ),
    (
        "P",
        "scientist teacher doctor engineer artist musician writer farmer student pilot sailor chef reporter lawyer painter actor driver nurse",
    ),
    (
        "N",
        "Alice Maria David Thomas Anna Peter Laura Daniel Emma Robert Sarah Michael Julia Victor Helen Oscar",
    ),
    (
        "C",
        "London Paris Berlin Tokyo China India Africa Canada Brazil Norway Egypt Mexico Boston Chicago Australia Italy Spain Japan Iceland Kenya",
    ),
    (
        "V",
        "built found studied discovered recorded explained repaired followed watched carried opened painted designed measured visited forgot remembered collected",
    ),
    (
        "B",
        "build find study describe discover record explain repair follow watch carry open paint design measure visit remember collect",
    ),
    (
        "O",
        "science history music medicine climate energy education privacy mathematics physics biology chemistry astronomy philosophy economics politics travel cooking football sleep money water",
    ),
    (
        "M",
        "two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty",
    ),
    ("D", "the this that our your his her their"),
];
/// Adverbs, for `U`.
const ADVERBS: &str = "quickly slowly carefully quietly suddenly finally usually often sometimes";

/// A sentence, and when it begins.
pub(super) struct Said {
    pub(super) begins_ms: u64,
    pub(super) text: String,
}

/// Sound, and what is said in it.
#[derive(Default)]
pub(super) struct Episode {
    pub(super) sound: Vec<i16>,
    pub(super) said: Vec<Said>,
}

/// How speech and its absence are mixed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mix {
    /// As in a podcast: stretches of three to eight sentences, then music, noise or silence.
    Podcast,
    /// One sentence after the other, with the pauses of somebody who reads aloud.
    Continuous,
    /// As much silence as speech, in turns of about half a minute.
    HalfSilence,
}

/// Whether espeak-ng is here.
pub(super) fn can_be_made() -> bool {
    let told = Command::new("espeak-ng").arg("--version").output();
    told.is_ok_and(|told| told.status.success())
}

impl Episode {
    /// An episode of so many seconds.
    pub(super) fn made(rng: &mut Rng, seconds: usize, mix: Mix) -> Episode {
        let mut episode = Episode::default();
        let whole = seconds * RATE;
        episode.silence(RATE / 2);
        while episode.sound.len() < whole {
            let begun = episode.sound.len();
            let sentences = match mix {
                Mix::Podcast => 3 + rng.below(6),
                Mix::Continuous => 1,
                Mix::HalfSilence => 8,
            };
            episode.stretch(rng, sentences);
            match mix {
                Mix::Podcast => episode.between(rng),
                Mix::Continuous => {}
                Mix::HalfSilence => {
                    let as_much = episode.sound.len() - begun;
                    episode.silence(as_much);
                }
            }
        }
        episode.sound.truncate(whole);
        // What was cut off in its middle was not said.
        let end_ms = (seconds * 1_000) as u64;
        episode.said.retain(|said| said.begins_ms + 8_000 < end_ms);
        episode
    }

    /// Some sentences in one voice.
    fn stretch(&mut self, rng: &mut Rng, sentences: usize) {
        let voice = *rng.pick(&VOICES);
        let (rate, pitch) = (145 + rng.below(36), 38 + rng.below(25));
        for _ in 0..sentences {
            let text = sentence(rng);
            let spoken = speak(&text, voice, rate, pitch);
            let begins_ms = (self.sound.len() * 1_000 / RATE) as u64;
            self.sound.extend(spoken);
            self.said.push(Said { begins_ms, text });
            self.silence(RATE / 4 + rng.below(RATE / 2));
        }
    }

    fn silence(&mut self, samples: usize) {
        self.sound.resize(self.sound.len() + samples, 0);
    }

    /// Four to twelve seconds of music (twice as often), noise or silence.
    fn between(&mut self, rng: &mut Rng) {
        let samples = 4 * RATE + rng.below(8 * RATE);
        match rng.below(4) {
            0 => self.silence(samples),
            1 => {
                let mut last = 0_i32;
                for _ in 0..samples {
                    // Dull noise: white noise that remembers.
                    last = last * 15 / 16 + rng.below(1_001) as i32 - 500;
                    self.sound.push(last as i16);
                }
            }
            _ => self.music(rng, samples),
        }
    }

    /// Chords that ring out, one after the other.
    fn music(&mut self, rng: &mut Rng, samples: usize) {
        let chord = 2 * RATE;
        let mut key = 220.0;
        for at in 0..samples {
            if at % chord == 0 {
                key = [220.0, 246.9, 261.6, 293.7, 329.6][rng.below(5)];
            }
            let since_s = (at % chord) as f64 / RATE as f64;
            let tone = |of: f64| (std::f64::consts::TAU * key * of * since_s).sin();
            let sum = tone(1.0) + tone(1.25) + tone(1.5) + 0.5 * tone(2.0);
            self.sound
                .push((sum * 1_500.0 * (-since_s * 1.2).exp()) as i16);
        }
    }
}

/// A filled template.
fn sentence(rng: &mut Rng) -> String {
    let template = *rng.pick(&TEMPLATES);
    let words = template.split(' ').map(|word| {
        let (class, rest) = word.split_at(1);
        if !rest.is_empty() && rest != "." || class == "I" || class == "a" {
            return word.to_owned();
        }
        let words = CLASSES.iter().find(|(of, _)| *of == class);
        let words = words.map_or(ADVERBS, |(_, words)| words);
        let words: Vec<&str> = words.split(' ').collect();
        format!("{}{rest}", rng.pick(&words))
    });
    words.collect::<Vec<String>>().join(" ")
}

/// A sentence as it is spoken, without the silence around it.
fn speak(text: &str, voice: &str, rate: usize, pitch: usize) -> Vec<i16> {
    let spoken = Command::new("espeak-ng")
        .args(["-v", voice, "--stdout"])
        .args(["-s", &rate.to_string(), "-p", &pitch.to_string()])
        .arg(text)
        .output()
        .unwrap();
    assert!(spoken.status.success(), "espeak-ng has no voice {voice}");
    let rate = u32::from_le_bytes(spoken.stdout[24..28].try_into().unwrap());
    assert_eq!(rate as usize, RATE, "espeak-ng speaks at another rate");
    let samples = spoken.stdout[HEADER_BYTES..].as_chunks::<2>().0;
    let samples: Vec<i16> = samples
        .iter()
        .map(|pair| i16::from_le_bytes(*pair))
        .collect();
    let loud = |sample: &i16| sample.unsigned_abs() > QUIET.unsigned_abs();
    let from = samples.iter().position(loud).unwrap();
    let to = samples.iter().rposition(loud).unwrap();
    samples[from..=to].to_vec()
}

/// Writes sound as WAV, several times in a row.
pub(super) fn write_wav(path: &Path, sound: &[i16], times: usize) -> io::Result<()> {
    let bytes = u32::try_from(sound.len() * times * 2).map_err(io::Error::other)?;
    let rate = RATE as u32;
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(b"RIFF")?;
    file.write_all(&(bytes + 36).to_le_bytes())?;
    file.write_all(b"WAVEfmt \x10\0\0\0\x01\0\x01\0")?;
    file.write_all(&rate.to_le_bytes())?;
    file.write_all(&(rate * 2).to_le_bytes())?;
    file.write_all(b"\x02\0\x10\0data")?;
    file.write_all(&bytes.to_le_bytes())?;
    let block: Vec<u8> = sound.iter().flat_map(|s| s.to_le_bytes()).collect();
    for _ in 0..times {
        file.write_all(&block)?;
    }
    file.into_inner()?.sync_all()
}
