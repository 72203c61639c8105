//! A relay as the protocol describes it, in memory: the same answers as the real one, without disk and network.

use std::collections::HashMap;
use twiza_client::relay::{InboundFrame, Page, RelayError};
use twiza_protocol::{
    Chain, ExpiryDay, FrameDigest, MailboxAddress, Opened, Problem, ProblemCode, Receipt, RelayKey, RelaySigningKey,
    Sequence,
};

/// Frames in a page: few, so that readers need several.
const PAGE_FRAMES: usize = 3;

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

#[derive(Debug, Clone, Default)]
struct Mailbox {
    frames: Vec<Stored>,
}

#[derive(Debug, Clone)]
struct Stored {
    octets: Vec<u8>,
    digest: FrameDigest,
    closing: bool,
    chain: Chain,
}

/// The relay.
pub(super) struct SimulatedRelay {
    key: RelaySigningKey,
    mailboxes: HashMap<MailboxAddress, Mailbox>,
    /// While full, nothing new is taken; what is there can be read.
    pub(super) is_full: bool,
}

impl SimulatedRelay {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { key: RelaySigningKey::from_seed(&seed), mailboxes: HashMap::new(), is_full: false }
    }

    pub(super) fn key(&self) -> RelayKey {
        self.key.public()
    }

    /// Frames that it holds.
    pub(super) fn frames(&self) -> usize {
        self.mailboxes.values().map(|mailbox| mailbox.frames.len()).sum()
    }

    pub(super) fn answer(&mut self, ask: &Ask) -> Result<Answer, RelayError> {
        match ask {
            Ask::Open(address) => {
                if !self.mailboxes.contains_key(address) && self.is_full {
                    return Err(refused(ProblemCode::RelayFull));
                }
                let mailbox = self.mailboxes.entry(*address).or_default();
                let head = mailbox.receipt(&self.key, address, mailbox.frames.len());
                Ok(Answer::Opened(Opened { head, expires: ExpiryDay(u32::MAX) }))
            }
            Ask::Append { address, frame, closing } => self.append(address, frame, *closing).map(Answer::Appended),
            Ask::Read { address, after } => self.read(address, *after).map(Answer::Page),
        }
    }

    fn append(&mut self, address: &MailboxAddress, frame: &[u8], closing: bool) -> Result<Receipt, RelayError> {
        let mailbox = self.mailboxes.get_mut(address).ok_or(refused(ProblemCode::MailboxUnknown))?;
        let digest = FrameDigest::of(frame);
        if let Some(first) = mailbox.frames.iter().position(|stored| stored.digest == digest) {
            return Ok(mailbox.receipt(&self.key, address, first + 1));
        }
        if mailbox.frames.last().is_some_and(|last| last.closing) {
            return Err(refused(ProblemCode::MailboxClosed));
        }
        if self.is_full {
            return Err(refused(ProblemCode::RelayFull));
        }
        let sequence = Sequence(mailbox.frames.len() as u64 + 1);
        let chain = mailbox.chain(address, mailbox.frames.len()).append(sequence, closing, &digest);
        mailbox.frames.push(Stored { octets: frame.to_vec(), digest, closing, chain });
        Ok(mailbox.receipt(&self.key, address, mailbox.frames.len()))
    }

    fn read(&self, address: &MailboxAddress, after: Sequence) -> Result<Page, RelayError> {
        let mailbox = self.mailboxes.get(address).ok_or(refused(ProblemCode::MailboxUnknown))?;
        let after = usize::try_from(after.0).unwrap_or(usize::MAX).min(mailbox.frames.len());
        let end = mailbox.frames.len().min(after + PAGE_FRAMES);
        let frames = mailbox.frames.iter().enumerate().take(end).skip(after);
        let frames = frames.map(|(index, stored)| {
            InboundFrame::new(Sequence(index as u64 + 1), stored.closing, stored.octets.clone())
        });
        let head = (end == mailbox.frames.len()).then(|| mailbox.receipt(&self.key, address, end));
        Ok(Page { frames: frames.collect::<Result<_, _>>()?, head })
    }
}

impl Mailbox {
    fn chain(&self, address: &MailboxAddress, place: usize) -> Chain {
        let stored = place.checked_sub(1).and_then(|index| self.frames.get(index));
        stored.map_or_else(|| Chain::start(address), |stored| stored.chain)
    }

    fn receipt(&self, key: &RelaySigningKey, address: &MailboxAddress, place: usize) -> Receipt {
        let closed = place.checked_sub(1).and_then(|index| self.frames.get(index)).is_some_and(|stored| stored.closing);
        Receipt::sign(key, address, Sequence(place as u64), closed, self.chain(address, place))
    }
}

fn refused(code: ProblemCode) -> RelayError {
    RelayError::Refused(Box::new(Problem::new(code)))
}
