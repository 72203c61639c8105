//! A client's connection with somebody in between, who sees each request and may act before it, or change the answer.

use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::mpsc;
use twiza_client::clock::SystemClock;
use twiza_client::relay::http::HttpConnector;
use twiza_client::relay::{IssuerConnection, Page, RelayConnection, RelayConnector, RelayError, Right};
use twiza_protocol::{Describe, MailboxAddress, MailboxKey, Opened, Receipt, RelayAddress, RelayKey, Sequence};

/// Who stands in between. Whatever is not overridden goes on unchanged.
#[async_trait]
pub trait Interposer: Send + Sync + 'static {
    /// A mailbox is about to be opened.
    async fn opening(&self, _mailbox: &MailboxKey, _right: Right<'_>) {}

    /// Who issues tokens, if anybody does.
    fn issuer(&self) -> Option<Arc<dyn IssuerConnection>> {
        None
    }

    /// A frame is about to be appended; an answer given here keeps it from the relay.
    async fn append(
        &self,
        _mailbox: &MailboxKey,
        _frame: &[u8],
        _closing: bool,
    ) -> Option<Result<Receipt, RelayError>> {
        None
    }

    /// A frame was appended.
    async fn appended(&self, _closing: bool) {}

    /// A page is about to be asked for.
    async fn reading(&self) {}

    /// A page has come.
    async fn read(&self, _page: &mut Page) {}
}

/// Connections with an interposer on them, over the real network.
pub struct Interposed<I>(Arc<I>);

impl<I: Interposer> Interposed<I> {
    /// Puts somebody in between.
    pub fn by(interposer: Arc<I>) -> Arc<dyn RelayConnector> {
        Arc::new(Self(interposer))
    }
}

impl<I: Interposer> RelayConnector for Interposed<I> {
    fn connect(&self, address: &RelayAddress) -> Result<Arc<dyn RelayConnection>, RelayError> {
        let relay = HttpConnector::new(Arc::new(SystemClock)).connect(address)?;
        Ok(Arc::new(Connection { relay, interposer: self.0.clone() }))
    }

    fn issuer(&self, _address: &RelayAddress) -> Result<Arc<dyn IssuerConnection>, RelayError> {
        self.0.issuer().ok_or(RelayError::Protocol("no issuer can be reached from here"))
    }
}

struct Connection<I> {
    relay: Arc<dyn RelayConnection>,
    interposer: Arc<I>,
}

#[async_trait]
impl<I: Interposer> RelayConnection for Connection<I> {
    fn key(&self) -> &RelayKey {
        self.relay.key()
    }

    async fn describe(&self) -> Result<Describe, RelayError> {
        self.relay.describe().await
    }

    async fn open(&self, mailbox: &MailboxKey, right: Right<'_>) -> Result<Opened, RelayError> {
        self.interposer.opening(mailbox, right).await;
        self.relay.open(mailbox, right).await
    }

    async fn append(&self, mailbox: &MailboxKey, frame: &[u8], closing: bool) -> Result<Receipt, RelayError> {
        if let Some(answer) = self.interposer.append(mailbox, frame, closing).await {
            return answer;
        }
        let answer = self.relay.append(mailbox, frame, closing).await;
        self.interposer.appended(closing).await;
        answer
    }

    async fn read(&self, mailbox: &MailboxKey, after: Sequence) -> Result<Page, RelayError> {
        self.interposer.reading().await;
        let mut page = self.relay.read(mailbox, after).await?;
        self.interposer.read(&mut page).await;
        Ok(page)
    }

    async fn watch(&self, mailboxes: &[(&MailboxKey, Sequence)]) -> Result<mpsc::Receiver<MailboxAddress>, RelayError> {
        self.relay.watch(mailboxes).await
    }
}
