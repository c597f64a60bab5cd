//! Voiced stretches packed into the windows that a recogniser hears, and the way back.
//!
//! A recogniser's window is 30 s whether it is full or not, so stretches are put together
//! until the next one does not fit. Short pauses stay, long ones go; a map keeps where in the
//! file every piece stood. Pauses are where windows end, unless there are none.

use std::ops::Range;

use super::RATE_HZ;
use super::voice::Stretch;

/// What a recogniser hears at once: 30 s.
pub(super) const WINDOW_SAMPLES: usize = 30 * RATE_HZ as usize;
/// A pause between two stretches up to this length stays: half a second, the comma of speech.
pub(super) const PAUSE_MAX_SAMPLES: u64 = RATE_HZ as u64 / 2;
/// A window spans at most so much of the file, speech or not: four minutes. It bounds what
/// is lost with a session.
const SPAN_MAX_SAMPLES: u64 = 240 * RATE_HZ as u64;
/// Words with a pause of this length in their middle belong to one side of it: 2 s.
const APART_SAMPLES: u64 = 2 * RATE_HZ as u64;

/// A piece of the window that is contiguous in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    /// Its first sample in the file.
    file: u64,
    /// Its first sample in the window.
    window: usize,
    len: usize,
}

impl Piece {
    fn file_end(&self) -> u64 {
        self.file + self.len as u64
    }

    fn in_window(&self) -> Range<usize> {
        self.window..self.window + self.len
    }
}

/// Sound that is heard together.
#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    pub(super) samples: Vec<f32>,
    pieces: Vec<Piece>,
    /// Whether it ends in the middle of speech.
    pub(super) cut: bool,
}

impl Window {
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The first sample of the file in it.
    pub(super) fn file_start(&self) -> Option<u64> {
        self.pieces.first().map(|piece| piece.file)
    }

    /// The sample of the file after its last one.
    pub(super) fn file_end(&self) -> Option<u64> {
        self.pieces.last().map(Piece::file_end)
    }

    /// How many samples a stretch would add.
    fn growth(&self, stretch: Stretch) -> u64 {
        let pause = self
            .file_end()
            .map(|end| stretch.from.saturating_sub(end))
            .filter(|pause| *pause <= PAUSE_MAX_SAMPLES);
        stretch.to - stretch.from + pause.unwrap_or(0)
    }

    /// Whether a stretch still fits.
    pub(super) fn fits(&self, stretch: Stretch) -> bool {
        let span = stretch.to - self.file_start().unwrap_or(stretch.from);
        self.samples.len() as u64 + self.growth(stretch) <= WINDOW_SAMPLES as u64
            && span <= SPAN_MAX_SAMPLES
    }

    /// A stretch that goes on where the window ends, and is too long for it, in two: what
    /// fills the window, and the rest.
    pub(super) fn split(&self, stretch: Stretch) -> Option<(Stretch, Stretch)> {
        let room = (WINDOW_SAMPLES - self.samples.len()) as u64;
        let goes_on = self.file_end() == Some(stretch.from);
        let at = stretch.from + room;
        (goes_on && room > 0 && at < stretch.to).then_some((
            Stretch {
                to: at,
                cut: true,
                ..stretch
            },
            Stretch {
                from: at,
                ..stretch
            },
        ))
    }

    /// Whether the file has gone on for so long that the window is not waited with.
    pub(super) fn is_stale(&self, at: u64) -> bool {
        self.file_start()
            .is_some_and(|start| at.saturating_sub(start) > SPAN_MAX_SAMPLES)
    }

    /// Adds a stretch that fits, with the pause before it if that is short. `sound` gives the
    /// samples of a part of the file.
    pub(super) fn add(&mut self, stretch: Stretch, sound: impl Fn(Range<u64>) -> Vec<f32>) {
        let growth = self.growth(stretch);
        let from = stretch.to - growth;
        let samples = sound(from..stretch.to);
        match self
            .pieces
            .last_mut()
            .filter(|last| last.file_end() == from)
        {
            Some(last) => last.len += samples.len(),
            None => self.pieces.push(Piece {
                file: from,
                window: self.samples.len(),
                len: samples.len(),
            }),
        }
        self.samples.extend(samples);
        self.cut = stretch.cut;
    }

    /// What was said between two samples of the window, as samples of the file. In the
    /// place of a long pause a beginning belongs to what follows it, an end to what goes before.
    pub(super) fn to_file(&self, said: Range<usize>) -> Range<u64> {
        let end = self.samples.len();
        let from = said.start.min(end.saturating_sub(1));
        let to = said.end.clamp(from + 1, end.max(from + 1));
        let touched = self
            .pieces
            .iter()
            .filter(|piece| piece.window < to && piece.in_window().end > from);
        // The sides of long pauses, each with how much of the words it holds.
        let mut sides: Vec<(Range<u64>, usize)> = Vec::new();
        for piece in touched {
            let a = from.max(piece.window) - piece.window;
            let b = to.min(piece.in_window().end) - piece.window;
            let part = piece.file + a as u64..piece.file + b as u64;
            match sides
                .last_mut()
                .filter(|(side, _)| part.start - side.end <= APART_SAMPLES)
            {
                Some((side, held)) => {
                    side.end = part.end;
                    *held += b - a;
                }
                None => sides.push((part, b - a)),
            }
        }
        sides
            .into_iter()
            .max_by_key(|(_, held)| *held)
            .map_or(0..0, |(side, _)| side)
    }

    /// The tail from a sample on, as the beginning of another window.
    pub(super) fn tail(&self, from: usize) -> Window {
        let mut tail = Window::default();
        for piece in &self.pieces {
            let skip = from.saturating_sub(piece.window).min(piece.len);
            if skip < piece.len {
                tail.pieces.push(Piece {
                    file: piece.file + skip as u64,
                    window: tail.samples.len(),
                    len: piece.len - skip,
                });
                let kept = &self.samples[piece.window + skip..piece.in_window().end];
                tail.samples.extend_from_slice(kept);
            }
        }
        tail
    }

    /// The two halves on both sides of the pause that is nearest to the middle.
    pub(super) fn halves(&self) -> Option<(Window, Window)> {
        let middle = self.samples.len() / 2;
        let at = self.pieces.iter().skip(1).map(|piece| piece.window);
        let at = at.min_by_key(|at| at.abs_diff(middle))?;
        let mut second = self.tail(at);
        second.cut = self.cut;
        let mut first = self.clone();
        first.samples.truncate(at);
        first.pieces.retain(|piece| piece.window < at);
        first.cut = false;
        Some((first, second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::speech::voice::tests::split;
    use proptest::prelude::*;

    fn stretch(from_ms: u64, to_ms: u64) -> Stretch {
        Stretch {
            from: from_ms * 16,
            to: to_ms * 16,
            cut: false,
        }
    }

    /// Every sample is its own place in the file, so that a wrong copy is seen.
    fn sound(range: Range<u64>) -> Vec<f32> {
        range.map(|sample| sample as f32).collect()
    }

    fn ms(range: Range<u64>) -> (u64, u64) {
        (range.start / 16, range.end / 16)
    }

    #[test]
    fn short_pauses_stay_and_long_ones_are_bridged() {
        let mut window = Window::default();
        window.add(stretch(1_000, 3_000), sound);
        window.add(stretch(3_400, 5_000), sound);
        window.add(stretch(65_000, 67_000), sound);
        assert_eq!(window.samples.len(), 6_000 * 16);
        let said = |from: usize, to: usize| ms(window.to_file(from * 16..to * 16));
        assert_eq!(said(0, 2_000), (1_000, 3_000));
        assert_eq!(said(2_200, 4_000), (3_200, 5_000));
        // Where the long pause was.
        assert_eq!(said(4_000, 5_000), (65_000, 66_000));
        assert_eq!(said(3_900, 5_500), (65_000, 66_500));
        assert_eq!(said(1_000, 4_100), (2_000, 5_000));
        assert_eq!(said(5_900, 9_000), (66_900, 67_000));
    }

    #[test]
    fn a_window_is_full_or_stale() {
        let mut window = Window::default();
        window.add(stretch(0, 20_000), sound);
        assert!(window.fits(stretch(25_000, 35_000)));
        assert!(!window.fits(stretch(25_000, 35_001)));
        assert!(!window.fits(stretch(239_500, 240_100)));
        assert!(!window.is_stale(240_000 * 16));
        assert!(window.is_stale(240_001 * 16));
    }

    #[test]
    fn tails_and_halves_know_where_they_stand() {
        let mut window = Window::default();
        for start in [0, 10_000, 20_000] {
            window.add(stretch(start, start + 4_000), sound);
        }
        let tail = window.tail(6_000 * 16);
        assert_eq!(tail.samples.len(), 6_000 * 16);
        assert_eq!(ms(tail.to_file(0..1_000 * 16)), (12_000, 13_000));
        assert!((tail.samples[0] - 12_000.0 * 16.0).abs() < 0.5);
        let (first, second) = window.halves().unwrap();
        assert_eq!(first.samples.len() + second.samples.len(), 12_000 * 16);
        assert_eq!(second.file_start(), Some(10_000 * 16));
        assert!(window.tail(9_000 * 16).halves().is_none());
    }

    proptest! {
        /// However voice and pauses fall, times of a window are monotone, inside the file,
        /// and name the very samples that were heard.
        #[test]
        fn the_way_back_is_true(
            runs in prop::collection::vec((prop::bool::ANY, 1_u64..300), 1..60),
            at in prop::collection::vec(0.0_f64..1.0, 1..20),
        ) {
            let probabilities: Vec<f32> = runs
                .iter()
                .flat_map(|(voiced, frames)| vec![f32::from(u8::from(*voiced)); *frames as usize])
                .collect();
            let file_end = (probabilities.len() * 512) as u64;
            let mut window = Window::default();
            let mut before = 0;
            for stretch in split(&probabilities) {
                if !window.fits(stretch) {
                    window = Window::default();
                }
                window.add(stretch, sound);
                prop_assert!(window.samples.len() <= WINDOW_SAMPLES);
                let mut places: Vec<usize> =
                    at.iter().map(|at| (at * window.samples.len() as f64) as usize).collect();
                places.sort_unstable();
                let mut last = 0;
                for place in places {
                    let file = window.to_file(place..place + 1);
                    prop_assert_eq!(file.end, file.start + 1);
                    prop_assert!(last <= file.start && file.end <= file_end);
                    prop_assert!((window.samples[place] - file.start as f32).abs() < 0.5);
                    last = file.start;
                }
                prop_assert!(window.file_end().unwrap() > before);
                before = window.file_end().unwrap();
            }
        }
    }
}
