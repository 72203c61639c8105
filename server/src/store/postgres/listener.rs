//! Hearing from other nodes, by PostgreSQL's notifications.
//!
//! ```text
//! payload:  node (8 characters) ‖ one entry per mailbox (24 characters)
//! entry:    base64url of: tag (12) ‖ last place before (3) ‖ last place now (3)
//! ```
//!
//! A notification is a hint to look. The way it came by can break, or hang: then it is made anew, and whoever watches
//! looks into the store once it stands.

use super::{NodeName, StoreResult};
use crate::store::news::{MailboxTag, News, Stored};
use data_encoding::BASE64URL_NOPAD;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use twiza_protocol::Sequence;

const CHANNEL: &str = "twiza_news";
/// What PostgreSQL lets a notification carry.
const PAYLOAD_BYTES_MAX: usize = 7999;
const NODE_BYTES: usize = 8;
const ENTRY_BYTES: usize = 24;

/// After so long a silence the server is asked whether it is there.
const SILENCE_MAX: Duration = Duration::from_secs(15);
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_secs(1);

/// The one connection that listens.
#[derive(Debug)]
pub(super) struct Listener {
    options: PgConnectOptions,
    /// This node's.
    name: watch::Receiver<NodeName>,
    connection: Option<PgListener>,
    waiting: VecDeque<News>,
}

enum Told {
    News(Option<String>),
    Silence,
    /// A write failed, and may be done or not: this node has another name, and its own watchers were not told.
    Doubt,
}

impl Listener {
    pub(super) const fn new(options: PgConnectOptions, name: watch::Receiver<NodeName>) -> Self {
        Self { options, name, connection: None, waiting: VecDeque::new() }
    }

    /// What another node did next.
    pub(super) async fn next(&mut self) -> News {
        loop {
            if let Some(news) = self.waiting.pop_front() {
                return news;
            }
            let Some(connection) = &mut self.connection else {
                self.connection = Some(connected(&self.options).await);
                return News::Missed;
            };
            let told = tokio::select! {
                told = timeout(SILENCE_MAX, connection.try_recv()) => match told {
                    Ok(told) => Told::News(told.ok().flatten().map(|told| told.payload().to_owned())),
                    Err(_) => Told::Silence,
                },
                _ = self.name.changed() => Told::Doubt,
            };
            let is_lost = match &told {
                Told::News(payload) => payload.is_none(),
                Told::Silence | Told::Doubt => !answers(connection).await,
            };
            match told {
                // What comes until there is another is missed, and looked for then.
                _ if is_lost => self.connection = None,
                Told::News(payload) => {
                    let name = *self.name.borrow();
                    self.waiting.extend(decode(&name, &payload.unwrap_or_default()));
                }
                Told::Silence => {}
                Told::Doubt => return News::Missed,
            }
        }
    }

    /// Hangs up.
    pub(super) fn close(&mut self) {
        self.connection = None;
    }
}

async fn connected(options: &PgConnectOptions) -> PgListener {
    let mut was_told = false;
    loop {
        match timeout(ANSWER_TIME_MAX, connect(options)).await {
            Ok(Ok(connection)) => return connection,
            failed if !was_told => {
                let error = failed.err().map_or_else(|| "see above".to_owned(), |late| late.to_string());
                tracing::warn!(error, "other nodes cannot be heard; trying again");
                was_told = true;
            }
            _ => {}
        }
        sleep(PAUSE).await;
    }
}

/// Each has a pool of its own, so that one that hangs takes no place from its successor.
async fn connect(options: &PgConnectOptions) -> StoreResult<PgListener> {
    let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).connect_with(options.clone()).await?;
    let mut connection = PgListener::connect_with(&pool).await?;
    connection.ignore_pool_close_event(true);
    connection.eager_reconnect(false);
    connection.listen(CHANNEL).await?;
    Ok(connection)
}

async fn answers(connection: &mut PgListener) -> bool {
    let asked = sqlx::query("select 1").execute(connection);
    matches!(timeout(ANSWER_TIME_MAX, asked).await, Ok(Ok(_)))
}

/// Payloads that tell of these: as few as can be.
pub(super) fn encode(node: &NodeName, stored: impl Iterator<Item = Stored>) -> Vec<String> {
    const ENTRIES_MAX: usize = (PAYLOAD_BYTES_MAX - NODE_BYTES) / ENTRY_BYTES;
    let entries: Vec<_> = stored.map(|stored| BASE64URL_NOPAD.encode(&octets(&stored))).collect();
    entries.chunks(ENTRIES_MAX).map(|entries| node.to_string() + &entries.concat()).collect()
}

fn octets(stored: &Stored) -> Vec<u8> {
    let [after, last] = [stored.after, stored.last].map(|place| place.0.to_be_bytes());
    [stored.mailbox.as_bytes(), &after[5..], &last[5..]].concat()
}

/// What a payload tells, if another node sent it. One that no node sends may stand for anything.
fn decode(own: &NodeName, payload: &str) -> Vec<News> {
    let Some((node, entries)) = payload.split_at_checked(NODE_BYTES) else { return vec![News::Missed] };
    if node == own.to_string() {
        return Vec::new();
    }
    let entries = entries.as_bytes().chunks(ENTRY_BYTES);
    entries.map(|entry| decode_entry(entry).map_or(News::Missed, News::Stored)).collect()
}

fn decode_entry(entry: &[u8]) -> Option<Stored> {
    let octets: [u8; 18] = BASE64URL_NOPAD.decode(entry).ok()?.try_into().ok()?;
    let (tag, places) = octets.split_first_chunk()?;
    let place = |octets: &[u8]| Sequence(octets.iter().fold(0, |place, octet| place << 8 | u64::from(*octet)));
    Some(Stored { mailbox: MailboxTag::from_bytes(*tag), after: place(&places[..3]), last: place(&places[3..]) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract::address;

    #[test]
    fn news_survive_their_payload_which_fits_and_are_not_told_to_oneself() {
        let (own, other) = (NodeName::random().unwrap(), NodeName::random().unwrap());
        let stored = |place: u64| Stored {
            mailbox: MailboxTag::of(&address(place as u8)),
            after: Sequence(place),
            last: Sequence(place + 0x0001_0000),
        };
        let payloads = encode(&other, (0..1024).map(stored));
        assert!(payloads.len() == 4 && payloads.iter().all(|payload| payload.len() <= PAYLOAD_BYTES_MAX));
        let heard: Vec<_> = payloads.iter().flat_map(|payload| decode(&own, payload)).collect();
        assert_eq!(heard, (0..1024).map(stored).map(News::Stored).collect::<Vec<_>>());
        assert!(payloads.iter().all(|payload| decode(&other, payload).is_empty()));
    }

    #[test]
    fn a_payload_holds_no_address() {
        let stored = Stored { mailbox: MailboxTag::of(&address(1)), after: Sequence(1), last: Sequence(2) };
        let told =
            BASE64URL_NOPAD.decode(&encode(&NodeName::random().unwrap(), [stored].into_iter())[0].as_bytes()[8..]);
        assert!(!told.unwrap().windows(4).any(|octets| octets == &address(1).as_bytes()[..4]));
    }

    #[test]
    fn what_no_node_sends_is_looked_into() {
        let own = NodeName::random().unwrap();
        for payload in ["", "short", "12345678not an entry"] {
            assert_eq!(decode(&own, payload), [News::Missed], "{payload}");
        }
    }
}
