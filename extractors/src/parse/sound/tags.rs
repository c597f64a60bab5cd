//! What a recording says of itself: ID3, MP4 and Vorbis tags, chapters, lyrics.
//!
//! Later tags stand over earlier ones, because ID3v1, which cuts everything at 30 bytes, is
//! read first. Tags of the old kind do not say what they are encoded in; those that turn out
//! to be Chinese are read as such.

use symphonia::core::formats::FormatReader;
use symphonia::core::meta::{
    ChapterGroup, ChapterGroupItem, MetadataRevision, RawValue, StandardTag, Tag,
};

use super::{riff, synced};
use crate::extraction::Chapter;
use crate::parse::encoding;
use crate::parse::subtitle::{self, Cue};

/// Characters of one tag that are kept: show notes are text, a whole book is not.
const TAG_MAX_CHARS: usize = 8_000;
/// Characters of embedded lyrics or of an embedded transcript: a talk of three hours.
const LYRICS_MAX_CHARS: usize = 400_000;
/// Chapters that are kept, and groups of them inside groups.
const CHAPTERS_MAX: usize = 1_000;
const CHAPTER_DEPTH_MAX: usize = 4;

/// The tags that matter to somebody who looks for a recording.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tags {
    pub(super) title: Option<String>,
    pub(super) author: Option<String>,
    pub(super) show: Option<String>,
    pub(super) episode: Option<String>,
    pub(super) date: Option<String>,
    pub(super) about: Option<String>,
    pub(super) lyrics: Option<String>,
    /// Lyrics that say when their lines are sung or said.
    synced: Vec<Cue>,
    pub(super) chapters: Vec<Chapter>,
}

impl Tags {
    /// All that a reader has found by now.
    pub(super) fn of(reader: &mut dyn FormatReader) -> Tags {
        let mut tags = Tags::default();
        {
            let mut log = reader.metadata();
            while let Some(revision) = log.current() {
                tags.take(revision);
                if log.pop().is_none() {
                    break;
                }
            }
        }
        if let Some(group) = reader.chapters() {
            tags.chapters.clear();
            tags.take_chapters(group, 0);
        }
        tags.chapters.sort_by_key(|chapter| chapter.t0_ms);
        tags
    }

    fn take(&mut self, revision: &MetadataRevision) {
        let per_track = revision
            .per_track
            .iter()
            .flat_map(|track| &track.metadata.tags);
        let mut numbered = Vec::new();
        for tag in revision.media.tags.iter().chain(per_track) {
            match &tag.std {
                Some(standard) => self.take_standard(standard),
                None => self.take_unknown(tag),
            }
            if let Some(chapter) = vorbis_chapter(tag) {
                numbered.push(chapter);
            }
            self.take_synced(tag);
        }
        self.take_numbered(&numbered);
    }

    /// Lyrics with times that have a tag of their own; the fullest ones.
    fn take_synced(&mut self, tag: &Tag) {
        let cues = match &tag.raw.value {
            RawValue::Binary(frame) if tag.raw.key == "SYLT" => synced::cues(frame),
            RawValue::String(text) if tag.raw.key.eq_ignore_ascii_case("SYNCEDLYRICS") => {
                let text: String = text.chars().take(LYRICS_MAX_CHARS).collect();
                subtitle::lyrics(&text).cues
            }
            _ => return,
        };
        if cues.len() > self.synced.len() {
            self.synced = cues;
        }
    }

    /// What the lyrics say and when: by a tag with times, or by times that stand in the text
    /// (LRC). None where there are no times.
    pub(super) fn timed_lyrics(&mut self) -> Vec<Cue> {
        if self.synced.is_empty()
            && let Some(lyrics) = &self.lyrics
        {
            return subtitle::lyrics(lyrics).cues;
        }
        std::mem::take(&mut self.synced)
    }

    fn take_standard(&mut self, tag: &StandardTag) {
        use StandardTag as T;
        match tag {
            T::TrackTitle(text) | T::TvEpisodeTitle(text) | T::MovieTitle(text) => {
                set(&mut self.title, text, TAG_MAX_CHARS);
            }
            T::Artist(text) | T::Author(text) | T::Narrator(text) => {
                set(&mut self.author, text, TAG_MAX_CHARS);
            }
            T::AlbumArtist(text) if self.author.is_none() => {
                set(&mut self.author, text, TAG_MAX_CHARS);
            }
            T::Album(text) | T::TvSeriesTitle(text) => set(&mut self.show, text, TAG_MAX_CHARS),
            T::TrackNumber(number) | T::TvEpisodeNumber(number) if *number > 0 => {
                self.episode = Some(number.to_string());
            }
            T::ReleaseDate(text)
            | T::RecordingDate(text)
            | T::ReleaseTime(text)
            | T::RecordingTime(text) => self.set_date(text),
            T::ReleaseYear(year) | T::RecordingYear(year) => self.set_date(&year.to_string()),
            T::PodcastDescription(text)
            | T::Description(text)
            | T::Synopsis(text)
            | T::Summary(text)
            | T::Comment(text) => self.set_about(text),
            T::Lyrics(text) => set(&mut self.lyrics, text, LYRICS_MAX_CHARS),
            _ => {}
        }
    }

    /// What ffmpeg calls by the names of Vorbis comments in Matroska, which has others; before
    /// the name may stand what it is of, as in `MOVIE@ALBUM`.
    fn take_unknown(&mut self, tag: &Tag) {
        let RawValue::String(text) = &tag.raw.value else {
            return;
        };
        let key = tag.raw.key.to_ascii_uppercase();
        match key.rsplit('@').next().unwrap_or_default() {
            "ALBUM" | "SHOW" => set(&mut self.show, text, TAG_MAX_CHARS),
            "DATE" => self.set_date(text),
            _ => {}
        }
    }

    /// What stands in the list of a WAV file.
    pub(super) fn take_info(&mut self, entries: &[riff::Entry]) {
        for (name, text) in entries {
            match name {
                b"INAM" => set(&mut self.title, text, TAG_MAX_CHARS),
                b"IART" => set(&mut self.author, text, TAG_MAX_CHARS),
                b"IPRD" => set(&mut self.show, text, TAG_MAX_CHARS),
                b"ICRD" => self.set_date(text),
                b"ICMT" | b"ISBJ" => self.set_about(text),
                _ => {}
            }
        }
    }

    /// The more exact date of those that begin with a year (ID3v2.3 has one of day and month).
    fn set_date(&mut self, text: &str) {
        let year = text.get(..4).and_then(|year| year.parse::<u16>().ok());
        if year.is_none_or(|year| year < 1000) {
            return;
        }
        if self
            .date
            .as_ref()
            .is_none_or(|date| text.len() >= date.len())
        {
            set(&mut self.date, text, TAG_MAX_CHARS);
        }
    }

    /// The fullest account: comments and descriptions repeat each other.
    fn set_about(&mut self, text: &str) {
        if self
            .about
            .as_ref()
            .is_none_or(|about| text.len() > about.len())
        {
            set(&mut self.about, text, TAG_MAX_CHARS);
        }
    }

    fn take_chapters(&mut self, group: &ChapterGroup, depth: usize) {
        for item in &group.items {
            match item {
                ChapterGroupItem::Group(group) if depth < CHAPTER_DEPTH_MAX => {
                    self.take_chapters(group, depth + 1);
                }
                ChapterGroupItem::Chapter(chapter) if self.chapters.len() < CHAPTERS_MAX => {
                    let title = chapter.tags.iter().find_map(|tag| match &tag.std {
                        Some(StandardTag::ChapterTitle(title) | StandardTag::TrackTitle(title)) => {
                            clean(title, TAG_MAX_CHARS)
                        }
                        _ => None,
                    });
                    if let Some(title) = title {
                        let t0_ms = u64::try_from(chapter.start_time.as_millis()).unwrap_or(0);
                        self.chapters.push(Chapter { t0_ms, title });
                    }
                }
                _ => {}
            }
        }
    }

    /// Chapters written as numbered Vorbis comments: a time and a name for each number.
    fn take_numbered(&mut self, numbered: &[(u32, Part)]) {
        for (number, part) in numbered {
            let Part::Time(t0_ms) = part else { continue };
            let title = numbered.iter().find_map(|(of, part)| match part {
                Part::Name(name) if of == number => clean(name, TAG_MAX_CHARS),
                _ => None,
            });
            if let Some(title) = title
                && self.chapters.len() < CHAPTERS_MAX
            {
                let t0_ms = *t0_ms;
                self.chapters.push(Chapter { t0_ms, title });
            }
        }
    }
}

enum Part {
    Time(u64),
    Name(String),
}

/// `CHAPTER003=00:12:30.500` and `CHAPTER003NAME=...`.
fn vorbis_chapter(tag: &Tag) -> Option<(u32, Part)> {
    let RawValue::String(value) = &tag.raw.value else {
        return None;
    };
    let key = tag.raw.key.to_ascii_uppercase();
    let key = key.strip_prefix("CHAPTER")?;
    match key.strip_suffix("NAME") {
        Some(number) => Some((number.parse().ok()?, Part::Name(value.to_string()))),
        None => Some((key.parse().ok()?, Part::Time(clock_ms(value)?))),
    }
}

/// "01:02:03.450" in milliseconds.
fn clock_ms(text: &str) -> Option<u64> {
    let mut seconds = 0.0_f64;
    for part in text.split(':') {
        seconds = seconds * 60.0
            + part
                .trim()
                .parse::<f64>()
                .ok()
                .filter(|part| *part >= 0.0)?;
    }
    Some((seconds * 1000.0).round() as u64)
}

fn set(field: &mut Option<String>, text: &str, max_chars: usize) {
    if let Some(text) = clean(text, max_chars) {
        *field = Some(text);
    }
}

/// The tag as it was meant, none where it is blank.
fn clean(text: &str, max_chars: usize) -> Option<String> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c.is_control());
    if text.is_empty() {
        return None;
    }
    let text = regained(text).unwrap_or_else(|| text.to_owned());
    Some(text.chars().take(max_chars).collect())
}

/// Chinese that was read as Latin-1, as tags of the old kind are by the letter of ID3.
fn regained(text: &str) -> Option<String> {
    let bytes: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).ok())
        .collect::<Option<_>>()?;
    if bytes.is_ascii() {
        return None;
    }
    let decoded = encoding::decode(bytes, None).ok()?;
    let han = decoded
        .text
        .chars()
        .filter(|c| crate::weight::is_cjk(*c))
        .count();
    (han >= 2 && !decoded.lossy).then_some(decoded.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_tags_in_chinese_are_regained() {
        let as_latin1 = |bytes: &[u8]| bytes.iter().map(|b| char::from(*b)).collect::<String>();
        let (gbk, _, _) = encoding_rs::GBK.encode("大模型的训练成本每年都在下降");
        assert_eq!(
            clean(&as_latin1(&gbk), 100).unwrap(),
            "大模型的训练成本每年都在下降"
        );
        assert_eq!(
            clean(&as_latin1("声动早咖啡".as_bytes()), 100).unwrap(),
            "声动早咖啡"
        );
        assert_eq!(clean("Café au lait", 100).unwrap(), "Café au lait");
        assert_eq!(
            clean("Die Bäcker über Öl", 100).unwrap(),
            "Die Bäcker über Öl"
        );
        assert_eq!(clean(" \0 ", 100), None);
    }

    #[test]
    fn dates_and_accounts_keep_the_fuller_one() {
        let mut tags = Tags::default();
        tags.set_date("2024-05-01");
        tags.set_date("2024");
        tags.set_date("0105-long-and-no-year");
        tags.set_about("long show notes");
        tags.set_about("short");
        assert_eq!(tags.date.as_deref(), Some("2024-05-01"));
        assert_eq!(tags.about.as_deref(), Some("long show notes"));
    }

    #[test]
    fn a_wav_files_list_is_taken_over() {
        let mut tags = Tags::default();
        let (gbk, _, _) = encoding_rs::GBK.encode("大模型的训练成本");
        let gbk = gbk.iter().map(|byte| char::from(*byte)).collect();
        tags.take_info(&[
            (*b"INAM", gbk),
            (*b"IART", "Ada".to_owned()),
            (*b"IPRD", "Indigo Talk".to_owned()),
            (*b"ICRD", "2024-05-01".to_owned()),
            (*b"ICMT", "in the garden".to_owned()),
            (*b"ISFT", "Lavf59.27.100".to_owned()),
        ]);
        assert_eq!(tags.title.as_deref(), Some("大模型的训练成本"));
        assert_eq!(tags.author.as_deref(), Some("Ada"));
        assert_eq!(tags.show.as_deref(), Some("Indigo Talk"));
        assert_eq!(tags.date.as_deref(), Some("2024-05-01"));
        assert_eq!(tags.about.as_deref(), Some("in the garden"));
    }

    #[test]
    fn numbered_comments_are_chapters() {
        let comments = [
            ("CHAPTER001", "00:00:00.000"),
            ("CHAPTER001NAME", "Hello"),
            ("chapter002", "00:01:30.500"),
            ("chapter002name", "训练成本"),
            ("CHAPTER003", "00:02:00.000"),
            ("CHAPTERS", "3"),
        ];
        let numbered: Vec<_> = comments
            .iter()
            .filter_map(|(key, value)| vorbis_chapter(&Tag::new_from_parts(*key, *value, None)))
            .collect();
        let mut tags = Tags::default();
        tags.take_numbered(&numbered);
        let told: Vec<_> = tags
            .chapters
            .iter()
            .map(|chapter| (chapter.t0_ms, chapter.title.as_str()))
            .collect();
        assert_eq!(told, [(0, "Hello"), (90_500, "训练成本")]);
    }

    #[test]
    fn lyrics_with_times_of_their_own_go_before_those_with_times_in_the_text() {
        let mut tags = Tags {
            lyrics: Some("[00:01.00]one\n[00:02.00]two".to_owned()),
            ..Tags::default()
        };
        let said = |tags: &mut Tags| -> Vec<String> {
            let cues = tags.timed_lyrics().into_iter();
            cues.map(|cue| cue.text).collect()
        };
        assert_eq!(said(&mut tags), ["one", "two"]);
        tags.take_synced(&Tag::new_from_parts(
            "SyncedLyrics",
            "[00:03.00]three",
            None,
        ));
        assert_eq!(said(&mut tags), ["three"]);
        tags.lyrics = Some("no times".to_owned());
        assert!(said(&mut tags).is_empty());
    }

    #[test]
    fn clocks_are_read() {
        assert_eq!(clock_ms("00:12:30.500"), Some(750_500));
        assert_eq!(clock_ms("1:30"), Some(90_000));
        assert_eq!(clock_ms("soon"), None);
        assert_eq!(clock_ms("-1:00"), None);
    }
}
