//! Tokens: an issuer that knows grants, a relay that knows tokens, and what goes wrong between them.

use crate::harness::{NOW, TestClient, TestRelay, code, key, relay_with};
use data_encoding::BASE64URL_NOPAD;
use reqwest::{Method, Response};
use std::net::TcpListener;
use std::sync::Arc;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use twiza_protocol::{
    AdmissionMode, BlindMessage, IssueRequest, Issued, IssuerDescribe, MailboxKey, OpenRequest, PendingToken,
    ProblemCode, Token, TokenKey,
};
use twiza_relay::admission::GrantDigest;
use twiza_relay::issuer::{self, RunningIssuer};
use twiza_relay::{ManualClock, Settings, cli};

const GRANT: &str = "spring";

struct TestIssuer {
    folder: TempDir,
    running: RunningIssuer,
    shutdown: CancellationToken,
    settings: Settings,
    key: TokenKey,
    client: TestClient,
}

impl TestIssuer {
    async fn start(tokens_per_day_max: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::in_folder(folder.path().join("issuer"));
        settings.listen = "127.0.0.1:0".parse().unwrap();
        cli::init::create_issuer(&settings).unwrap();
        settings.grants_sha256 = vec![GrantDigest::of(GRANT)];
        settings.tokens_per_day_max = tokens_per_day_max;
        Self::serve(folder, settings).await
    }

    async fn serve(folder: TempDir, settings: Settings) -> Self {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let listener = TcpListener::bind(settings.listen).unwrap();
        let shutdown = CancellationToken::new();
        let clock = Arc::new(ManualClock::at(NOW));
        let running = issuer::start(&settings, listener, clock, shutdown.clone()).unwrap();
        let client = TestClient::to(running.address(), NOW);
        let described = get(&client, "/v1/issuer").await;
        let described: IssuerDescribe = serde_json::from_slice(&described.bytes().await.unwrap()).unwrap();
        assert_eq!(described.issuer_key, *running.address().key());
        Self { folder, running, shutdown, settings, key: described.token_key, client }
    }

    async fn restart(self) -> Self {
        self.shutdown.cancel();
        self.running.stopped().await.unwrap();
        Self::serve(self.folder, self.settings).await
    }

    fn blind(&self, relay: &TestRelay, count: u8) -> Vec<PendingToken> {
        let address = relay.running.address();
        (0..count).map(|nonce| self.key.blind([nonce; 32], address.key()).unwrap()).collect()
    }

    async fn ask(&self, grant: &str, messages: Vec<BlindMessage>) -> Response {
        let body = serde_json::to_vec(&IssueRequest { grant: grant.to_owned(), messages }).unwrap();
        post(&self.client, body).await
    }

    async fn tokens(&self, relay: &TestRelay, count: u8) -> Vec<Token> {
        let pending = self.blind(relay, count);
        let answer = self.ask(GRANT, messages(&pending)).await;
        assert_eq!(answer.status(), 200);
        let issued: Issued = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let finish = |(pending, signature)| self.key.finish(pending, relay.running.address().key(), signature).unwrap();
        pending.iter().zip(&issued.signatures).map(finish).collect()
    }
}

async fn get(client: &TestClient, path: &str) -> Response {
    client.send(Method::GET, &client.url(path), None, "application/json", Vec::new()).await
}

async fn post(client: &TestClient, body: Vec<u8>) -> Response {
    client.send(Method::POST, &client.url("/v1/tokens"), None, "application/json", body).await
}

fn messages(pending: &[PendingToken]) -> Vec<BlindMessage> {
    pending.iter().map(|token| *token.message()).collect()
}

async fn relay_of(issuer: &TestIssuer) -> TestRelay {
    let key = issuer.key.clone();
    relay_with(|settings| {
        settings.admission = AdmissionMode::Token;
        settings.token_keys = vec![key];
    })
    .await
}

async fn open(relay: &TestRelay, mailbox: &MailboxKey, token: Option<&Token>) -> Response {
    let request = OpenRequest { token: token.cloned(), grant: None };
    relay.client.open(mailbox, &serde_json::to_string(&request).unwrap()).await
}

#[tokio::test]
async fn a_token_opens_one_mailbox_and_no_second_one_even_after_a_restart() {
    let issuer = TestIssuer::start(100).await;
    let relay = relay_of(&issuer).await;
    let [one, two] = issuer.tokens(&relay, 2).await.try_into().unwrap();
    assert_eq!(code(open(&relay, &key(1), None).await).await, ProblemCode::TokenRequired);
    assert_eq!(open(&relay, &key(1), Some(&one)).await.status(), 201);
    assert_eq!(open(&relay, &key(1), None).await.status(), 200, "its expiry moves without one");
    assert_eq!(open(&relay, &key(1), Some(&one)).await.status(), 200, "and an answer that was lost is given again");
    assert_eq!(open(&relay, &key(1), Some(&two)).await.status(), 200, "which spends nothing");
    assert_eq!(code(open(&relay, &key(2), Some(&one)).await).await, ProblemCode::TokenSpent);
    let relay = relay.restart().await;
    assert_eq!(code(open(&relay, &key(2), Some(&one)).await).await, ProblemCode::TokenSpent);
    assert_eq!(open(&relay, &key(2), Some(&two)).await.status(), 201);
    relay.stop().await;
}

#[tokio::test]
async fn one_token_shown_for_many_mailboxes_at_once_opens_one() {
    let issuer = TestIssuer::start(100).await;
    let relay = relay_of(&issuer).await;
    let [token] = issuer.tokens(&relay, 1).await.try_into().unwrap();
    let mailboxes: Vec<_> = (1..=20).map(key).collect();
    let opened = futures_util::future::join_all(mailboxes.iter().map(|key| open(&relay, key, Some(&token)))).await;
    let mut statuses: Vec<_> = opened.iter().map(|answer| answer.status().as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (201, &[403; 19][..]));
    relay.stop().await;
}

#[tokio::test]
async fn tokens_of_another_issuer_for_another_relay_or_changed_open_nothing() {
    let (issuer, stranger) = (TestIssuer::start(100).await, TestIssuer::start(100).await);
    let (relay, elsewhere) = (relay_of(&issuer).await, relay_of(&issuer).await);
    let mut tokens = stranger.tokens(&relay, 1).await;
    tokens.extend(issuer.tokens(&elsewhere, 1).await);
    let [good] = issuer.tokens(&relay, 1).await.try_into().unwrap();
    let mut changed = good.expose_bytes().to_vec();
    changed[10] ^= 1;
    tokens.push(Token::from_bytes(&changed).unwrap());
    for token in &tokens {
        assert_eq!(code(open(&relay, &key(1), Some(token)).await).await, ProblemCode::TokenInvalid);
    }
    let short = relay.client.open(&key(1), "{\"token\":\"AAIA\"}").await;
    assert_eq!(code(short).await, ProblemCode::MalformedRequest);
    assert_eq!(open(&relay, &key(1), Some(&good)).await.status(), 201);
    relay.stop().await;
}

#[tokio::test]
async fn a_mailbox_that_expired_takes_another_token() {
    let issuer = TestIssuer::start(100).await;
    let relay = relay_of(&issuer).await;
    let [one, two] = issuer.tokens(&relay, 2).await.try_into().unwrap();
    assert_eq!(open(&relay, &key(1), Some(&one)).await.status(), 201);
    relay.clock.advance_days(31);
    let client = TestClient::to(relay.running.address(), twiza_relay::Clock::now(&*relay.clock));
    let ask = async |token: Option<&Token>| {
        let request = OpenRequest { token: token.cloned(), grant: None };
        client.open(&key(1), &serde_json::to_string(&request).unwrap()).await
    };
    assert_eq!(code(ask(None).await).await, ProblemCode::TokenRequired);
    assert_eq!(code(ask(Some(&one)).await).await, ProblemCode::TokenSpent);
    assert_eq!(ask(Some(&two)).await.status(), 201);
    relay.stop().await;
}

#[tokio::test]
async fn an_issuer_gives_tokens_for_grants_so_many_a_day_and_a_repeat_is_free() {
    let issuer = TestIssuer::start(6).await;
    let relay = relay_of(&issuer).await;
    let pending = issuer.blind(&relay, 4);
    assert_eq!(code(issuer.ask("autumn", messages(&pending)).await).await, ProblemCode::GrantRequired);
    let first = issuer.ask(GRANT, messages(&pending)).await.bytes().await.unwrap();
    let again = issuer.ask(GRANT, messages(&pending)).await;
    assert_eq!((again.status().as_u16(), again.bytes().await.unwrap()), (200, first));
    let more = issuer.blind(&relay, 3);
    let refused = issuer.ask(GRANT, messages(&more)).await;
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(code(refused).await, ProblemCode::TokensUsedUp);
    let issuer = issuer.restart().await;
    assert_eq!(
        code(issuer.ask(GRANT, messages(&more)).await).await,
        ProblemCode::TokensUsedUp,
        "a restart forgets nothing"
    );
    assert_eq!(issuer.ask(GRANT, messages(&more[..2])).await.status(), 200);
    relay.stop().await;
}

#[tokio::test]
async fn an_issuer_refuses_what_is_no_request_and_has_no_mailboxes() {
    let issuer = TestIssuer::start(100).await;
    let relay = relay_of(&issuer).await;
    let one = messages(&issuer.blind(&relay, 1));
    let empty = issuer.ask(GRANT, Vec::new()).await;
    let many = issuer.ask(GRANT, one.iter().copied().cycle().take(65).collect()).await;
    // Larger than any modulus.
    let beyond: BlindMessage = BASE64URL_NOPAD.encode(&[0xff; 256]).parse().unwrap();
    let beyond = issuer.ask(GRANT, vec![beyond]).await;
    let text = post(&issuer.client, b"no json".to_vec()).await;
    let nothing = post(&issuer.client, Vec::new()).await;
    for refused in [empty, many, beyond, text, nothing] {
        assert_eq!(code(refused).await, ProblemCode::MalformedRequest);
    }
    for of_relay in [get(&issuer.client, "/v1/relay").await, issuer.client.read(&key(1), 0).await] {
        assert_eq!(code(of_relay).await, ProblemCode::NotFound);
    }
    assert_eq!(code(get(&issuer.client, "/v1/tokens").await).await, ProblemCode::MethodNotAllowed);
    assert_eq!(issuer.ask(GRANT, one).await.status(), 200, "nothing of it was counted, and all goes on");
    relay.stop().await;
}
