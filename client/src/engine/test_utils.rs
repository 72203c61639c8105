//! What only tests need, behind the feature `test-utils`: what a member's changed client takes from its own store.

use super::{AllianceNumber, Engine};
use crate::ClientError;
use twiza_crypto::epoch::EpochKeys;
use twiza_crypto::group::Group;
use twiza_crypto::identity::IdentityKey;

/// What a member has at the place where it reads. A copy: whatever is done with it, the store stays as it was.
pub struct Insider {
    /// Its group.
    pub group: Group,
    /// The keys of the mailbox that it reads.
    pub keys: EpochKeys,
    /// Who it is.
    pub identity: IdentityKey,
}

impl Engine {
    /// What this member could do harm with.
    ///
    /// # Errors
    /// [`ClientError::NotActive`].
    pub async fn insider(&self, alliance: AllianceNumber) -> Result<Insider, ClientError> {
        let mut step = self.store.begin().await?;
        let row = self.hold(&mut step, alliance.0).await?.row;
        let group = self.copy(&mut step, row.id).await?;
        let keys = group.epoch_keys(row.relay.key(), row.place.branch)?;
        let identity = IdentityKey::from_seed(&self.profile.key.expose_seed());
        Ok(Insider { group, keys, identity })
    }
}
