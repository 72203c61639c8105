//! A relay as the protocol describes it, in memory: the same answers as the real one, without disk and network. What a
//! relay that lies does beyond that is in [`super::lies`].

use super::lies::{Liar, Lie};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use twiza_client::relay::{InboundFrame, Page, RelayError};
use twiza_protocol::{
    Chain, CoarseTime, ExpiryDay, FrameDigest, MailboxAddress, Opened, Problem, ProblemCode, Receipt, RelayKey,
    RelaySigningKey, Sequence,
};

/// Frames in a page: few, so that readers need several.
const PAGE_FRAMES: usize = 3;

/// Frames in a mailbox, the last place for a closing frame: few, so that junk can fill it.
pub(super) const FRAMES_MAX: usize = 40;

/// Days after its last use on which a mailbox is forgotten.
pub(super) const RETENTION_DAYS: u32 = 30;

/// What a client asks.
#[derive(Debug, Clone)]
pub(super) enum Ask {
    Open(MailboxAddress),
    Append { address: MailboxAddress, frame: Vec<u8>, closing: bool },
    Read { address: MailboxAddress, after: Sequence },
}

/// What the relay answers.
#[derive(Debug)]
pub(super) enum Answer {
    Opened(Opened),
    Appended(Receipt),
    Page(Page),
}

/// What an answer depends on besides the mailboxes.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) key: &'a RelaySigningKey,
    pub(super) today: ExpiryDay,
    /// While full, nothing new is taken; what is there can be read.
    pub(super) is_full: bool,
}

#[derive(Debug, Clone)]
struct Stored {
    octets: Arc<[u8]>,
    digest: FrameDigest,
    closing: bool,
    chain: Chain,
}

/// One mailbox.
#[derive(Debug, Clone)]
pub(super) struct Mailbox {
    frames: Vec<Stored>,
    expires: ExpiryDay,
}

/// Everything that a relay holds. A copy shares the frames' octets.
#[derive(Debug, Clone, Default)]
pub(super) struct Shelf {
    mailboxes: HashMap<MailboxAddress, Mailbox>,
    /// In the order in which they were opened: addresses differ from run to run, their order does not.
    order: Vec<MailboxAddress>,
}

/// The relay.
pub(super) struct SimulatedRelay {
    key: RelaySigningKey,
    now: Arc<AtomicU64>,
    pub(super) shelf: Shelf,
    pub(super) is_full: bool,
    liar: Option<Liar>,
    /// Requests that it answered.
    pub(super) answered: usize,
}

impl SimulatedRelay {
    pub(super) fn new(seed: [u8; 32], now: Arc<AtomicU64>) -> Self {
        let key = RelaySigningKey::from_seed(&seed);
        Self { key, now, shelf: Shelf::default(), is_full: false, liar: None, answered: 0 }
    }

    pub(super) fn key(&self) -> RelayKey {
        self.key.public()
    }

    /// Answers the program with this number.
    pub(super) fn answer(&mut self, asker: usize, ask: &Ask) -> Result<Answer, RelayError> {
        self.answered += 1;
        let today = CoarseTime::from_unix_seconds(self.now.load(Ordering::Relaxed)).day();
        let terms = Terms { key: &self.key, today, is_full: self.is_full };
        match &mut self.liar {
            Some(liar) => liar.answer(&mut self.shelf, terms, asker, ask),
            None => self.shelf.answer(terms, ask),
        }
    }

    /// Lies once, or begins or ends to lie. Whether there was something to lie about.
    pub(super) fn lie(&mut self, lie: Lie, rng: &mut fastrand::Rng) -> bool {
        let liar = self.liar.get_or_insert_with(|| Liar::new(lie, rng.fork()));
        liar.act(&mut self.shelf)
    }

    /// From now on it tells the truth about what it still has.
    pub(super) fn repent(&mut self) {
        if let Some(liar) = self.liar.take() {
            liar.repent(&mut self.shelf);
        }
    }
}

impl Shelf {
    /// Frames that it holds.
    pub(super) fn frames(&self) -> usize {
        self.mailboxes.values().map(|mailbox| mailbox.frames.len()).sum()
    }

    /// Mailboxes that it holds.
    pub(super) fn mailboxes(&self) -> usize {
        self.mailboxes.len()
    }

    /// One of the few youngest mailboxes that are as wished.
    pub(super) fn pick(
        &mut self,
        rng: &mut fastrand::Rng,
        wished: impl Fn(&Mailbox) -> bool,
    ) -> Option<(MailboxAddress, &mut Mailbox)> {
        const YOUNGEST: usize = 3;
        let wished = |address: &&MailboxAddress| self.mailboxes.get(*address).is_some_and(&wished);
        let found: Vec<_> = self.order.iter().rev().filter(wished).take(YOUNGEST).copied().collect();
        let address = rng.choice(found)?;
        self.mailboxes.get_mut(&address).map(|mailbox| (address, mailbox))
    }

    /// The octets of the frame that closed a mailbox.
    pub(super) fn closing_frame(&self, address: &MailboxAddress) -> Option<&[u8]> {
        let last = self.mailboxes.get(address)?.frames.last()?;
        last.closing.then_some(&*last.octets)
    }

    pub(super) fn answer(&mut self, terms: Terms<'_>, ask: &Ask) -> Result<Answer, RelayError> {
        let (Ask::Open(address) | Ask::Append { address, .. } | Ask::Read { address, .. }) = ask;
        if self.mailboxes.get(address).is_some_and(|mailbox| mailbox.expires < terms.today) {
            self.mailboxes.remove(address);
            self.order.retain(|other| other != address);
        }
        match ask {
            Ask::Open(address) => self.open(terms, address).map(Answer::Opened),
            Ask::Append { address, frame, closing } => {
                self.append(terms, address, frame, *closing).map(Answer::Appended)
            }
            Ask::Read { address, after } => self.read(terms, address, *after).map(Answer::Page),
        }
    }

    fn open(&mut self, terms: Terms<'_>, address: &MailboxAddress) -> Result<Opened, RelayError> {
        if !self.mailboxes.contains_key(address) {
            if terms.is_full {
                return Err(refused(ProblemCode::RelayFull));
            }
            self.order.push(*address);
        }
        let expires = terms.today.plus_days(RETENTION_DAYS);
        let mailbox = self.mailboxes.entry(*address).or_insert(Mailbox { frames: Vec::new(), expires });
        mailbox.expires = expires;
        Ok(Opened { head: mailbox.receipt(terms.key, address, mailbox.frames.len()), expires })
    }

    fn append(
        &mut self,
        terms: Terms<'_>,
        address: &MailboxAddress,
        frame: &[u8],
        closing: bool,
    ) -> Result<Receipt, RelayError> {
        let mailbox = self.mailboxes.get_mut(address).ok_or(refused(ProblemCode::MailboxUnknown))?;
        let digest = FrameDigest::of(frame);
        if let Some((first, stored)) = mailbox.frames.iter().enumerate().find(|(_, stored)| stored.digest == digest) {
            if stored.closing != closing {
                return Err(refused(ProblemCode::FrameConflict));
            }
            mailbox.expires = terms.today.plus_days(RETENTION_DAYS);
            return Ok(mailbox.receipt(terms.key, address, first + 1));
        }
        if mailbox.is_closed() {
            return Err(refused(ProblemCode::MailboxClosed));
        }
        if mailbox.frames.len() + usize::from(!closing) >= FRAMES_MAX {
            return Err(refused(ProblemCode::MailboxFull));
        }
        if terms.is_full {
            return Err(refused(ProblemCode::RelayFull));
        }
        mailbox.expires = terms.today.plus_days(RETENTION_DAYS);
        mailbox.push(address, frame.into(), closing);
        Ok(mailbox.receipt(terms.key, address, mailbox.frames.len()))
    }

    fn read(&self, terms: Terms<'_>, address: &MailboxAddress, after: Sequence) -> Result<Page, RelayError> {
        let mailbox = self.mailboxes.get(address).ok_or(refused(ProblemCode::MailboxUnknown))?;
        let after = usize::try_from(after.0).unwrap_or(usize::MAX).min(mailbox.frames.len());
        let end = mailbox.frames.len().min(after + PAGE_FRAMES);
        let frames = mailbox.frames.iter().enumerate().take(end).skip(after);
        let frames = frames.map(|(index, stored)| {
            InboundFrame::new(Sequence(index as u64 + 1), stored.closing, stored.octets.to_vec())
        });
        let head = (end == mailbox.frames.len()).then(|| mailbox.receipt(terms.key, address, end));
        Ok(Page { frames: frames.collect::<Result<_, _>>()?, head })
    }

    /// Forgets all but a mailbox's first frames.
    pub(super) fn truncate(&mut self, address: &MailboxAddress, length: usize) {
        if let Some(mailbox) = self.mailboxes.get_mut(address) {
            mailbox.frames.truncate(length);
        }
    }

    /// How many frames each mailbox has.
    pub(super) fn lengths(&self) -> HashMap<MailboxAddress, usize> {
        self.mailboxes.iter().map(|(address, mailbox)| (*address, mailbox.frames.len())).collect()
    }
}

impl Mailbox {
    pub(super) fn is_closed(&self) -> bool {
        self.frames.last().is_some_and(|last| last.closing)
    }

    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    /// Frames that do not close it.
    pub(super) fn ordinary(&self) -> usize {
        self.frames.len() - usize::from(self.is_closed())
    }

    pub(super) fn octets(&self, place: usize) -> Option<Arc<[u8]>> {
        self.frames.get(place).map(|stored| stored.octets.clone())
    }

    /// Takes a frame without asking for anything.
    pub(super) fn push(&mut self, address: &MailboxAddress, octets: Arc<[u8]>, closing: bool) {
        let digest = FrameDigest::of(&octets);
        let sequence = Sequence(self.frames.len() as u64 + 1);
        let chain = self.chain(address, self.frames.len()).append(sequence, closing, &digest);
        self.frames.push(Stored { octets, digest, closing, chain });
    }

    /// Exchanges two frames, and says that it was always so.
    pub(super) fn swap(&mut self, address: &MailboxAddress, one: usize, other: usize) {
        self.frames.swap(one, other);
        for Stored { octets, closing, .. } in std::mem::take(&mut self.frames) {
            self.push(address, octets, closing);
        }
    }

    fn chain(&self, address: &MailboxAddress, place: usize) -> Chain {
        let stored = place.checked_sub(1).and_then(|index| self.frames.get(index));
        stored.map_or_else(|| Chain::start(address), |stored| stored.chain)
    }

    fn receipt(&self, key: &RelaySigningKey, address: &MailboxAddress, place: usize) -> Receipt {
        let closed = place.checked_sub(1).and_then(|index| self.frames.get(index)).is_some_and(|stored| stored.closing);
        Receipt::sign(key, address, Sequence(place as u64), closed, self.chain(address, place))
    }
}

pub(super) fn refused(code: ProblemCode) -> RelayError {
    RelayError::Refused(Box::new(Problem::new(code)))
}
