//! The first look at a mailbox.
//!
//! Whoever commits opens the next mailbox before, and whoever comes first to a branch opens that. So where one comes to
//! a mailbox that the relay does not know, either nobody was there yet, or it has expired, and others have gone on: in
//! that case it must not be opened again. The mailbox that one came from tells: it was used no later than this one.

use super::{Engine, Held};
use crate::ClientError;
use crate::store::alliances::AllianceRow;
use crate::store::kept;
use twiza_crypto::epoch::EpochKeys;
use twiza_protocol::{CoarseTime, ProblemCode, Sequence};

impl Engine {
    /// Opens the mailbox that one has come to, unless it was there and expired. Gives the day up to which it is there.
    ///
    /// # Errors
    /// [`ClientError::PlaceLost`] where it may have expired.
    pub(super) async fn open_unseen(&self, held: &Held, keys: &EpochKeys) -> Result<u32, ClientError> {
        if self.may_have_expired(&held.row).await? {
            return Err(ClientError::PlaceLost);
        }
        self.open_mailbox(held, keys).await
    }

    /// Opens a mailbox of the present epoch, or moves its expiry forward. Gives the day up to which it is there.
    pub(super) async fn open_mailbox(&self, Held { row, group }: &Held, keys: &EpochKeys) -> Result<u32, ClientError> {
        let grants = self.grants(row.id, group.alliance()).await?;
        let connection = self.connection(row)?;
        Ok(self.open_with(&*connection, &keys.mailbox, &grants).await?.expires.0)
    }

    async fn may_have_expired(&self, row: &AllianceRow) -> Result<bool, ClientError> {
        let connection = self.connection(row)?;
        let today = connection.describe().await?.relay_time.day().0;
        let past = kept::past(&mut *self.store.reader().await?, row.id).await?;
        let Some(before) = past.first() else {
            // One has just come in: new keys were noted then.
            let since = CoarseTime::from_unix_seconds(row.rotated_at).day().0;
            return Ok(today.saturating_sub(since) >= super::pull::KEEP_DAYS);
        };
        match connection.read(&before.keys.mailbox, Sequence::START).await {
            Ok(_) => Ok(false),
            // What expired later than this is lost by the relay's fault.
            Err(error) if error.code() == Some(ProblemCode::MailboxUnknown) => Ok(today > before.certain),
            Err(error) => Err(error.into()),
        }
    }
}
