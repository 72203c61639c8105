//! A relay that lies: what it does, and how much of the promise holds for each lie today.
//!
//! A relay has a key of its own and nothing else: it can sign what it likes, show what it likes to whom it likes, and
//! lose what it likes. It cannot seal a frame. One kind of lie a run: so each is known to be noticed by itself.

use super::relay::{Answer, Ask, FRAMES_MAX, Mailbox, Shelf, Terms, refused};
use super::{PROFILES, Promise};
use std::collections::HashMap;
use std::sync::Arc;
use twiza_client::relay::RelayError;
use twiza_protocol::{FrameSize, MailboxAddress, ProblemCode};

/// Closing frames of its own that a relay makes in a run: an epoch has 16 branches.
const OWN_CLOSINGS_MAX: usize = 10;

/// A way to lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lie {
    /// Gives receipts for frames and does not keep them.
    DropsAcknowledged,
    /// Exchanges frames of an open mailbox that some have read already.
    Reorders,
    /// Exchanges frames of a mailbox that some have left already, or loses its end, so that it is open again.
    RewritesThePast,
    /// Shows old frames again, of this mailbox or of another.
    Replays,
    /// Keeps from somebody what has come lately.
    WithholdsTail,
    /// Loses the last frames of an open mailbox for good.
    Truncates,
    /// Shows two groups of members two histories, and lets them go on apart.
    TwoHistories,
    /// Goes back to an old backup.
    RollsBack,
    /// Loses everything.
    EmptyDisk,
    /// Answers for another mailbox than it was asked for.
    OtherMailbox,
    /// Closes a mailbox with a frame of its own.
    ClosesItself,
    /// Puts frames of its own into a mailbox.
    FloodsJunk,
}

impl Lie {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::DropsAcknowledged,
        Self::Reorders,
        Self::RewritesThePast,
        Self::Replays,
        Self::WithholdsTail,
        Self::Truncates,
        Self::TwoHistories,
        Self::RollsBack,
        Self::EmptyDisk,
        Self::OtherMailbox,
        Self::ClosesItself,
        Self::FloodsJunk,
    ];

    /// What the engine promises about it today. Raise it here when the engine can do more.
    #[must_use]
    pub const fn promise(self) -> Promise {
        match self {
            // There are two truths: who is on the side that does not go on comes back, but whoever was let in there must be
            // let in anew.
            Self::TwoHistories | Self::RewritesThePast => Promise::Detected,
            _ => Promise::Healed,
        }
    }

    /// Its name in what a run counts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DropsAcknowledged => "lie: drops what it acknowledged",
            Self::Reorders => "lie: reorders",
            Self::RewritesThePast => "lie: rewrites the past",
            Self::Replays => "lie: replays",
            Self::WithholdsTail => "lie: withholds the end",
            Self::Truncates => "lie: truncates",
            Self::TwoHistories => "lie: two histories",
            Self::RollsBack => "lie: goes back to a backup",
            Self::EmptyDisk => "lie: an empty disk",
            Self::OtherMailbox => "lie: answers for another mailbox",
            Self::ClosesItself => "lie: closes a mailbox itself",
            Self::FloodsJunk => "lie: floods junk",
        }
    }
}

/// A relay's lies of one kind.
pub(super) struct Liar {
    lie: Lie,
    rng: fastrand::Rng,
    /// Whether it lies in its answers just now.
    is_lying: bool,
    victims: Vec<usize>,
    /// How much of each mailbox victims may see.
    shown: HashMap<MailboxAddress, usize>,
    /// What victims see instead.
    other: Option<Shelf>,
    backup: Option<Shelf>,
    own_closings: usize,
}

impl Liar {
    pub(super) fn new(lie: Lie, rng: fastrand::Rng) -> Self {
        Self {
            lie,
            rng,
            is_lying: false,
            victims: Vec::new(),
            shown: HashMap::new(),
            other: None,
            backup: None,
            own_closings: 0,
        }
    }

    /// Does what it does once, or begins or ends to do it with each answer. Whether there was something to do.
    pub(super) fn act(&mut self, shelf: &mut Shelf) -> bool {
        match self.lie {
            Lie::DropsAcknowledged | Lie::OtherMailbox => self.is_lying = !self.is_lying,
            Lie::WithholdsTail | Lie::TwoHistories if self.is_lying => self.stop(shelf),
            Lie::WithholdsTail => {
                self.begin();
                self.shown = shelf.lengths();
            }
            Lie::TwoHistories => {
                self.begin();
                self.other = Some(shelf.clone());
            }
            Lie::RollsBack => match &self.backup {
                Some(backup) => *shelf = backup.clone(),
                None => self.backup = Some(shelf.clone()),
            },
            Lie::EmptyDisk => *shelf = Shelf::default(),
            Lie::Reorders => return self.reorder(shelf, |mailbox| !mailbox.is_closed()),
            Lie::RewritesThePast if self.rng.bool() => return self.reorder(shelf, Mailbox::is_closed),
            Lie::RewritesThePast => return self.truncate(shelf, Mailbox::is_closed),
            Lie::Replays => return self.replay(shelf),
            Lie::Truncates => return self.truncate(shelf, |mailbox| !mailbox.is_closed()),
            Lie::ClosesItself => return self.close(shelf),
            Lie::FloodsJunk => return self.flood(shelf),
        }
        true
    }

    fn begin(&mut self) {
        self.is_lying = true;
        let (first, more) = (self.rng.usize(0..PROFILES), self.rng.usize(0..PROFILES));
        self.victims = if self.rng.bool() { vec![first] } else { vec![first, more] };
    }

    fn stop(&mut self, shelf: &mut Shelf) {
        self.is_lying = false;
        // Only one of two histories can be the one it stays with.
        if let Some(other) = self.other.take().filter(|_| self.rng.bool()) {
            *shelf = other;
        }
    }

    pub(super) fn repent(mut self, shelf: &mut Shelf) {
        self.stop(shelf);
    }

    pub(super) fn answer(
        &mut self,
        shelf: &mut Shelf,
        terms: Terms<'_>,
        asker: usize,
        ask: &Ask,
    ) -> Result<Answer, RelayError> {
        if !self.is_lying {
            return shelf.answer(terms, ask);
        }
        let is_victim = self.victims.contains(&(asker % PROFILES));
        match (self.lie, ask) {
            (Lie::DropsAcknowledged, Ask::Append { .. }) if self.rng.bool() => shelf.clone().answer(terms, ask),
            (Lie::WithholdsTail, Ask::Read { address, .. }) if is_victim => {
                let mut shorter = shelf.clone();
                shorter.truncate(address, self.shown.get(address).copied().unwrap_or_default());
                shorter.answer(terms, ask)
            }
            (Lie::TwoHistories, _) if is_victim => self.other.as_mut().unwrap_or(shelf).answer(terms, ask),
            (Lie::OtherMailbox, Ask::Read { after, .. }) if self.rng.bool() => {
                let found = shelf.pick(&mut self.rng, |mailbox| mailbox.len() > 0).map(|(address, _)| address);
                let address = found.ok_or_else(|| refused(ProblemCode::MailboxUnknown))?;
                shelf.answer(terms, &Ask::Read { address, after: *after })
            }
            _ => shelf.answer(terms, ask),
        }
    }

    fn reorder(&mut self, shelf: &mut Shelf, which: impl Fn(&Mailbox) -> bool) -> bool {
        let wished = |mailbox: &Mailbox| mailbox.ordinary() > 1 && which(mailbox);
        let Some((address, mailbox)) = shelf.pick(&mut self.rng, wished) else { return false };
        let first = self.rng.usize(0..mailbox.ordinary() - 1);
        mailbox.swap(&address, first, first + 1);
        true
    }

    fn replay(&mut self, shelf: &mut Shelf) -> bool {
        let Some((_, source)) = shelf.pick(&mut self.rng, |mailbox| mailbox.ordinary() > 0) else { return false };
        let Some(octets) = source.octets(self.rng.usize(0..source.ordinary())) else { return false };
        let has_room = |mailbox: &Mailbox| !mailbox.is_closed() && mailbox.len() + 1 < FRAMES_MAX;
        let Some((address, mailbox)) = shelf.pick(&mut self.rng, has_room) else { return false };
        mailbox.push(&address, octets, false);
        true
    }

    fn truncate(&mut self, shelf: &mut Shelf, which: impl Fn(&Mailbox) -> bool) -> bool {
        let wished = |mailbox: &Mailbox| mailbox.len() > 0 && which(mailbox);
        let Some((address, mailbox)) = shelf.pick(&mut self.rng, wished) else { return false };
        let length = self.rng.usize(0..mailbox.len());
        shelf.truncate(&address, length);
        true
    }

    fn close(&mut self, shelf: &mut Shelf) -> bool {
        if self.own_closings == OWN_CLOSINGS_MAX {
            return false;
        }
        let junk = self.junk();
        let Some((address, mailbox)) = shelf.pick(&mut self.rng, |mailbox| !mailbox.is_closed()) else { return false };
        mailbox.push(&address, junk, true);
        self.own_closings += 1;
        true
    }

    fn flood(&mut self, shelf: &mut Shelf) -> bool {
        let mut frames: Vec<_> = (0..self.rng.usize(1..FRAMES_MAX)).map(|_| self.junk()).collect();
        let Some((address, mailbox)) = shelf.pick(&mut self.rng, |mailbox| !mailbox.is_closed()) else { return false };
        // It keeps to its own quota: beyond that it would only refuse what comes, and that is no lie.
        frames.truncate((FRAMES_MAX - 1).saturating_sub(mailbox.len()));
        frames.into_iter().for_each(|junk| mailbox.push(&address, junk, false));
        true
    }

    fn junk(&mut self) -> Arc<[u8]> {
        let mut octets = vec![0; FrameSize::Kib1.bytes()];
        self.rng.fill(&mut octets);
        octets.into()
    }
}
