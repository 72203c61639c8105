//! Who is in an alliance.

use super::naming::Named;
use super::{AllianceNumber, Engine, Held};
use crate::ClientError;
use crate::store::history::{Item, ShownPerson};
use twiza_crypto::alliance::Role;
use twiza_crypto::group::Group;
use twiza_crypto::identity::Identity;
use twiza_crypto::words::SafetyWords;

/// A member, as it is shown.
#[derive(Debug, Clone)]
pub struct MemberView {
    /// The member's number in the alliance (its leaf), for commands that name somebody.
    pub number: u32,
    /// Who.
    pub person: ShownPerson,
    /// May do what.
    pub role: Role,
    /// Whether it is oneself.
    pub own: bool,
    /// The person's safety words.
    pub words: SafetyWords,
    pub(super) identity: Identity,
}

pub(super) use crate::store::shown::role_name;

/// The role with this number, as stores keep it.
pub(super) fn role_with_code(code: u8) -> Option<Role> {
    [Role::Observer, Role::Member, Role::Organiser].into_iter().find(|role| *role as u8 == code)
}

impl MemberView {
    /// The role's name for scripts: `observer`, `member` or `organiser`.
    #[must_use]
    pub fn role_name(&self) -> &'static str {
        role_name(self.role)
    }

    /// Whether this member wrote that. Names do not tell: several may have one.
    #[must_use]
    pub fn wrote(&self, item: &Item) -> bool {
        matches!(item, Item::Text { sender, .. } if sender == self.identity.as_bytes())
    }
}

impl Engine {
    /// Everybody in an alliance, as of what was read last.
    ///
    /// # Errors
    /// [`ClientError::NotActive`].
    pub async fn members(&self, alliance: AllianceNumber) -> Result<Vec<MemberView>, ClientError> {
        let Held { group, .. } = self.held(alliance).await?;
        self.views(&group)
    }

    /// Everybody in a group.
    pub(super) fn views(&self, group: &Group) -> Result<Vec<MemberView>, ClientError> {
        let own = self.profile.key.identity();
        let members = group.members()?.into_iter().map(|member| MemberView {
            number: member.leaf_index,
            person: (&member.person).into(),
            role: member.role,
            own: member.person.identity == own,
            words: SafetyWords::of_person(&member.person.identity),
            identity: member.person.identity,
        });
        Ok(members.collect())
    }

    /// The member with this name or number; digits are a number, and after `@` stands a name.
    ///
    /// # Errors
    /// [`ClientError::UnknownMember`] or [`ClientError::AmbiguousMember`].
    pub async fn find_member(&self, alliance: AllianceNumber, text: &str) -> Result<MemberView, ClientError> {
        named(self.members(alliance).await?, text)
    }
}

impl Engine {
    /// As [`Engine::find_member`], or somebody who is awaited after the alliance was founded anew, by name: who, and
    /// called how.
    pub(super) async fn find_person(
        &self,
        alliance: AllianceNumber,
        text: &str,
    ) -> Result<(Identity, String), ClientError> {
        let unknown = match self.find_member(alliance, text).await {
            Err(error @ ClientError::UnknownMember(_)) => error,
            found => return found.map(|member| (member.identity, member.person.name)),
        };
        let Named::Name(wanted) = Named::typed(text) else { return Err(unknown) };
        let Held { group, .. } = self.held(alliance).await?;
        let awaited = group.alliance().awaited().iter();
        let named: Vec<_> = awaited.filter(|one| one.name.as_str().to_lowercase() == wanted).collect();
        match named.as_slice() {
            [one] => Ok((one.identity, one.name.as_str().to_owned())),
            [] => Err(unknown),
            _ => Err(ClientError::AmbiguousMember(text.to_owned())),
        }
    }
}

/// The one of these members with this name or number.
pub(super) fn named(members: Vec<MemberView>, text: &str) -> Result<MemberView, ClientError> {
    let wanted = match Named::typed(text) {
        Named::Name(name) => name,
        Named::Number(number) => {
            let found = members.into_iter().find(|member| u64::from(member.number) == number);
            return found.ok_or_else(|| ClientError::UnknownMember(text.to_owned()));
        }
    };
    let named = members.iter().filter(|member| member.person.name.to_lowercase() == wanted);
    match named.collect::<Vec<_>>().as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(ClientError::UnknownMember(text.to_owned())),
        _ => Err(ClientError::AmbiguousMember(text.to_owned())),
    }
}
