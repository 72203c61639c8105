//! What an alliance asks for before something changes: how many organisations must approve, how many seats each may
//! have, and who may step in when nobody organises any more. Judged by [`mod@crate::judge`], changed only by commits.
//!
//! ```text
//! struct { uint8 admit; uint8 remove; uint8 roles; uint8 rules; uint8 alliance; } Quorums
//! struct { opaque organisation<V>; uint16 seats; } Allotment
//! struct { uint16 silence_days; uint16 waiting_days; uint8 organisations; } Succession
//! struct { Quorums quorums; uint8 own_delegates; Allotment allotments<V>; optional<Succession> succession; } Rules
//! ```
//!
//! It refuses rules that protect nothing: whoever could change the rules more easily than what they protect would
//! change them first.

use crate::alliance::ORGANISATIONS_MAX;
use crate::name::Name;
use std::io::{Read, Write};
use tls_codec::{TlsDeserialize, TlsSerialize, TlsSize};

/// Organisations that one change can ask for.
pub const QUORUM_MAX: u8 = 32;

/// Days that succession can ask for.
pub const SUCCESSION_DAYS_MAX: u16 = 3650;

/// Organisations that a succession asks for at least: one alone would appoint itself.
pub const SUCCESSION_ORGANISATIONS_MIN: u8 = 2;

/// A kind of change that is not everybody's to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Privilege {
    /// Letting people in.
    Admit,
    /// Removing people.
    Remove,
    /// Giving somebody another role, or letting somebody in as an organiser.
    Roles,
    /// Changing the rules, the allotments, or which organisations have an organiser.
    Rules,
    /// The alliance's name, its grant at the relay in use, and its further relays.
    Alliance,
}

/// For each kind of change, the number of *different organisations* whose organisers must approve. One is the author's
/// own, so with one everywhere each organiser decides alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct Quorums {
    /// For [`Privilege::Admit`].
    pub admit: u8,
    /// For [`Privilege::Remove`].
    pub remove: u8,
    /// For [`Privilege::Roles`].
    pub roles: u8,
    /// For [`Privilege::Rules`]: never fewer than any other.
    pub rules: u8,
    /// For [`Privilege::Alliance`].
    pub alliance: u8,
}

/// The most people that an organisation may have in the alliance.
#[derive(Debug, Clone, PartialEq, Eq, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct Allotment {
    /// Which organisation.
    pub organisation: Name,
    /// How many people at most.
    pub seats: u16,
}

/// How an alliance whose organisers are all gone gets another. There is no clock in the rules: the days are counted by
/// each approver, by its own clock, before it signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct Succession {
    /// Days without a word or a change of any organiser, before a member may sign a claim.
    pub silence_days: u16,
    /// Days after the claim, in which an organiser can object, before a member may sign the appointment.
    pub waiting_days: u16,
    /// Different organisations whose people must sign each of the two.
    pub organisations: u8,
}

/// What an alliance asks for before something changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Organisations that must approve, by kind of change.
    pub quorums: Quorums,
    /// Whether an organiser may let in and remove people of its own organisation alone, below the rank of organiser.
    pub own_delegates: bool,
    /// The most people by organisation, sorted by name; who is not named has no limit.
    pub allotments: Vec<Allotment>,
    /// How organisers are replaced that are gone; `None` where never.
    pub succession: Option<Succession>,
}

impl Quorums {
    /// The same for everything.
    #[must_use]
    pub const fn all(organisations: u8) -> Self {
        let each = organisations;
        Self { admit: each, remove: each, roles: each, rules: each, alliance: each }
    }

    /// Organisations that must approve a change of this kind.
    #[must_use]
    pub const fn of(&self, privilege: Privilege) -> u8 {
        match privilege {
            Privilege::Admit => self.admit,
            Privilege::Remove => self.remove,
            Privilege::Roles => self.roles,
            Privilege::Rules => self.rules,
            Privilege::Alliance => self.alliance,
        }
    }
}

impl Default for Rules {
    /// Each organiser decides alone, and nobody has a limit.
    fn default() -> Self {
        Self { quorums: Quorums::all(1), own_delegates: false, allotments: Vec::new(), succession: None }
    }
}

impl Rules {
    /// Whether they are in bounds and in their one form, and protect themselves.
    #[must_use]
    pub fn are_sound(&self) -> bool {
        let Quorums { admit, remove, roles, rules, alliance } = self.quorums;
        let quorums = [admit, remove, roles, rules, alliance];
        let succession = self.succession.is_none_or(|succession| {
            (1..=SUCCESSION_DAYS_MAX).contains(&succession.silence_days)
                && (1..=SUCCESSION_DAYS_MAX).contains(&succession.waiting_days)
                && (SUCCESSION_ORGANISATIONS_MIN..=QUORUM_MAX).contains(&succession.organisations)
        });
        quorums.iter().all(|quorum| (1..=rules.min(QUORUM_MAX)).contains(quorum))
            && self.allotments.is_sorted_by(|a, b| a.organisation < b.organisation)
            && self.allotments.len() <= ORGANISATIONS_MAX
            && self.allotments.iter().all(|allotment| allotment.seats > 0)
            && succession
    }

    /// These rules, as far as they can be kept by so many organisations, of which so many have an organiser: what asks for
    /// more asks for all of them, and succession, which is nothing for one organisation, is left away.
    #[must_use]
    pub fn within(mut self, voices: usize, organisations: usize) -> Self {
        let at_most = |number: usize| u8::try_from(number).unwrap_or(u8::MAX).max(1);
        let Quorums { admit, remove, roles, rules, alliance } = &mut self.quorums;
        for quorum in [admit, remove, roles, rules, alliance] {
            *quorum = (*quorum).min(at_most(voices));
        }
        self.succession = self.succession.filter(|_| organisations >= usize::from(SUCCESSION_ORGANISATIONS_MIN));
        if let Some(succession) = &mut self.succession {
            succession.organisations = succession.organisations.min(at_most(organisations));
        }
        self
    }

    /// The largest number of organisations that any change asks for.
    #[must_use]
    pub const fn largest_quorum(&self) -> u8 {
        self.quorums.rules
    }

    /// The most people that an organisation may have, if that is limited.
    #[must_use]
    pub fn allotment(&self, organisation: &Name) -> Option<u16> {
        let found = self.allotments.binary_search_by(|allotment| allotment.organisation.cmp(organisation));
        self.allotments.get(found.ok()?).map(|allotment| allotment.seats)
    }
}

#[derive(TlsSerialize, TlsDeserialize, TlsSize)]
struct EncodedRules {
    quorums: Quorums,
    own_delegates: u8,
    allotments: Vec<Allotment>,
    succession: Option<Succession>,
}

impl From<&Rules> for EncodedRules {
    fn from(rules: &Rules) -> Self {
        let own_delegates = u8::from(rules.own_delegates);
        let allotments = rules.allotments.clone();
        Self { quorums: rules.quorums, own_delegates, allotments, succession: rules.succession }
    }
}

impl tls_codec::Size for Rules {
    fn tls_serialized_len(&self) -> usize {
        EncodedRules::from(self).tls_serialized_len()
    }
}

impl tls_codec::Serialize for Rules {
    fn tls_serialize<W: Write>(&self, writer: &mut W) -> Result<usize, tls_codec::Error> {
        EncodedRules::from(self).tls_serialize(writer)
    }
}

impl tls_codec::Deserialize for Rules {
    fn tls_deserialize<R: Read>(bytes: &mut R) -> Result<Self, tls_codec::Error> {
        let EncodedRules { quorums, own_delegates, allotments, succession } = EncodedRules::tls_deserialize(bytes)?;
        let rules = Self { quorums, own_delegates: own_delegates == 1, allotments, succession };
        if own_delegates <= 1 && rules.are_sound() {
            Ok(rules)
        } else {
            Err(tls_codec::Error::DecodingError("not rules".to_owned()))
        }
    }
}
