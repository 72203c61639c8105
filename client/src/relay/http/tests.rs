//! What a hostile relay, or the way to one, can do to a client.

mod hostile;
mod socks;

use super::HttpConnector;
use crate::clock::SystemClock;
use crate::entropy::os_random;
use crate::relay::{RelayConnection, RelayConnector, RelayError, Right};
use hostile::{Answer, HostileRelay};
use socks::{Asked, SocksProxy};
use std::sync::Arc;
use std::time::Duration;
use twiza_protocol::{
    AdmissionMode, CoarseTime, Describe, Limits, MailboxKey, PROTOCOL_VERSION, ProblemCode, Record, RelayAddress,
    RelayKey, Sequence, Transport,
};

/// Only a bound on a test that fails: what it waits for takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

const TOO_LONG: RelayError = RelayError::Protocol("an answer that is too long");

fn direct(address: &RelayAddress) -> Arc<dyn RelayConnection> {
    HttpConnector::new(Arc::new(SystemClock)).connect(address).unwrap()
}

fn mailbox() -> MailboxKey {
    MailboxKey::from_seed(&[3; 32])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_given_up() {
    for status in [200, 500] {
        let relay = HostileRelay::start(Answer::endless(status, b"{\"title\":\"", b"aaaaaaaa"));
        let connection = direct(&relay.address);
        let mailbox = mailbox();
        assert_eq!(connection.describe().await.unwrap_err(), TOO_LONG, "{status}");
        assert_eq!(connection.open(&mailbox, Right::None).await.unwrap_err(), TOO_LONG, "{status}");
        assert_eq!(connection.append(&mailbox, &[0; 256], false).await.unwrap_err(), TOO_LONG, "{status}");
        drop(connection);
        relay.assert_was_hung_up_on();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_without_end_is_given_up() {
    let frame = Record::Frame { slot: 0, sequence: Sequence(1), closing: false, octets: vec![0; 1024] };
    // The last announces a record that is as long as a record may be, of a kind that is passed over.
    let passed_over = [&[9][..], &(1_u32 << 20).to_be_bytes(), &[0; 1 << 20]].concat();
    for record in [frame.encode(), Record::Heartbeat.encode(), passed_over] {
        let relay = HostileRelay::start(Answer::endless(200, b"", &record));
        let connection = direct(&relay.address);
        assert_eq!(connection.read(&mailbox(), Sequence::START).await.unwrap_err(), TOO_LONG);
        drop(connection);
        relay.assert_was_hung_up_on();
    }
}

/// So whoever is cut off again and again gets on.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_of_a_page_that_was_cut_is_kept() {
    let octets = vec![7; 1024];
    let frame =
        |sequence| Record::Frame { slot: 0, sequence: Sequence(sequence), closing: false, octets: octets.clone() };
    let (first, second) = (frame(1).encode(), frame(2).encode());
    let relay = HostileRelay::start(Answer::cut(&[&first[..], &second[..500]].concat()));
    let page = direct(&relay.address).read(&mailbox(), Sequence::START).await.unwrap();
    assert_eq!((page.frames.len(), page.frames[0].sequence, page.head), (1, Sequence(1), None));
    let closing = Record::Frame { slot: 0, sequence: Sequence(1), closing: true, octets: octets.clone() }.encode();
    for cut in [&first[..500], &closing] {
        let relay = HostileRelay::start(Answer::cut(cut));
        let nothing = direct(&relay.address).read(&mailbox(), Sequence::START).await;
        assert!(matches!(nothing, Err(RelayError::Unreachable { .. })), "{nothing:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_at_what_is_no_record() {
    let malformed = [&[4][..], &1_u32.to_be_bytes(), &[0]].concat();
    let larger_than_any = [&[1][..], &u32::MAX.to_be_bytes()].concat();
    for start in [malformed, larger_than_any] {
        let relay = HostileRelay::start(Answer::endless(200, &start, &[0; 1024]));
        let connection = direct(&relay.address);
        let mut arrivals = connection.watch(&[(&mailbox(), Sequence::START)]).await.unwrap();
        let ended = tokio::time::timeout(PATIENCE, arrivals.recv()).await;
        assert_eq!(ended, Ok(None), "the watch is over");
        drop(connection);
        relay.assert_was_hung_up_on();
    }
}

#[tokio::test]
async fn a_relays_own_words_are_not_repeated() {
    let title = r#"{"type":"x","title":"\u001b]0;relay is fine\u0007","status":503,"code":"relay_busy"}"#;
    let relay = HostileRelay::start(Answer::once(503, title.as_bytes()));
    let error = direct(&relay.address).describe().await.unwrap_err();
    assert_eq!(error.code(), Some(ProblemCode::RelayBusy));
    assert_eq!(error.to_string(), format!("the relay refuses: {}", ProblemCode::RelayBusy.title()));
}

fn description(relay_key: RelayKey) -> Describe {
    Describe {
        protocol_min: PROTOCOL_VERSION,
        protocol_max: PROTOCOL_VERSION,
        relay_key,
        relay_time: CoarseTime(0),
        admission: AdmissionMode::Open,
        token_keys: Vec::new(),
        retention_days: 30,
        limits: Limits::default(),
    }
}

#[tokio::test]
async fn a_proxy_gets_the_relays_name_and_other_credentials_for_every_connection() {
    let description = serde_json::to_vec(&description(hostile::key().public())).unwrap();
    let relay = HostileRelay::start(Answer::once(200, &description));
    let proxy = SocksProxy::start(relay.address.port());
    // Nobody resolves this name but the proxy.
    let named = RelayAddress::new(Transport::Pinned, "relay.invalid", 7443, hostile::key().public()).unwrap();
    let connector = HttpConnector::new(Arc::new(SystemClock)).through(proxy.address("").parse().unwrap(), os_random());
    for _ in 0..2 {
        connector.connect(&named).unwrap().describe().await.unwrap();
    }
    let connector = HttpConnector::new(Arc::new(SystemClock));
    let of_the_user = proxy.address("ami%20na:secret@").parse().unwrap();
    connector.through(of_the_user, os_random()).connect(&named).unwrap().describe().await.unwrap();

    let [first, second, users] = proxy.asked().try_into().unwrap();
    for Asked { host, port, .. } in [&first, &second, &users] {
        assert_eq!((host.as_str(), *port), ("relay.invalid", 7443));
    }
    assert!(first.user.len() >= 16 && first.password.len() >= 16, "{first:?}");
    assert!(first.user != second.user && first.password != second.password, "{first:?} {second:?}");
    assert_eq!((users.user.as_str(), users.password.as_str()), ("ami na", "secret"), "the user's own are kept");
}

#[tokio::test]
async fn a_request_that_is_lost_with_its_connection_is_sent_once_more() {
    let description = serde_json::to_vec(&description(hostile::key().public())).unwrap();
    for (hang_ups, is_answered) in [(1, true), (2, false)] {
        let relay = HostileRelay::start(Answer::once(200, &description));
        let described = direct(&hostile::hanging_up(hang_ups, &relay.address)).describe().await;
        assert_eq!(described.is_ok(), is_answered, "{described:?}");
    }
}

#[tokio::test]
async fn where_the_proxy_is_away_nothing_is_sent_past_it() {
    let relay = HostileRelay::start(Answer::once(200, b"{}"));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = format!("socks5h://{nobody}").parse().unwrap();
    let connector = HttpConnector::new(Arc::new(SystemClock)).through(proxy, os_random());
    let refused = connector.connect(&relay.address).unwrap().describe().await;
    assert!(matches!(refused, Err(RelayError::Unreachable { .. })), "{refused:?}");
    assert_eq!(relay.connections(), 0);
}
