//! Chance that comes out the same each time.

use domain::ports::Chance;
use std::sync::atomic::{AtomicU64, Ordering};

/// The same sequence of fractions for the same seed (`SplitMix64`).
#[derive(Debug)]
pub struct SeededChance(AtomicU64);

impl SeededChance {
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Chance for SeededChance {
    fn fraction(&self) -> f64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut mixed = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        // The upper 32 bits fill an `f64` without rounding, so the result stays below 1.
        let upper = u32::try_from(mixed >> 32).expect("a u64 shifted by 32 fits in a u32");
        f64::from(upper) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_sequence_within_the_unit_interval() {
        let (first, second) = (SeededChance::new(7), SeededChance::new(7));
        let drawn: Vec<f64> = (0..1000).map(|_| first.fraction()).collect();
        assert!(drawn.iter().all(|fraction| (0.0..1.0).contains(fraction)));
        assert!(drawn.iter().any(|fraction| *fraction < 0.1) && drawn.iter().any(|fraction| *fraction > 0.9));
        assert!(drawn.iter().all(|fraction| fraction.to_bits() == second.fraction().to_bits()));
    }
}
