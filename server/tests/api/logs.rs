//! What the log never tells. The subscriber is the whole test program's, so every test here is searched.

use crate::harness::{Watching, frame, key, relay_with};
use std::io::Write;
use std::sync::{Arc, Mutex};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use twiza_protocol::{AdmissionMode, FrameDigest};
use twiza_relay::admission::GrantDigest;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(octets)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_address_key_grant_frame_or_origin_is_logged() {
    let captured = Captured::default();
    let writer = captured.clone();
    let output = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
    // What the program lets through, and every level of it.
    let ours = Targets::new().with_target("twiza_relay", LevelFilter::TRACE);
    tracing_subscriber::registry().with(ours).with(output).init();

    let grant = "a grant of the operator";
    let relay = relay_with(|settings| {
        settings.admission = AdmissionMode::Grant;
        settings.grants_sha256 = vec![GrantDigest::of(grant)];
    })
    .await;
    let (client, key) = (relay.client.clone(), key(91));
    client.open(&key, &format!("{{\"grant\":\"{grant}\"}}")).await;
    client.open(&key, "{\"grant\":\"wrong one\"}").await;
    client.append(&key, frame(b'F'), false).await;
    client.append(&key, vec![b'F'; 100], false).await;
    client.read(&key, 0).await;
    client.watch(vec![client.entry(&crate::harness::key(92), 0)]).await;
    drop(Watching::new(client.watch(vec![client.entry(&key, 0)]).await));
    relay.stop().await;

    let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("listening") && log.contains("stopped"), "the log is captured: {log}");
    let secrets = [
        key.address().to_string(),
        client.relay.to_string(),
        FrameDigest::of(&frame(b'F')).to_string(),
        GrantDigest::of(grant).to_string(),
        grant.to_owned(),
        "wrong one".to_owned(),
        "FFFFFFFF".to_owned(),
        "127.0.0.1".to_owned(),
        "/v1/".to_owned(),
    ];
    for secret in secrets {
        assert!(!log.contains(&secret), "the log tells {secret}");
    }
}
