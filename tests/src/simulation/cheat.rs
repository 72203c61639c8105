//! Members who have changed their clients: what they put into their alliance's mailbox, and what honest members must
//! make of it.

use super::client::Seeded;
use super::relay::FRAMES_MAX;
use std::collections::BTreeMap;
use twiza_client::engine::Insider;
use twiza_crypto::alliance::Role;
use twiza_crypto::content::{AuthorSeal, ContentKind};
use twiza_crypto::epoch::EpochKeys;
use twiza_crypto::group::commit::{Change, PendingCommit};
use twiza_crypto::seal::seal_payload;
use twiza_crypto::{CryptoError, Random};
use twiza_protocol::{FrameSize, MailboxAddress};

/// Invalid closing frames that cheats get into one epoch: it has 16 branches.
pub(super) const CLOSINGS_MAX: usize = 12;

/// A way to cheat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cheat {
    /// Closes with octets that nobody can open.
    ClosesUnreadably,
    /// Closes with junk under the epoch's seal, and vouches for nothing.
    ClosesAnonymously,
    /// Closes with junk, and vouches for it.
    ClosesWithJunk,
    /// Closes with a commit that MLS accepts and the rules forbid.
    BreaksTheRules,
    /// Closes with a good commit, whose author's seal does not verify.
    SpoilsItsSeal,
    /// Closes with its own commit in another member's name.
    BlamesAnother,
    /// Closes with another member's commit, and its seal, from an earlier mailbox.
    RepeatsAnother,
    /// Closes with what is no commit.
    ClosesWithMessage,
    /// Fills the mailbox with octets that nobody can open.
    Floods,
    /// Says something that is no message.
    Babbles,
    /// Writes where it could write before.
    WritesIntoThePast,
}

impl Cheat {
    pub(super) const ALL: [Self; 11] = [
        Self::ClosesUnreadably,
        Self::ClosesAnonymously,
        Self::ClosesWithJunk,
        Self::BreaksTheRules,
        Self::SpoilsItsSeal,
        Self::BlamesAnother,
        Self::RepeatsAnother,
        Self::ClosesWithMessage,
        Self::Floods,
        Self::Babbles,
        Self::WritesIntoThePast,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ClosesUnreadably => "cheat: closes with octets that nobody can open",
            Self::ClosesAnonymously => "cheat: closes with junk",
            Self::ClosesWithJunk => "cheat: closes with junk that it vouches for",
            Self::BreaksTheRules => "cheat: breaks the rules",
            Self::SpoilsItsSeal => "cheat: spoils its seal",
            Self::BlamesAnother => "cheat: blames another",
            Self::RepeatsAnother => "cheat: repeats another's commit",
            Self::ClosesWithMessage => "cheat: closes with a message",
            Self::Floods => "cheat: floods",
            Self::Babbles => "cheat: says what is no message",
            Self::WritesIntoThePast => "cheat: writes into the past",
        }
    }
}

/// What honest members must have in each epoch because of the cheats.
#[derive(Debug, Clone, Default)]
pub(super) struct Expected {
    /// Refused commits in their order, each with whom they must name.
    pub(super) refusals: BTreeMap<u64, Vec<Option<String>>>,
    /// Messages that nobody can read.
    pub(super) unreadable: BTreeMap<u64, usize>,
}

/// Frames that a cheat made, and what they are for.
pub(super) struct Forged {
    pub(super) address: MailboxAddress,
    pub(super) epoch: u64,
    pub(super) frames: Vec<Vec<u8>>,
    pub(super) closing: bool,
    /// Whether the closing frame must be held against the cheat by name.
    pub(super) convicts: bool,
    /// Whether everybody must find a message that cannot be read.
    pub(super) unreadable: bool,
}

/// What a cheat keeps of places that it has been to.
pub(super) struct Memory {
    pub(super) keys: EpochKeys,
    pub(super) epoch: u64,
    /// The frame that closed it, if that had come.
    pub(super) closing: Option<Vec<u8>>,
}

/// A cheat at work.
pub(super) struct Forger {
    pub(super) insider: Insider,
    pub(super) rng: fastrand::Rng,
}

impl Forger {
    /// Makes what this way to cheat takes. Where it is not possible just now, it is another.
    pub(super) fn forge(&mut self, cheat: Cheat, past: &[Memory]) -> Result<Forged, CryptoError> {
        match cheat {
            Cheat::ClosesUnreadably => {
                let junk = self.junk_frame();
                Ok(self.closing_with(vec![junk], false))
            }
            Cheat::ClosesAnonymously => self.sealed(ContentKind::Commit, None, true),
            Cheat::ClosesWithJunk => {
                let junk = self.junk(300);
                let author = self.insider.group.vouch_for(&self.address(), &junk);
                self.closing_commit(&junk, &author, FrameSize::Kib1, true)
            }
            Cheat::BreaksTheRules => self.break_the_rules(),
            Cheat::SpoilsItsSeal => {
                let PendingCommit { commit, author, frame_size, .. } = self.commit(&Change::Rotate)?;
                let mut author = author;
                author.signature[self.rng.usize(0..64)] ^= 1;
                self.closing_commit(&commit, &author, frame_size, false)
            }
            Cheat::BlamesAnother => {
                let PendingCommit { commit, author, frame_size, .. } = self.commit(&Change::Rotate)?;
                let others = self.insider.group.members()?.into_iter().map(|member| member.leaf_index);
                let others: Vec<u32> = others.filter(|leaf| *leaf != author.leaf_index).collect();
                let leaf_index = self.rng.choice(others).unwrap_or(u32::MAX);
                self.closing_commit(&commit, &AuthorSeal { leaf_index, ..author }, frame_size, false)
            }
            Cheat::RepeatsAnother => self.repeat_another(past),
            Cheat::ClosesWithMessage => self.sealed(ContentKind::Message, None, true),
            Cheat::Floods => {
                let frames = (0..FRAMES_MAX).map(|_| self.junk_frame()).collect();
                Ok(Forged { closing: false, ..self.closing_with(frames, false) })
            }
            Cheat::Babbles => {
                let kinds =
                    [ContentKind::Message, ContentKind::Proposal, ContentKind::Unknown(99), ContentKind::Welcome];
                let kind = self.rng.choice(kinds).unwrap_or(ContentKind::Message);
                let forged = self.sealed(kind, None, false)?;
                Ok(Forged { unreadable: kind == ContentKind::Message, ..forged })
            }
            Cheat::WritesIntoThePast => {
                let junk = self.junk_frame();
                let forged = self.closing_with(vec![junk], false);
                // It may be open: another cheat may still be there.
                let past = self.rng.choice(past).map(|past| (past.keys.mailbox.address(), past.epoch));
                let (address, epoch) = past.unwrap_or((forged.address, forged.epoch));
                Ok(Forged { address, epoch, ..forged })
            }
        }
    }

    fn address(&self) -> MailboxAddress {
        self.insider.keys.mailbox.address()
    }

    fn closing_with(&self, frames: Vec<Vec<u8>>, convicts: bool) -> Forged {
        Forged {
            address: self.address(),
            epoch: self.insider.group.epoch(),
            frames,
            closing: true,
            convicts,
            unreadable: false,
        }
    }

    fn junk(&mut self, length: usize) -> Vec<u8> {
        let mut octets = vec![0; length];
        self.rng.fill(&mut octets);
        octets
    }

    fn junk_frame(&mut self) -> Vec<u8> {
        self.junk(FrameSize::Kib1.bytes())
    }

    fn random(&mut self) -> Random {
        Random::new(Seeded(self.rng.fork()))
    }

    /// Junk under the epoch's seal.
    fn sealed(&mut self, kind: ContentKind, author: Option<&AuthorSeal>, closing: bool) -> Result<Forged, CryptoError> {
        let (junk, random) = (self.junk(200), self.random());
        let frames = seal_payload(&self.insider.keys.frame, kind, &junk, author, FrameSize::Kib1, &random)?;
        let frames = frames.iter().map(|frame| frame.as_bytes().to_vec()).collect();
        Ok(Forged { closing, ..self.closing_with(frames, false) })
    }

    fn closing_commit(
        &mut self,
        commit: &[u8],
        author: &AuthorSeal,
        size: FrameSize,
        convicts: bool,
    ) -> Result<Forged, CryptoError> {
        let random = self.random();
        let keys = &self.insider.keys.frame;
        let frames = seal_payload(keys, ContentKind::Commit, commit, Some(author), size, &random)?;
        let frames = frames.iter().map(|frame| frame.as_bytes().to_vec()).collect();
        Ok(self.closing_with(frames, convicts))
    }

    fn commit(&mut self, change: &Change) -> Result<PendingCommit, CryptoError> {
        let address = self.address();
        let group = &mut self.insider.group;
        if group.has_pending() {
            group.drop_pending()?;
        }
        group.commit(change, &address)
    }

    /// Makes itself an organiser; whoever is one already vouches for junk.
    fn break_the_rules(&mut self) -> Result<Forged, CryptoError> {
        let own = self.insider.group.own_identity()?;
        let role = self.insider.group.alliance().seat(&own).map(|seat| seat.role);
        if role == Some(Role::Organiser) {
            return self.forge(Cheat::ClosesWithJunk, &[]);
        }
        // Its own client must believe that it may, and that there is something to change.
        for member in self.insider.group.members()? {
            self.insider.group.pretend_role(&member.person.identity, Role::Organiser);
        }
        let victims = self.insider.group.members()?.into_iter().map(|member| member.person.identity);
        let victims: Vec<_> = victims.filter(|identity| *identity != own).collect();
        let Some(victim) = self.rng.choice(victims) else { return self.forge(Cheat::ClosesWithJunk, &[]) };
        let PendingCommit { commit, author, frame_size, .. } = self.commit(&Change::Remove(vec![victim]))?;
        self.closing_commit(&commit, &author, frame_size, true)
    }

    fn repeat_another(&mut self, past: &[Memory]) -> Result<Forged, CryptoError> {
        let found = past.iter().filter_map(|past| past.keys.frame.open(past.closing.as_ref()?).ok());
        let commits: Vec<_> = found.filter(|content| content.kind == ContentKind::Commit).collect();
        let found = self.rng.choice(&commits).and_then(|content| Some((content.body.clone(), content.author.clone()?)));
        let Some((commit, author)) = found else { return self.forge(Cheat::ClosesUnreadably, &[]) };
        self.closing_commit(&commit, &author, FrameSize::Kib64, false)
    }
}
