//! Tokens that were taken from issuers, and are not spent.

use crate::ClientError;
use crate::store::corrupt;
use sqlx::SqliteConnection;
use twiza_protocol::{MailboxAddress, PendingToken, Token, TokenKey};
use zeroize::Zeroizing;

/// Where the tokens for one grant and one relay are: SHA-256 of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PurseId(pub(crate) [u8; 32]);

impl PurseId {
    fn octets(&self) -> &[u8] {
        &self.0
    }
}

/// What an issuer was asked for.
pub(crate) struct Asked {
    pub(crate) key: TokenKey,
    pub(crate) pending: Vec<PendingToken>,
}

impl Asked {
    fn octets(&self) -> Zeroizing<Vec<u8>> {
        let mut octets = Zeroizing::new(Vec::with_capacity(self.pending.len() * PendingToken::BYTES));
        self.pending.iter().for_each(|token| octets.extend_from_slice(&token.expose_bytes()));
        octets
    }
}

/// The token for a mailbox: the one that was meant for it before, or else one that was meant for none. Before it is shown to
/// anybody, the step has to be committed.
pub(crate) async fn assign(
    connection: &mut SqliteConnection,
    purse: PurseId,
    mailbox: &MailboxAddress,
) -> Result<Option<Token>, ClientError> {
    let query = sqlx::query_as(
        "update token set mailbox = ?2
         where id = (select id from token where purse = ?1 and (mailbox = ?2 or mailbox is null)
                     order by mailbox is null, id limit 1)
         returning id, octets",
    );
    let query = query.bind(purse.octets()).bind(&mailbox.as_bytes()[..]);
    let found: Option<(i64, Vec<u8>)> = query.fetch_optional(connection).await?;
    let convert = |(id, octets): (i64, Vec<u8>)| Token::from_bytes(&octets).map_err(|_| corrupt("token", "octets", id));
    found.map(convert).transpose()
}

/// The token for a mailbox is spent, or of no use.
pub(crate) async fn drop_for(
    connection: &mut SqliteConnection,
    purse: PurseId,
    mailbox: &MailboxAddress,
) -> Result<(), ClientError> {
    let query = sqlx::query("delete from token where purse = ? and mailbox = ?");
    query.bind(purse.octets()).bind(&mailbox.as_bytes()[..]).execute(connection).await?;
    Ok(())
}

/// Tokens that are meant for no mailbox yet.
pub(crate) async fn left(connection: &mut SqliteConnection, purse: PurseId) -> Result<i64, ClientError> {
    let query = sqlx::query_scalar("select count(*) from token where purse = ? and mailbox is null");
    Ok(query.bind(purse.octets()).fetch_one(connection).await?)
}

/// Notes when to take more: unless that is noted, or instead of what is.
pub(crate) async fn restock_at(
    connection: &mut SqliteConnection,
    purse: PurseId,
    time: u64,
    instead: bool,
) -> Result<(), ClientError> {
    let query = "insert into purse (id, restock_at) values (?1, ?2)
                 on conflict (id) do update set restock_at = case when ?3 then ?2 else coalesce(restock_at, ?2) end";
    sqlx::query(query).bind(purse.octets()).bind(time.cast_signed()).bind(instead).execute(connection).await?;
    Ok(())
}

/// When to take more, if that is noted.
pub(crate) async fn restocks_at(connection: &mut SqliteConnection, purse: PurseId) -> Result<Option<u64>, ClientError> {
    let query = sqlx::query_scalar("select restock_at from purse where id = ?").bind(purse.octets());
    let noted: Option<Option<i64>> = query.fetch_optional(connection).await?;
    Ok(noted.flatten().map(i64::cast_unsigned))
}

/// What the issuer was asked and did not answer.
pub(crate) async fn asked(connection: &mut SqliteConnection, purse: PurseId) -> Result<Option<Asked>, ClientError> {
    let query = sqlx::query_as("select token_key, pending from asked_tokens where purse = ?").bind(purse.octets());
    let found: Option<(String, Vec<u8>)> = query.fetch_optional(connection).await?;
    let convert = |(key, pending): (String, Vec<u8>)| {
        let pending = Zeroizing::new(pending);
        let key = key.parse().ok()?;
        let pending = pending.chunks(PendingToken::BYTES).map(PendingToken::from_bytes).collect::<Option<_>>()?;
        Some(Asked { key, pending })
    };
    found.map(|found| convert(found).ok_or_else(|| corrupt("asked_tokens", "pending", 0))).transpose()
}

/// Notes what an issuer is about to be asked.
pub(crate) async fn set_asked(
    connection: &mut SqliteConnection,
    purse: PurseId,
    asked: &Asked,
) -> Result<(), ClientError> {
    sqlx::query("insert into purse (id) values (?) on conflict do nothing")
        .bind(purse.octets())
        .execute(&mut *connection)
        .await?;
    let query = "insert into asked_tokens (purse, token_key, pending) values (?, ?, ?) on conflict do nothing";
    let query = sqlx::query(query).bind(purse.octets()).bind(asked.key.to_string());
    query.bind(asked.octets().as_slice()).execute(connection).await?;
    Ok(())
}

/// What the issuer was asked is answered, or never will be. Tells whether nobody had found that before: another program of
/// this profile may have asked the same, and have spent what it got.
pub(crate) async fn drop_asked(
    connection: &mut SqliteConnection,
    purse: PurseId,
    asked: &Asked,
) -> Result<bool, ClientError> {
    let query = sqlx::query("delete from asked_tokens where purse = ? and pending = ?");
    let done = query.bind(purse.octets()).bind(asked.octets().as_slice()).execute(connection).await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps what the issuer answered.
pub(crate) async fn keep(
    connection: &mut SqliteConnection,
    purse: PurseId,
    tokens: &[Token],
) -> Result<(), ClientError> {
    for token in tokens {
        let query = sqlx::query("insert into token (purse, octets) values (?, ?)");
        query.bind(purse.octets()).bind(token.expose_bytes()).execute(&mut *connection).await?;
    }
    sqlx::query("update purse set restock_at = null where id = ?").bind(purse.octets()).execute(connection).await?;
    Ok(())
}

/// All purses.
pub(crate) async fn purses(connection: &mut SqliteConnection) -> Result<Vec<PurseId>, ClientError> {
    let all: Vec<Vec<u8>> = sqlx::query_scalar("select id from purse").fetch_all(connection).await?;
    let convert = |id: Vec<u8>| id.try_into().map(PurseId).map_err(|_| corrupt("purse", "id", 0));
    all.into_iter().map(convert).collect()
}

/// Forgets all purses but these, with what is in them.
pub(crate) async fn forget_others(connection: &mut SqliteConnection, used: &[PurseId]) -> Result<(), ClientError> {
    for purse in purses(connection).await?.into_iter().filter(|purse| !used.contains(purse)) {
        sqlx::query("delete from purse where id = ?").bind(purse.octets()).execute(&mut *connection).await?;
    }
    Ok(())
}
