//! By what right an alliance opens mailboxes, and giving it another.

use super::{AllianceNumber, Engine, Held};
use crate::ClientError;
use crate::store::outbox::{self, Want};
use crate::store::shown::ShownGrant;
use crate::store::{groups, recovery};
use serde::Serialize;
use sqlx::SqliteConnection;
use twiza_crypto::alliance::AllianceState;
use twiza_crypto::grant::Grant;

/// The grants that somebody here wants an alliance to take, the latest first.
async fn wished(connection: &mut SqliteConnection, alliance: i64) -> Result<Vec<Grant>, ClientError> {
    let wanted = outbox::wanted_grants(connection, alliance).await?;
    Ok(wanted.iter().flatten().filter_map(|grant| Grant::new(grant).ok()).collect())
}

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

    /// The grants that a mailbox of an alliance may be opened by: its own, then those that somebody here wants it to take.
    /// By these, a mailbox is reached that its own grant does not open any more, so that the other can take its place.
    pub(super) async fn grants(&self, alliance: i64, state: &AllianceState) -> Result<Vec<Grant>, ClientError> {
        let mut grants: Vec<Grant> = state.relay()?.grant.iter().cloned().collect();
        grants.extend(wished(&mut *self.store.reader().await?, alliance).await?);
        Ok(grants)
    }

    /// Every grant that an alliance has, is about to have, or may be asked by when one comes back to it.
    pub(super) async fn grants_in_use(
        &self,
        step: &mut SqliteConnection,
        alliance: i64,
    ) -> Result<Vec<Grant>, ClientError> {
        let mut grants = wished(step, alliance).await?;
        let mut states: Vec<AllianceState> = Vec::new();
        if let Some(rejoin) = recovery::rejoin(step, alliance).await? {
            states.push(rejoin.bearings.state);
        }
        if groups::is_stored(step, alliance).await? {
            let group = self.stored_group(step, alliance).await?;
            states.extend([group.alliance().clone(), group.next_alliance()?]);
        }
        for state in states {
            grants.extend(state.relay()?.grant.clone());
        }
        Ok(grants)
    }

    /// Opens mailboxes by another grant from the next epoch on, or by none, where one's own organisation may decide so
    /// alone. A relay that asks for one, and the issuer where there is one, take it first, or nothing changes.
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
