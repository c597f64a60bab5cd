//! Any rate to 16 kHz, as a stream.
//!
//! Band-limited (FFT convolution behind a Blackman-Harris window), without the delay of the
//! filter: the first sample out is the first sample in, and there are as many as the length
//! of the sound asks for. What is already at 16 kHz passes untouched.

use audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _};

/// What speech models hear.
pub(crate) const RATE_HZ: u32 = 16_000;
/// Source frames to one transform, at least: 43 ms at 48 kHz. Longer ones cut more sharply
/// below 8 kHz, and speech has nothing there that would need it.
const BLOCK_MIN_FRAMES: u32 = 2_048;

/// A stream on its way from one rate to [`RATE_HZ`].
pub(super) struct Resampler {
    rate: u32,
    fft: Option<Fft<f32>>,
    /// What waits for a whole block.
    waiting: Vec<f32>,
    block: Vec<f32>,
    /// Samples out that are the filter's delay.
    delay: usize,
    /// Samples in and out so far.
    taken: u64,
    given: u64,
}

impl Resampler {
    /// From `rate`, in Hz.
    pub(super) fn new(rate: u32) -> Result<Resampler, String> {
        let fft = if rate == RATE_HZ {
            None
        } else {
            let made = Fft::new(
                rate as usize,
                RATE_HZ as usize,
                block_frames(rate),
                1,
                1,
                FixedSync::Both,
            );
            Some(made.map_err(|error| format!("its rate of {rate} Hz cannot be read: {error}"))?)
        };
        let (delay, block) = fft
            .as_ref()
            .map_or((0, 0), |fft| (fft.output_delay(), fft.output_frames_max()));
        Ok(Resampler {
            rate,
            fft,
            waiting: Vec::new(),
            block: vec![0.0; block],
            delay,
            taken: 0,
            given: 0,
        })
    }

    /// The rate that it takes.
    pub(super) fn rate(&self) -> u32 {
        self.rate
    }

    /// Takes samples, appends those that are ready.
    pub(super) fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) -> Result<(), String> {
        self.taken += samples.len() as u64;
        if self.fft.is_none() {
            self.given += samples.len() as u64;
            out.extend_from_slice(samples);
            return Ok(());
        }
        self.waiting.extend_from_slice(samples);
        self.drain(out)
    }

    /// The end: appends what was held back.
    pub(super) fn finish(&mut self, out: &mut Vec<f32>) -> Result<(), String> {
        let due = (self.taken * u64::from(RATE_HZ)).div_ceil(u64::from(self.rate));
        while self.given < due {
            let Some(fft) = &self.fft else { break };
            let block = fft.input_frames_next();
            self.waiting.resize(block, 0.0);
            self.drain(out)?;
        }
        out.truncate(out.len() - (self.given - due) as usize);
        self.given = due;
        self.waiting.clear();
        Ok(())
    }

    fn drain(&mut self, out: &mut Vec<f32>) -> Result<(), String> {
        let Some(fft) = &mut self.fft else {
            return Ok(());
        };
        let failed = |error: &dyn std::fmt::Display| format!("resampling failed: {error}");
        let block = fft.input_frames_next();
        let mut from = 0;
        while self.waiting.len() - from >= block {
            let input = SequentialSlice::new(&self.waiting[from..from + block], 1, block)
                .map_err(|error| failed(&error))?;
            let room = self.block.len();
            let mut output = SequentialSlice::new_mut(&mut self.block, 1, room)
                .map_err(|error| failed(&error))?;
            let (_, made) = fft
                .process_into_buffer(&input, &mut output, None)
                .map_err(|error| failed(&error))?;
            from += block;
            let skip = self.delay.min(made);
            self.delay -= skip;
            self.given += (made - skip) as u64;
            out.extend_from_slice(&self.block[skip..made]);
        }
        self.waiting.drain(..from);
        Ok(())
    }
}

/// The frames of a transform: a whole number of samples on both sides, and an even one on this,
/// or else the filter's delay lies between two samples and the sound comes late by a part of one.
fn block_frames(rate: u32) -> usize {
    let (mut unit, mut rest) = (rate, RATE_HZ);
    while rest > 0 {
        (unit, rest) = (rest, unit % rest);
    }
    let smallest = rate / unit;
    (smallest * BLOCK_MIN_FRAMES.div_ceil(smallest).next_multiple_of(2)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    fn through(rate: u32, samples: &[f32]) -> Vec<f32> {
        let mut resampler = Resampler::new(rate).unwrap();
        let mut out = Vec::new();
        // Packets as codecs make them, and not a divisor of any block.
        for packet in samples.chunks(1152) {
            resampler.push(packet, &mut out).unwrap();
        }
        resampler.finish(&mut out).unwrap();
        out
    }

    fn sine(rate: u32, hz: f64, seconds: f64) -> Vec<f32> {
        (0..(f64::from(rate) * seconds) as usize)
            .map(|n| (0.5 * (TAU * hz * n as f64 / f64::from(rate)).sin()) as f32)
            .collect()
    }

    /// Signal over what is left when the sine that should be there is taken away, in dB, the
    /// edges aside.
    fn snr_db(heard: &[f32], hz: f64) -> f64 {
        let wanted = sine(RATE_HZ, hz, heard.len() as f64 / f64::from(RATE_HZ));
        let edge = 800;
        let inner = edge..wanted.len().min(heard.len()) - edge;
        let (mut signal, mut noise) = (0.0, 0.0);
        for n in inner {
            signal += f64::from(wanted[n]).powi(2);
            noise += (f64::from(wanted[n]) - f64::from(heard[n])).powi(2);
        }
        10.0 * (signal / noise).log10()
    }

    #[test]
    fn a_sine_stays_the_same_sine() {
        for rate in [
            8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000,
        ] {
            for hz in [200.0, 1_000.0, 3_000.0] {
                let heard = through(rate, &sine(rate, hz, 1.5));
                assert_eq!(heard.len(), 24_000, "{rate} Hz");
                let snr = snr_db(&heard, hz);
                eprintln!("{rate} Hz, a tone of {hz} Hz: {snr:.1} dB");
                assert!(snr > 90.0, "{rate} Hz, a tone of {hz} Hz: {snr:.1} dB");
            }
        }
    }

    #[test]
    fn what_16_khz_cannot_hold_is_gone_not_folded() {
        let heard = through(48_000, &sine(48_000, 10_000.0, 1.0));
        let loudest = heard[800..heard.len() - 800]
            .iter()
            .fold(0.0_f32, |most, sample| most.max(sample.abs()));
        assert!(loudest < 1e-4, "{loudest}");
    }

    #[test]
    fn lengths_are_right_for_any_rate_and_shortness() {
        for rate in [8_000, 11_025, 44_100, 44_101, 192_000] {
            for samples in [0_usize, 1, 100, 5_000] {
                let heard = through(rate, &vec![0.25; samples]);
                let due = (samples as u64 * 16_000).div_ceil(u64::from(rate));
                assert_eq!(heard.len() as u64, due, "{samples} samples at {rate} Hz");
            }
        }
    }
}
