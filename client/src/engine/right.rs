//! By what right an alliance opens mailboxes, and giving it another.

use super::{AllianceNumber, Engine, Held};
use crate::ClientError;
use crate::relay::RelayError;
use crate::store::outbox::{self, Want};
use crate::store::shown::ShownGrant;
use crate::store::{groups, motions, recovery};
use serde::Serialize;
use sqlx::SqliteConnection;
use twiza_crypto::Obstacle;
use twiza_crypto::alliance::AllianceState;
use twiza_crypto::grant::{Grant, ReplacedGrant};
use twiza_crypto::message::MessageBody;
use twiza_crypto::motion::Action;
use twiza_protocol::MailboxKey;

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
        let grant = group.alliance().grant();
        let tokens = match grant {
            Some(grant) => self.tokens_in_hand(grant, row.relay.key()).await?,
            None => None,
        };
        Ok(RightView { grant: grant.into(), tokens })
    }

    /// The grants that a mailbox of an alliance may be opened by: its own, then those that somebody here wants it to take.
    /// By these, a mailbox is reached that its own grant does not open any more, so that the other can take its place.
    pub(super) async fn grants(&self, alliance: i64, state: &AllianceState) -> Result<Vec<Grant>, ClientError> {
        let mut grants: Vec<Grant> = state.grant().cloned().into_iter().collect();
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
        grants.extend(self.grants_of_motions(step, alliance).await?);
        let mut states: Vec<AllianceState> = Vec::new();
        if let Some(rejoin) = recovery::rejoin(step, alliance).await? {
            states.push(rejoin.bearings.state);
        }
        if groups::is_stored(step, alliance).await? {
            let group = self.stored_group(step, alliance).await?;
            states.extend([group.alliance().clone(), group.next_alliance()?]);
        }
        for state in states {
            grants.extend(state.grant().cloned());
        }
        Ok(grants)
    }

    /// The grants of motions that are open, or on their way.
    async fn grants_of_motions(&self, step: &mut SqliteConnection, alliance: i64) -> Result<Vec<Grant>, ClientError> {
        let said = outbox::open_intents(step, alliance).await?.into_iter().filter_map(|intent| match intent.want {
            Want::Say { kind, body, .. } => match MessageBody::from_parts(kind, body) {
                Ok(MessageBody::Motion(motion, _)) => Some(*motion),
                _ => None,
            },
            _ => None,
        });
        let open = motions::open(step, alliance).await?.into_iter().map(|row| row.motion);
        let today = self.environment.clock.today().0;
        let actions = said.chain(open).filter(|motion| motion.expires >= today).map(|motion| motion.action);
        Ok(actions.filter_map(|action| if let Action::SetGrant(_, grant) = action { grant } else { None }).collect())
    }

    /// Another grant in the place of the one that the alliance has, as a motion says it.
    ///
    /// # Errors
    /// [`ClientError::NotActive`].
    pub async fn new_grant(&self, alliance: AllianceNumber, grant: Option<Grant>) -> Result<Action, ClientError> {
        let Held { group, .. } = self.held(alliance).await?;
        let replaced = ReplacedGrant::of(group.alliance().grant())?;
        Ok(Action::SetGrant(replaced, grant))
    }

    /// Sees whether the relay, and the issuer where there is one, take the grant that a motion brings: by opening a mailbox that
    /// is used for nothing, on a connection on which no other is shown. Where the relay cannot be reached, nobody can tell,
    /// and whoever enacts the motion finds out.
    ///
    /// # Errors
    /// [`ClientError::NotPossible`] with [`Obstacle::GrantRefused`], and with [`Obstacle::GrantUntried`] where the relay asks for
    /// tokens and their issuer does not say that it gives any: a motion waits for nothing but people, so they can wait for it.
    pub(super) async fn try_grant(&self, alliance: AllianceNumber, action: &Action) -> Result<(), ClientError> {
        let Action::SetGrant(_, grant) = action else { return Ok(()) };
        let row = self.active_row(alliance).await?;
        let connection = self.environment.connector.connect(&row.relay)?;
        let mailbox = MailboxKey::from_seed(&self.environment.random.array()?);
        match self.open_with(&*connection, &mailbox, grant.as_slice()).await {
            Err(ClientError::Relay(error)) if error.is_wrong_right() => Err(Obstacle::GrantRefused.into()),
            // It knows the grant.
            Err(ClientError::Relay(error)) if error.is_used_up() => Ok(()),
            Err(ClientError::Relay(RelayError::Issuer(_))) => Err(Obstacle::GrantUntried.into()),
            Ok(_) | Err(ClientError::Relay(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Opens mailboxes by another grant from the next epoch on, or by none, where one's own organisation may decide so
    /// alone; tells whether that is another than before. A relay that asks for one, and the issuer where there is one, take it
    /// first, or nothing changes.
    ///
    /// # Errors
    /// [`ClientError::NotPossible`] with [`twiza_crypto::Obstacle::ApprovalsMissing`] where it takes a motion, and with
    /// [`twiza_crypto::Obstacle::GrantRefused`] where the relay or the issuer does not take the grant;
    /// [`ClientError::Relay`] where it waits in the outbox.
    pub async fn set_grant(&self, alliance: AllianceNumber, grant: Option<&Grant>) -> Result<bool, ClientError> {
        let Held { group, .. } = self.held(alliance).await?;
        let current = group.alliance().grant();
        let (is_new, replaced) = (current != grant, *ReplacedGrant::of(current)?.as_bytes());
        drop(group);
        let grant = grant.map(|grant| grant.expose().to_owned());
        self.wish(alliance, &Want::SetGrant { replaced, grant }).await?;
        Ok(is_new)
    }
}
