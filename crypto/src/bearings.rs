//! Bearings: what somebody knows of an alliance without its keys, so as to find the way back after these were lost.
//!
//! ```text
//! struct { opaque identity[32]; opaque name<V>; opaque organisation<V>; } EncodedPerson
//! struct { EncodedPerson person; RecoveryMailbox mailbox; } EncodedFellow
//! struct { uint8 version = 1; opaque state<V>; uint64 epoch; EncodedPerson own; EncodedFellow fellows<V>; } Bearings
//! ```
//!
//! They hold no key that reads anything of the alliance. They tell who is in it: they are for encrypted stores and files.

use crate::alliance::{AllianceState, Role};
use crate::credential::Person;
use crate::identity::Identity;
use crate::name::Name;
use crate::recovery::{self, RecoveryMailbox};
use crate::{CryptoError, wire};
use tls_codec::{TlsDeserialize, TlsSerialize, TlsSize, VLBytes};

const VERSION: u8 = 1;

/// A fellow member, and where something can be left for it alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fellow {
    /// Who.
    pub person: Person,
    /// Its recovery mailbox.
    pub mailbox: RecoveryMailbox,
}

/// What is known of an alliance, as of one epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearings {
    /// What the alliance had agreed on.
    pub state: AllianceState,
    /// The epoch.
    pub epoch: u64,
    /// Oneself.
    pub own: Person,
    /// Fellow members, organisers first.
    pub fellows: Vec<Fellow>,
}

#[derive(Debug, TlsSerialize, TlsDeserialize, TlsSize)]
struct EncodedPerson {
    identity: Identity,
    name: Name,
    organisation: Name,
}

#[derive(Debug, TlsSerialize, TlsDeserialize, TlsSize)]
struct EncodedFellow {
    person: EncodedPerson,
    mailbox: recovery::Encoded,
}

#[derive(TlsSerialize, TlsDeserialize, TlsSize)]
struct Encoded {
    version: u8,
    state: VLBytes,
    epoch: u64,
    own: EncodedPerson,
    fellows: Vec<EncodedFellow>,
}

impl From<&Person> for EncodedPerson {
    fn from(Person { identity, name, organisation }: &Person) -> Self {
        Self { identity: *identity, name: name.clone(), organisation: organisation.clone() }
    }
}

impl From<EncodedPerson> for Person {
    fn from(EncodedPerson { identity, name, organisation }: EncodedPerson) -> Self {
        Self { identity, name, organisation }
    }
}

impl Bearings {
    /// The octets, for an encrypted store.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn encode(&self) -> Result<Vec<u8>, CryptoError> {
        let fellows = self.fellows.iter();
        let fellows = fellows
            .map(|fellow| EncodedFellow { person: (&fellow.person).into(), mailbox: fellow.mailbox.encoded() })
            .collect();
        wire::encode(&Encoded {
            version: VERSION,
            state: self.state.encode()?.into(),
            epoch: self.epoch,
            own: (&self.own).into(),
            fellows,
        })
    }

    /// Reads bearings.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`] or [`CryptoError::KeyLength`].
    pub fn decode(octets: &[u8]) -> Result<Self, CryptoError> {
        let encoded: Encoded = wire::decode(octets, "bearings")?;
        if encoded.version != VERSION {
            return Err(CryptoError::Malformed("bearings"));
        }
        let mut fellows = Vec::with_capacity(encoded.fellows.len());
        for EncodedFellow { person, mailbox } in encoded.fellows {
            fellows.push(Fellow { person: person.into(), mailbox: RecoveryMailbox::from_encoded(mailbox)? });
        }
        let state = AllianceState::decode(encoded.state.as_ref())?;
        Ok(Self { state, epoch: encoded.epoch, own: encoded.own.into(), fellows })
    }

    /// Who organised the alliance.
    #[must_use]
    pub fn organisers(&self) -> Vec<Identity> {
        let seats = self.state.seats.iter().filter(|seat| seat.role == Role::Organiser);
        seats.map(|seat| seat.identity).collect()
    }
}
