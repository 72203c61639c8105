//! A relay in memory that takes everything, answers at once, and whose word nobody checks.

use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use twiza_client::relay::{InboundFrame, Page, RelayConnection, RelayConnector, RelayError, Right};
use twiza_protocol::{
    AdmissionMode, Chain, CoarseTime, Describe, ExpiryDay, FrameDigest, Limits, MailboxAddress, MailboxKey, Opened,
    PROTOCOL_VERSION, Problem, ProblemCode, Receipt, ReceiptSignature, RelayAddress, RelayKey, RelaySigningKey,
    Sequence,
};

/// Octets in a page, as a real relay gives them.
const PAGE_BYTES: usize = 1 << 20;

#[derive(Default)]
struct Mailbox {
    frames: Vec<InboundFrame>,
    chains: Vec<Chain>,
}

impl Mailbox {
    fn receipt(&self, address: &MailboxAddress, place: usize) -> Receipt {
        let last = place.checked_sub(1);
        Receipt {
            sequence: Sequence(place as u64),
            chain: last.map_or_else(|| Chain::start(address), |last| self.chains[last]),
            closed: last.is_some_and(|last| self.frames[last].closing),
            signature: ReceiptSignature::from_bytes([0; 64]),
        }
    }
}

#[derive(Clone)]
pub(crate) struct MemoryRelay {
    key: RelayKey,
    mailboxes: Arc<Mutex<HashMap<MailboxAddress, Mailbox>>>,
}

impl Default for MemoryRelay {
    fn default() -> Self {
        Self { key: RelaySigningKey::from_seed(&[7; 32]).public(), mailboxes: Arc::default() }
    }
}

impl MemoryRelay {
    pub(crate) fn address(&self) -> RelayAddress {
        format!("twiza://relay.example/{}", self.key).parse().expect("an address")
    }

    pub(crate) fn connector(&self) -> Arc<dyn RelayConnector> {
        Arc::new(self.clone())
    }

    fn mailboxes(&self) -> MutexGuard<'_, HashMap<MailboxAddress, Mailbox>> {
        self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refused(code: ProblemCode) -> RelayError {
    RelayError::Refused(Box::new(Problem::new(code)))
}

impl RelayConnector for MemoryRelay {
    fn connect(&self, _: &RelayAddress) -> Result<Arc<dyn RelayConnection>, RelayError> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl RelayConnection for MemoryRelay {
    fn key(&self) -> &RelayKey {
        &self.key
    }

    async fn describe(&self) -> Result<Describe, RelayError> {
        Ok(Describe {
            protocol_min: PROTOCOL_VERSION,
            protocol_max: PROTOCOL_VERSION,
            relay_key: self.key,
            relay_time: CoarseTime::from_unix_seconds(0),
            admission: AdmissionMode::Open,
            token_keys: Vec::new(),
            retention_days: 30,
            limits: Limits::default(),
        })
    }

    async fn open(&self, mailbox: &MailboxKey, _: Right<'_>) -> Result<Opened, RelayError> {
        let (address, mut mailboxes) = (mailbox.address(), self.mailboxes());
        let mailbox = mailboxes.entry(address).or_default();
        Ok(Opened { head: mailbox.receipt(&address, mailbox.frames.len()), expires: ExpiryDay(u32::MAX) })
    }

    async fn append(&self, mailbox: &MailboxKey, frame: &[u8], closing: bool) -> Result<Receipt, RelayError> {
        let (address, mut mailboxes) = (mailbox.address(), self.mailboxes());
        let mailbox = mailboxes.get_mut(&address).ok_or(refused(ProblemCode::MailboxUnknown))?;
        let sequence = Sequence(mailbox.frames.len() as u64 + 1);
        let before = mailbox.chains.last().copied().unwrap_or_else(|| Chain::start(&address));
        mailbox.chains.push(before.append(sequence, closing, &FrameDigest::of(frame)));
        mailbox.frames.push(InboundFrame::new(sequence, closing, frame.to_vec())?);
        Ok(mailbox.receipt(&address, mailbox.frames.len()))
    }

    async fn read(&self, mailbox: &MailboxKey, after: Sequence) -> Result<Page, RelayError> {
        let (address, mailboxes) = (mailbox.address(), self.mailboxes());
        let mailbox = mailboxes.get(&address).ok_or(refused(ProblemCode::MailboxUnknown))?;
        let (mut end, mut bytes) = (usize::try_from(after.0).unwrap_or(usize::MAX), 0);
        let start = end;
        while let Some(frame) = mailbox.frames.get(end).filter(|_| bytes < PAGE_BYTES) {
            (end, bytes) = (end + 1, bytes + frame.octets.len());
        }
        let frames = mailbox.frames[start..end].to_vec();
        let head = (end == mailbox.frames.len()).then(|| mailbox.receipt(&address, end));
        Ok(Page { frames, head })
    }

    async fn watch(&self, _: &[(&MailboxKey, Sequence)]) -> Result<mpsc::Receiver<MailboxAddress>, RelayError> {
        Err(RelayError::Protocol("nothing is watched here"))
    }
}
