//! What a podcast's feed says of a recording, on its way into the recording's rows.
//!
//! Promises: the recording's own tags go before; what came from the feed is said to have, and
//! finds the recording as its tags would.

use hippo_extractors::{Episode, Segment, Source, language};

use crate::journal::Announced;
use crate::worker::Extraction;

/// Gives a recording the title, the show and the day that its tags do not have.
pub(super) fn announce(read: &mut Extraction, announced: &Announced) {
    let metadata = &mut read.metadata;
    let sound = metadata.sound.get_or_insert_default();
    let Episode { title, date, .. } = &announced.episode;
    let mut learnt = Vec::new();
    let mut lines = Vec::new();
    for (what, own, said) in [
        ("title", &mut metadata.title, title),
        ("show", &mut sound.show, &announced.show),
        ("date", &mut sound.date, date),
    ] {
        if own.is_none() && said.is_some() {
            own.clone_from(said);
            learnt.push(what);
            lines.extend(said.clone());
        }
    }
    if learnt.is_empty() {
        return;
    }
    let feed = announced.feed.file_name().unwrap_or_default();
    let note = format!(
        "{} by the feed {}",
        learnt.join(", "),
        feed.to_string_lossy()
    );
    metadata.notes.push(note);
    let text = lines.join("\n");
    read.segments.push(Segment {
        ordinal: read.segments.len() as u32,
        page: None,
        t0_ms: None,
        t1_ms: None,
        source: Source::Body,
        lang: language::detect(&text).map(str::to_owned),
        text,
        picture: false,
        speaker: None,
        lines: Vec::new(),
    });
}

#[cfg(test)]
mod tests {
    use hippo_extractors::{Kind, Metadata};

    use super::*;

    fn announced() -> Announced {
        Announced {
            feed: "/w/river/feed.xml".into(),
            show: Some("River Radio".to_owned()),
            episode: Episode {
                file: "one.mp3".to_owned(),
                title: Some("Otters at dusk".to_owned()),
                date: Some("Tue, 05 Mar 2024 12:00:00 +0000".to_owned()),
            },
        }
    }

    fn read(title: Option<&str>) -> Extraction {
        let mut metadata = Metadata::new(Kind::Audio, "audio/mpeg", "symphonia");
        metadata.title = title.map(str::to_owned);
        metadata.sound = Some(hippo_extractors::extraction::Sound::default());
        Extraction {
            metadata,
            segments: Vec::new(),
            pictures: Vec::new(),
        }
    }

    #[test]
    fn a_recording_learns_what_its_tags_do_not_say() {
        let mut read = read(Some("Its own"));
        announce(&mut read, &announced());
        assert_eq!(read.metadata.title.as_deref(), Some("Its own"));
        let sound = read.metadata.sound.as_ref().unwrap();
        assert_eq!(sound.show.as_deref(), Some("River Radio"));
        assert_eq!(
            read.segments[0].text,
            "River Radio\nTue, 05 Mar 2024 12:00:00 +0000"
        );
        assert_eq!(read.metadata.notes, ["show, date by the feed feed.xml"]);
    }

    #[test]
    fn a_feed_with_nothing_new_leaves_no_trace() {
        let mut read = read(None);
        announce(&mut read, &announced());
        let (segments, notes) = (read.segments.len(), read.metadata.notes.len());
        announce(&mut read, &announced());
        assert_eq!(
            (read.segments.len(), read.metadata.notes.len()),
            (segments, notes)
        );
    }
}
