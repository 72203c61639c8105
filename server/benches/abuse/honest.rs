//! Somebody who uses the relay as it is meant to be used.

use crate::attacks::{Target, prove};
use crate::pinned;
use reqwest::Client;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use twiza_protocol::proof::PROOF_HEADER;
use twiza_protocol::{MailboxKey, Verb};

/// After so long an answer has not come.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Counts {
    appends: Vec<Duration>,
    failed: usize,
    served: usize,
    turned_away: usize,
}

pub(crate) struct Honest {
    counts: Arc<Mutex<Counts>>,
    tasks: Vec<JoinHandle<()>>,
}

/// What was seen since the last time.
pub(crate) struct Seen {
    pub(crate) appends: String,
    pub(crate) newcomers: String,
}

fn client(target: Target) -> Client {
    let tls = pinned::client_config(target.key, &["h2"]);
    Client::builder().tls_backend_preconfigured(tls).build().unwrap()
}

impl Honest {
    pub(crate) async fn begin(target: Target) -> Self {
        let counts = Arc::new(Mutex::new(Counts::default()));
        let (there, mailbox) = (client(target), MailboxKey::from_seed(&[1; 32]));
        let base = format!("https://{}/v1", target.socket);
        let url = format!("{base}/mailboxes/{}", mailbox.address());
        let prove = move |verb, body: &[u8]| prove(target, &mailbox, verb, body);
        let opened = there.put(&url).header(PROOF_HEADER, prove(Verb::Open, b"")).send().await.unwrap();
        assert_eq!(opened.status().as_u16(), 201);
        let (noted, frames) = (counts.clone(), format!("{url}/frames"));
        let appending = tokio::spawn(async move {
            let mut every = interval(Duration::from_millis(50));
            every.set_missed_tick_behavior(MissedTickBehavior::Delay);
            for number in 0_u64.. {
                every.tick().await;
                let frame = number.to_be_bytes().repeat(128);
                let asked = there.post(&frames).header("content-type", "application/octet-stream");
                let asked = asked.header(PROOF_HEADER, prove(Verb::Append { closing: false }, &frame)).body(frame);
                let began = Instant::now();
                let answer = timeout(PATIENCE, asked.send()).await;
                let taken = matches!(&answer, Ok(Ok(answer)) if answer.status().as_u16() == 201);
                let mut counts = noted.lock().unwrap();
                if taken { counts.appends.push(began.elapsed()) } else { counts.failed += 1 }
            }
        });
        let (noted, relay) = (counts.clone(), format!("{base}/relay"));
        let coming = tokio::spawn(async move {
            let mut every = interval(Duration::from_millis(500));
            every.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                every.tick().await;
                let answer = timeout(PATIENCE, client(target).get(&relay).send()).await;
                let is_served = matches!(answer, Ok(Ok(answer)) if answer.status().as_u16() == 200);
                let mut counts = noted.lock().unwrap();
                if is_served { counts.served += 1 } else { counts.turned_away += 1 }
            }
        });
        Self { counts, tasks: vec![appending, coming] }
    }

    /// Looks away from what was seen.
    pub(crate) fn forget(&self) {
        *self.counts.lock().unwrap() = Counts::default();
    }

    pub(crate) fn take(&mut self) -> Seen {
        let Counts { mut appends, failed, served, turned_away } = std::mem::take(&mut *self.counts.lock().unwrap());
        appends.sort_unstable();
        let at = |share: usize| appends.get((appends.len() * share / 100).min(appends.len().saturating_sub(1)));
        let milliseconds = |found: Option<&Duration>| found.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3);
        let [median, p99, longest] = [at(50), at(99), appends.last()].map(milliseconds);
        let failed = if failed == 0 { String::new() } else { format!("; {failed} failed") };
        let appends = format!("{median:.1}, {p99:.1}, {longest:.1} of {}{failed}", appends.len());
        Seen { appends, newcomers: format!("{served} of {}", served + turned_away) }
    }

    pub(crate) fn end(&self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
