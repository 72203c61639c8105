//! Safety words: of the whole alliance, and of a person.

use super::{AllianceNumber, Engine, Held};
use crate::ClientError;
use twiza_crypto::words::SafetyWords;

/// What a room full of members reads aloud and compares.
#[derive(Debug, Clone, Copy)]
pub struct SafetyView {
    /// The epoch for which it is good.
    pub epoch: u64,
    /// The words.
    pub words: SafetyWords,
}

impl Engine {
    /// The words of an alliance as of what was read last: the same for all members in one epoch.
    ///
    /// # Errors
    /// [`ClientError::NotActive`].
    pub async fn verify(&self, alliance: AllianceNumber) -> Result<SafetyView, ClientError> {
        let Held { group, .. } = self.held(alliance).await?;
        Ok(SafetyView { epoch: group.epoch(), words: SafetyWords::of_epoch(group.epoch_authenticator()) })
    }
}
