//! A sound track, and its packets decoded one after the other.

use std::sync::OnceLock;

use symphonia::core::codecs::audio::well_known as codec;
use symphonia::core::codecs::audio::{AudioCodecId, AudioDecoder, AudioDecoderOptions};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatReader, Track, TrackType};
use symphonia::core::units::{Duration, TimeBase};

use super::source::Reach;
use super::stream::{SOUND_MAX_MS, Stream};
use super::tally::{Step, Tally};
use super::{STAGE, damaged};
use crate::extraction::{Kind, Refusal};
use crate::parse::unreadable;
use crate::parse::writer::Writer;

/// A sign of life for so much of the file, or for so much sound.
const PROGRESS_BYTES: u64 = 4 << 20;
const PROGRESS_MS: u64 = 5_000;

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
pub(super) struct Ear {
    pub(super) track_id: u32,
    clock: Option<TimeBase>,
    /// Nothing else in the file to keep time with.
    alone: bool,
    decoder: Box<dyn AudioDecoder>,
}

impl Ear {
    /// The track that a player would play, or else the first that can be decoded.
    pub(super) fn choose(reader: &dyn FormatReader, kind: Kind) -> Result<Ear, Refusal> {
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
    pub(super) fn listen(
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
        let mut packet = match reader.next_packet() {
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
        // A packet that lies whole behind the announced end is sound that the header does not know
        // of (recordings put together, a count that was never corrected), not padding.
        if packet.trim_end >= packet.dur {
            packet.trim_end = Duration::ZERO;
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
