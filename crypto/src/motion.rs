//! Motions: changes that people of several organisations agree on before somebody commits them.
//!
//! ```text
//! struct { opaque identity[32]; opaque name<V>; opaque organisation<V>; uint8 role; } Admission
//! struct { uint8 kind; select (kind) {
//!     case 1: Admission people<V>;      case 2: opaque people<V>[32];      case 3: opaque person[32]; uint8 role;
//!     case 4: Rules rules;              case 5: opaque name<V>;
//!     case 6: opaque appointee[32];     case 7: opaque claim[16]; opaque appointee[32];
//!     case 8: opaque replaced[32]; optional<opaque grant<V>>;
//! } } Action
//! approval = Ed25519(identity key, "twiza motion approval v1\0" || alliance id (32) || motion id (16)
//!                    || SHA-256(Action) || uint32(expires))
//! struct { opaque by[32]; opaque signature[64]; } Approval
//! struct { uint8 version = 1; opaque id[16]; uint32 expires; Action action; Approval approvals<V>; } Enactment
//! ```
//!
//! An approval says nothing of an epoch, so it outlives the one in which it was given. The commit that enacts a motion
//! carries an [`Enactment`] as its MLS authenticated data (RFC 9420, section 6.1), so that it is judged without any
//! history, alike by whoever joined yesterday. Signatures are verified here; whether the approvals are enough is for
//! [`mod@crate::judge`].

use crate::alliance::{AllianceId, AllianceState, Role, Seat};
use crate::credential::Person;
use crate::grant::{Grant, ReplacedGrant};
use crate::identity::{Identity, IdentityKey};
use crate::name::Name;
use crate::rules::Rules;
use crate::{CryptoError, Random, wire};
use sha2::{Digest, Sha256};
use tls_codec::{TlsDeserialize, TlsSerialize, TlsSize};

const VERSION: u8 = 1;
const LABEL: &[u8] = b"twiza motion approval v1\0";

/// People that one motion lets in or removes.
pub const MOTION_PEOPLE_MAX: usize = 100;

/// Approvals that a commit carries. The rules ask for fewer.
pub const APPROVALS_MAX: usize = 64;

/// Days from the day of the commit that a motion may still be good for. It bounds what must be remembered of the spent.
pub const MOTION_DAYS_MAX: u32 = 60;

/// A motion's identifier: random, so that it is spent once and for all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct MotionId([u8; 16]);

impl MotionId {
    /// A new one.
    ///
    /// # Errors
    /// [`CryptoError::Entropy`].
    pub fn generate(random: &Random) -> Result<Self, CryptoError> {
        Ok(Self(random.array()?))
    }

    /// The identifier with these octets.
    #[must_use]
    pub const fn from_bytes(octets: [u8; 16]) -> Self {
        Self(octets)
    }

    /// The octets.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl std::fmt::Debug for MotionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MotionId({})", data_encoding::BASE64URL_NOPAD.encode(&self.0))
    }
}

/// Somebody who is to be let in.
#[derive(Debug, Clone, PartialEq, Eq, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct Admission {
    /// Who.
    pub identity: Identity,
    /// Under which name.
    pub name: Name,
    /// For which organisation.
    pub organisation: Name,
    /// As what.
    pub role: Role,
}

impl Admission {
    /// The admission of a person.
    #[must_use]
    pub fn of(person: &Person, role: Role) -> Self {
        let Person { identity, name, organisation } = person.clone();
        Self { identity, name, organisation, role }
    }

    /// Who it lets in.
    #[must_use]
    pub fn person(&self) -> Person {
        Person { identity: self.identity, name: self.name.clone(), organisation: self.organisation.clone() }
    }
}

/// What a motion changes. A commit that carries it changes this and nothing else, but for wishes to leave.
#[derive(Debug, Clone, PartialEq, Eq, TlsSerialize, TlsDeserialize, TlsSize)]
#[repr(u8)]
#[non_exhaustive]
pub enum Action {
    /// Let these people in; sorted by identity.
    #[tls_codec(discriminant = 1)]
    Add(Vec<Admission>),
    /// Remove these people; sorted.
    #[tls_codec(discriminant = 2)]
    Remove(Vec<Identity>),
    /// Give somebody another role.
    #[tls_codec(discriminant = 3)]
    SetRole(Identity, Role),
    /// Other rules, allotments among them.
    #[tls_codec(discriminant = 4)]
    SetRules(Rules),
    /// Another name of the alliance.
    #[tls_codec(discriminant = 5)]
    Rename(Name),
    /// Succession, first step: nobody organises any more, and this member should.
    #[tls_codec(discriminant = 6)]
    Claim(Identity),
    /// Succession, second step: no organiser objected to this claim.
    #[tls_codec(discriminant = 7)]
    Appoint(MotionId, Identity),
    /// Another grant for the relay in use, or none, in the place of the one with this digest: where that has been replaced
    /// already, the motion is void.
    #[tls_codec(discriminant = 8)]
    SetGrant(ReplacedGrant, Option<Grant>),
}

impl Action {
    /// Whether it is within bounds and in its one form.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let bounds = 1..=MOTION_PEOPLE_MAX;
        match self {
            Self::Add(people) => bounds.contains(&people.len()) && people.is_sorted_by(|a, b| a.identity < b.identity),
            Self::Remove(people) => bounds.contains(&people.len()) && people.is_sorted_by(|a, b| a < b),
            Self::SetRules(rules) => rules.are_sound(),
            Self::SetRole(..) | Self::Rename(_) | Self::Claim(_) | Self::Appoint(..) | Self::SetGrant(..) => true,
        }
    }

    /// Whether it belongs to succession: decided by members, because there is no organiser to decide it.
    #[must_use]
    pub const fn is_succession(&self) -> bool {
        matches!(self, Self::Claim(_) | Self::Appoint(..))
    }

    /// The state that it makes of `base`, which is `before` less those who leave by their own wish. `None` where it
    /// cannot be done, or would change nothing.
    #[must_use]
    pub fn applied(&self, before: &AllianceState, base: &AllianceState) -> Option<AllianceState> {
        let mut after = base.clone();
        match self {
            Self::Add(people) => {
                for Admission { identity, organisation, role, .. } in people {
                    before.seat(identity).is_none().then_some(())?;
                    let organisation = organisation.clone();
                    after = after.with_seat(Seat { identity: *identity, role: *role, organisation });
                }
            }
            Self::Remove(gone) => {
                let known = |identity: &Identity| before.seat(identity).is_some() || before.awaits(identity).is_some();
                gone.iter().all(known).then_some(())?;
                after = after.without(gone);
            }
            Self::SetRole(identity, role) => after = with_role(after, identity, *role)?,
            Self::SetRules(rules) => after.rules = rules.clone(),
            Self::Rename(name) => after.name = name.clone(),
            Self::SetGrant(replaced, grant) => {
                let current = ReplacedGrant::of(base.grant()).ok()?;
                (current == *replaced).then_some(())?;
                after = after.with_grant(grant.clone());
            }
            Self::Claim(appointee) => {
                base.seat(appointee).filter(|seat| seat.role != Role::Organiser)?;
                // Its identifier is the motion's, which is not known here.
            }
            Self::Appoint(claim, appointee) => {
                base.claim.filter(|found| found.id == *claim && found.appointee == *appointee)?;
                after = with_role(after, appointee, Role::Organiser)?;
                after.claim = None;
            }
        }
        let changes = after != *base || matches!(self, Self::Claim(_));
        changes.then_some(after)
    }

    /// SHA-256 of its octets: what approvals are over.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn digest(&self) -> Result<[u8; 32], CryptoError> {
        Ok(Sha256::digest(wire::encode(self)?).into())
    }
}

fn with_role(state: AllianceState, identity: &Identity, role: Role) -> Option<AllianceState> {
    let seat = state.seat(identity).filter(|seat| seat.role != role)?.clone();
    Some(state.with_seat(Seat { role, ..seat }))
}

/// What is asked of an alliance's organisers.
#[derive(Debug, Clone, PartialEq, Eq, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct Motion {
    /// Its identifier.
    pub id: MotionId,
    /// The last day on which it can be enacted, in days since the Unix epoch.
    pub expires: u32,
    /// What it changes.
    pub action: Action,
}

/// An identity's signature for a motion.
#[derive(Debug, Clone, PartialEq, Eq, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct Approval {
    /// Whose.
    pub by: Identity,
    /// Over alliance, motion, action and last day.
    pub signature: [u8; 64],
}

impl Motion {
    /// The octets of this motion, as it travels among members.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn encode(&self) -> Result<Vec<u8>, CryptoError> {
        wire::encode(self)
    }

    /// Reads a motion.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`].
    pub fn decode(octets: &[u8]) -> Result<Self, CryptoError> {
        const WHAT: &str = "motion";
        let motion: Self = wire::decode(octets, WHAT)?;
        if motion.action.is_sound() { Ok(motion) } else { Err(CryptoError::Malformed(WHAT)) }
    }

    /// Approves it for an alliance.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn approve(&self, alliance: &AllianceId, key: &IdentityKey) -> Result<Approval, CryptoError> {
        Ok(Approval { by: key.identity(), signature: key.sign(&self.approved(alliance)?) })
    }

    /// Verifies an approval of it.
    ///
    /// # Errors
    /// [`CryptoError::Unverified`].
    pub fn verify(&self, alliance: &AllianceId, approval: &Approval) -> Result<(), CryptoError> {
        approval.by.verify(&self.approved(alliance)?, &approval.signature)
    }

    fn approved(&self, alliance: &AllianceId) -> Result<Vec<u8>, CryptoError> {
        let (digest, expires) = (self.action.digest()?, self.expires.to_be_bytes());
        Ok([LABEL, alliance.as_bytes(), self.id.as_bytes(), &digest, &expires].concat())
    }
}

/// A motion with the approvals that it has, as a commit carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enactment {
    /// What is enacted.
    pub motion: Motion,
    /// Who approved; sorted by identity, each once.
    pub approvals: Vec<Approval>,
}

/// A motion whose approvals were verified for the alliance that it is brought into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedMotion {
    /// What is enacted.
    pub motion: Motion,
    /// Who approved it.
    pub approvers: Vec<Identity>,
}

#[derive(TlsSerialize, TlsDeserialize, TlsSize)]
struct EncodedEnactment {
    version: u8,
    motion: Motion,
    approvals: Vec<Approval>,
}

impl Enactment {
    /// A motion with approvals in any order; those of one person count once.
    #[must_use]
    pub fn new(motion: Motion, mut approvals: Vec<Approval>) -> Self {
        approvals.sort_by_key(|approval| approval.by);
        approvals.dedup_by_key(|approval| approval.by);
        approvals.truncate(APPROVALS_MAX);
        Self { motion, approvals }
    }

    /// The octets that go into a commit's authenticated data.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn encode(&self) -> Result<Vec<u8>, CryptoError> {
        let (motion, approvals) = (self.motion.clone(), self.approvals.clone());
        wire::encode(&EncodedEnactment { version: VERSION, motion, approvals })
    }

    /// Reads what a commit's authenticated data holds.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`] for everything but its one form.
    pub fn decode(octets: &[u8]) -> Result<Self, CryptoError> {
        const WHAT: &str = "motion in a commit";
        let EncodedEnactment { version, motion, approvals } = wire::decode(octets, WHAT)?;
        let sorted = approvals.is_sorted_by(|a, b| a.by < b.by);
        if version != VERSION || !motion.action.is_sound() || !sorted || approvals.len() > APPROVALS_MAX {
            return Err(CryptoError::Malformed(WHAT));
        }
        Ok(Self { motion, approvals })
    }

    /// Verifies every approval.
    ///
    /// # Errors
    /// [`CryptoError::Unverified`] for the first that is not over this motion in this alliance.
    pub fn verify(self, alliance: &AllianceId) -> Result<VerifiedMotion, CryptoError> {
        for approval in &self.approvals {
            self.motion.verify(alliance, approval)?;
        }
        let approvers = self.approvals.iter().map(|approval| approval.by).collect();
        Ok(VerifiedMotion { motion: self.motion, approvers })
    }
}

/// The motion in a commit's authenticated data, verified; `None` where there is none.
pub(crate) fn of_authenticated_data(
    octets: &[u8],
    alliance: &AllianceId,
) -> Result<Option<VerifiedMotion>, CryptoError> {
    if octets.is_empty() {
        return Ok(None);
    }
    Enactment::decode(octets)?.verify(alliance).map(Some)
}
