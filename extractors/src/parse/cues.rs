//! Cues into moments: what a publisher wrote, cut as speech is ([`crate::moments`]).

use super::subtitle::Script;
use super::writer::Writer;
use crate::moments::{Cutter, Line};

/// Writes a script as moments.
pub(crate) fn write(script: &Script, writer: &mut Writer<'_>) {
    let total = script.cues.len() as u64;
    let mut cutter = Cutter::new();
    for (nth, cue) in script.cues.iter().enumerate() {
        if writer.closed() {
            return;
        }
        if nth % 1024 == 0 {
            writer.progress(nth as u64, total, "transcript");
        }
        cutter.push(Line {
            t0_ms: cue.t0_ms,
            t1_ms: cue.t1_ms,
            speaker: cue.speaker.as_deref(),
            text: &cue.text,
        });
        drain(&mut cutter, writer);
    }
    cutter.finish();
    drain(&mut cutter, writer);
}

fn drain(cutter: &mut Cutter, writer: &mut Writer<'_>) {
    while let Some(moment) = cutter.pop() {
        writer.moment(moment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Segment;
    use crate::format::tests::limits;
    use crate::moments::MOMENT_MAX_MS;
    use crate::parse::subtitle::Cue;
    use crate::parse::writer::tests::Kept;

    fn moments(cues: Vec<Cue>) -> Vec<Segment> {
        let script = Script {
            cues,
            ..Script::default()
        };
        let limits = limits();
        let mut kept = Kept::default();
        write(&script, &mut Writer::new(&mut kept, &limits));
        kept.segments
    }

    fn cue(t0_s: u64, t1_s: u64, speaker: Option<&str>, text: &str) -> Cue {
        Cue {
            t0_ms: t0_s * 1000,
            t1_ms: t1_s * 1000,
            speaker: speaker.map(str::to_owned),
            text: text.to_owned(),
        }
    }

    #[test]
    fn cues_become_moments_of_decent_length() {
        let cues = (0..200)
            .map(|n| cue(n * 3, n * 3 + 3, None, "some words that are said"))
            .collect();
        let moments = moments(cues);
        for moment in &moments {
            let length_ms = moment.t1_ms.unwrap() - moment.t0_ms.unwrap();
            assert!(length_ms <= MOMENT_MAX_MS);
            assert!(moment.source == crate::Source::Transcript);
        }
        assert!((10..=30).contains(&moments.len()), "{}", moments.len());
        assert_eq!(moments[0].t0_ms, Some(0));
        assert_eq!(moments.last().unwrap().t1_ms, Some(600_000));
    }

    #[test]
    fn a_moment_has_one_speaker() {
        let moments = moments(vec![
            cue(0, 2, Some("Ada"), "One"),
            cue(2, 4, None, "two"),
            cue(4, 6, Some("Bob"), "three"),
        ]);
        let texts: Vec<_> = moments.iter().map(|m| m.text.as_str()).collect();
        assert_eq!(texts, ["Ada: One two", "Bob: three"]);
        let speakers: Vec<_> = moments.iter().map(|m| m.speaker.as_deref()).collect();
        assert_eq!(speakers, [Some("Ada"), Some("Bob")]);
        assert_eq!(
            (moments[1].t0_ms, moments[1].t1_ms),
            (Some(4000), Some(6000))
        );
    }

    #[test]
    fn words_and_utterances_are_joined_as_they_are_read() {
        let words = moments(vec![
            cue(0, 1, None, "训练"),
            cue(1, 2, None, "成本"),
            cue(2, 3, None, "下降"),
        ]);
        assert_eq!(words[0].text, "训练成本下降");
        let lines = moments(vec![
            cue(0, 1, None, "今天是这样的"),
            cue(1, 2, None, "我们来聊一聊"),
        ]);
        assert_eq!(lines[0].text, "今天是这样的\n我们来聊一聊");
    }

    #[test]
    fn a_monologue_in_one_cue_is_shared_out() {
        let moments = moments(vec![cue(
            0,
            100,
            None,
            &"A sentence of six words here. ".repeat(100),
        )]);
        assert!(moments.len() >= 3);
        assert_eq!(moments[0].t0_ms, Some(0));
        assert_eq!(moments.last().unwrap().t1_ms, Some(100_000));
        for pair in moments.windows(2) {
            assert_eq!(pair[0].t1_ms, pair[1].t0_ms);
        }
    }
}
