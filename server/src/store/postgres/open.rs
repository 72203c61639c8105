//! Opening: one statement, in which the rules of `open.sql` hold whatever other nodes do meanwhile.

use super::append::ROUNDS_MAX;
use super::{Days, Entry, Head, Node, Open, Opening, Quotas, Refused, StoreError, StoreResult, rows};
use sqlx::{PgConnection, Row};
use std::collections::HashSet;
use twiza_protocol::{Chain, TokenMark};

type Verdict = Result<Opening, Refused>;

/// Every opening of a batch, and what is known of it yet.
struct Batch<'a> {
    opens: &'a [Open],
    verdicts: Vec<Option<Verdict>>,
    /// Tokens that were found spent once. Another node may have spent one for this very mailbox since the statement looked: it
    /// is asked again.
    doubted: HashSet<TokenMark>,
}

pub(super) async fn open_batch(
    connection: &mut PgConnection,
    opens: &[Open],
    days: Days,
    quotas: &Quotas,
    node: &Node,
) -> StoreResult<Vec<Verdict>> {
    let mut batch = Batch { opens, verdicts: vec![None; opens.len()], doubted: HashSet::new() };
    for _ in 0..ROUNDS_MAX {
        let asked = batch.ask();
        if asked.is_empty() {
            break;
        }
        for (open, verdict) in open(connection, &asked, days, quotas, node).await? {
            batch.learn(&open, verdict);
        }
    }
    batch.finish()
}

impl Batch<'_> {
    fn waiting(&self) -> impl Iterator<Item = (usize, &Open)> {
        self.opens.iter().enumerate().filter(|(nth, _)| self.verdicts.get(*nth).is_some_and(Option::is_none))
    }

    /// Each mailbox once, by the best right that any of those who wait for it has.
    fn ask(&self) -> Vec<Open> {
        let mut asked: Vec<Open> = Vec::new();
        for (_, open) in self.waiting() {
            match asked.iter_mut().find(|known| known.address == open.address) {
                Some(known) if worth(known.entry) < worth(open.entry) => *known = *open,
                Some(_) => {}
                None => asked.push(*open),
            }
        }
        asked
    }

    fn learn(&mut self, asked: &Open, verdict: Verdict) {
        if let (Err(Refused::TokenSpent), Entry::Token(mark)) = (verdict, asked.entry)
            && self.doubted.insert(mark)
        {
            return;
        }
        // One whose token is spent tells nothing of others for the same mailbox.
        let concerns = |open: &Open| match verdict {
            Err(Refused::TokenSpent) => open == asked,
            _ => open.address == asked.address,
        };
        let concerned: Vec<_> = self.waiting().filter(|(_, open)| concerns(open)).map(|(nth, _)| nth).collect();
        let mut answer = verdict;
        for nth in concerned {
            if let Some(place) = self.verdicts.get_mut(nth) {
                *place = Some(answer);
            }
            // Whoever asks for a mailbox that the same batch has made gets a known one.
            if let Ok(opening) = &mut answer {
                opening.is_new = false;
            }
        }
    }

    /// A batch with very many spent tokens for one mailbox ends with the rest of them refused.
    fn finish(self) -> StoreResult<Vec<Verdict>> {
        let settle = |(open, verdict): (&Open, Option<Verdict>)| match (verdict, open.entry) {
            (Some(verdict), _) => Ok(verdict),
            (None, Entry::Token(mark)) if self.doubted.contains(&mark) => Ok(Err(Refused::TokenSpent)),
            (None, _) => Err(StoreError::Away("other nodes were always faster".into())),
        };
        self.opens.iter().zip(self.verdicts).map(settle).collect()
    }
}

const fn worth(entry: Entry) -> u8 {
    match entry {
        Entry::IfThere => 0,
        Entry::Token(_) => 1,
        Entry::Free => 2,
    }
}

/// One round. A mailbox that another node opened meanwhile is not among the results.
async fn open(
    connection: &mut PgConnection,
    opens: &[Open],
    days: Days,
    quotas: &Quotas,
    node: &Node,
) -> StoreResult<Vec<(Open, Verdict)>> {
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
        .fetch_all(&mut *connection)
        .await?;
    let mut unused = Vec::new();
    let mut verdicts = Vec::with_capacity(opens.len());
    for (open, row) in opens.iter().zip(&outcomes) {
        let expires = rows::day(row, "expires_day")?;
        let verdict = match row.try_get::<i32, _>("outcome")? {
            0 => Ok(Opening { is_new: false, head: rows::head(row)?, expires }),
            1 => Ok(Opening { is_new: true, head: Head::start(&open.address), expires: days.expires }),
            2 => Err(Refused::RelayFull),
            4 => Err(Refused::RightRequired),
            5 => Err(Refused::TokenSpent),
            6 => {
                unused.extend(mark(open));
                continue;
            }
            _ => continue,
        };
        verdicts.push((*open, verdict));
    }
    if !unused.is_empty() {
        give_back(connection, &unused).await?;
    }
    Ok(verdicts)
}

/// Takes back what was written of tokens that opened nothing. Done once, and never repeated: a token that was given back may have been
/// spent for something else since. Where this fails, they stay spent.
async fn give_back(connection: &mut PgConnection, marks: &[Vec<u8>]) -> StoreResult<()> {
    sqlx::query("delete from spent_token where mark = any($1)").bind(marks).execute(connection).await?;
    Ok(())
}
