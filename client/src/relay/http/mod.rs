//! Relays over HTTP.

mod answer;
mod arrivals;
mod passes;
#[cfg(test)]
mod tests;

use super::proxy::Proxy;
use super::{InboundFrame, IssuerConnection, Page, RelayConnection, RelayConnector, RelayError, Right, tls};
use crate::clock::Clock;
use answer::{Body, Cut, JSON_BYTES_MAX, PAGE_BYTES_MAX};
use async_trait::async_trait;
use passes::Passes;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use twiza_crypto::Random;
use twiza_protocol::proof::PROOF_HEADER;
use twiza_protocol::{
    CoarseTime, Describe, FrameDigest, IssueRequest, Issued, IssuerDescribe, MailboxAddress, MailboxKey, OpenRequest,
    Opened, Problem, ProblemCode, Receipt, Record, RecordDecoder, RelayAddress, RelayKey, Request, Sequence, Verb,
    WatchEntry, WatchRequest,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest silence inside an answer; a watch has heartbeats well within it.
const READ_TIMEOUT: Duration = Duration::from_secs(90);

/// Connects over HTTP/2 or HTTP/1.1 with TLS 1.3. Proxies of the environment are not followed; see [`super::proxy`].
pub struct HttpConnector {
    clock: Arc<dyn Clock>,
    proxy: Option<(Proxy, Random)>,
}

impl HttpConnector {
    /// A connector whose proofs carry this clock's time, corrected by each relay's.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, proxy: None }
    }

    /// The same, through a proxy. Without it, relays see this machine's address. Each connection that is made has
    /// credentials of its own at the proxy where it has none from the user.
    #[must_use]
    pub fn through(self, proxy: Proxy, random: Random) -> Self {
        Self { proxy: Some((proxy, random)), ..self }
    }

    fn proxy_of_one_connection(&self) -> Result<Option<reqwest::Proxy>, RelayError> {
        let Some((proxy, random)) = &self.proxy else { return Ok(None) };
        let url = proxy.for_one_connection(random).map_err(|_| RelayError::Protocol("no randomness for a proxy"))?;
        reqwest::Proxy::all(url).map(Some).map_err(|_| RelayError::Protocol("the proxy cannot be set up"))
    }
}

impl RelayConnector for HttpConnector {
    fn connect(&self, address: &RelayAddress) -> Result<Arc<dyn RelayConnection>, RelayError> {
        Ok(Arc::new(self.prepare(address)?))
    }

    fn issuer(&self, address: &RelayAddress) -> Result<Arc<dyn IssuerConnection>, RelayError> {
        Ok(Arc::new(self.prepare(address)?))
    }
}

impl HttpConnector {
    fn prepare(&self, address: &RelayAddress) -> Result<HttpRelay, RelayError> {
        let tls = tls::client_config(address).map_err(|_| RelayError::Protocol("TLS cannot be set up"))?;
        let mut client = reqwest::Client::builder().no_proxy();
        if let Some(proxy) = self.proxy_of_one_connection()? {
            client = client.proxy(proxy);
        }
        let client = client
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .build()
            .map_err(|_| RelayError::Protocol("TLS cannot be set up"))?;
        let base = format!("https://{}:{}", address.host(), address.port());
        let clock = self.clock.clone();
        Ok(HttpRelay {
            address: address.clone(),
            base,
            client,
            clock,
            correction: AtomicI64::new(0),
            passes: Passes::default(),
        })
    }
}

/// A relay, or an issuer, which is reached and pinned alike.
struct HttpRelay {
    address: RelayAddress,
    base: String,
    client: reqwest::Client,
    clock: Arc<dyn Clock>,
    /// Minutes by which the relay's clock is ahead of ours, once it told us.
    correction: AtomicI64,
    passes: Passes,
}

impl HttpRelay {
    fn host(&self) -> String {
        format!("{}:{}", self.address.host(), self.address.port())
    }

    fn time(&self) -> CoarseTime {
        CoarseTime(self.clock.minute().0.saturating_add_signed(self.correction.load(Ordering::Relaxed)))
    }

    fn correct_clock(&self, relay_time: CoarseTime) {
        let difference = i128::from(relay_time.0) - i128::from(self.clock.minute().0);
        self.correction.store(i64::try_from(difference).unwrap_or(0), Ordering::Relaxed);
    }

    fn mailbox_url(&self, address: &MailboxAddress, rest: &str) -> String {
        format!("{}/v1/mailboxes/{address}{rest}", self.base)
    }

    fn request(&self, verb: Verb, body: FrameDigest) -> Request<'_> {
        Request { relay: self.address.key(), verb, time: self.time(), body }
    }

    /// Sends a request with a proof: by the mailbox's pass where there is one that the relay takes, and else signed;
    /// once more with a corrected clock if the relay says that ours is wrong.
    async fn proved(
        &self,
        mailbox: &MailboxKey,
        verb: Verb,
        body: &[u8],
        build: impl Fn() -> RequestBuilder + Send,
    ) -> Result<Response, RelayError> {
        let (address, body) = (mailbox.address(), FrameDigest::of(body));
        if let Some(proof) = self.passes.prove(&address, &self.request(verb, body)) {
            match self.send(build().header(PROOF_HEADER, proof.to_string())).await {
                Err(error) if is_of_proof(&error) => self.passes.forget(&address),
                answer => return answer,
            }
        }
        let attempt = || build().header(PROOF_HEADER, mailbox.prove(&self.request(verb, body)).to_string());
        let answer = match self.send(attempt()).await {
            Err(RelayError::Refused(problem)) if self.learn_time(&problem) => self.send(attempt()).await,
            answer => answer,
        }?;
        self.passes.learn(address, answer.headers());
        Ok(answer)
    }

    fn learn_time(&self, problem: &Problem) -> bool {
        let Some(time) = problem.relay_time.filter(|_| problem.code == ProblemCode::ClockSkewed) else { return false };
        self.correct_clock(time);
        true
    }

    /// Every request may be repeated, so one that is lost with its connection is sent once more: where several nodes
    /// serve one address, and one of them stops or dies, another answers.
    async fn send(&self, request: RequestBuilder) -> Result<Response, RelayError> {
        let again = request.try_clone();
        let sent = match (request.send().await, again) {
            (Err(error), Some(again)) if !error.is_timeout() => again.send().await,
            (sent, _) => sent,
        };
        let response = sent.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let octets = Body::of(response, JSON_BYTES_MAX).whole().await.map_err(|cut| self.cut(&cut))?;
        match serde_json::from_slice::<Problem>(&octets) {
            Ok(problem) => Err(RelayError::Refused(Box::new(problem))),
            Err(_) if status == StatusCode::BAD_GATEWAY || status == StatusCode::SERVICE_UNAVAILABLE => {
                Err(RelayError::Unreachable { host: self.host(), cause: status.to_string() })
            }
            Err(_) => Err(RelayError::Protocol("an error without a problem document")),
        }
    }

    fn cut(&self, cut: &Cut) -> RelayError {
        match cut {
            Cut::Network(error) => self.unreachable(error),
            Cut::TooLong => RelayError::Protocol("an answer that is too long"),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> RelayError {
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let text = cause.to_string();
        if text.contains("ApplicationVerificationFailure") {
            return RelayError::WrongPin { host: self.host() };
        }
        RelayError::Unreachable { host: self.host(), cause: text }
    }

    async fn json<T: DeserializeOwned>(&self, response: Response) -> Result<T, RelayError> {
        let octets = Body::of(response, JSON_BYTES_MAX).whole().await.map_err(|cut| self.cut(&cut))?;
        serde_json::from_slice(&octets).map_err(|_| RelayError::Protocol("an answer that is not of the right form"))
    }

    fn checked(&self, receipt: Receipt, mailbox: &MailboxAddress) -> Result<Receipt, RelayError> {
        let verified = receipt.verify(self.address.key(), mailbox);
        verified.map_err(|_| RelayError::Protocol("a receipt that the relay did not sign"))?;
        Ok(receipt)
    }
}

#[async_trait]
impl RelayConnection for HttpRelay {
    fn key(&self) -> &RelayKey {
        self.address.key()
    }

    async fn describe(&self) -> Result<Describe, RelayError> {
        let response = self.send(self.client.get(format!("{}/v1/relay", self.base))).await?;
        let describe: Describe = self.json(response).await?;
        if describe.relay_key != *self.address.key() {
            return Err(RelayError::WrongPin { host: self.host() });
        }
        self.correct_clock(describe.relay_time);
        Ok(describe)
    }

    async fn open(&self, mailbox: &MailboxKey, right: Right<'_>) -> Result<Opened, RelayError> {
        let address = mailbox.address();
        let (grant, token) = match right {
            Right::None => (None, None),
            Right::Grant(grant) => (Some(grant.to_owned()), None),
            Right::Token(token) => (None, Some(token.clone())),
        };
        let has_grant = grant.is_some();
        let body = serde_json::to_vec(&OpenRequest { grant, token });
        let body = body.map_err(|_| RelayError::Protocol("a request that does not encode"))?;
        let build = || {
            let request = self.client.request(Method::PUT, self.mailbox_url(&address, ""));
            request.header(CONTENT_TYPE, "application/json").body(body.clone())
        };
        let response = self.proved(mailbox, Verb::Open, &body, build).await.map_err(|error| match error.code() {
            Some(ProblemCode::GrantRequired | ProblemCode::TokenRequired) if has_grant => RelayError::GrantRefused,
            _ => error,
        })?;
        let opened: Opened = self.json(response).await?;
        let head = self.checked(opened.head, &address)?;
        Ok(Opened { head, ..opened })
    }

    async fn append(&self, mailbox: &MailboxKey, frame: &[u8], closing: bool) -> Result<Receipt, RelayError> {
        let address = mailbox.address();
        let url = self.mailbox_url(&address, &format!("/frames?closing={closing}"));
        let octets = bytes::Bytes::copy_from_slice(frame);
        let build = || self.client.post(&url).header(CONTENT_TYPE, "application/octet-stream").body(octets.clone());
        let response = self.proved(mailbox, Verb::Append { closing }, frame, build).await?;
        self.checked(self.json(response).await?, &address)
    }

    async fn read(&self, mailbox: &MailboxKey, after: Sequence) -> Result<Page, RelayError> {
        let address = mailbox.address();
        let url = self.mailbox_url(&address, &format!("/frames?after={after}"));
        let response = self.proved(mailbox, Verb::Read { after }, b"", || self.client.get(&url)).await?;
        let mut body = Body::of(response, PAGE_BYTES_MAX);
        let mut decoder = RecordDecoder::default();
        let mut frames = Vec::new();
        loop {
            let chunk = match body.next().await {
                Ok(Some(chunk)) => chunk,
                // On a slow network, a page may never come whole; what came of it has not to come again.
                Ok(None) | Err(Cut::Network(_)) if has_more_to_come(&mut frames) => {
                    return Ok(Page { frames, head: None });
                }
                Ok(None) => break,
                Err(cut) => return Err(self.cut(&cut)),
            };
            decoder.push(&chunk);
            while let Some(record) = next(&mut decoder)? {
                match record {
                    Record::Frame { sequence, closing, octets, .. } => {
                        frames.push(InboundFrame::new(sequence, closing, octets)?);
                    }
                    Record::Head { receipt, .. } => {
                        let head = Some(self.checked(receipt, &address)?);
                        return Ok(Page { frames, head });
                    }
                    Record::More { .. } => return Ok(Page { frames, head: None }),
                    Record::Heartbeat | Record::Refused { .. } | Record::Lagging { .. } => {}
                }
            }
        }
        Err(RelayError::Unreachable { host: self.host(), cause: "the answer ended too early".to_owned() })
    }

    async fn watch(&self, mailboxes: &[(&MailboxKey, Sequence)]) -> Result<mpsc::Receiver<MailboxAddress>, RelayError> {
        let addresses: Vec<_> = mailboxes.iter().map(|(mailbox, _)| mailbox.address()).collect();
        let entries = mailboxes.iter().map(|(mailbox, after)| WatchEntry {
            address: mailbox.address(),
            after: *after,
            proof: mailbox.prove(&self.request(Verb::Watch { after: *after }, FrameDigest::of(b""))),
        });
        let body = serde_json::to_vec(&WatchRequest { mailboxes: entries.collect() });
        let body = body.map_err(|_| RelayError::Protocol("a request that does not encode"))?;
        let request = self.client.post(format!("{}/v1/watch", self.base));
        let response = self.send(request.header(CONTENT_TYPE, "application/json").body(body)).await?;
        let (sender, receiver) = mpsc::channel(16);
        tokio::spawn(arrivals::tell(response, addresses, sender));
        Ok(receiver)
    }
}

/// Whether something is left of a page that was cut. A frame that closes its mailbox is not: what follows it, the end, was cut off.
fn has_more_to_come(frames: &mut Vec<InboundFrame>) -> bool {
    frames.pop_if(|last| last.closing);
    !frames.is_empty()
}

#[async_trait]
impl IssuerConnection for HttpRelay {
    async fn describe(&self) -> Result<IssuerDescribe, RelayError> {
        let response = self.send(self.client.get(format!("{}/v1/issuer", self.base))).await?;
        let describe: IssuerDescribe = self.json(response).await?;
        if describe.issuer_key != *self.address.key() {
            return Err(RelayError::WrongPin { host: self.host() });
        }
        Ok(describe)
    }

    async fn issue(&self, request: &IssueRequest) -> Result<Issued, RelayError> {
        let body = serde_json::to_vec(request).map_err(|_| RelayError::Protocol("a request that does not encode"))?;
        let request = self.client.post(format!("{}/v1/tokens", self.base));
        let response = self.send(request.header(CONTENT_TYPE, "application/json").body(body)).await;
        let response = response.map_err(|error| match error.code() {
            Some(ProblemCode::GrantRequired) => RelayError::GrantRefused,
            _ => error,
        })?;
        self.json(response).await
    }
}

/// Whether the relay did not take the proof, for whatever reason.
fn is_of_proof(error: &RelayError) -> bool {
    matches!(error.code(), Some(ProblemCode::ProofInvalid | ProblemCode::ClockSkewed))
}

fn next(decoder: &mut RecordDecoder) -> Result<Option<Record>, RelayError> {
    decoder.next_record().map_err(|_| RelayError::Protocol("a malformed record"))
}
