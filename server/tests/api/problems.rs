//! Every code that a relay can answer with.

use crate::harness::{NOW, code, frame, key, problem, relay, relay_with};
use reqwest::Method;
use twiza_protocol::{AdmissionMode, CoarseTime, FrameDigest, MailboxKey, Pass, ProblemCode, RelayKey, Request, Verb};
use twiza_relay::admission::GrantDigest;

const OCTETS: &str = "application/octet-stream";

#[tokio::test]
async fn a_proof_must_fit_and_tells_nothing_otherwise() {
    let relay = relay().await;
    let client = &relay.client;
    let (known, unknown) = (key(1), key(2));
    client.open(&known, "").await;
    let verb = Verb::Append { closing: false };
    for mailbox in [&known, &unknown] {
        let url = format!("{}/frames", client.mailbox(mailbox));
        let post = async |proof: Option<&twiza_protocol::Proof>| {
            code(client.send(Method::POST, &url, proof, OCTETS, frame(1)).await).await
        };
        assert_eq!(post(None).await, ProblemCode::ProofMissing);
        let mut elsewhere = client.clone();
        elsewhere.relay = RelayKey::from_bytes([9; 32]);
        for wrong in [
            client.prove(&key(3), verb, &frame(1)),
            client.prove(mailbox, verb, &frame(2)),
            client.prove(mailbox, Verb::Append { closing: true }, &frame(1)),
            client.prove(mailbox, Verb::Open, &frame(1)),
            elsewhere.prove(mailbox, verb, &frame(1)),
        ] {
            assert_eq!(post(Some(&wrong)).await, ProblemCode::ProofInvalid);
        }
        for minutes in [NOW.0 - 11, NOW.0 + 11] {
            let skewed = client.prove_at(mailbox, verb, &frame(1), CoarseTime(minutes));
            let answer = problem(client.send(Method::POST, &url, Some(&skewed), OCTETS, frame(1)).await).await;
            assert_eq!((answer.code, answer.relay_time), (ProblemCode::ClockSkewed, Some(NOW)));
        }
    }
}

#[tokio::test]
async fn a_pass_stands_for_a_signature_in_its_own_mailbox_only() {
    let relay = relay().await;
    let (client, known, other) = (&relay.client, key(1), key(2));
    let opened = client.open(&known, "").await;
    let pass: Pass = opened.headers()["twiza-pass"].to_str().unwrap().parse().unwrap();
    client.open(&other, "").await;
    let (verb, body) = (Verb::Append { closing: false }, FrameDigest::of(&frame(1)));
    let request = Request { relay: &client.relay, verb, time: NOW, body };
    let append = async |mailbox: &MailboxKey, octet| {
        let proof = pass.prove(&mailbox.address(), &request).to_string();
        let post = client.http.post(format!("{}/frames", client.mailbox(mailbox)));
        post.header("content-type", OCTETS).header("twiza-proof", proof).body(frame(octet)).send().await.unwrap()
    };
    let appended = append(&known, 1).await;
    assert_eq!(appended.status().as_u16(), 201);
    assert!(!appended.headers().contains_key("twiza-pass"), "only a signature renews it");
    assert_eq!(code(append(&known, 2).await).await, ProblemCode::ProofInvalid, "another body");
    assert_eq!(code(append(&other, 1).await).await, ProblemCode::ProofInvalid, "another mailbox");
    relay.clock.advance_days(1);
    assert_eq!(code(append(&known, 1).await).await, ProblemCode::ProofInvalid, "too old");
}

#[tokio::test]
async fn unknown_and_expired_mailboxes_answer_alike() {
    let relay = relay().await;
    let (client, old, never) = (&relay.client, key(1), key(2));
    client.open(&old, "").await;
    client.append(&old, frame(1), false).await;
    relay.clock.advance_days(31);
    let now = CoarseTime(NOW.0 + 31 * 24 * 60);
    let mut bodies = Vec::new();
    for mailbox in [&old, &never] {
        let proof = client.prove_at(mailbox, Verb::Read { after: twiza_protocol::Sequence(0) }, b"", now);
        let url = format!("{}/frames?after=0", client.mailbox(mailbox));
        bodies.push(problem(client.send(Method::GET, &url, Some(&proof), OCTETS, Vec::new()).await).await);
    }
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(bodies[0].code, ProblemCode::MailboxUnknown);
}

#[tokio::test]
async fn the_form_of_a_request_is_checked() {
    let relay = relay().await;
    let (client, key) = (&relay.client, key(1));
    client.open(&key, "").await;
    let mailbox = client.mailbox(&key);
    let frames = format!("{mailbox}/frames");
    let proof = client.prove(&key, Verb::Append { closing: false }, &frame(1));
    let send = async |method, url: &str, media_type: &str, body: &[u8]| {
        code(client.send(method, url, Some(&proof), media_type, body.to_vec()).await).await
    };
    let base = &client.base;
    assert_eq!(send(Method::GET, &format!("{base}/nothing"), OCTETS, b"").await, ProblemCode::NotFound);
    assert_eq!(send(Method::DELETE, &mailbox, OCTETS, b"").await, ProblemCode::MethodNotAllowed);
    assert_eq!(send(Method::POST, &frames, "text/plain", &frame(1)).await, ProblemCode::MediaTypeRefused);
    assert_eq!(send(Method::POST, &frames, OCTETS, &vec![0; (1 << 20) + 2]).await, ProblemCode::BodyTooLarge);
    let malformed = ProblemCode::MalformedRequest;
    assert_eq!(send(Method::POST, &format!("{frames}?closing=maybe"), OCTETS, &frame(1)).await, malformed);
    assert_eq!(send(Method::POST, &format!("{frames}?colour=red"), OCTETS, &frame(1)).await, malformed);
    assert_eq!(send(Method::GET, &format!("{frames}?after=-1"), OCTETS, b"").await, malformed);
    assert_eq!(send(Method::PUT, &format!("{base}/v1/mailboxes/short"), OCTETS, b"").await, malformed);
    assert_eq!(send(Method::POST, &format!("{base}/v1/watch"), "application/json", b"{").await, malformed);
    let too_far = 1_u64 << 63;
    assert_eq!(send(Method::GET, &format!("{frames}?after={too_far}"), OCTETS, b"").await, malformed);
    let watch = format!("{base}/v1/watch");
    assert_eq!(send(Method::POST, &watch, "application/json", b"{\"mailboxes\":[]}").await, malformed);
    assert_eq!(code(client.watch(vec![client.entry(&key, too_far)]).await).await, malformed);
    assert_eq!(code(client.open(&key, "{\"colour\":1}").await).await, malformed);
    let large = format!("{{\"grant\":\"{}\"}}", "x".repeat(70_000));
    assert_eq!(code(client.open(&key, &large).await).await, ProblemCode::BodyTooLarge);
}

#[tokio::test]
async fn an_unpadded_frame_is_refused() {
    let relay = relay().await;
    let (client, key) = (&relay.client, key(1));
    client.open(&key, "").await;
    for length in [0, 1, 1023, 1025, 5000] {
        let answer = client.append(&key, vec![0; length], false).await;
        assert_eq!(code(answer).await, ProblemCode::FrameSizeRefused, "{length}");
    }
}

#[tokio::test]
async fn a_closed_mailbox_takes_no_more_and_a_frame_keeps_its_flag() {
    let relay = relay().await;
    let (client, key) = (&relay.client, key(1));
    assert_eq!(code(client.append(&key, frame(1), false).await).await, ProblemCode::MailboxUnknown);
    client.open(&key, "").await;
    client.append(&key, frame(1), false).await;
    assert_eq!(code(client.append(&key, frame(1), true).await).await, ProblemCode::FrameConflict);
    client.append(&key, frame(2), true).await;
    assert_eq!(code(client.append(&key, frame(3), false).await).await, ProblemCode::MailboxClosed);
}

#[tokio::test]
async fn quotas_have_their_own_codes() {
    let relay = relay_with(|settings| {
        settings.limits.mailbox_bytes_max = 3072;
        settings.limits.closing_reserve_bytes = 1024;
        settings.limits.relay_bytes_max = 5120;
        settings.relay_closing_reserve_bytes = 1024;
        settings.mailboxes_max = 2;
    })
    .await;
    let (client, one, two) = (&relay.client, key(1), key(2));
    client.open(&one, "").await;
    client.open(&two, "").await;
    client.append(&one, frame(1), false).await;
    client.append(&one, frame(2), false).await;
    assert_eq!(code(client.append(&one, frame(3), false).await).await, ProblemCode::MailboxFull);
    assert_eq!(client.append(&one, frame(3), true).await.status().as_u16(), 201);
    client.append(&two, frame(1), false).await;
    let full = problem(client.append(&two, frame(2), false).await).await;
    assert_eq!(full.code, ProblemCode::RelayFull);
    assert!(full.retry_after_seconds.is_some());
    assert_eq!(client.append(&two, frame(2), true).await.status().as_u16(), 201);
    assert_eq!(code(client.open(&key(3), "").await).await, ProblemCode::RelayFull);
    assert_eq!(client.open(&one, "").await.status().as_u16(), 200);
}

#[tokio::test]
async fn a_grant_is_asked_for_after_the_proof() {
    let relay = relay_with(|settings| {
        settings.admission = AdmissionMode::Grant;
        settings.grants_sha256 = vec![GrantDigest::of("a grant of the operator")];
    })
    .await;
    let (client, key) = (&relay.client, key(1));
    assert_eq!(code(client.open(&key, "").await).await, ProblemCode::GrantRequired);
    assert_eq!(code(client.open(&key, "{\"grant\":\"another\"}").await).await, ProblemCode::GrantRequired);
    let good = "{\"grant\":\"a grant of the operator\"}";
    let foreign = client.prove(&MailboxKey::from_seed(&[5; 32]), Verb::Open, good.as_bytes());
    let answer = client.send(Method::PUT, &client.mailbox(&key), Some(&foreign), "application/json", good.into()).await;
    assert_eq!(code(answer).await, ProblemCode::ProofInvalid);
    assert_eq!(client.open(&key, good).await.status().as_u16(), 201);
}

#[tokio::test]
async fn what_the_writer_cannot_queue_is_told_to_come_back() {
    let relay = relay_with(|settings| {
        settings.queue_length_max = 1;
        settings.batch_frames_max = 1;
    })
    .await;
    relay.client.open(&key(1), "").await;
    let attempts: Vec<_> = (0..100)
        .map(|octet| {
            let client = relay.client.clone();
            tokio::spawn(async move { client.append(&key(1), frame(octet), false).await })
        })
        .collect();
    let mut busy = 0;
    for attempt in attempts {
        let answer = attempt.await.unwrap();
        if answer.status().as_u16() == 503 {
            assert_eq!(answer.headers()["retry-after"], "1");
            assert_eq!(code(answer).await, ProblemCode::RelayBusy);
            busy += 1;
        }
    }
    assert!(busy > 0);
}

#[tokio::test]
async fn a_watch_has_a_largest_size() {
    let relay = relay_with(|settings| settings.limits.mailboxes_per_watch_max = 2).await;
    let entries = (0..3).map(|name| relay.client.entry(&key(name), 0)).collect();
    assert_eq!(code(relay.client.watch(entries).await).await, ProblemCode::WatchTooLarge);
}
