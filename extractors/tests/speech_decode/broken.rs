//! Files that are broken, cut off, mislabelled or no sound at all.

use super::*;

#[test]
fn what_cannot_be_heard_gets_its_reason() {
    assert_eq!(reason("a.mp3", b""), "Skipped: the file is empty");
    assert_eq!(
        reason("a.mp3", b"to be recorded"),
        "Failed: named like a recording but is plain text"
    );
    let mut locked = std::fs::read(fixture("tones.m4a")).unwrap();
    let at = locked.windows(4).position(|kind| kind == b"mp4a").unwrap();
    locked[at..at + 4].copy_from_slice(b"drms");
    assert_eq!(
        reason("a.m4p", &locked),
        "Skipped: locked by its shop (FairPlay): only the shop's own player can open it"
    );
    for (name, says) in [
        ("silent.mp4", "Skipped: a film without a sound track"),
        (
            "dolby.mp4",
            "Skipped: its sound is AC-3 (Dolby Digital), which hippo cannot decode",
        ),
    ] {
        let refusal = listen(&fixture(name)).0.unwrap_err();
        assert_eq!(format!("{:?}: {}", refusal.verdict, refusal.reason), says);
    }
    let mp4 = std::fs::read(fixture("tones.mp4")).unwrap();
    let cut = reason("a.mp4", &mp4[..mp4.len() / 2]);
    assert_eq!(
        cut,
        "Failed: damaged: its index is missing (often an unfinished download)"
    );
    let silence = reason("a.wav", &wav(16_000, 1, &[]));
    assert_eq!(silence, "Failed: there is no sound in it");
    let absurd = reason("a.wav", &wav(1, 1, &[0; 100]));
    assert_eq!(
        absurd,
        "Failed: damaged: its header asks for what cannot be: 1 samples a second"
    );
}

#[test]
fn a_recording_cut_off_is_heard_as_far_as_it_goes() {
    let whole = wav(16_000, 1, &tone(16_000, 440.0, 10.0));
    let (ended, kept) = listen_to("a.wav", &whole[..whole.len() / 2]);
    let metadata = ended.unwrap();
    assert_eq!(
        metadata.notes,
        ["ends after 0:04 of the 0:10 that it announces: it may be cut off"]
    );
    assert!(kept.sound.len().abs_diff(5 * RATE) < RATE / 10);
}

#[test]
fn recordings_put_together_are_heard_to_their_end() {
    let part = std::fs::read(fixture("tones.mp3")).unwrap();
    assert!(
        part.windows(4).any(|w| w == b"Info" || w == b"Xing"),
        "its header counts frames"
    );
    let (once, one) = listen_to("a.mp3", &part);
    let (twice, two) = listen_to("b.mp3", &part.repeat(2));
    assert!(once.is_ok() && twice.is_ok());
    assert!(two.sound.len().abs_diff(2 * one.sound.len()) < RATE / 5);
}

#[test]
fn a_wrong_extension_does_not_matter() {
    let flac = std::fs::read(fixture("tones.flac")).unwrap();
    for name in ["a.mp3", "a.mp4", "a", "a.wma", "a.mid"] {
        let (ended, kept) = listen_to(name, &flac);
        let ended = ended.map(|metadata| metadata.mime);
        if name == "a.mid" {
            // A kind that is not read is not opened.
            assert_eq!(ended.unwrap_err().verdict, Verdict::Skipped);
            continue;
        }
        assert_eq!(ended.unwrap(), "audio/flac", "{name}");
        assert!(kept.sound.len() > RATE, "{name}");
    }
}

/// SplitMix64, so that a failure can be run again from its seed.
fn random() -> impl FnMut() -> u64 {
    let seed = std::env::var("HIPPO_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(20_261_124_u64);
    eprintln!("HIPPO_SEED={seed}");
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// A hundred and more broken files of every format: truncated, bits flipped, headers full of
/// the largest numbers, holes of zeros. Each ends with sound or with a reason, none with a
/// panic, and soon.
#[test]
fn broken_files_end_with_sound_or_a_reason() {
    let seeds: Vec<(&str, Vec<u8>)> = TONES
        .iter()
        .map(|(name, _, _)| {
            let bytes = if *name == "tones.wav" {
                tones_wav()
            } else {
                std::fs::read(fixture(name)).unwrap()
            };
            (*name, bytes)
        })
        .collect();
    let mut random = random();
    let (mut heard, mut refused) = (0, 0);
    for round in 0..12 {
        for (name, whole) in &seeds {
            let mut bytes = whole.clone();
            match round % 4 {
                0 => bytes.truncate(1 + random() as usize % bytes.len()),
                1 => {
                    for _ in 0..=random() % 64 {
                        let at = random() as usize % bytes.len();
                        bytes[at] ^= 1 << (random() % 8);
                    }
                }
                2 => {
                    // Behind the marks by which it is known.
                    for _ in 0..6 {
                        let at = 12 + random() as usize % 500;
                        let end = (at + 4).min(bytes.len());
                        bytes[at.min(end)..end].fill(0xFF);
                    }
                }
                _ => {
                    let at = random() as usize % bytes.len();
                    let end = (at + random() as usize % 2_000).min(bytes.len());
                    bytes[at..end].fill(0);
                }
            }
            let started = Instant::now();
            let (ended, kept) = listen_to(name, &bytes);
            let took = started.elapsed();
            assert!(
                took < Duration::from_secs(10),
                "{name}, round {round}: {took:?}"
            );
            // What a damaged clock asks for is bounded by a day, and by nothing at once.
            assert!(kept.sound.len() <= 24 * 3_600 * RATE);
            match ended {
                Ok(_) => heard += 1,
                Err(refusal) => {
                    assert!(refusal.reason.len() > 8, "{name}, round {round}: {refusal}");
                    if refusal.reason.contains("crashed") {
                        eprintln!("{name}, round {round}: {refusal}");
                    }
                    refused += 1;
                }
            }
        }
    }
    eprintln!("{heard} were heard, {refused} refused");
    assert_eq!(heard + refused, 12 * TONES.len());
    assert!(refused > 20, "{refused}");
}
