//! Opening mailboxes, by whatever right the alliance has at its relay.
//!
//! ```text
//! no grant ─────────▶ open
//! a grant ──────────▶ open, with the grant
//! one for tokens ───▶ open as if it were there ── it is not ──▶ open, with a token ◀── purse ◀── issuer
//! ```
//!
//! The relay must not learn from tokens what it does not know already. So a token is shown for one mailbox only, even if no
//! answer came; and tokens are taken from the issuer sixteen at once, at times that are not those at which mailboxes are opened.

use super::{AllianceNumber, Engine, Held};
use crate::ClientError;
use crate::relay::{IssuerConnection, RelayConnection, RelayError, Right};
use crate::store::alliances;
use crate::store::tokens::{self, Asked, PurseId};
use sha2::{Digest, Sha256};
use sqlx::SqliteConnection;
use std::time::Duration;
use twiza_crypto::grant::Grant;
use twiza_protocol::{
    IssueRequest, MailboxAddress, MailboxKey, Opened, Problem, ProblemCode, RelayKey, TOKENS_AT_ONCE, Token,
    TokenGrant, TokenKey,
};

/// With fewer tokens than this, more are taken before long.
const FEW: i64 = 8;

/// More are taken within so many seconds, when nobody can foretell.
const RESTOCK_WITHIN_SECONDS: u64 = 6 * 3600;

/// An issuer has so long for its answers: whoever waits for tokens does not read and write meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tokens that are tried for one mailbox: what a relay calls spent may have been spent by a copy of this profile.
const ATTEMPTS: usize = 3;

/// A grant for tokens, at one relay.
struct Purse<'a> {
    id: PurseId,
    grant: TokenGrant,
    relay: &'a RelayKey,
}

impl<'a> Purse<'a> {
    /// # Errors
    /// [`RelayError::GrantRefused`] for a damaged grant.
    fn of(grant: &Grant, relay: &'a RelayKey) -> Result<Self, RelayError> {
        let id = Sha256::new().chain_update(relay.as_bytes()).chain_update(grant.expose()).finalize();
        let grant = grant.expose().parse().map_err(|_| RelayError::GrantRefused)?;
        Ok(Self { id: PurseId(id.into()), grant, relay })
    }
}

impl Engine {
    /// Opens a mailbox, or moves its expiry forward, by no right where that is enough: then the relay is shown no grant, by
    /// which it could tell which mailboxes belong together. Else by the first of these grants that it takes.
    pub(super) async fn open_with(
        &self,
        connection: &dyn RelayConnection,
        mailbox: &MailboxKey,
        grants: &[Grant],
    ) -> Result<Opened, ClientError> {
        let asked_for = match connection.open(mailbox, Right::None).await {
            Err(error) if error.is_no_right() && !grants.is_empty() => error.code(),
            answer => {
                if answer.is_ok() {
                    self.drop_tokens(connection.key(), grants, &mailbox.address()).await?;
                }
                return Ok(answer?);
            }
        };
        let mut failure = None;
        for grant in grants {
            let opened = if is_for_tokens(grant) {
                self.open_by_token(connection, mailbox, grant, asked_for).await
            } else {
                connection.open(mailbox, Right::Grant(grant.expose())).await.map_err(Into::into)
            };
            match opened {
                Err(ClientError::Relay(error)) if error.is_no_right() => failure = failure.or(Some(error)),
                opened => return opened,
            }
        }
        Err(failure.unwrap_or(RelayError::GrantRefused).into())
    }

    /// A token for a mailbox is of no use once it is open: also by a request whose answer never came.
    async fn drop_tokens(
        &self,
        relay: &RelayKey,
        grants: &[Grant],
        mailbox: &MailboxAddress,
    ) -> Result<(), ClientError> {
        for grant in grants.iter().filter(|grant| is_for_tokens(grant)) {
            if let Ok(purse) = Purse::of(grant, relay) {
                self.drop_token(&purse, mailbox).await?;
            }
        }
        Ok(())
    }

    async fn open_by_token(
        &self,
        connection: &dyn RelayConnection,
        mailbox: &MailboxKey,
        grant: &Grant,
        asked_for: Option<ProblemCode>,
    ) -> Result<Opened, ClientError> {
        if asked_for == Some(ProblemCode::GrantRequired) {
            // A relay of the other kind.
            return Err(RelayError::GrantRefused.into());
        }
        let (purse, address) = (Purse::of(grant, connection.key())?, mailbox.address());
        let mut attempts = 0;
        loop {
            attempts += 1;
            let token = self.token_for(connection, &purse, &address).await?;
            let answer = connection.open(mailbox, Right::Token(&token)).await;
            let is_spent = code(&answer) == Some(ProblemCode::TokenSpent);
            if answer.is_ok() || is_spent {
                self.drop_token(&purse, &address).await?;
            }
            if !is_spent || attempts == ATTEMPTS {
                return Ok(answer?);
            }
        }
    }

    async fn drop_token(&self, purse: &Purse<'_>, mailbox: &MailboxAddress) -> Result<(), ClientError> {
        let mut step = self.store.begin().await?;
        tokens::drop_for(&mut step, purse.id, mailbox).await?;
        step.commit().await
    }

    /// The token for a mailbox, which from now on is for no other.
    async fn token_for(
        &self,
        connection: &dyn RelayConnection,
        purse: &Purse<'_>,
        mailbox: &MailboxAddress,
    ) -> Result<Token, ClientError> {
        if let Some(token) = self.assign_token(purse, mailbox).await? {
            return Ok(token);
        }
        // An issuer whose tokens the relay does not take is not even asked: it may be a cheat's, who wants to know whence people
        // come.
        let takes = connection.describe().await?.token_keys;
        if !takes.iter().any(|key| key.id() == purse.grant.key) {
            return Err(RelayError::Refused(Box::new(Problem::new(ProblemCode::TokenInvalid))).into());
        }
        self.take_tokens(purse).await?;
        self.assign_token(purse, mailbox).await?.ok_or_else(|| issuer_error(RelayError::Protocol("no tokens")))
    }

    async fn assign_token(&self, purse: &Purse<'_>, mailbox: &MailboxAddress) -> Result<Option<Token>, ClientError> {
        let mut step = self.store.begin().await?;
        let token = tokens::assign(&mut step, purse.id, mailbox).await?;
        if token.is_some() && tokens::left(&mut step, purse.id).await? < FEW {
            tokens::restock_at(&mut step, purse.id, self.time_to_restock()?, false).await?;
        }
        step.commit().await?;
        Ok(token)
    }

    /// Some time that nobody can foretell.
    fn time_to_restock(&self) -> Result<u64, ClientError> {
        let random = u64::from_be_bytes(self.environment.random.array()?);
        Ok(self.environment.clock.unix_seconds().saturating_add(random % RESTOCK_WITHIN_SECONDS))
    }

    /// Tokens in hand for a grant that are for no mailbox yet; `None` where it is not one for tokens.
    pub(super) async fn tokens_in_hand(&self, grant: &Grant, relay: &RelayKey) -> Result<Option<i64>, ClientError> {
        match Purse::of(grant, relay) {
            Ok(purse) => Ok(Some(tokens::left(&mut *self.store.reader().await?, purse.id).await?)),
            Err(_) => Ok(None),
        }
    }

    /// Takes more tokens where it is time to. An issuer that has none is asked again some time.
    pub(super) async fn restock(&self, alliance: AllianceNumber) -> Result<(), ClientError> {
        let Held { row, group } = self.held(alliance).await?;
        let Some(grant) = group.alliance().grant().filter(|grant| is_for_tokens(grant)) else {
            return Ok(());
        };
        let purse = Purse::of(grant, row.relay.key())?;
        let noted = tokens::restocks_at(&mut *self.store.reader().await?, purse.id).await?;
        // A clock that was wrong by years when this was noted is no reason to wait for years.
        let now = self.environment.clock.unix_seconds();
        let is_time = |time: u64| time <= now || time - now > RESTOCK_WITHIN_SECONDS;
        if !noted.is_some_and(is_time) {
            return Ok(());
        }
        let taken = self.take_tokens(&purse).await;
        if matches!(taken, Err(ClientError::Relay(_))) {
            let mut step = self.store.begin().await?;
            tokens::restock_at(&mut step, purse.id, self.time_to_restock()?, true).await?;
            return step.commit().await;
        }
        taken
    }

    /// Tokens that no alliance opens anything with go: it was forgotten, or has another grant.
    pub(super) async fn forget_tokens(&self, step: &mut SqliteConnection) -> Result<(), ClientError> {
        if tokens::purses(step).await?.is_empty() {
            return Ok(());
        }
        let mut used = Vec::new();
        for row in alliances::all(&mut *step).await? {
            // What cannot be read may be in use.
            let Ok(grants) = self.grants_in_use(step, row.id).await else { return Ok(()) };
            for grant in grants {
                used.extend(Purse::of(&grant, row.relay.key()).ok().map(|purse| purse.id));
            }
        }
        tokens::forget_others(step, &used).await
    }

    /// Asks for tokens: those that were asked for before and not answered, or new ones.
    async fn take_tokens(&self, purse: &Purse<'_>) -> Result<(), ClientError> {
        let issuer = &purse.grant.issuer;
        let connection = self.environment.connector.issuer(issuer).map_err(issuer_error)?;
        let taking = self.take_batch(purse, &*connection);
        tokio::time::timeout(PATIENCE, taking).await.unwrap_or_else(|_| {
            let host = format!("{}:{}", issuer.host(), issuer.port());
            Err(issuer_error(RelayError::Unreachable { host, cause: "operation timed out".to_owned() }))
        })
    }

    async fn take_batch(&self, purse: &Purse<'_>, issuer: &dyn IssuerConnection) -> Result<(), ClientError> {
        let asked = tokens::asked(&mut *self.store.reader().await?, purse.id).await?;
        let asked = match asked {
            Some(asked) => asked,
            None => self.ask_anew(purse, issuer).await?,
        };
        let messages = asked.pending.iter().map(|token| *token.message()).collect();
        let request = IssueRequest { grant: purse.grant.secret.clone(), messages };
        let answer = issuer.issue(&request).await;
        let is_for_good = |error: &RelayError| {
            matches!(error, RelayError::Refused(_) | RelayError::GrantRefused) && !error.is_retryable()
        };
        if answer.as_ref().is_err_and(is_for_good) {
            let mut step = self.store.begin().await?;
            tokens::drop_asked(&mut step, purse.id, &asked).await?;
            step.commit().await?;
        }
        let signatures = answer.map_err(issuer_error)?.signatures;
        let finished = asked.pending.iter().zip(&signatures);
        let finished = finished.map(|(pending, signature)| asked.key.finish(pending, purse.relay, signature));
        let taken: Vec<Token> = finished.filter_map(Result::ok).collect();
        let is_whole = taken.len() == asked.pending.len();
        let mut step = self.store.begin().await?;
        if tokens::drop_asked(&mut step, purse.id, &asked).await? && is_whole {
            tokens::keep(&mut step, purse.id, &taken).await?;
        }
        step.commit().await?;
        if is_whole { Ok(()) } else { Err(issuer_error(RelayError::Protocol("tokens that are not signed"))) }
    }

    async fn ask_anew(&self, purse: &Purse<'_>, issuer: &dyn IssuerConnection) -> Result<Asked, ClientError> {
        let described = issuer.describe().await.map_err(issuer_error)?;
        // With a key for each of us, it could tell our tokens apart.
        if described.token_key.id() != purse.grant.key {
            return Err(issuer_error(RelayError::OtherTokenKey));
        }
        if described.tokens_per_request_max < TOKENS_AT_ONCE {
            return Err(issuer_error(RelayError::Protocol("too few tokens at once, by which one could be followed")));
        }
        let key: TokenKey = described.token_key;
        let mut pending = Vec::new();
        for _ in 0..TOKENS_AT_ONCE {
            let nonce = self.environment.random.array()?;
            let blinded = key.blind(nonce, purse.relay).map_err(|_| RelayError::Protocol("a token key of no use"));
            pending.push(blinded.map_err(issuer_error)?);
        }
        let asked = Asked { key, pending };
        let mut step = self.store.begin().await?;
        tokens::set_asked(&mut step, purse.id, &asked).await?;
        // Another program of this profile may have asked meanwhile: then that is what is asked.
        let asked = tokens::asked(&mut step, purse.id).await?.unwrap_or(asked);
        step.commit().await?;
        Ok(asked)
    }
}

fn is_for_tokens(grant: &Grant) -> bool {
    TokenGrant::is_one(grant.expose())
}

fn code(answer: &Result<Opened, RelayError>) -> Option<ProblemCode> {
    answer.as_ref().err().and_then(RelayError::code)
}

fn issuer_error(error: RelayError) -> ClientError {
    ClientError::Relay(RelayError::Issuer(Box::new(error)))
}
