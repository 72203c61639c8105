//! What only tests need, behind the feature `test-utils`: a cheat's modified client, and groups in a suite that an
//! independent implementation of MLS has as well. No build that people run has any of it.

use super::Group;
use super::commit::{Change, PendingCommit};
use super::join::JoinRequest;
use crate::alliance::{AllianceState, Role, Seat};
use crate::content::AuthorSeal;
use crate::identity::{Identity, IdentityKey};
use crate::name::Name;
use crate::recovery::RecoveryKey;
use crate::suite::{ALLIANCE_EXTENSION, RECOVERY_EXTENSION};
use crate::{CryptoError, Random};
use openmls::prelude::{Ciphersuite, Extension};
use openmls_traits::OpenMlsProvider as _;
use std::collections::HashMap;
use std::sync::PoisonError;
use twiza_protocol::MailboxAddress;

impl Group {
    /// Makes this member's own client believe that somebody has a role.
    pub fn pretend_role(&mut self, identity: &Identity, role: Role) {
        if let Some(seat) = self.alliance.seat(identity) {
            let seat = Seat { role, ..seat.clone() };
            self.alliance = self.alliance.clone().with_seat(seat);
        }
    }

    /// Builds a commit that leads to any state and carries any authenticated data, without judging it.
    ///
    /// # Errors
    /// Those of MLS.
    pub fn commit_unjudged(
        &mut self,
        change: &Change,
        after: &AllianceState,
        authenticated: Vec<u8>,
        address: &MailboxAddress,
    ) -> Result<PendingCommit, CryptoError> {
        self.build(change, after, authenticated, address)
    }

    /// Vouches for whatever octets, as a changed client would for its junk.
    #[must_use]
    pub fn vouch_for(&self, address: &MailboxAddress, octets: &[u8]) -> AuthorSeal {
        self.author_seal(address, octets, Vec::new())
    }

    /// As [`Group::found`], in another suite, and with a state of the caller's.
    ///
    /// # Errors
    /// Those of [`Group::found`].
    pub fn found_in_suite(
        suite: Ciphersuite,
        founder: &IdentityKey,
        name: &Name,
        alliance: AllianceState,
        random: &Random,
    ) -> Result<Self, CryptoError> {
        Self::found_as(suite, founder, name, alliance, random)
    }

    /// All of its private state, as a member's changed client has it.
    #[must_use]
    pub fn entries(&self) -> HashMap<Vec<u8>, Vec<u8>> {
        self.provider.storage().values.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The type of the GroupContext extension that carries the alliance's state.
    pub const ALLIANCE_EXTENSION_TYPE: u16 = ALLIANCE_EXTENSION;
}

impl JoinRequest {
    /// As [`JoinRequest::verify`], in another suite.
    ///
    /// # Errors
    /// Those of [`JoinRequest::verify`].
    pub fn verify_in_suite(suite: Ciphersuite, octets: &[u8]) -> Result<Self, CryptoError> {
        Self::verify_as(suite, octets)
    }
}

impl RecoveryKey {
    /// The type of the leaf extension that names a recovery mailbox.
    pub const EXTENSION_TYPE: u16 = RECOVERY_EXTENSION;

    /// The octets of that extension.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn extension_octets(&self) -> Result<Vec<u8>, CryptoError> {
        match self.public()?.extension()? {
            Extension::Unknown(RECOVERY_EXTENSION, extension) => Ok(extension.0),
            _ => Err(CryptoError::Bug("a recovery extension of another type")),
        }
    }
}
