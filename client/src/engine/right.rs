//! By what right an alliance opens mailboxes, and giving it another.

use super::{AllianceNumber, Engine, Held};
use crate::ClientError;
use crate::store::outbox::Want;
use crate::store::shown::ShownGrant;
use serde::Serialize;
use twiza_crypto::grant::Grant;

/// By what right an alliance opens mailboxes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RightView {
    /// The alliance's grant, without the secret.
    pub grant: ShownGrant,
    /// Tokens in hand that are for no mailbox yet; `None` where the grant is not one for tokens.
    pub tokens: Option<i64>,
}

impl Engine {
    /// By what right an alliance opens mailboxes, and how many tokens this profile has for it, if it takes any.
    ///
    /// # Errors
    /// [`ClientError::NotActive`].
    pub async fn right(&self, alliance: AllianceNumber) -> Result<RightView, ClientError> {
        let Held { row, group } = self.held(alliance).await?;
        let grant = group.alliance().relay()?.grant.as_ref();
        let tokens = match grant {
            Some(grant) => self.tokens_in_hand(grant, row.relay.key()).await?,
            None => None,
        };
        Ok(RightView { grant: grant.into(), tokens })
    }

    /// Opens mailboxes by another grant from the next epoch on, or by none, where one's own organisation may decide so
    /// alone. The relay, and the issuer where there is one, take it first, or nothing changes.
    ///
    /// # Errors
    /// [`ClientError::NotPossible`] with [`twiza_crypto::Obstacle::ApprovalsMissing`] where it takes a motion, and with
    /// [`twiza_crypto::Obstacle::GrantRefused`] where the relay or the issuer does not take the grant;
    /// [`ClientError::Relay`] where it waits in the outbox.
    pub async fn set_grant(&self, alliance: AllianceNumber, grant: Option<&Grant>) -> Result<(), ClientError> {
        let grant = grant.map(|grant| grant.expose().to_owned());
        self.wish(alliance, &Want::SetGrant { grant }).await?;
        Ok(())
    }
}
