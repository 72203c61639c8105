//! The network between clients and relay: requests lie in flight until the schedule decides what becomes of them.

use super::relay::{Answer, Ask, RETENTION_DAYS};
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{mpsc, oneshot};
use twiza_client::relay::{Page, RelayConnection, RelayConnector, RelayError, Right};
use twiza_protocol::{
    AdmissionMode, CoarseTime, Describe, Limits, MailboxAddress, MailboxKey, Opened, PROTOCOL_VERSION, Receipt,
    RelayAddress, RelayKey, Sequence,
};

/// What happens to clients, told to the schedule.
pub(super) enum Occurrence {
    /// A program stands at a request.
    Request(Request),
    /// A program's operation ended.
    Finished(super::client::Finished),
}

/// A request in flight.
pub(super) struct Request {
    pub(super) program: usize,
    pub(super) ask: Ask,
    pub(super) reply: oneshot::Sender<Result<Answer, RelayError>>,
}

/// One client's side of the network.
#[derive(Clone)]
pub(super) struct Network {
    pub(super) program: usize,
    pub(super) relay: RelayKey,
    /// The relay's clock, which is right: seconds since the Unix epoch.
    pub(super) now: Arc<AtomicU64>,
    pub(super) occurrences: mpsc::UnboundedSender<Occurrence>,
}

/// What the real connection checks: that the relay itself signed this about this mailbox.
fn checked(receipt: Receipt, relay: &RelayKey, mailbox: &MailboxKey) -> Result<Receipt, RelayError> {
    let verified = receipt.verify(relay, &mailbox.address());
    verified.map_err(|_| RelayError::Protocol("a receipt that the relay did not sign"))?;
    Ok(receipt)
}

impl RelayConnector for Network {
    fn connect(&self, _address: &RelayAddress) -> Result<Arc<dyn RelayConnection>, RelayError> {
        Ok(Arc::new(self.clone()))
    }
}

/// What a request that got lost looks like to its sender.
pub(super) fn unreachable() -> RelayError {
    RelayError::Unreachable { host: "simulated".to_owned(), cause: "lost".to_owned() }
}

impl Network {
    async fn ask(&self, ask: Ask) -> Result<Answer, RelayError> {
        let (reply, answer) = oneshot::channel();
        let request = Request { program: self.program, ask, reply };
        self.occurrences.send(Occurrence::Request(request)).map_err(|_| unreachable())?;
        answer.await.unwrap_or_else(|_| Err(unreachable()))
    }
}

const OTHER: RelayError = RelayError::Protocol("the answer to another question");

#[async_trait]
impl RelayConnection for Network {
    fn key(&self) -> &RelayKey {
        &self.relay
    }

    async fn describe(&self) -> Result<Describe, RelayError> {
        Ok(Describe {
            protocol_min: PROTOCOL_VERSION,
            protocol_max: PROTOCOL_VERSION,
            relay_key: self.relay,
            relay_time: CoarseTime::from_unix_seconds(self.now.load(Ordering::Relaxed)),
            admission: AdmissionMode::Open,
            token_keys: Vec::new(),
            retention_days: RETENTION_DAYS,
            limits: Limits::default(),
        })
    }

    async fn open(&self, mailbox: &MailboxKey, _right: Right<'_>) -> Result<Opened, RelayError> {
        match self.ask(Ask::Open(mailbox.address())).await? {
            Answer::Opened(Opened { head, expires }) => {
                Ok(Opened { head: checked(head, &self.relay, mailbox)?, expires })
            }
            _ => Err(OTHER),
        }
    }

    async fn append(&self, mailbox: &MailboxKey, frame: &[u8], closing: bool) -> Result<Receipt, RelayError> {
        match self.ask(Ask::Append { address: mailbox.address(), frame: frame.to_vec(), closing }).await? {
            Answer::Appended(receipt) => checked(receipt, &self.relay, mailbox),
            _ => Err(OTHER),
        }
    }

    async fn read(&self, mailbox: &MailboxKey, after: Sequence) -> Result<Page, RelayError> {
        match self.ask(Ask::Read { address: mailbox.address(), after }).await? {
            Answer::Page(Page { frames, head }) => {
                let head = head.map(|head| checked(head, &self.relay, mailbox)).transpose()?;
                Ok(Page { frames, head })
            }
            _ => Err(OTHER),
        }
    }

    async fn watch(&self, _: &[(&MailboxKey, Sequence)]) -> Result<mpsc::Receiver<MailboxAddress>, RelayError> {
        Err(unreachable())
    }
}
