//! The relay: one append-only list of frames for each epoch and branch.

use crate::{Mistake, Scenario};
use std::collections::BTreeMap;

/// Some members, by their numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Set(u8);

impl Set {
    /// The first so many members.
    #[must_use]
    pub const fn first(count: usize) -> Self {
        Self(((1_u16 << count) - 1) as u8)
    }

    /// Whether a member is among them.
    #[must_use]
    pub const fn has(self, member: usize) -> bool {
        self.0 & (1 << member) != 0
    }

    /// These and one more.
    #[must_use]
    pub const fn with(self, member: usize) -> Self {
        Self(self.0 | (1 << member))
    }

    /// These without those.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of these are among those.
    #[must_use]
    pub const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// A commit that was taken over.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Commit {
    /// Whose.
    pub author: usize,
    /// Which of its author's attempts.
    pub attempt: u8,
    /// Whom it removes.
    pub removed: Option<usize>,
    /// Whose wish to leave it carries out.
    pub departed: Set,
}

/// An epoch: the commits that lead to it.
pub type Epoch = Vec<Commit>;

/// Who is in an epoch, if this many founded the alliance.
#[must_use]
pub fn members_of(epoch: &[Commit], founders: usize) -> Set {
    epoch.iter().fold(Set::first(founders), |members, commit| {
        let members = members.without(commit.departed);
        commit.removed.map_or(members, |gone| members.without(Set::default().with(gone)))
    })
}

/// A mailbox's address: derived from an epoch's secret, so known to its members and to nobody else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// Of which epoch.
    pub epoch: Epoch,
    /// Which attempt at ending it.
    pub branch: u8,
}

/// What a frame says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Body {
    /// A text, by its number.
    Text(u8),
    /// A wish to leave.
    Leave,
    /// The end of the epoch, if it is valid.
    Commit {
        /// Whom it removes.
        removed: Option<usize>,
        /// Whose wish to leave it carries out.
        departed: Set,
    },
    /// A closing frame that is no commit.
    Junk,
}

impl Body {
    const fn closes(&self) -> bool {
        matches!(self, Self::Commit { .. } | Self::Junk)
    }
}

/// A frame. Author and attempt are its digest: each attempt is sealed with other randomness.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Frame {
    /// Who sealed it.
    pub author: usize,
    /// Which of its author's attempts.
    pub attempt: u8,
    /// What it says.
    pub body: Body,
}

/// A request to append.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Post {
    /// Where.
    pub address: Address,
    /// What.
    pub frame: Frame,
}

/// All mailboxes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Relay {
    /// The frames of each, in their order.
    pub mailboxes: BTreeMap<Address, Vec<Frame>>,
}

impl Relay {
    /// Appends a frame; `false` where the mailbox is closed. A repeated frame is the one that is there.
    pub(crate) fn append(&mut self, post: &Post, scenario: &Scenario) -> bool {
        let mailbox = self.mailboxes.entry(post.address.clone()).or_default();
        if mailbox.contains(&post.frame) && !scenario.makes(Mistake::RelayRepeats) {
            return true;
        }
        let closed = mailbox.last().is_some_and(|last| last.body.closes());
        if closed && !scenario.makes(Mistake::RelayNeverCloses) {
            return false;
        }
        mailbox.push(post.frame.clone());
        true
    }

    pub(crate) fn at(&self, address: &Address, cursor: u8) -> Option<&Frame> {
        self.mailboxes.get(address)?.get(usize::from(cursor))
    }
}
