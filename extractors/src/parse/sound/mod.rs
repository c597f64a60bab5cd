//! Recordings and films: their sound, their tags.
//!
//! The file is streamed from its descriptor: tags first, as text; then, where it is wanted,
//! the sound as 16 kHz mono ([`stream`]). The bytes decide what is read, whatever the name
//! says. A packet that cannot be decoded is silence and is counted; a file of little but
//! those is refused, and so is one that is locked, silent by nature, or no sound at all.

mod boxes;
mod matroska;
mod resample;
mod source;
mod stream;
mod tags;

use std::sync::OnceLock;

use symphonia::core::codecs::audio::well_known as codec;
use symphonia::core::codecs::audio::{AudioCodecId, AudioDecoder, AudioDecoderOptions};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::common::Limit;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType, well_known as form};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::units::TimeBase;

use self::boxes::Boxes;
use self::source::{Reach, Source};
use self::stream::{SOUND_MAX_MS, Stream};
use self::tags::Tags;
use super::subtitle;
use super::writer::{Place, Writer};
use super::{Input, read_head, unreadable};
use crate::extraction::{Chapter, Kind, Metadata, Refusal, Sound, Source as TextSource};
use crate::format::Known;
use crate::passage::{Gap, Packer, Shape};

/// How far a refused file came.
pub(super) const STAGE: &str = "sound";
/// One tag, and a cover, which is not looked at, take no more memory than this.
const TAG_MAX_BYTES: usize = 8 << 20;
/// Of all packets this share may be damaged; beyond it what is left is no recording.
const BAD_SHARE_MAX: f64 = 0.25;
/// After this many damaged packets on end (ten seconds and more) nothing better follows.
const BAD_RUN_MAX: u64 = 500;
/// Packets without sound in between: nine hours of a film whose sound track has ended.
const SOUNDLESS_MAX: u64 = 2_000_000;
/// A sign of life for so much of the file, or for so much sound.
const PROGRESS_BYTES: u64 = 4 << 20;
const PROGRESS_MS: u64 = 5_000;
/// A file that plays this much shorter than it announces was cut off.
const CUT_SHARE: f64 = 0.9;

/// Reads the tags of a recording or a film and, if it is wanted, its sound.
pub(super) fn read(
    input: &Input<'_>,
    known: Known,
    mut writer: Writer<'_>,
) -> Result<Metadata, Refusal> {
    writer.progress(0, input.size, STAGE);
    let head = read_head(input.file).map_err(|error| unreadable(&error))?;
    let mut boxes = Boxes::default();
    let mut hidden = Vec::new();
    if boxes::is_mp4(&head) {
        boxes = boxes::look(input.file, input.size);
    } else if matroska::is_matroska(&head) {
        let elements = matroska::look(input.file, input.size);
        boxes.chapters = elements.chapters;
        hidden = elements.ids_at;
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
    let kind = kind_of(&*reader, known);
    let mut tags = Tags::of(&mut *reader);
    if tags.chapters.is_empty() {
        tags.chapters = boxes.chapters;
    }
    let mut ear = Ear::choose(&*reader, kind)?;
    let announced_ms = duration_ms(&*reader, ear.track_id);
    write_tags(&tags, &mut writer);
    if !input.wants.sound && writer.written() == 0 {
        return Err(Refusal::skipped(
            STAGE,
            "a recording that names neither title nor show: hippo does not hear recordings yet",
        ));
    }
    let mut heard_ms = None;
    if input.wants.sound {
        heard_ms = Some(ear.listen(&mut *reader, &mut writer, &reach, announced_ms)?);
    }
    let mut metadata = Metadata::new(kind, mime(&*reader, kind, &head), "symphonia");
    metadata.title = tags.title;
    metadata.author = tags.author;
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

/// The tags as a passage, so that title and show are found; lyrics as what is said.
fn write_tags(tags: &Tags, writer: &mut Writer<'_>) {
    let mut packer = Packer::new();
    let heads = [&tags.title, &tags.show, &tags.author, &tags.date];
    for line in heads.into_iter().flatten() {
        packer.push(Shape::Lines, Gap::Line, line);
    }
    if let Some(about) = &tags.about {
        packer.push(Shape::Prose, Gap::Paragraph, about);
    }
    for Chapter { title, .. } in &tags.chapters {
        packer.push(Shape::Lines, Gap::Line, title);
    }
    packer.flush();
    writer.drain(&mut packer, Place::BODY);
    let Some(lyrics) = &tags.lyrics else { return };
    let script = subtitle::lyrics(lyrics);
    if !script.cues.is_empty() {
        writer.note("the lyrics inside it give the words and their times");
        super::cues::write(&script, writer);
        return;
    }
    writer.note("the lyrics inside it give the words, without times");
    packer.push(Shape::Lines, Gap::Line, lyrics);
    packer.flush();
    let place = Place {
        source: TextSource::Transcript,
        ..Place::BODY
    };
    writer.drain(&mut packer, place);
}

/// Symphonia's codecs, and Opus, which it lacks.
fn codecs() -> &'static CodecRegistry {
    static CODECS: OnceLock<CodecRegistry> = OnceLock::new();
    CODECS.get_or_init(|| {
        let mut codecs = CodecRegistry::new();
        symphonia::default::register_enabled_codecs(&mut codecs);
        codecs.register_audio_decoder::<symphonia_adapter_libopus::OpusDecoder>();
        codecs
    })
}

/// A sound track and what decodes it.
struct Ear {
    track_id: u32,
    clock: Option<TimeBase>,
    /// Nothing else in the file to keep time with.
    alone: bool,
    decoder: Box<dyn AudioDecoder>,
}

impl Ear {
    /// The track that a player would play, or else the first that can be decoded.
    fn choose(reader: &dyn FormatReader, kind: Kind) -> Result<Ear, Refusal> {
        let first = reader.default_track(TrackType::Audio);
        let rest = reader.tracks().iter();
        let mut refusal = None;
        for track in first.into_iter().chain(rest) {
            match Ear::on(track) {
                Some(Ok(decoder)) => {
                    return Ok(Ear {
                        track_id: track.id,
                        clock: track.time_base,
                        alone: reader.tracks().len() == 1,
                        decoder,
                    });
                }
                Some(Err(error)) => {
                    refusal.get_or_insert(error);
                }
                None => {}
            }
        }
        Err(refusal.unwrap_or_else(|| {
            let reason = match kind {
                Kind::Video => "a film without a sound track",
                _ => "there is no sound in it",
            };
            Refusal::skipped(STAGE, reason)
        }))
    }

    /// A decoder for a track, or why there is none; nothing for what is no sound.
    fn on(track: &Track) -> Option<Result<Box<dyn AudioDecoder>, Refusal>> {
        let params = track.codec_params.as_ref()?.audio()?;
        if codecs().get_audio_decoder(params.codec).is_none() {
            return Some(Err(Refusal::skipped(
                STAGE,
                format!(
                    "its sound is {}, which hippo cannot decode",
                    name_of(params.codec)
                ),
            )));
        }
        let made = codecs().make_audio_decoder(params, &AudioDecoderOptions::default());
        Some(made.map_err(|error| match error {
            Error::Unsupported(what) => Refusal::skipped(
                STAGE,
                format!("its sound is coded in a way that hippo cannot decode: {what}"),
            ),
            error => Refusal::failed(STAGE, damaged(&error)),
        }))
    }

    /// Decodes to the end. How much was heard, in milliseconds.
    fn listen(
        &mut self,
        reader: &mut dyn FormatReader,
        writer: &mut Writer<'_>,
        reach: &Reach,
        announced_ms: Option<u64>,
    ) -> Result<u64, Refusal> {
        let mut stream = Stream::new(writer, self.alone);
        let mut tally = Tally::default();
        let mut pace = Pace::default();
        while let Step::On = self.step(reader, &mut stream, &mut tally)? {
            if pace.due(reach.bytes(), stream.heard_ms()) {
                stream.progress(announced_ms.unwrap_or(0));
            }
        }
        let heard_ms = stream.finish()?;
        tally.verdict(heard_ms)?;
        for note in tally.notes(heard_ms, announced_ms) {
            writer.note(note);
        }
        Ok(heard_ms)
    }

    /// One packet.
    fn step(
        &mut self,
        reader: &mut dyn FormatReader,
        stream: &mut Stream<'_, '_>,
        tally: &mut Tally,
    ) -> Result<Step, Refusal> {
        let packet = match reader.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => return Ok(Step::End),
            Err(Error::IoError(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                tally.cut = true;
                return Ok(Step::End);
            }
            Err(Error::IoError(error)) => return Err(unreadable(&error)),
            Err(Error::ResetRequired) => {
                // The next of several recordings in one stream.
                *self = Ear::choose(reader, Kind::Audio)?;
                return Ok(tally.soundless());
            }
            Err(error) => return Ok(tally.bad(&error)),
        };
        if packet.track_id != self.track_id {
            return Ok(tally.soundless());
        }
        match self.decoder.decode(&packet) {
            Ok(sound) if sound.frames() == 0 => Ok(tally.soundless()),
            Ok(sound) => {
                tally.good();
                let going = stream.push(&sound, self.clock, packet.pts)?;
                tally.too_long = stream.heard_ms() >= SOUND_MAX_MS;
                Ok(if going { Step::On } else { Step::End })
            }
            Err(Error::ResetRequired) => {
                self.decoder.reset();
                Ok(tally.soundless())
            }
            Err(error) => Ok(tally.bad(&error)),
        }
    }
}

enum Step {
    On,
    End,
}

/// When a sign of life is due.
#[derive(Default)]
struct Pace {
    bytes: u64,
    ms: u64,
}

impl Pace {
    fn due(&mut self, bytes: u64, ms: u64) -> bool {
        let due = bytes >= self.bytes + PROGRESS_BYTES || ms >= self.ms + PROGRESS_MS;
        if due {
            *self = Pace { bytes, ms };
        }
        due
    }
}

/// What became of the packets.
#[derive(Default)]
struct Tally {
    good: u64,
    bad: u64,
    bad_run: u64,
    soundless_run: u64,
    first_error: Option<String>,
    /// Ended in the middle of a packet.
    cut: bool,
    /// Given up before the end.
    gave_up: bool,
    too_long: bool,
}

impl Tally {
    fn good(&mut self) {
        self.good += 1;
        self.bad_run = 0;
        self.soundless_run = 0;
    }

    fn bad(&mut self, error: &Error) -> Step {
        self.bad += 1;
        self.bad_run += 1;
        self.first_error.get_or_insert_with(|| error.to_string());
        self.gave_up = self.bad_run >= BAD_RUN_MAX;
        if self.gave_up { Step::End } else { Step::On }
    }

    fn soundless(&mut self) -> Step {
        self.soundless_run += 1;
        self.gave_up = self.soundless_run >= SOUNDLESS_MAX;
        if self.gave_up { Step::End } else { Step::On }
    }

    /// Whether what was heard is a recording.
    fn verdict(&self, heard_ms: u64) -> Result<(), Refusal> {
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

    fn notes(&self, heard_ms: u64, announced_ms: Option<u64>) -> Vec<String> {
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

/// Codecs that people meet and hippo cannot decode.
fn name_of(id: AudioCodecId) -> &'static str {
    match id {
        codec::CODEC_ID_AC3 => "AC-3 (Dolby Digital)",
        codec::CODEC_ID_EAC3 => "E-AC-3 (Dolby Digital Plus)",
        codec::CODEC_ID_AC4 => "AC-4",
        codec::CODEC_ID_TRUEHD => "TrueHD",
        codec::CODEC_ID_DCA => "DTS",
        codec::CODEC_ID_SPEEX => "Speex",
        codec::CODEC_ID_WMA => "Windows Media Audio",
        codec::CODEC_ID_WAVPACK => "WavPack",
        codec::CODEC_ID_MONKEYS_AUDIO => "Monkey's Audio",
        codec::CODEC_ID_MUSEPACK => "Musepack",
        _ => "in a codec of its own",
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
