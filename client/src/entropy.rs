//! The operating system's randomness.

use twiza_crypto::{Entropy, EntropyError, Random};

struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(buffer).map_err(|_| EntropyError)
    }
}

/// Randomness from the operating system.
#[must_use]
pub fn os_random() -> Random {
    Random::new(OsEntropy)
}
