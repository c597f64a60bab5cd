//! Packets to 16 kHz mono, in file time.
//!
//! The sample that stands at second `t` of what is sent is what a player plays at second `t`:
//! a packet that is damaged or missing leaves silence of its length. Memory holds one packet
//! and one chunk, however long the file.

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::units::{TimeBase, Timestamp};

use super::resample::{RATE_HZ, Resampler};
use crate::extraction::Refusal;
use crate::parse::writer::Writer;

/// Sound goes out in chunks of this length: 10 s, 320 kB.
const CHUNK_SAMPLES: usize = 10 * RATE_HZ as usize;
/// Longer than this nothing is heard: a day, the length of the longest audio books.
pub(super) const SOUND_MAX_MS: u64 = 24 * 3_600_000;
/// More channels than this is no sound but noise in the header: 22.2 surround has 24.
const CHANNELS_MAX: usize = 32;
/// Rates that sound is recorded at, with room on both sides.
const RATES_HZ: std::ops::RangeInclusive<u32> = 4_000..=768_000;
/// Times of packets are rounded, and codecs have their delay: a gap is longer than this.
const GAP_MIN_MS: i64 = 100;
/// A jump that is longer than this is a clock that was set, not silence.
const GAP_MAX_MS: i64 = 3_600_000;
/// Silence is made in pieces of this length.
const SILENCE_MS: u64 = 1_000;

/// Takes decoded packets, sends chunks.
pub(super) struct Stream<'a, 'w> {
    writer: &'a mut Writer<'w>,
    resampler: Option<Resampler>,
    mono: Vec<f32>,
    interleaved: Vec<f32>,
    resampled: Vec<f32>,
    chunk: Vec<i16>,
    /// Samples that went through resamplers of other rates, at [`RATE_HZ`].
    before: u64,
    /// Samples at the present rate that went into the resampler.
    taken: u64,
    /// Where the file's clock stands when it begins, in milliseconds.
    origin_ms: Option<i64>,
}

impl<'a, 'w> Stream<'a, 'w> {
    /// A stream whose clock begins at zero, or with its first packet where `own_clock` says
    /// that there is nothing else in the file to agree with.
    pub(super) fn new(writer: &'a mut Writer<'w>, own_clock: bool) -> Stream<'a, 'w> {
        Stream {
            writer,
            resampler: None,
            mono: Vec::new(),
            interleaved: Vec::new(),
            resampled: Vec::new(),
            chunk: Vec::with_capacity(CHUNK_SAMPLES),
            before: 0,
            taken: 0,
            origin_ms: (!own_clock).then_some(0),
        }
    }

    /// How much has been heard, in milliseconds.
    pub(super) fn heard_ms(&self) -> u64 {
        let now = self.resampler.as_ref().map_or(0, |resampler| {
            self.taken * 1000 / u64::from(resampler.rate())
        });
        self.before * 1000 / u64::from(RATE_HZ) + now
    }

    /// A sign of life.
    pub(super) fn progress(&mut self, total_ms: u64) {
        let heard_ms = self.heard_ms();
        self.writer
            .progress(heard_ms, total_ms.max(heard_ms), super::STAGE);
    }

    /// Takes a packet's sound, which is to be played at `at` by the clock of its track.
    /// False once nobody listens or the longest length is reached.
    pub(super) fn push(
        &mut self,
        sound: &GenericAudioBufferRef<'_>,
        clock: Option<TimeBase>,
        at: Timestamp,
    ) -> Result<bool, Refusal> {
        let frames = sound.frames();
        if frames == 0 {
            return Ok(true);
        }
        let channels = sound.spec().channels().count();
        let rate = sound.spec().rate();
        if channels == 0 || channels > CHANNELS_MAX {
            return Err(absurd(format!("{channels} channels")));
        }
        self.set_rate(rate)?;
        if let Some(at) = clock.and_then(|clock| clock.calc_time(at)) {
            self.keep_time(i64::try_from(at.as_millis()).unwrap_or(0), rate)?;
        }
        sound.copy_to_vec_interleaved(&mut self.interleaved);
        self.mono.clear();
        let share = 1.0 / channels as f32;
        let mixed = self
            .interleaved
            .chunks_exact(channels)
            .map(|frame| frame.iter().sum::<f32>() * share);
        // What is not finite would be not finite for ever in a filter.
        self.mono
            .extend(mixed.map(|sample| if sample.is_finite() { sample } else { 0.0 }));
        self.feed()
    }

    /// The end: sends what is left. How much was heard, in milliseconds.
    pub(super) fn finish(&mut self) -> Result<u64, Refusal> {
        let heard_ms = self.heard_ms();
        self.close_rate()?;
        if !self.chunk.is_empty() {
            self.writer.sound(&self.chunk);
        }
        self.chunk.clear();
        Ok(heard_ms)
    }

    /// Silence for what is missing before a packet that stands at `at_ms`.
    fn keep_time(&mut self, at_ms: i64, rate: u32) -> Result<(), Refusal> {
        let heard_ms = i64::try_from(self.heard_ms()).unwrap_or(i64::MAX);
        let origin_ms = *self.origin_ms.get_or_insert(at_ms.max(0));
        let missing_ms = at_ms.saturating_sub(origin_ms).saturating_sub(heard_ms);
        if !(-GAP_MIN_MS..=GAP_MAX_MS).contains(&missing_ms) {
            self.origin_ms = Some(at_ms.saturating_sub(heard_ms));
            return Ok(());
        }
        if missing_ms < GAP_MIN_MS {
            return Ok(());
        }
        let mut left = missing_ms as u64;
        while left > 0 {
            let piece = left.min(SILENCE_MS);
            self.mono.clear();
            self.mono
                .resize((u64::from(rate) * piece / 1000) as usize, 0.0);
            if !self.feed()? {
                break;
            }
            left -= piece;
        }
        Ok(())
    }

    /// Sends what is in `mono` on its way.
    fn feed(&mut self) -> Result<bool, Refusal> {
        self.taken += self.mono.len() as u64;
        if let Some(resampler) = &mut self.resampler {
            resampler
                .push(&self.mono, &mut self.resampled)
                .map_err(absurd)?;
        }
        Ok(self.send() && self.heard_ms() < SOUND_MAX_MS)
    }

    /// Cuts what is resampled into chunks.
    fn send(&mut self) -> bool {
        let mut listened = true;
        for sample in self.resampled.drain(..) {
            self.chunk.push((sample * 32_767.0).round() as i16);
            if self.chunk.len() == CHUNK_SAMPLES {
                listened &= self.writer.sound(&self.chunk);
                self.chunk.clear();
            }
        }
        listened
    }

    /// Rates change within chained streams, and where a header lies.
    fn set_rate(&mut self, rate: u32) -> Result<(), Refusal> {
        if self.resampler.as_ref().map(Resampler::rate) == Some(rate) {
            return Ok(());
        }
        if !RATES_HZ.contains(&rate) {
            return Err(absurd(format!("{rate} samples a second")));
        }
        self.close_rate()?;
        self.resampler = Some(Resampler::new(rate).map_err(absurd)?);
        Ok(())
    }

    fn close_rate(&mut self) -> Result<(), Refusal> {
        if let Some(mut resampler) = self.resampler.take() {
            resampler.finish(&mut self.resampled).map_err(absurd)?;
            self.before += (self.taken * u64::from(RATE_HZ)).div_ceil(u64::from(resampler.rate()));
            self.taken = 0;
            self.send();
        }
        Ok(())
    }
}

fn absurd(what: impl std::fmt::Display) -> Refusal {
    Refusal::failed(
        super::STAGE,
        format!("damaged: its header asks for what cannot be: {what}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::limits;
    use crate::parse::writer::tests::Kept;
    use symphonia::core::audio::AudioMut;
    use symphonia::core::audio::{AsGenericAudioBufferRef, AudioBuffer, AudioSpec, layouts};

    /// Runs packets of 100 ms, each at its time, through a stream; what was heard.
    fn heard(rate: u32, own_clock: bool, at_ms: &[i64]) -> (u64, Vec<i16>) {
        let limits = limits();
        let mut kept = Kept::default();
        let mut writer = Writer::new(&mut kept, &limits);
        let mut stream = Stream::new(&mut writer, own_clock);
        let spec = AudioSpec::new(rate, layouts::CHANNEL_LAYOUT_STEREO);
        let mut buffer = AudioBuffer::<f32>::new(spec, rate as usize / 10);
        buffer.render_silence(None);
        for plane in buffer.iter_planes_mut() {
            plane.fill(0.5);
        }
        for at in at_ms {
            let going = stream
                .push(
                    &buffer.as_generic_audio_buffer_ref(),
                    TimeBase::try_new(1, 1000),
                    Timestamp::new(*at),
                )
                .unwrap();
            assert!(going);
        }
        let ms = stream.finish().unwrap();
        (ms, kept.sound)
    }

    #[test]
    fn gaps_become_silence_and_clocks_that_jump_do_not() {
        let (ms, sound) = heard(16_000, false, &[0, 100, 700]);
        assert_eq!((ms, sound.len()), (800, 12_800));
        assert_eq!(sound.iter().filter(|sample| **sample == 0).count(), 8_000);
        assert!(sound[..3_200].iter().all(|sample| *sample == 16_384));
        // A recorder that was started a year ago.
        assert_eq!(
            heard(16_000, true, &[31_000_000_000, 31_000_000_100]).0,
            200
        );
        assert_eq!(heard(16_000, false, &[0, 31_000_000_000]).0, 200);
        assert_eq!(heard(16_000, false, &[500, 400, 300]).0, 800);
    }

    #[test]
    fn every_chunk_is_short_and_the_length_exact() {
        let times: Vec<i64> = (0..250).map(|n| n * 100).collect();
        let (ms, sound) = heard(44_100, true, &times);
        assert_eq!((ms, sound.len()), (25_000, 400_000));
    }

    #[test]
    fn absurd_headers_are_refused() {
        let limits = limits();
        let mut kept = Kept::default();
        let mut writer = Writer::new(&mut kept, &limits);
        let mut stream = Stream::new(&mut writer, true);
        for rate in [1, 3_999, 4_000_000] {
            let spec = AudioSpec::new(rate, layouts::CHANNEL_LAYOUT_MONO);
            let mut buffer = AudioBuffer::<f32>::new(spec, 10);
            buffer.render_silence(None);
            let refused = stream.push(
                &buffer.as_generic_audio_buffer_ref(),
                None,
                Timestamp::new(0),
            );
            assert_eq!(
                refused.unwrap_err().reason,
                format!("damaged: its header asks for what cannot be: {rate} samples a second")
            );
        }
    }
}
