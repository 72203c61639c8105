//! An issuer of tokens: a service beside a relay, on another machine, that knows grants and no mailbox.
//!
//! It has a data folder like a relay's, with a token key in it, and the same program serves it. What it signs is blinded
//! ([`twiza_protocol::token`]), so that neither it nor the relay, nor both together, can tell which grant a mailbox was
//! opened with. When somebody asks for tokens they see, and from which network address: so clients take tokens ahead of time.

mod http;
pub(crate) mod ledger;

use crate::admission::{GrantDigest, is_one_of};
use crate::bodies::Bodies;
use crate::clock::Clock;
use crate::descriptors;
use crate::grants::LiveGrants;
use crate::places::Places;
use crate::run::{self, StartError};
use crate::settings::Settings;
use axum_server::Handle;
use ledger::{Asked, Ledger};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use twiza_protocol::{
    IssueRequest, Issued, IssuerDescribe, ProblemCode, RelayAddress, RelayKey, TokenError, TokenKey, TokenSigningKey,
};

/// Tokens in one request.
const TOKENS_PER_REQUEST_MAX: usize = 64;

/// Requests by one grant that wait or are signed: some seconds of work. Members ask each for themselves, after a new grant all at
/// once, and ask again when they are told to.
const REQUESTS_PER_GRANT_MAX: usize = 32;

/// An issuer.
pub(crate) struct Issuer {
    issuer_key: RelayKey,
    signing_key: TokenSigningKey,
    token_key: TokenKey,
    grants: LiveGrants,
    ledger: Mutex<Ledger>,
    tokens_per_day_max: u64,
    bodies: Bodies,
    /// Places for those whose messages are being signed: as many as there are processors.
    signing: Places,
    /// How many requests by which grant wait for such a place, or have one: nobody who repeats them keeps out the others.
    queued: Queued,
    clock: Arc<dyn Clock>,
}

impl Issuer {
    fn open(settings: &Settings, issuer_key: RelayKey, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let folder = settings.folder();
        let signing_key = folder.read_token_key()?;
        let token_key = signing_key.public()?;
        let grants = LiveGrants::open(settings.grants_sha256.clone(), folder.grants())?;
        if grants.now().is_empty() {
            tracing::warn!("nobody can have tokens: there is no grant yet");
        }
        let ledger = Mutex::new(Ledger::open(&folder.prepare_ledger()?)?);
        let (tokens_per_day_max, bodies) = (settings.tokens_per_day_max, Bodies::new(settings.bodies_bytes_max));
        let signing = Places::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
        let queued = Arc::default();
        Ok(Self {
            issuer_key,
            signing_key,
            token_key,
            grants,
            ledger,
            tokens_per_day_max,
            bodies,
            signing,
            queued,
            clock,
        })
    }

    fn describe(&self) -> IssuerDescribe {
        IssuerDescribe {
            issuer_key: self.issuer_key,
            token_key: self.token_key.clone(),
            tokens_per_request_max: TOKENS_PER_REQUEST_MAX,
            tokens_per_day_max: self.tokens_per_day_max,
        }
    }

    /// Takes a turn for a request, which waits with it.
    fn queue(&self, request: &IssueRequest) -> Result<Turn, ProblemCode> {
        if !is_one_of(&request.grant, &self.grants.now()) {
            return Err(ProblemCode::GrantRequired);
        }
        Turn::take(&self.queued, GrantDigest::of(&request.grant)).ok_or(ProblemCode::RelayBusy)
    }

    /// Signs blind messages for a grant. Waits for the disk, and calculates for some milliseconds a token.
    fn issue(&self, request: &IssueRequest) -> Result<Issued, ProblemCode> {
        if !is_one_of(&request.grant, &self.grants.now()) {
            return Err(ProblemCode::GrantRequired);
        }
        if request.messages.is_empty() || request.messages.len() > TOKENS_PER_REQUEST_MAX {
            return Err(ProblemCode::MalformedRequest);
        }
        if !request.messages.iter().all(|message| self.token_key.takes(message)) {
            return Err(ProblemCode::MalformedRequest);
        }
        let asked = asked(request);
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = ledger.count(&asked, self.clock.now().day(), self.tokens_per_day_max);
        drop(ledger);
        match counted {
            Ok(true) => {}
            Ok(false) => return Err(ProblemCode::TokensUsedUp),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "tokens could not be counted");
                return Err(ProblemCode::Internal);
            }
        }
        let signed: Result<_, _> = request.messages.iter().map(|message| self.signing_key.sign(message)).collect();
        signed.map(|signatures| Issued { signatures }).map_err(|error: TokenError| {
            tracing::error!(%error, "tokens could not be signed");
            ProblemCode::Internal
        })
    }
}

/// How many requests there are by which grant.
type Queued = Arc<Mutex<HashMap<GrantDigest, usize>>>;

/// A request's turn. Given up when dropped.
struct Turn {
    queued: Queued,
    grant: GrantDigest,
}

impl Turn {
    fn take(queued: &Queued, grant: GrantDigest) -> Option<Self> {
        let mut all = queued.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(grant.clone()).or_default();
        if *count >= REQUESTS_PER_GRANT_MAX {
            return None;
        }
        *count += 1;
        Some(Self { queued: queued.clone(), grant })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut all = self.queued.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.grant) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.grant);
            }
        }
    }
}

fn asked(request: &IssueRequest) -> Asked {
    let grant = GrantDigest::of(&request.grant);
    let mut digest = Sha256::new();
    digest.update(grant.as_bytes());
    request.messages.iter().for_each(|message| digest.update(message.as_bytes()));
    Asked { request: digest.finalize().into(), grant, tokens: request.messages.len() as u64 }
}

/// An issuer that serves.
#[derive(Debug)]
pub struct RunningIssuer {
    address: RelayAddress,
    served: JoinHandle<std::io::Result<()>>,
    background: Vec<JoinHandle<()>>,
    /// Of the data folder.
    _claim: File,
}

/// Starts an issuer on a bound listener. Its data folder must have been made ([`crate::cli::init::create_issuer`]). It serves
/// when this returns, and stops once `shutdown` is cancelled: then wait for [`RunningIssuer::stopped`].
///
/// # Errors
/// [`StartError`].
pub fn start(
    settings: &Settings,
    listener: TcpListener,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) -> Result<RunningIssuer, StartError> {
    settings.check()?;
    let key = settings.folder().read_key()?;
    let claim = settings.folder().claim()?;
    if settings.metrics_listen.is_some() {
        tracing::warn!("metrics_listen is for relays: an issuer has no metrics");
    }
    let mut tls = run::tls(settings, &key)?;
    let address = run::address(settings, listener.local_addr()?, &key)?;
    let issuer = Arc::new(Issuer::open(settings, key.public(), clock)?);
    let connections = Places::new(descriptors::connections(settings.connections_max));
    let handle = Handle::new();
    let certifying = tls.keep(shutdown.clone());
    let served = run::serve(http::router(issuer), listener, tls, connections, handle.clone())?;
    let stopping = run::stop_gracefully(settings, handle, shutdown);
    tracing::info!(port = address.port(), "issuing tokens");
    let background = [stopping].into_iter().chain(certifying).collect();
    Ok(RunningIssuer { address, served, background, _claim: claim })
}

impl RunningIssuer {
    /// The address under which clients reach the issuer.
    #[must_use]
    pub const fn address(&self) -> &RelayAddress {
        &self.address
    }

    /// Waits for the issuer to have stopped.
    ///
    /// # Errors
    /// [`StartError::Listener`] where serving failed.
    pub async fn stopped(self) -> Result<(), StartError> {
        let served = self.served.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        self.background.iter().for_each(JoinHandle::abort);
        tracing::info!("stopped");
        Ok(served?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_has_a_few_turns_and_takes_none_of_another() {
        let queued = Arc::default();
        let take = |secret| Turn::take(&queued, GrantDigest::of(secret));
        let mut turns: Vec<_> = (0..REQUESTS_PER_GRANT_MAX).map(|_| take("spring").unwrap()).collect();
        assert!(take("spring").is_none());
        assert!(take("autumn").is_some());
        turns.pop();
        assert!(take("spring").is_some());
        turns.clear();
        assert!(queued.lock().unwrap().is_empty(), "nothing is kept of who asked");
    }
}
