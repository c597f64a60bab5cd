//! What became of a recording's packets: what may be damaged of it, and what is said of that.

use symphonia::core::errors::Error;

use super::STAGE;
use super::stream::SOUND_MAX_MS;
use crate::extraction::Refusal;

/// Of all packets this share may be damaged; beyond it what is left is no recording.
const BAD_SHARE_MAX: f64 = 0.25;
/// After this many damaged packets on end (ten seconds and more) nothing better follows.
const BAD_RUN_MAX: u64 = 500;
/// Packets without sound in between: nine hours of a film whose sound track has ended.
const SOUNDLESS_MAX: u64 = 2_000_000;
/// A file that plays this much shorter than it announces was cut off.
const CUT_SHARE: f64 = 0.9;

/// Whether there is more.
pub(super) enum Step {
    On,
    End,
}

/// What became of the packets.
#[derive(Default)]
pub(super) struct Tally {
    good: u64,
    bad: u64,
    bad_run: u64,
    soundless_run: u64,
    first_error: Option<String>,
    /// Ended in the middle of a packet.
    pub(super) cut: bool,
    /// Given up before the end.
    gave_up: bool,
    /// There was more than is heard of one recording.
    pub(super) too_long: bool,
}

impl Tally {
    pub(super) fn good(&mut self) {
        self.good += 1;
        self.bad_run = 0;
        self.soundless_run = 0;
    }

    pub(super) fn bad(&mut self, error: &Error) -> Step {
        self.bad += 1;
        self.bad_run += 1;
        self.first_error.get_or_insert_with(|| error.to_string());
        self.gave_up = self.bad_run >= BAD_RUN_MAX;
        if self.gave_up { Step::End } else { Step::On }
    }

    pub(super) fn soundless(&mut self) -> Step {
        self.soundless_run += 1;
        self.gave_up = self.soundless_run >= SOUNDLESS_MAX;
        if self.gave_up { Step::End } else { Step::On }
    }

    /// Whether what was heard is a recording.
    pub(super) fn verdict(&self, heard_ms: u64) -> Result<(), Refusal> {
        let error = self.first_error.as_deref().unwrap_or("it is empty");
        if heard_ms == 0 {
            let reason = match (self.bad, self.cut) {
                (0, true) => "damaged: it ends before its sound begins".to_owned(),
                (0, false) => "there is no sound in it".to_owned(),
                _ => format!("damaged: nothing in it can be decoded ({error})"),
            };
            return Err(Refusal::failed(STAGE, reason));
        }
        let packets = self.good + self.bad;
        if self.bad as f64 > packets as f64 * BAD_SHARE_MAX {
            return Err(Refusal::failed(
                STAGE,
                format!(
                    "damaged: {} of its {packets} packets cannot be decoded ({error})",
                    self.bad
                ),
            ));
        }
        Ok(())
    }

    pub(super) fn notes(&self, heard_ms: u64, announced_ms: Option<u64>) -> Vec<String> {
        let mut notes = Vec::new();
        if self.too_long {
            let hours = SOUND_MAX_MS / 3_600_000;
            notes.push(format!("only the first {hours} hours were heard"));
        } else if self.gave_up {
            notes.push(format!(
                "damaged after {}: the rest was not heard",
                clock(heard_ms)
            ));
        } else if let Some(announced) =
            announced_ms.filter(|ms| (heard_ms as f64) < *ms as f64 * CUT_SHARE)
        {
            notes.push(format!(
                "ends after {} of the {} that it announces: it may be cut off",
                clock(heard_ms),
                clock(announced)
            ));
        } else if self.cut {
            notes.push("the file stops early: it may be cut off".to_owned());
        }
        if self.bad > 0 {
            notes.push(format!(
                "{} of {} packets could not be decoded and are silence",
                self.bad,
                self.good + self.bad
            ));
        }
        notes
    }
}

/// "1:02:03", "2:03".
fn clock(ms: u64) -> String {
    let seconds = ms / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_tolerated_up_to_its_share() {
        let mut tally = Tally::default();
        for n in 0..100 {
            if n % 5 == 0 {
                tally.bad(&Error::DecodeError("x"));
            } else {
                tally.good();
            }
        }
        assert!(tally.verdict(1_000).is_ok());
        assert_eq!(
            tally.notes(1_000, Some(1_000)),
            ["20 of 100 packets could not be decoded and are silence"]
        );
        for _ in 0..20 {
            tally.bad(&Error::DecodeError("x"));
        }
        assert_eq!(
            tally.verdict(1_000).unwrap_err().reason,
            "damaged: 40 of its 120 packets cannot be decoded (malformed stream: x)"
        );
    }

    #[test]
    fn a_file_without_end_is_given_up() {
        let mut tally = Tally::default();
        tally.good();
        let steps = (0..SOUNDLESS_MAX).filter(|_| matches!(tally.soundless(), Step::On));
        assert_eq!(steps.count() as u64, SOUNDLESS_MAX - 1);
        assert_eq!(
            tally.notes(65_000, None),
            ["damaged after 1:05: the rest was not heard"]
        );
    }
}
