//! One person in all of one's alliances: a device is lost, somebody is arrested, and must be out of everything at once.

use super::naming::Named;
use super::{AllianceNumber, Engine};
use crate::ClientError;
use crate::store::alliances::{self, Status};
use crate::store::history::ShownPerson;
use crate::store::outbox::Want;
use twiza_crypto::Obstacle;
use twiza_crypto::identity::Identity;
use twiza_crypto::words::SafetyWords;

/// Where a person is a member, among one's own alliances.
#[derive(Debug, Clone)]
pub struct Presence {
    /// Who, by the name of the first alliance.
    pub person: ShownPerson,
    /// The person's safety words, which are the same everywhere.
    pub words: SafetyWords,
    /// The alliances.
    pub alliances: Vec<AllianceNumber>,
    identity: Identity,
}

impl Engine {
    /// Where somebody is a member, as of what was read last. A name is looked up in one alliance, or in all; it must mean
    /// one identity, since anybody can have any name. A number means something in one alliance only.
    ///
    /// # Errors
    /// [`ClientError::UnknownMember`]; [`ClientError::WhichPerson`] where it could be several people;
    /// [`ClientError::NotPossible`] where it is oneself.
    pub async fn presence(&self, member: &str, named_in: Option<AllianceNumber>) -> Result<Presence, ClientError> {
        let rows = alliances::all(&mut *self.store.reader().await?).await?;
        let active = rows.iter().filter(|row| row.status == Status::Active).map(|row| AllianceNumber(row.id));
        let active: Vec<_> = active.collect();
        let places = named_in.map_or_else(|| active.clone(), |alliance| vec![alliance]);
        if places.len() > 1 && matches!(Named::typed(member), Named::Number(_)) {
            return Err(ClientError::WhichPerson(member.to_owned()));
        }
        let mut meant = None;
        for place in places {
            let found = match self.find_member(place, member).await {
                Err(ClientError::UnknownMember(_)) => continue,
                found => found?,
            };
            if *meant.get_or_insert(found.identity) != found.identity {
                return Err(ClientError::WhichPerson(member.to_owned()));
            }
        }
        let identity = meant.ok_or_else(|| ClientError::UnknownMember(member.to_owned()))?;
        if identity == self.profile.key.identity() {
            return Err(Obstacle::OwnRemoval.into());
        }
        self.places_of(identity, &active).await?.ok_or_else(|| ClientError::UnknownMember(member.to_owned()))
    }

    async fn places_of(&self, identity: Identity, active: &[AllianceNumber]) -> Result<Option<Presence>, ClientError> {
        let mut presence: Option<Presence> = None;
        for alliance in active {
            let members = self.members(*alliance).await?;
            let Some(member) = members.into_iter().find(|member| member.identity == identity) else { continue };
            let there = presence.get_or_insert_with(|| Presence {
                person: member.person,
                words: member.words,
                alliances: Vec::new(),
                identity,
            });
            there.alliances.push(*alliance);
        }
        Ok(presence)
    }

    /// Removes a person from one of the alliances.
    ///
    /// # Errors
    /// As [`Engine::remove`].
    pub async fn remove_person(&self, alliance: AllianceNumber, who: &Presence) -> Result<(), ClientError> {
        self.wish(alliance, &Want::Remove { identity: *who.identity.as_bytes() }).await?;
        Ok(())
    }
}
