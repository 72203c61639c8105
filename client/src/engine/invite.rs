//! Inviting somebody.

use super::{AllianceNumber, Engine, Held};
use crate::ClientError;
use crate::store::invitations;
use twiza_crypto::alliance::Role;
use twiza_crypto::invitation::Invitation;
use twiza_protocol::ExpiryDay;
use zeroize::Zeroizing;

/// An invitation that was just made.
pub struct NewInvitation {
    /// Its number in this profile.
    pub number: i64,
    /// The link to hand over.
    pub link: Zeroizing<String>,
    /// The last day on which it is good.
    pub expires: ExpiryDay,
}

impl Engine {
    /// Makes an invitation: good for one person and this many days.
    ///
    /// # Errors
    /// [`ClientError::NotOrganiser`], [`ClientError::NotActive`] or [`ClientError::Relay`].
    pub async fn invite(&self, alliance: AllianceNumber, role: Role, days: u32) -> Result<NewInvitation, ClientError> {
        let Held { row, group } = self.held(alliance).await?;
        let own = self.profile.key.identity();
        if group.alliance().seat(&own).is_none_or(|seat| seat.role != Role::Organiser) {
            return Err(ClientError::NotOrganiser);
        }
        let expires = self.environment.clock.today().plus_days(days);
        let invitation = Invitation::new(row.relay.clone(), own.fingerprint(), expires, &self.environment.random)?;
        let connection = self.environment.connector.connect(&row.relay)?;
        let grants = self.grants(row.id, group.alliance()).await?;
        self.open_with(&*connection, &invitation.rendezvous()?.mailbox, &grants).await?;
        let link = invitation.to_link()?;
        let mut step = self.store.begin().await?;
        let number = invitations::insert(&mut step, row.id, &link, role as u8, expires).await?;
        step.commit().await?;
        Ok(NewInvitation { number, link, expires })
    }
}
