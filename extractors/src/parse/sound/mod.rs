//! Recordings and films: their sound, their tags.
//!
//! The file is streamed from its descriptor: tags first, as text; then, where it is wanted,
//! the sound as 16 kHz mono ([`stream`]). The bytes decide what is read, whatever the name
//! says. A packet that cannot be decoded is silence and is counted; a file of little but
//! those is refused, and so is one that is locked, silent by nature, or no sound at all.

mod boxes;
mod cover;
mod ear;
mod matroska;
mod resample;
mod riff;
mod source;
mod stream;
mod synced;
mod tags;
mod tally;

use hippo_config::Limits;
use symphonia::core::common::Limit;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType, well_known as form};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

use self::boxes::Boxes;
use self::ear::Ear;
use self::source::{Reach, Source};
use self::tags::Tags;
use super::subtitle::Script;
use super::writer::{Place, Writer};
use super::{Input, gazetteer, read_head, unreadable};
use crate::extraction::{Chapter, Kind, Metadata, Refusal, Shot, Sound, Source as TextSource};
use crate::format::Known;
use crate::passage::{Gap, Packer, Shape};

/// How far a refused file came.
pub(super) const STAGE: &str = "sound";
/// One tag, or a cover, takes no more memory than this.
const TAG_MAX_BYTES: usize = 8 << 20;

/// Reads the tags of a recording or a film and, if it is wanted, its sound; or its cover alone.
pub(super) fn read(
    input: &Input<'_>,
    known: Known,
    limits: &Limits,
    mut writer: Writer<'_>,
) -> Result<Metadata, Refusal> {
    writer.progress(0, input.size, STAGE);
    let head = read_head(input.file).map_err(|error| unreadable(&error))?;
    let mut boxes = Boxes::default();
    let (mut hidden, mut title, mut info) = (Vec::new(), None, Vec::new());
    if boxes::is_mp4(&head) {
        boxes = boxes::look(input.file, input.size);
    } else if matroska::is_matroska(&head) {
        let elements = matroska::look(input.file, input.size);
        boxes.chapters = elements.chapters;
        (hidden, title) = (elements.ids_at, elements.title);
    } else if riff::is_wave(&head) {
        info = riff::look(input.file, input.size);
    }
    if let Some(by) = boxes.locked_by {
        return Err(Refusal::skipped(
            STAGE,
            format!("locked by its shop ({by}): only the shop's own player can open it"),
        ));
    }
    let reach = Reach::default();
    let source =
        Source::new(input.file, input.size, &reach, hidden).map_err(|error| unreadable(&error))?;
    let mut reader = open(source)?;
    if input.wants.cover {
        return cover::read(&mut *reader, input.wants, limits, writer);
    }
    let kind = kind_of(&*reader, known);
    let mut tags = Tags::of(&mut *reader);
    if tags.chapters.is_empty() {
        tags.chapters = std::mem::take(&mut boxes.chapters);
    }
    tags.title = tags.title.or(title);
    tags.take_info(&info);
    let mut ear = Ear::choose(&*reader, kind)?;
    let announced_ms = duration_ms(&*reader, ear.track_id);
    let shot = shot(&boxes);
    write_tags(&tags, shot.place.as_deref(), &mut writer);
    write_chapters(&tags.chapters, announced_ms, &mut writer);
    write_lyrics(&mut tags, &mut writer);
    let mut heard_ms = None;
    if input.wants.sound {
        heard_ms = Some(ear.listen(&mut *reader, &mut writer, &reach, announced_ms)?);
    }
    let mut metadata = Metadata::new(kind, mime(&*reader, kind, &head), "symphonia");
    metadata.title = tags.title;
    metadata.author = tags.author;
    metadata.shot = (shot != Shot::default()).then_some(shot);
    metadata.sound = Some(Sound {
        duration_ms: heard_ms.or(announced_ms),
        show: tags.show,
        episode: tags.episode,
        date: tags.date,
        chapters: tags.chapters,
    });
    writer.finish(metadata)
}

/// Finds out what the bytes are.
fn open(source: Source<'_>) -> Result<Box<dyn FormatReader + '_>, Refusal> {
    let stream = MediaSourceStream::new(Box::new(source), MediaSourceStreamOptions::default());
    let limits = MetadataOptions::default()
        .limit_tag_bytes(Limit::Maximum(TAG_MAX_BYTES))
        .limit_visual_bytes(Limit::Maximum(TAG_MAX_BYTES));
    symphonia::default::get_probe()
        .probe(&Hint::new(), stream, FormatOptions::default(), limits)
        .map_err(|error| Refusal::failed(STAGE, damaged(&error)))
}

/// What symphonia complains of, for somebody who has only the file.
fn damaged(error: &Error) -> String {
    match error {
        Error::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "damaged: it ends before its sound begins (often an unfinished download)".to_owned()
        }
        Error::IoError(error) => format!("the file cannot be read: {error}"),
        Error::Unsupported(what) if what.contains("no suitable format") => {
            "damaged, or no recording: nothing in it looks like one".to_owned()
        }
        Error::Unsupported(what) if what.contains("missing moov") => {
            "damaged: its index is missing (often an unfinished download)".to_owned()
        }
        Error::Unsupported(what) | Error::DecodeError(what) | Error::LimitError(what) => {
            format!("damaged: {what}")
        }
        other => format!("damaged: {other}"),
    }
}

/// A film if it has pictures that move.
fn kind_of(reader: &dyn FormatReader, known: Known) -> Kind {
    let named_video = known.mime.starts_with("video/");
    let moves = reader.tracks().iter().any(|track| {
        track.track_type() == Some(TrackType::Video)
            // A codec that symphonia has not heard of.
            || (named_video && track.track_type().is_none())
    });
    if moves { Kind::Video } else { Kind::Audio }
}

/// The media type of what was found.
fn mime(reader: &dyn FormatReader, kind: Kind, head: &[u8]) -> &'static str {
    let video = kind == Kind::Video;
    match reader.format_info().format {
        form::FORMAT_ID_WAVE => "audio/wav",
        form::FORMAT_ID_AIFF => "audio/aiff",
        form::FORMAT_ID_CAF => "audio/x-caf",
        form::FORMAT_ID_MP1 | form::FORMAT_ID_MP2 | form::FORMAT_ID_MP3 => "audio/mpeg",
        form::FORMAT_ID_ADTS => "audio/aac",
        form::FORMAT_ID_FLAC => "audio/flac",
        form::FORMAT_ID_OGG if video => "video/ogg",
        form::FORMAT_ID_OGG => "audio/ogg",
        form::FORMAT_ID_ISOMP4 if head.get(8..12) == Some(b"qt  ") => "video/quicktime",
        form::FORMAT_ID_ISOMP4 if video => "video/mp4",
        form::FORMAT_ID_ISOMP4 => "audio/mp4",
        form::FORMAT_ID_MKV => {
            let webm = head.windows(4).take(64).any(|window| window == b"webm");
            match (webm, video) {
                (true, true) => "video/webm",
                (true, false) => "audio/webm",
                (false, true) => "video/x-matroska",
                (false, false) => "audio/x-matroska",
            }
        }
        _ => "audio/x-unknown",
    }
}

/// What a track says of its length.
fn duration_ms(reader: &dyn FormatReader, track_id: u32) -> Option<u64> {
    let track = reader.tracks().iter().find(|track| track.id == track_id)?;
    let (clock, length) = match (track.time_base, track.duration) {
        (Some(clock), Some(length)) if !length.is_zero() => (clock, length),
        _ => {
            let info = reader.media_info();
            (info.time_base?, info.duration.filter(|d| !d.is_zero())?)
        }
    };
    let ms = clock.calc_duration_saturating(length).as_millis();
    u64::try_from(ms).ok()
}

/// The tags as a passage, so that title, show and place are found.
fn write_tags(tags: &Tags, place: Option<&str>, writer: &mut Writer<'_>) {
    let mut packer = Packer::new();
    let heads = [&tags.title, &tags.show, &tags.author, &tags.date];
    for line in heads.into_iter().flatten() {
        packer.push(Shape::Lines, Gap::Line, line);
    }
    if let Some(about) = &tags.about {
        packer.push(Shape::Prose, Gap::Paragraph, about);
    }
    if let Some(place) = place {
        packer.push(Shape::Lines, Gap::Line, place);
    }
    packer.flush();
    writer.drain(&mut packer, Place::BODY);
}

/// When and where it was taken, as far as an MP4 says so.
fn shot(boxes: &Boxes) -> Shot {
    let made = boxes.made_s.map(jiff::Timestamp::from_second);
    Shot {
        time: made.and_then(Result::ok).map(|made| made.to_string()),
        camera: None,
        position: boxes.position.map(gazetteer::position),
        place: boxes.position.and_then(gazetteer::name_of),
    }
}

/// Each chapter's title as a moment of its own, so that it is found where it begins.
fn write_chapters(chapters: &[Chapter], length_ms: Option<u64>, writer: &mut Writer<'_>) {
    let ends = chapters.iter().skip(1).map(|next| Some(next.t0_ms));
    for (chapter, end) in chapters.iter().zip(ends.chain([length_ms])) {
        let t0_ms = chapter.t0_ms;
        let place = Place {
            span_ms: Some((t0_ms, end.unwrap_or(t0_ms).max(t0_ms))),
            ..Place::BODY
        };
        writer.put(&chapter.title, place);
    }
}

/// Lyrics as a transcript, behind everything else: whoever knows a better one leaves them out.
fn write_lyrics(tags: &mut Tags, writer: &mut Writer<'_>) {
    let script = Script {
        cues: tags.timed_lyrics(),
        ..Script::default()
    };
    if !script.cues.is_empty() {
        super::cues::write(&script, writer);
        return;
    }
    let Some(lyrics) = &tags.lyrics else { return };
    let mut packer = Packer::new();
    packer.push(Shape::Lines, Gap::Line, lyrics);
    packer.flush();
    let place = Place {
        source: TextSource::Transcript,
        ..Place::BODY
    };
    writer.drain(&mut packer, place);
}
