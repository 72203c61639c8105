//! Randomness as a parameter.

use openmls_traits::random::OpenMlsRand;
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;

/// A source of random octets, given by whoever uses this crate: the operating system's, or a seeded one in a test.
pub trait Entropy: Send {
    /// Fills the buffer with octets that nobody can predict.
    ///
    /// # Errors
    /// [`EntropyError`] where the source fails; nothing may be made of the buffer then.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), EntropyError>;
}

/// The source of randomness failed. The environment's fault; nothing was made or sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the source of randomness failed")]
pub struct EntropyError;

/// A handle to one [`Entropy`], shared by everything that draws from it.
#[derive(Clone)]
pub struct Random(Arc<Mutex<dyn Entropy>>);

impl Random {
    /// Draws from this source from now on.
    pub fn new(source: impl Entropy + 'static) -> Self {
        Self(Arc::new(Mutex::new(source)))
    }

    /// Fills a buffer.
    ///
    /// # Errors
    /// [`EntropyError`] where the source fails.
    pub fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill(buffer)
    }

    /// An array of random octets.
    ///
    /// # Errors
    /// [`EntropyError`] where the source fails.
    pub fn array<const N: usize>(&self) -> Result<[u8; N], EntropyError> {
        let mut octets = [0; N];
        self.fill(&mut octets)?;
        Ok(octets)
    }
}

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Random")
    }
}

impl OpenMlsRand for Random {
    type Error = EntropyError;

    fn random_array<const N: usize>(&self) -> Result<[u8; N], EntropyError> {
        self.array()
    }

    fn random_vec(&self, len: usize) -> Result<Vec<u8>, EntropyError> {
        let mut octets = vec![0; len];
        self.fill(&mut octets)?;
        Ok(octets)
    }
}
