//! Seeded randomness, so that a failure can be had again.
//!
//! SplitMix64 (Steele, Lea, Flood 2014): ten lines, good enough to choose files and moments,
//! and the same on every machine, which no library promises across versions.

/// The setting that gives a failed run's seed again.
pub const SEED_ENV: &str = "HIPPO_SEED";

/// A seeded source of random numbers.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// A source that gives the same numbers for the same seed.
    pub const fn new(seed: u64) -> Self {
        Rng(seed)
    }

    /// The seed is `HIPPO_SEED`, or the clock; it is printed with the line that repeats the run.
    pub fn from_env(test: &str) -> Self {
        let seed = std::env::var(SEED_ENV)
            .ok()
            .map_or_else(Self::clock, |text| {
                text.trim()
                    .parse()
                    .unwrap_or_else(|_| panic!("{SEED_ENV}={text} is not a whole number"))
            });
        eprintln!("{test}: seed {seed} (the same again: {SEED_ENV}={seed})");
        Rng(seed)
    }

    fn clock() -> u64 {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(1, |age| age.as_nanos() as u64 % 1_000_000_007)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `bound`, `bound` left out.
    pub fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "nothing lies below 0");
        (self.number() % bound as u64) as usize
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
