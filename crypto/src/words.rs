//! Safety words: eight words (88 bits) that people read aloud and compare.
//!
//! The words are those of BIP 39. Each has a number in its list, the same in every language, so that somebody who
//! reads French and somebody who reads English compare the numbers.

use crate::identity::Identity;
use bip39::Language;
use sha2::{Digest, Sha256};
use std::fmt;

/// How many words.
pub const WORD_COUNT: usize = 8;

/// Eight places in a list of 2,048 words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SafetyWords([u16; WORD_COUNT]);

/// Whose list of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WordLanguage {
    /// BIP 39 English.
    English,
    /// BIP 39 French.
    French,
}

impl SafetyWords {
    /// The words of a person: the same wherever and whenever they are shown.
    #[must_use]
    pub fn of_person(identity: &Identity) -> Self {
        Self::of(b"twiza person words v1\0", &identity.fingerprint())
    }

    /// The words of a whole alliance in one epoch, from its epoch authenticator (RFC 9420, section 8.7).
    #[must_use]
    pub fn of_epoch(epoch_authenticator: &[u8]) -> Self {
        Self::of(b"twiza alliance words v1\0", epoch_authenticator)
    }

    fn of(label: &[u8], value: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::new().chain_update(label).chain_update(value).finalize().into();
        let mut bits = digest.iter().fold((0u128, 0), |(bits, taken), octet| {
            if taken < 11 { (bits << 8 | u128::from(*octet), taken + 1) } else { (bits, taken) }
        });
        let mut places = [0; WORD_COUNT];
        for place in places.iter_mut().rev() {
            *place = (bits.0 & 0x7ff) as u16;
            bits.0 >>= 11;
        }
        Self(places)
    }

    /// The words in a language.
    #[must_use]
    pub fn words(&self, language: WordLanguage) -> Vec<&'static str> {
        let list = match language {
            WordLanguage::English => Language::English.word_list(),
            WordLanguage::French => Language::French.word_list(),
        };
        self.0.iter().filter_map(|place| list.get(usize::from(*place)).copied()).collect()
    }
}

impl fmt::Display for SafetyWords {
    /// The numbers, four digits each, the same in every language.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, place) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{place:04}")?;
        }
        Ok(())
    }
}
