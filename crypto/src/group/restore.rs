//! Coming back: what a group says about where its members can be found without it, entering again with new keys, and
//! founding it anew without those who spoil it.

use super::join::{JoinRequest, enter_by};
use super::{Group, Member, NEXT_RECOVERY_KEY_ENTRY, RECOVERY_KEY_ENTRY};
use crate::alliance::{AllianceId, AllianceState, Founding, Role, Seat};
use crate::bearings::{Bearings, Fellow};
use crate::credential::{self, Person};
use crate::identity::{Identity, IdentityKey};
use crate::motion::Admission;
use crate::recovery::{RecoveryKey, RecoveryMailbox};
use crate::suite::CIPHERSUITE;
use crate::{CryptoError, GroupState, Obstacle, Random};
use openmls::prelude::{Extensions, LeafNodeParameters};

use super::commit::ADDITIONS_MAX;

/// What somebody who comes back knows about where it comes back to.
#[derive(Debug)]
pub struct Expected<'a> {
    /// The alliance.
    pub alliance: &'a AllianceId,
    /// The generation that it has at least: nobody is led back to a group before a reboot.
    pub generation_min: u32,
    /// Whose Welcome is accepted.
    pub organisers: &'a [Identity],
}

/// Enters again with the keys of a request (RFC 9420, section 12.4.3.1), if somebody welcomes who was an organiser
/// before and is one now. Also who that is.
///
/// # Errors
/// As [`super::join::enter`]; [`CryptoError::Unverified`] where it leads to another alliance or generation.
pub fn reenter(
    state: GroupState,
    welcome: &[u8],
    expected: &Expected<'_>,
    random: &Random,
) -> Result<(Group, Person), CryptoError> {
    let (group, sender) = enter_by(state, welcome, random, |sender| expected.organisers.contains(&sender.identity))?;
    let alliance = group.alliance();
    if alliance.id != *expected.alliance || alliance.generation < expected.generation_min {
        return Err(CryptoError::Unverified("the alliance of a Welcome"));
    }
    if alliance.seat(&sender.identity).is_none_or(|seat| seat.role != Role::Organiser) {
        return Err(CryptoError::Unverified("the Welcome's sender"));
    }
    Ok((group, sender))
}

impl AllianceState {
    /// The state with which this alliance begins anew without some people: its rules hold, as far as those who are left
    /// can keep them. `None` where it was founded anew too often.
    fn founded_anew(self, by: &Identity, members: &[Member], without: &[Identity]) -> Option<Self> {
        let generation = self.generation.checked_add(1)?;
        let before = self.without(without);
        let (seats, others) = before.seats.iter().cloned().partition::<Vec<Seat>, _>(|seat| seat.identity == *by);
        let admission = |seat: &Seat| {
            let member = members.iter().find(|member| member.person.identity == seat.identity)?;
            Some(Admission::of(&member.person, seat.role))
        };
        let mut awaited: Vec<Admission> = others.iter().filter_map(admission).collect();
        // Who had not come back since the last time is awaited still.
        awaited.extend_from_slice(before.awaited());
        awaited.sort_by_key(|admission| admission.identity);
        let rules = before.rules_without(&[]);
        let founding = Some(Founding { by: *by, awaited });
        Some(Self { generation, seats, rules, claim: None, founding, ..before })
    }

    /// The rules that hold if the alliance is founded anew without these people.
    #[must_use]
    pub fn rules_without(&self, without: &[Identity]) -> crate::rules::Rules {
        let left = self.clone().without(without);
        self.rules.clone().within(left.voices().len(), left.organisations().len())
    }
}

impl Group {
    /// Founds this alliance anew, with all that it has agreed on, without some people, and with nobody in it but an
    /// organiser of before: all others are awaited.
    ///
    /// # Errors
    /// [`CryptoError::NotPossible`] for whoever was no organiser; [`CryptoError::Entropy`], or [`CryptoError::Bug`].
    pub fn reboot(&self, organiser: &IdentityKey, without: &[Identity], random: &Random) -> Result<Self, CryptoError> {
        let identity = organiser.identity();
        let members = self.members()?;
        let own = members.iter().find(|member| member.person.identity == identity);
        let own = own.filter(|own| own.role == Role::Organiser).ok_or(Obstacle::NotOrganiser)?;
        let state = self.alliance.clone().founded_anew(&identity, &members, without).ok_or(Obstacle::TooMany)?;
        Self::found_as(CIPHERSUITE, organiser, &own.person.name, state, random)
    }

    /// What to keep for finding the alliance again without this group: at most so many fellow members, organisers first.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`] or [`CryptoError::Unverified`]: such a group is never accepted.
    pub fn bearings(&self, fellows_max: usize) -> Result<Bearings, CryptoError> {
        let own_index = self.mls.own_leaf_index();
        let own = self.person_at(own_index)?;
        let mut fellows = Vec::new();
        for (index, leaf) in self.mls.treesync().full_leaves() {
            if index != own_index {
                let person = credential::read_verified(leaf.credential())?;
                fellows.push(Fellow { person, mailbox: RecoveryMailbox::of_leaf(leaf.extensions())? });
            }
        }
        let rank = |fellow: &Fellow| self.alliance.seat(&fellow.person.identity).map(|seat| seat.role);
        fellows.sort_by_key(|fellow| std::cmp::Reverse(rank(fellow)));
        fellows.truncate(fellows_max);
        Ok(Bearings { state: self.alliance.clone(), epoch: self.epoch(), own, fellows })
    }

    /// The leaf keys of some people, as the tree has them.
    #[must_use]
    pub fn leaf_keys(&self, of: &[Identity]) -> Vec<Vec<u8>> {
        let members = self.mls.members();
        let known = |identity: &Identity| of.contains(identity);
        members
            .filter(|member| credential::read_verified(&member.credential).is_ok_and(|person| known(&person.identity)))
            .map(|member| member.signature_key)
            .collect()
    }

    /// Whether a leaf has this key: then the request for it was answered.
    #[must_use]
    pub fn has_leaf_key(&self, key: &[u8]) -> bool {
        self.mls.members().any(|member| member.signature_key == key)
    }

    /// Of those who ask, who has a seat.
    pub(super) fn seated(&self, returning: &[(JoinRequest, Role)]) -> Vec<Identity> {
        let identities = returning.iter().map(|(request, _)| request.person.identity);
        identities.filter(|identity| self.alliance.seat(identity).is_some()).collect()
    }

    /// The state with those who come back: whoever has a seat keeps it as it is.
    pub(super) fn state_with(
        &self,
        mut after: AllianceState,
        returning: &[(JoinRequest, Role)],
    ) -> Result<AllianceState, CryptoError> {
        if returning.len() > ADDITIONS_MAX {
            return Err(Obstacle::TooMany.into());
        }
        for (request, role) in returning {
            let Person { identity, organisation, .. } = request.person.clone();
            if self.alliance.seat(&identity).is_none() {
                after = after.with_seat(Seat { identity, role: *role, organisation });
            }
        }
        Ok(after)
    }

    /// A leaf that names a fresh recovery mailbox; its key waits for the commit.
    pub(super) fn renewed_leaf(&self) -> Result<LeafNodeParameters, CryptoError> {
        let key = RecoveryKey::generate(self.provider.random())?;
        self.provider.put(NEXT_RECOVERY_KEY_ENTRY, key.expose());
        let extensions = Extensions::single(key.public()?.extension()?).map_err(CryptoError::mls)?;
        Ok(LeafNodeParameters::builder().with_extensions(extensions).build())
    }

    /// After one's own commit: if one's leaf names the mailbox that waited, that is one's recovery mailbox now.
    pub(super) fn keep_renewed_recovery(&self) -> Result<(), CryptoError> {
        let Ok(next) = self.provider.get(NEXT_RECOVERY_KEY_ENTRY) else { return Ok(()) };
        let leaf = self.mls.own_leaf().ok_or(CryptoError::Bug("a group without one's own leaf"))?;
        if RecoveryMailbox::of_leaf(leaf.extensions())? == RecoveryKey::from_bytes(&next)?.public()? {
            self.provider.put(RECOVERY_KEY_ENTRY, next);
        }
        Ok(())
    }
}
