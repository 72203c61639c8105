//! Opening: one statement, in which the rules of `open.sql` hold whatever other nodes do meanwhile.

use super::append::ROUNDS_MAX;
use super::{Days, Head, Node, Opening, Quotas, Refused, StoreError, StoreResult, rows};
use sqlx::{PgConnection, Row};
use std::collections::HashMap;
use twiza_protocol::{Chain, MailboxAddress};

type Verdict = Result<Opening, Refused>;

pub(super) async fn open_batch(
    connection: &mut PgConnection,
    addresses: &[MailboxAddress],
    days: Days,
    quotas: &Quotas,
    node: &Node,
) -> StoreResult<Vec<Verdict>> {
    let mut opened: HashMap<MailboxAddress, Verdict> = HashMap::new();
    for _ in 0..ROUNDS_MAX {
        let waiting = distinct(addresses, &opened);
        if waiting.is_empty() {
            return Ok(in_order(addresses, opened));
        }
        opened.extend(open(connection, &waiting, days, quotas, node).await?);
    }
    Err(StoreError::Away("other nodes were always faster".into()))
}

fn distinct(addresses: &[MailboxAddress], opened: &HashMap<MailboxAddress, Verdict>) -> Vec<MailboxAddress> {
    let mut distinct = Vec::new();
    for address in addresses {
        if !opened.contains_key(address) && !distinct.contains(address) {
            distinct.push(*address);
        }
    }
    distinct
}

/// Whoever asks for a mailbox that the same batch has made gets a known one.
fn in_order(addresses: &[MailboxAddress], mut opened: HashMap<MailboxAddress, Verdict>) -> Vec<Verdict> {
    let answer = |address: &MailboxAddress| {
        let verdict = opened.get_mut(address).ok_or(Refused::MailboxUnknown)?;
        let answer = *verdict;
        if let Ok(opening) = verdict {
            opening.is_new = false;
        }
        answer
    };
    addresses.iter().map(answer).collect()
}

/// One round. A mailbox that another node opened meanwhile is not among the results.
async fn open(
    connection: &mut PgConnection,
    addresses: &[MailboxAddress],
    days: Days,
    quotas: &Quotas,
    node: &Node,
) -> StoreResult<Vec<(MailboxAddress, Verdict)>> {
    let slots = addresses.iter().map(|_| rows::random_slot()).collect::<StoreResult<Vec<_>>>()?;
    let chains: Vec<_> = addresses.iter().map(Chain::start).collect();
    let outcomes = sqlx::query(include_str!("open.sql"))
        .bind(addresses.iter().map(|address| &address.as_bytes()[..]).collect::<Vec<_>>())
        .bind(slots)
        .bind(chains.iter().map(|chain| &chain.as_bytes()[..]).collect::<Vec<_>>())
        .bind(i64::from(days.today.0))
        .bind(i64::from(days.expires.0))
        .bind(rows::integer(quotas.mailboxes_max))
        .bind(node.part)
        .fetch_all(connection)
        .await?;
    let mut verdicts = Vec::with_capacity(addresses.len());
    for (address, row) in addresses.iter().zip(&outcomes) {
        let expires = rows::day(row, "expires_day")?;
        let verdict = match row.try_get::<i32, _>("outcome")? {
            0 => Ok(Opening { is_new: false, head: rows::head(row)?, expires }),
            1 => Ok(Opening { is_new: true, head: Head::start(address), expires: days.expires }),
            2 => Err(Refused::RelayFull),
            _ => continue,
        };
        verdicts.push((*address, verdict));
    }
    Ok(verdicts)
}
