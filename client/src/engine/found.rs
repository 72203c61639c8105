//! Founding an alliance.

use super::{AllianceNumber, Engine};
use crate::ClientError;
use crate::store::alliances::{self, Place, Status};
use crate::store::{groups, kept};
use twiza_crypto::alliance::AllianceRelay;
use twiza_crypto::epoch::Branch;
use twiza_crypto::grant::Grant;
use twiza_crypto::group::Group;
use twiza_crypto::name::Name;
use twiza_protocol::RelayAddress;

impl Engine {
    /// Founds an alliance on a relay. One is its first organiser.
    ///
    /// # Errors
    /// [`ClientError::Relay`] where the relay cannot be reached or wants a grant; nothing is kept then.
    pub async fn found(
        &self,
        name: &Name,
        relay: &RelayAddress,
        grant: Option<Grant>,
    ) -> Result<AllianceNumber, ClientError> {
        let now = self.environment.clock.unix_seconds();
        let alliance_relay = AllianceRelay { address: relay.clone(), grant: grant.clone() };
        let profile = &self.profile;
        let mut group = Group::found(
            &profile.key,
            &profile.name,
            &profile.organisation,
            name,
            alliance_relay,
            &self.environment.random,
        )?;
        let keys = group.epoch_keys(relay.key(), Branch::default())?;
        let connection = self.environment.connector.connect(relay)?;
        connection.describe().await?;
        let opened = self.open_with(&*connection, &keys.mailbox, grant.as_slice()).await?;
        let mut step = self.store.begin().await?;
        let id = alliances::insert(&mut step, Status::Joining, relay, None).await?;
        groups::apply(&mut step, id, &group.take_changes()).await?;
        alliances::set_active(&mut step, id, &group.alliance().id, name.as_str()).await?;
        alliances::set_place(&mut step, id, &Place::START).await?;
        alliances::set_rotated(&mut step, id, now).await?;
        alliances::set_opened(&mut step, id, self.environment.clock.today().0).await?;
        alliances::set_seen(&mut step, id).await?;
        let row = alliances::get(&mut step, id).await?;
        let kept = self.keep_mailbox(&mut step, &row, &group, &keys).await?;
        kept::set_certain(&mut step, kept, opened.expires.0).await?;
        step.commit().await?;
        self.connections.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(id, connection);
        Ok(AllianceNumber(id))
    }
}
