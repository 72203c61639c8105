//! Wishes: what somebody wants is written down first and carried out by [`Engine::sync`], now or later.

use super::{AllianceNumber, Engine, Held};
use crate::ClientError;
use crate::store::outbox::{self, IntentState, RotateCause, Want};
use twiza_crypto::alliance::Role;
use twiza_crypto::message::TEXT_BYTES_MAX;

/// How far a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The relay has it, and every member will read it.
    Sent,
    /// It waits until one's own departure is through or void: then it is sent, or told to be impossible.
    Waits,
}

impl Engine {
    /// Says something to everybody in an alliance.
    ///
    /// # Errors
    /// [`ClientError::TextEmpty`], [`ClientError::TextTooLong`]; [`ClientError::Relay`] where it waits in the outbox.
    pub async fn send(&self, alliance: AllianceNumber, text: &str) -> Result<Delivery, ClientError> {
        if text.trim().is_empty() {
            return Err(ClientError::TextEmpty);
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(ClientError::TextTooLong { found: text.len(), limit: TEXT_BYTES_MAX });
        }
        let id = self.environment.random.array()?;
        let sent = self.environment.clock.minute().0;
        match self.wish(alliance, &Want::Send { id, sent, text: text.to_owned() }).await? {
            IntentState::Done => Ok(Delivery::Sent),
            _ => Ok(Delivery::Waits),
        }
    }

    /// Removes somebody.
    ///
    /// # Errors
    /// [`ClientError::UnknownMember`], [`ClientError::NotOrganiser`]; [`ClientError::Relay`] where it waits.
    pub async fn remove(&self, alliance: AllianceNumber, member: &str) -> Result<String, ClientError> {
        let (identity, name) = self.find_person(alliance, member).await?;
        self.wish(alliance, &Want::Remove { identity: *identity.as_bytes() }).await?;
        Ok(name)
    }

    /// Gives somebody another role.
    ///
    /// # Errors
    /// As [`Engine::remove`].
    pub async fn set_role(&self, alliance: AllianceNumber, member: &str, role: Role) -> Result<String, ClientError> {
        let member = self.find_member(alliance, member).await?;
        self.wish(alliance, &Want::SetRole { identity: *member.identity.as_bytes(), role: role as u8 }).await?;
        Ok(member.person.name)
    }

    /// New keys for oneself.
    ///
    /// # Errors
    /// [`ClientError::Relay`] where it waits in the outbox.
    pub async fn rotate(&self, alliance: AllianceNumber) -> Result<(), ClientError> {
        self.wish(alliance, &Want::Rotate { cause: RotateCause::User }).await?;
        Ok(())
    }

    /// Leaves. Another member's client carries it out when it is next online.
    ///
    /// # Errors
    /// [`ClientError::NotPossible`] for the last organiser; [`ClientError::Relay`] where it waits in the outbox.
    pub async fn leave(&self, alliance: AllianceNumber) -> Result<(), ClientError> {
        self.wish(alliance, &Want::Leave).await?;
        Ok(())
    }

    /// Writes a wish down, if it could be carried out as things stand here, and tries to carry it out. What was
    /// refused in the meantime (somebody else was faster) is an error.
    pub(super) async fn wish(&self, alliance: AllianceNumber, want: &Want) -> Result<IntentState, ClientError> {
        let mut step = self.store.begin().await?;
        let Held { row, group } = self.hold(&mut step, alliance.0).await?;
        if !group.has_pending() {
            // Bad wishes are told at once, and online or not.
            self.try_want(&mut step, &row, &group, want).await?;
        }
        let intent = outbox::add_intent(&mut step, row.id, want).await?;
        step.commit().await?;
        // Whoever changes the group next takes it out of memory, and reads the store where somebody still has it.
        drop(group);
        let report = self.sync(alliance).await?;
        let tried = outbox::intent(&mut *self.store.reader().await?, intent).await?;
        match tried.map(|intent| (intent.state, intent.failure)) {
            Some((IntentState::Failed, Some(why))) => Err(why.into()),
            Some((IntentState::Queued | IntentState::Sealed, _)) if report.blocked.is_some() && want.is_commit() => {
                report.blocked.map_or(Ok(IntentState::Queued), |error| Err(error.into()))
            }
            Some((state, _)) => Ok(state),
            None => Ok(IntentState::Done),
        }
    }
}
