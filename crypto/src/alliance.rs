//! The alliance's state: name, organisations, roles, relays and rules, in the GroupContext, changed only by commits.

use crate::CryptoError;
use crate::grant::Grant;
use crate::identity::Identity;
use crate::ledger::Ledger;
use crate::motion::{Admission, MotionId};
use crate::name::Name;
use crate::rules::Rules;
use crate::wire;
use sha2::{Digest, Sha256};
use tls_codec::{Deserialize as _, TlsDeserialize, TlsSerialize, TlsSize, VLBytes};
use twiza_protocol::RelayAddress;

/// The version of the structure. Members refuse a commit that brings another.
pub const ALLIANCE_STATE_VERSION: u16 = 1;

/// The version of an alliance that was founded anew: the same, and [`Founding`] behind it.
const FOUNDED_ANEW_VERSION: u16 = 2;

/// Members of one alliance, bounded so that the state stays small.
pub const MEMBERS_MAX: usize = 2000;

/// Organisations of one alliance.
pub const ORGANISATIONS_MAX: usize = 500;

const RELAYS_MAX: usize = 8;

/// What a member may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, TlsSerialize, TlsDeserialize, TlsSize)]
#[repr(u8)]
pub enum Role {
    /// Reads. Rotates its own keys and leaves.
    Observer = 1,
    /// Reads and writes.
    Member = 2,
    /// Reads, writes, and changes the alliance: members, roles, name, relays.
    Organiser = 3,
}

/// One person's place in the alliance.
#[derive(Debug, Clone, PartialEq, Eq, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct Seat {
    /// Who.
    pub identity: Identity,
    /// May do what.
    pub role: Role,
    /// For which organisation: the same name as in the person's credential.
    pub organisation: Name,
}

/// A relay that the alliance uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllianceRelay {
    /// Where.
    pub address: RelayAddress,
    /// The operator's secret for opening mailboxes there, where the relay asks for one.
    pub grant: Option<Grant>,
}

/// Everything an alliance has agreed on. Two members in the same epoch have the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllianceState {
    /// Random; stays for the alliance's life. Never leaves the encryption.
    pub id: AllianceId,
    /// How often the alliance was rebooted: each time it has another MLS group. Commits never change it.
    pub generation: u32,
    /// What the alliance calls itself.
    pub name: Name,
    /// Who is in it, sorted by identity.
    pub seats: Vec<Seat>,
    /// Its relays; the first is the one in use.
    pub relays: Vec<AllianceRelay>,
    /// What it asks for before something changes.
    pub rules: Rules,
    /// Which motions are spent.
    pub ledger: Ledger,
    /// That nobody organises it any more, and who should; stands until an organiser objects by any commit.
    pub claim: Option<Claim>,
    /// Where it was founded anew: by whom, and who has not come back yet.
    pub founding: Option<Founding>,
}

/// How an alliance began that was founded anew. Its rules hold from the first day: an organiser alone lets in whoever is
/// awaited, as what it was, and nobody else where the rules ask for more.
#[derive(Debug, Clone, PartialEq, Eq, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct Founding {
    /// Who founded it. Commits never change it: of two that were founded at once, members follow one.
    pub by: Identity,
    /// Who was a member before, is not left out, and has not come back: sorted by identity. They count as people of their
    /// organisations, and its organisers as its voice.
    pub awaited: Vec<Admission>,
}

/// The first step of a succession: members of several organisations say that nobody organises the alliance any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct Claim {
    /// The motion that made it.
    pub id: MotionId,
    /// Who should become an organiser.
    pub appointee: Identity,
}

/// An alliance's identifier; before any reboot, it is also its MLS group id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct AllianceId([u8; 32]);

impl AllianceId {
    /// The identifier with these octets.
    #[must_use]
    pub const fn from_bytes(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The octets.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for AllianceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AllianceId({})", data_encoding::BASE64URL_NOPAD.encode(&self.0))
    }
}

#[derive(TlsSerialize, TlsDeserialize, TlsSize)]
struct EncodedState {
    version: u16,
    id: AllianceId,
    generation: u32,
    name: Name,
    seats: Vec<Seat>,
    relays: Vec<EncodedRelay>,
    rules: Rules,
    ledger: Ledger,
    claim: Option<Claim>,
}

#[derive(Debug, TlsSerialize, TlsDeserialize, TlsSize)]
struct EncodedRelay {
    address: VLBytes,
    grant: Option<Grant>,
}

impl AllianceState {
    /// The octets that go into the GroupContext.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn encode(&self) -> Result<Vec<u8>, CryptoError> {
        let relays = self.relays.iter().map(|relay| EncodedRelay {
            address: relay.address.to_string().into_bytes().into(),
            grant: relay.grant.clone(),
        });
        let mut octets = wire::encode(&EncodedState {
            version: if self.founding.is_some() { FOUNDED_ANEW_VERSION } else { ALLIANCE_STATE_VERSION },
            id: self.id,
            generation: self.generation,
            name: self.name.clone(),
            seats: self.seats.clone(),
            relays: relays.collect(),
            rules: self.rules.clone(),
            ledger: self.ledger.clone(),
            claim: self.claim,
        })?;
        if let Some(founding) = &self.founding {
            octets.extend(wire::encode(founding)?);
        }
        Ok(octets)
    }

    /// Reads a state and checks all that can be checked without the group: bounds, order, uniqueness, canonical form.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`].
    pub fn decode(octets: &[u8]) -> Result<Self, CryptoError> {
        const WHAT: &str = "alliance state";
        let mut rest = octets;
        let encoded = EncodedState::tls_deserialize(&mut rest).map_err(|_| CryptoError::Malformed(WHAT))?;
        let founding = match encoded.version {
            ALLIANCE_STATE_VERSION if rest.is_empty() => None,
            FOUNDED_ANEW_VERSION => Some(wire::decode::<Founding>(rest, WHAT)?),
            _ => return Err(CryptoError::Malformed(WHAT)),
        };
        let relays = encoded.relays.iter().map(decode_relay).collect::<Option<Vec<_>>>();
        let relays = relays.ok_or(CryptoError::Malformed(WHAT))?;
        let EncodedState { id, generation, name, seats, rules, ledger, claim, .. } = encoded;
        let state = Self { id, generation, name, seats, relays, rules, ledger, claim, founding };
        let sorted = state.seats.is_sorted_by(|a, b| a.identity < b.identity)
            && state.awaited().is_sorted_by(|a, b| a.identity < b.identity);
        let twice = state.awaited().iter().any(|admission| state.seat(&admission.identity).is_some());
        let bounded = state.people() <= MEMBERS_MAX && (1..=RELAYS_MAX).contains(&state.relays.len());
        if !sorted || twice || !bounded {
            return Err(CryptoError::Malformed(WHAT));
        }
        let claimed = state.claim.is_none_or(|claim| state.seat(&claim.appointee).is_some());
        if !claimed || state.organisations().len() > ORGANISATIONS_MAX || state.encode()? != octets {
            return Err(CryptoError::Malformed(WHAT));
        }
        Ok(state)
    }

    /// The MLS group id (RFC 9420, section 8.1): the identifier, and after a reboot a hash of it and the generation,
    /// because no two groups may have one id.
    #[must_use]
    pub fn group_id(&self) -> [u8; 32] {
        if self.generation == 0 {
            return self.id.0;
        }
        let label = Sha256::new().chain_update(b"twiza group id v1\0");
        label.chain_update(self.id.0).chain_update(self.generation.to_be_bytes()).finalize().into()
    }

    /// The seat of a person, if it has one.
    #[must_use]
    pub fn seat(&self, identity: &Identity) -> Option<&Seat> {
        let place = self.seats.binary_search_by_key(identity, |seat| seat.identity).ok()?;
        self.seats.get(place)
    }

    /// The relay in use.
    ///
    /// # Errors
    /// [`CryptoError::Bug`]: a decoded state has at least one.
    pub fn relay(&self) -> Result<&AllianceRelay, CryptoError> {
        self.relays.first().ok_or(CryptoError::Bug("an alliance without a relay"))
    }

    /// The grant for the relay in use, where there is one.
    #[must_use]
    pub fn grant(&self) -> Option<&Grant> {
        self.relays.first().and_then(|relay| relay.grant.as_ref())
    }

    /// How many organisers there are.
    #[must_use]
    pub fn organisers(&self) -> usize {
        self.seats.iter().filter(|seat| seat.role == Role::Organiser).count()
    }

    /// Who has not come back after the alliance was founded anew.
    #[must_use]
    pub fn awaited(&self) -> &[Admission] {
        self.founding.as_ref().map_or(&[], |founding| &founding.awaited)
    }

    /// A person who has not come back after the alliance was founded anew.
    #[must_use]
    pub fn awaits(&self, identity: &Identity) -> Option<&Admission> {
        self.awaited().iter().find(|admission| admission.identity == *identity)
    }

    /// How many people are in it or awaited.
    #[must_use]
    pub fn people(&self) -> usize {
        self.seats.len() + self.awaited().len()
    }

    /// The organisation of everybody, and of whoever is awaited, with the role.
    fn places(&self) -> impl Iterator<Item = (&Name, Role)> {
        let awaited = self.awaited().iter().map(|admission| (&admission.organisation, admission.role));
        self.seats.iter().map(|seat| (&seat.organisation, seat.role)).chain(awaited)
    }

    /// The organisations, each once, by name.
    #[must_use]
    pub fn organisations(&self) -> Vec<&Name> {
        let mut names: Vec<_> = self.places().map(|(organisation, _)| organisation).collect();
        names.sort();
        names.dedup();
        names
    }

    /// The organisations that have an organiser, and so a voice in what needs approvals; each once, by name.
    #[must_use]
    pub fn voices(&self) -> Vec<&Name> {
        let organisers = self.places().filter(|(_, role)| *role == Role::Organiser);
        let mut names: Vec<_> = organisers.map(|(organisation, _)| organisation).collect();
        names.sort();
        names.dedup();
        names
    }

    /// How many people an organisation has.
    #[must_use]
    pub fn people_of(&self, organisation: &Name) -> usize {
        self.places().filter(|(of, _)| *of == organisation).count()
    }

    /// This state with a seat put in, or in place of the same person's.
    #[must_use]
    pub fn with_seat(mut self, seat: Seat) -> Self {
        match self.seats.binary_search_by_key(&seat.identity, |other| other.identity) {
            Ok(place) => {
                if let Some(found) = self.seats.get_mut(place) {
                    *found = seat;
                }
            }
            Err(place) => {
                self = self.awaiting_no_more(&[seat.identity]);
                self.seats.insert(place, seat);
            }
        }
        self
    }

    /// This state with another grant for the relay in use, or none.
    #[must_use]
    pub fn with_grant(mut self, grant: Option<Grant>) -> Self {
        if let Some(relay) = self.relays.first_mut() {
            relay.grant = grant;
        }
        self
    }

    fn awaiting_no_more(mut self, of: &[Identity]) -> Self {
        if let Some(founding) = &mut self.founding {
            founding.awaited.retain(|admission| !of.contains(&admission.identity));
        }
        self
    }

    /// This state without some persons' seats, and without a claim for one of them; nobody waits for them either.
    #[must_use]
    pub fn without(mut self, gone: &[Identity]) -> Self {
        self = self.awaiting_no_more(gone);
        self.seats.retain(|seat| !gone.contains(&seat.identity));
        self.claim = self.claim.filter(|claim| !gone.contains(&claim.appointee));
        self
    }
}

fn decode_relay(encoded: &EncodedRelay) -> Option<AllianceRelay> {
    let address = std::str::from_utf8(encoded.address.as_ref()).ok()?.parse().ok()?;
    Some(AllianceRelay { address, grant: encoded.grant.clone() })
}
