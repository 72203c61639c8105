//! Opening: one statement, in which the rules of `open.sql` hold whatever other nodes do meanwhile.

use super::append::ROUNDS_MAX;
use super::{Days, Entry, Head, Node, Open, Opening, Quotas, Refused, StoreError, StoreResult, rows};
use sqlx::{PgConnection, Row};
use std::collections::HashMap;
use twiza_protocol::{Chain, MailboxAddress};

type Verdict = Result<Opening, Refused>;

pub(super) async fn open_batch(
    connection: &mut PgConnection,
    opens: &[Open],
    days: Days,
    quotas: &Quotas,
    node: &Node,
) -> StoreResult<Vec<Verdict>> {
    let mut opened: HashMap<MailboxAddress, Verdict> = HashMap::new();
    for _ in 0..ROUNDS_MAX {
        let waiting = distinct(opens, &opened);
        if waiting.is_empty() {
            return Ok(in_order(opens, opened));
        }
        opened.extend(open(connection, &waiting, days, quotas, node).await?);
    }
    Err(StoreError::Away("other nodes were always faster".into()))
}

/// Each mailbox once, by the best right that any of those who ask for it has: of several tokens the first, and if that was
/// spent, all of them are told so and ask again.
fn distinct(opens: &[Open], opened: &HashMap<MailboxAddress, Verdict>) -> Vec<Open> {
    let mut distinct: Vec<Open> = Vec::new();
    for open in opens.iter().filter(|open| !opened.contains_key(&open.address)) {
        match distinct.iter_mut().find(|known| known.address == open.address) {
            Some(known) if worth(known.entry) < worth(open.entry) => *known = *open,
            Some(_) => {}
            None => distinct.push(*open),
        }
    }
    distinct
}

const fn worth(entry: Entry) -> u8 {
    match entry {
        Entry::IfThere => 0,
        Entry::Token(_) => 1,
        Entry::Free => 2,
    }
}

/// Whoever asks for a mailbox that the same batch has made gets a known one.
fn in_order(opens: &[Open], mut opened: HashMap<MailboxAddress, Verdict>) -> Vec<Verdict> {
    let answer = |open: &Open| {
        let verdict = opened.get_mut(&open.address).ok_or(Refused::MailboxUnknown)?;
        let answer = *verdict;
        if let Ok(opening) = verdict {
            opening.is_new = false;
        }
        match (answer, open.entry) {
            (Err(Refused::TokenSpent), Entry::IfThere) => Err(Refused::TokenRequired),
            _ => answer,
        }
    };
    opens.iter().map(answer).collect()
}

/// One round. A mailbox that another node opened meanwhile is not among the results.
async fn open(
    connection: &mut PgConnection,
    opens: &[Open],
    days: Days,
    quotas: &Quotas,
    node: &Node,
) -> StoreResult<Vec<(MailboxAddress, Verdict)>> {
    let slots = opens.iter().map(|_| rows::random_slot()).collect::<StoreResult<Vec<_>>>()?;
    let chains: Vec<_> = opens.iter().map(|open| Chain::start(&open.address)).collect();
    let mark = |open: &Open| match open.entry {
        Entry::Token(mark) => Some(mark.as_bytes().to_vec()),
        Entry::Free | Entry::IfThere => None,
    };
    let outcomes = sqlx::query(include_str!("open.sql"))
        .bind(opens.iter().map(|open| &open.address.as_bytes()[..]).collect::<Vec<_>>())
        .bind(slots)
        .bind(chains.iter().map(|chain| &chain.as_bytes()[..]).collect::<Vec<_>>())
        .bind(i64::from(days.today.0))
        .bind(i64::from(days.expires.0))
        .bind(rows::integer(quotas.mailboxes_max))
        .bind(node.part)
        .bind(opens.iter().map(|open| open.entry == Entry::Free).collect::<Vec<_>>())
        .bind(opens.iter().map(mark).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    let mut verdicts = Vec::with_capacity(opens.len());
    for (Open { address, .. }, row) in opens.iter().zip(&outcomes) {
        let expires = rows::day(row, "expires_day")?;
        let verdict = match row.try_get::<i32, _>("outcome")? {
            0 => Ok(Opening { is_new: false, head: rows::head(row)?, expires }),
            1 => Ok(Opening { is_new: true, head: Head::start(address), expires: days.expires }),
            2 => Err(Refused::RelayFull),
            4 => Err(Refused::TokenRequired),
            5 => Err(Refused::TokenSpent),
            _ => continue,
        };
        verdicts.push((*address, verdict));
    }
    Ok(verdicts)
}
