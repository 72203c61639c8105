//! Metrics: that they count, that what is made for them exists, and what no metric tells.

use crate::harness::{TestRelay, Watching, frame, key, relay_with};
use regex::Regex;
use std::collections::{BTreeMap, HashSet};
use twiza_protocol::{AdmissionMode, FrameDigest, ProblemCode};
use twiza_relay::admission::GrantDigest;

const GRANT: &str = "a grant of the operator";

async fn counted_relay() -> TestRelay {
    relay_with(|settings| {
        settings.metrics_listen = "127.0.0.1:0".parse().ok();
        settings.admission = AdmissionMode::Grant;
        settings.grants_sha256 = vec![GrantDigest::of(GRANT)];
    })
    .await
}

async fn told(relay: &TestRelay) -> String {
    let url = format!("http://{}/metrics", relay.running.metrics_address().unwrap());
    let answer = reqwest::get(url).await.unwrap();
    let media_type = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(media_type.starts_with("application/openmetrics-text; version=1.0.0"), "{media_type}");
    answer.text().await.unwrap()
}

/// A request of every verb and of many outcomes.
async fn use_it(relay: &TestRelay) -> Watching {
    let (client, key) = (&relay.client, key(1));
    client.open(&key, &format!("{{\"grant\":\"{GRANT}\"}}")).await;
    client.open(&crate::harness::key(2), "{\"grant\":\"wrong one\"}").await;
    client.append(&key, frame(b'F'), false).await;
    client.append(&key, frame(b'F'), false).await;
    client.append(&key, frame(b'G'), false).await;
    client.append(&key, vec![b'F'; 100], false).await;
    client.read(&key, 0).await;
    client.http.get(format!("{}/v1/no/such/thing", client.base)).send().await.unwrap();
    Watching::new(client.watch(vec![client.entry(&key, 0)]).await)
}

#[tokio::test]
async fn what_happens_is_counted_and_what_is_there_is_told() {
    let relay = counted_relay().await;
    let watching = use_it(&relay).await;
    let told = told(&relay).await;
    let expected = [
        "twiza_requests_total{verb=\"open\",code=\"internal\"} 0",
        "twiza_requests_total{verb=\"open\",code=\"ok\"} 1",
        "twiza_requests_total{verb=\"open\",code=\"grant_required\"} 1",
        "twiza_requests_total{verb=\"append\",code=\"ok\"} 3",
        "twiza_requests_total{verb=\"append\",code=\"frame_size_refused\"} 1",
        "twiza_requests_total{verb=\"read\",code=\"ok\"} 1",
        "twiza_requests_total{verb=\"watch\",code=\"ok\"} 1",
        "twiza_requests_total{verb=\"other\",code=\"not_found\"} 1",
        "twiza_append_seconds_count 2",
        "twiza_appended_bytes_total 2048",
        "twiza_batch_appends_sum 3.0",
        "twiza_mailboxes 1",
        "twiza_frame_bytes 2048",
        "twiza_frame_bytes_max 10737418240",
        "twiza_watched_mailboxes 1",
        "twiza_connections_max 4096",
        "twiza_writes_waiting 0",
        "# EOF",
    ];
    for line in expected {
        assert!(told.lines().any(|told| told == line), "{line} is not in:\n{told}");
    }
    let gauge = |name: &str| told.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok()).unwrap();
    assert!(gauge("twiza_connections ") >= 1);
    assert!(gauge("twiza_data_bytes ") > 2048 && gauge("twiza_disk_free_bytes ") > 0);
    drop(watching);
    relay.stop().await;
}

/// Every sample's labels, by name.
fn labels(told: &str) -> BTreeMap<String, HashSet<String>> {
    let pair = Regex::new("([a-zA-Z_]+)=\"([^\"]*)\"").unwrap();
    let mut labels = BTreeMap::<String, HashSet<String>>::new();
    for line in told.lines().filter(|line| !line.starts_with('#')) {
        for found in pair.captures_iter(line) {
            labels.entry(found[1].to_owned()).or_default().insert(found[2].to_owned());
        }
    }
    labels
}

#[tokio::test]
async fn no_metric_tells_a_mailbox_a_key_a_grant_an_origin_or_a_time() {
    let relay = counted_relay().await;
    let watching = use_it(&relay).await;
    let told = told(&relay).await;
    let labels = labels(&told);
    assert_eq!(labels.keys().map(String::as_str).collect::<Vec<_>>(), ["code", "le", "verb", "version"]);
    let verbs = ["append", "describe", "health", "open", "other", "read", "watch"].map(str::to_owned);
    assert_eq!(labels["verb"], HashSet::from(verbs));
    let codes: HashSet<_> = ProblemCode::ALL.iter().map(|code| code.as_str()).chain(["ok"]).collect();
    assert!(labels["code"].iter().all(|code| codes.contains(code.as_str())), "{labels:?}");

    let client = &relay.client;
    let secrets = [
        key(1).address().to_string(),
        client.relay.to_string(),
        FrameDigest::of(&frame(b'F')).to_string(),
        GrantDigest::of(GRANT).to_string(),
        GRANT.to_owned(),
        "127.0.0.1".to_owned(),
        "/v1/".to_owned(),
        "_created".to_owned(),
    ];
    for secret in secrets {
        assert!(!told.contains(&secret), "the metrics tell {secret}");
    }
    // A sample is a name, perhaps labels, and one number: no time stands behind it, and no example.
    let sample = Regex::new(r"^[a-z_]+(\{[^}]*\})? [0-9.e+-]+$").unwrap();
    let samples = told.lines().filter(|line| !line.starts_with('#'));
    samples.for_each(|line| assert!(sample.is_match(line), "{line}"));
    drop(watching);
    relay.stop().await;
}

#[tokio::test]
async fn the_dashboard_and_the_alerts_name_only_what_is_told() {
    let relay = counted_relay().await;
    let watching = use_it(&relay).await;
    let told = told(&relay).await;
    let names: HashSet<_> = told.lines().filter_map(|line| line.split(['{', ' ']).next()).collect();
    let named = Regex::new("twiza_[a-z_]+").unwrap();
    for file in ["dashboard.json", "alerts.yml"] {
        let path = format!("{}/../deploy/monitoring/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let found: HashSet<_> = named.find_iter(&text).map(|found| found.as_str()).collect();
        assert!(found.len() > 5, "{file} names metrics");
        for name in found {
            assert!(names.contains(name), "{file} names {name}, which the relay does not tell");
        }
    }
    drop(watching);
    relay.stop().await;
}

#[tokio::test]
async fn nothing_is_told_unless_it_is_asked_for() {
    let relay = crate::harness::relay().await;
    assert_eq!(relay.running.metrics_address(), None);
    let answer = relay.client.http.get(format!("{}/metrics", relay.client.base)).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    relay.stop().await;
}
