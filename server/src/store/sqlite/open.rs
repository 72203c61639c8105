//! Opening: new mailboxes get a slot, known ones a later expiry, expired ones start empty.

use super::rows;
use super::{Days, Head, Opening, Quotas, Refused, StoreResult};
use rusqlite::{Connection, TransactionBehavior};
use twiza_protocol::MailboxAddress;

pub(super) struct Opened {
    pub(super) results: Vec<Result<Opening, Refused>>,
    /// Mailboxes on the relay, as the batch leaves them.
    pub(super) mailboxes: u64,
    pub(super) bytes_deleted: u64,
}

pub(super) fn open_batch(
    connection: &mut Connection,
    addresses: &[MailboxAddress],
    days: Days,
    quotas: &Quotas,
    mut mailboxes: u64,
) -> StoreResult<Opened> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut bytes_deleted = 0;
    let mut results = Vec::with_capacity(addresses.len());
    for address in addresses {
        let mut known = rows::load_mailbox(&transaction, address)?;
        if let Some((expired, _)) = known.take_if(|(_, expires)| *expires < days.today) {
            rows::delete_mailbox(&transaction, expired.slot)?;
            bytes_deleted += expired.frame_bytes;
            mailboxes = mailboxes.saturating_sub(1);
        }
        let is_new = known.is_none();
        let (head, expires) = match known {
            Some((mailbox, expires)) => {
                if expires < days.expires {
                    rows::update_mailbox(&transaction, &mailbox, days.expires)?;
                }
                (mailbox.head, expires.max(days.expires))
            }
            None if mailboxes >= quotas.mailboxes_max => {
                results.push(Err(Refused::RelayFull));
                continue;
            }
            None => {
                mailboxes += 1;
                insert(&transaction, address, days)?;
                (Head::start(address), days.expires)
            }
        };
        results.push(Ok(Opening { is_new, head, expires }));
    }
    transaction.commit()?;
    Ok(Opened { results, mailboxes, bytes_deleted })
}

/// In a random slot that no mailbox has. One in 2^39 is taken per mailbox: the first draw is nearly always free.
fn insert(connection: &Connection, address: &MailboxAddress, days: Days) -> StoreResult<()> {
    while !rows::insert_mailbox(connection, rows::random_slot()?, address, days.expires)? {}
    Ok(())
}
