//! People who append through several nodes, and the account of what was acknowledged.

use crate::crash::stored;
use crate::harness::{TestClient, key};
use std::collections::HashSet;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use twiza_protocol::{FrameDigest, Problem, ProblemCode, Receipt};

pub(crate) const MAILBOXES: u8 = 4;
const PUBLISHERS_PER_MAILBOX: u8 = 3;

/// What whoever is told to come back waits.
const PAUSE: Duration = Duration::from_millis(20);

/// What was acknowledged: the mailbox, the frame's digest and the receipt.
type Acknowledged = (u8, FrameDigest, Receipt);

/// Publishers at work.
pub(crate) struct Load {
    publishers: JoinSet<()>,
    told: mpsc::UnboundedReceiver<Acknowledged>,
    stop: CancellationToken,
    acknowledged: Vec<Acknowledged>,
}

impl Load {
    /// Opens the mailboxes and starts to append. Each publisher goes on with the next of these ways where one is broken,
    /// or busy; after so many broken ways for one frame it gives up, and the test fails.
    pub(crate) async fn start(ways: &[TestClient], broken_max: usize) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        let (mut publishers, stop) = (JoinSet::new(), CancellationToken::new());
        for mailbox in 0..MAILBOXES {
            assert!(ways[0].open(&key(mailbox), "").await.status().is_success());
            for name in 0..PUBLISHERS_PER_MAILBOX {
                let mut ways = ways.to_vec();
                let first = usize::from(name) % ways.len();
                ways.rotate_left(first);
                let publisher = Publisher { ways, broken_max, mailbox, name };
                publishers.spawn(publisher.publish(tell.clone(), stop.clone()));
            }
        }
        Self { publishers, told, stop, acknowledged: Vec::new() }
    }

    /// Waits for so many more acknowledgements.
    pub(crate) async fn acknowledged(&mut self, count: usize) {
        for _ in 0..count {
            self.acknowledged.push(self.told.recv().await.unwrap());
        }
    }

    /// Lets the publishers finish.
    pub(crate) async fn stop(&mut self) {
        self.stop.cancel();
        while let Some(last) = self.publishers.join_next().await {
            last.unwrap();
        }
        while let Some(told) = self.told.recv().await {
            self.acknowledged.push(told);
        }
    }

    /// Every acknowledged frame is where it was told, and nothing is there twice.
    pub(crate) async fn check(&self, node: &TestClient) {
        for mailbox in 0..MAILBOXES {
            let stored = stored(node, mailbox).await;
            assert_eq!(stored.iter().collect::<HashSet<_>>().len(), stored.len(), "no frame is there twice");
            for (_, digest, receipt) in self.acknowledged.iter().filter(|(name, ..)| *name == mailbox) {
                assert_eq!(stored.get(receipt.sequence.0 as usize - 1), Some(digest), "each is where it was told");
            }
        }
    }
}

struct Publisher {
    ways: Vec<TestClient>,
    broken_max: usize,
    mailbox: u8,
    name: u8,
}

impl Publisher {
    async fn publish(mut self, tell: mpsc::UnboundedSender<Acknowledged>, stop: CancellationToken) {
        for count in 0_u32.. {
            if stop.is_cancelled() {
                return;
            }
            let mut octets = vec![self.mailbox; 1024];
            octets[0] = self.name;
            octets[1..5].copy_from_slice(&count.to_be_bytes());
            let (digest, receipt) = (FrameDigest::of(&octets), self.append(octets).await);
            tell.send((self.mailbox, digest, receipt)).unwrap();
        }
    }

    /// Until it is acknowledged.
    async fn append(&mut self, octets: Vec<u8>) -> Receipt {
        let mut broken = 0;
        loop {
            match self.try_append(&octets).await {
                Ok(Some(receipt)) => return receipt,
                Ok(None) => tokio::time::sleep(PAUSE).await,
                Err(error) => {
                    broken += 1;
                    assert!(broken <= self.broken_max, "{error:?}");
                }
            }
            self.ways.rotate_left(1);
        }
    }

    /// `None` where the relay says that it is busy; it may say nothing else.
    async fn try_append(&self, octets: &[u8]) -> reqwest::Result<Option<Receipt>> {
        let key = key(self.mailbox);
        let answer = self.ways[0].try_append(&key, octets.to_vec(), false).await?;
        let (status, body) = (answer.status(), answer.bytes().await?);
        if !status.is_success() {
            let problem: Problem = serde_json::from_slice(&body).unwrap();
            assert_eq!(problem.code, ProblemCode::RelayBusy);
            return Ok(None);
        }
        let receipt: Receipt = serde_json::from_slice(&body).unwrap();
        receipt.verify(&self.ways[0].relay, &key.address()).unwrap();
        Ok(Some(receipt))
    }
}
