//! What motions and rules say, as it is shown and kept in history.

use crate::store::history::ShownPerson;
use serde::{Deserialize, Serialize};
use twiza_crypto::alliance::Role;
use twiza_crypto::grant::Grant;
use twiza_crypto::group::Member;
use twiza_crypto::identity::Identity;
use twiza_crypto::motion::Action;
use twiza_crypto::rules::Rules;
use twiza_protocol::{GrantMark, TokenGrant};

/// What a motion changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum ShownAction {
    /// Let people in.
    Add {
        /// Whom, and as what.
        people: Vec<ShownAdmission>,
    },
    /// Remove people.
    Remove {
        /// Whom.
        people: Vec<ShownPerson>,
    },
    /// Give somebody another role.
    Role {
        /// Whom.
        person: ShownPerson,
        /// The role, as it is shown to scripts.
        role: String,
    },
    /// Set other rules.
    Rules {
        /// Which.
        rules: ShownRules,
    },
    /// Give the alliance another name.
    Rename {
        /// Which.
        name: String,
    },
    /// Open mailboxes by another right.
    Grant {
        /// By which.
        grant: ShownGrant,
    },
    /// Succession, first step.
    Claim {
        /// Who should organise the alliance.
        person: ShownPerson,
    },
    /// Succession, second step.
    Appoint {
        /// Who should organise the alliance.
        person: ShownPerson,
    },
    /// An action of a later version.
    Unknown,
}

/// Somebody who is to be let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownAdmission {
    /// Who.
    pub person: ShownPerson,
    /// The role, as it is shown to scripts.
    pub role: String,
}

/// By what right an alliance opens mailboxes, without the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ShownGrant {
    /// By none.
    None,
    /// By a secret of the relay's operator.
    Secret {
        /// Its [`GrantMark`].
        mark: String,
    },
    /// By tokens.
    Tokens {
        /// Whose: host and port.
        issuer: String,
        /// Its [`GrantMark`].
        mark: String,
    },
    /// By tokens, of nobody knows whom: the grant is not whole.
    Damaged,
}

impl From<Option<&Grant>> for ShownGrant {
    fn from(grant: Option<&Grant>) -> Self {
        match grant.map(Grant::expose) {
            None => Self::None,
            Some(grant) if TokenGrant::is_one(grant) => match grant.parse::<TokenGrant>() {
                Ok(grant) => Self::Tokens {
                    issuer: format!("{}:{}", grant.issuer.host(), grant.issuer.port()),
                    mark: grant.mark().to_string(),
                },
                Err(_) => Self::Damaged,
            },
            Some(grant) => Self::Secret { mark: GrantMark::of(grant).to_string() },
        }
    }
}

/// An alliance's rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownRules {
    /// Organisations that must approve letting somebody in.
    pub admit: u8,
    /// Organisations that must approve removing somebody.
    pub remove: u8,
    /// Organisations that must approve another role.
    pub roles: u8,
    /// Organisations that must approve other rules.
    pub rules: u8,
    /// Organisations that must approve another name.
    pub name: u8,
    /// Whether organisers let in and remove people of their own organisation alone.
    pub own_delegates: bool,
    /// The most people by organisation.
    pub allotments: Vec<ShownAllotment>,
    /// How organisers are replaced that are gone.
    pub succession: Option<ShownSuccession>,
}

/// The most people of one organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownAllotment {
    /// Which organisation.
    pub organisation: String,
    /// How many people.
    pub seats: u16,
}

/// How organisers are replaced that are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownSuccession {
    /// Days of silence before a claim.
    pub silence_days: u16,
    /// Days between claim and appointment.
    pub waiting_days: u16,
    /// Organisations that must sign.
    pub organisations: u8,
}

/// A role's name for scripts.
pub(crate) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Observer => "observer",
        Role::Member => "member",
        Role::Organiser => "organiser",
    }
}

impl ShownAction {
    /// An action in an alliance of these people; whoever is not among them any more has a question mark for a name.
    pub(crate) fn of(action: &Action, people: &[Member]) -> Self {
        let shown = |identity: &Identity| {
            let found = people.iter().find(|member| member.person.identity == *identity);
            let unknown = || ShownPerson { name: "?".into(), organisation: "?".into() };
            found.map_or_else(unknown, |member| (&member.person).into())
        };
        match action {
            Action::Add(people) => {
                let shown = people.iter().map(|admission| ShownAdmission {
                    person: (&admission.person()).into(),
                    role: role_name(admission.role).to_owned(),
                });
                Self::Add { people: shown.collect() }
            }
            Action::Remove(gone) => Self::Remove { people: gone.iter().map(shown).collect() },
            Action::SetRole(identity, role) => {
                Self::Role { person: shown(identity), role: role_name(*role).to_owned() }
            }
            Action::SetRules(rules) => Self::Rules { rules: rules.into() },
            Action::Rename(name) => Self::Rename { name: name.as_str().to_owned() },
            Action::SetGrant(_, grant) => Self::Grant { grant: grant.as_ref().into() },
            Action::Claim(appointee) => Self::Claim { person: shown(appointee) },
            Action::Appoint(_, appointee) => Self::Appoint { person: shown(appointee) },
            _ => Self::Unknown,
        }
    }
}

impl From<&Rules> for ShownRules {
    fn from(rules: &Rules) -> Self {
        let allotments = rules.allotments.iter().map(|allotment| ShownAllotment {
            organisation: allotment.organisation.as_str().to_owned(),
            seats: allotment.seats,
        });
        Self {
            admit: rules.quorums.admit,
            remove: rules.quorums.remove,
            roles: rules.quorums.roles,
            rules: rules.quorums.rules,
            name: rules.quorums.alliance,
            own_delegates: rules.own_delegates,
            allotments: allotments.collect(),
            succession: rules.succession.map(|succession| ShownSuccession {
                silence_days: succession.silence_days,
                waiting_days: succession.waiting_days,
                organisations: succession.organisations,
            }),
        }
    }
}
