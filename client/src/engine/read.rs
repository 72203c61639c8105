//! What there is to read.

use super::{AllianceNumber, Engine};
use crate::ClientError;
use crate::store::alliances::{self, AllianceRow, Status};
use crate::store::history::{self, Entry};
use serde::Serialize;
use twiza_crypto::alliance::AllianceId;
use twiza_protocol::RelayAddress;

/// An alliance, as it is listed.
#[derive(Debug, Clone, Serialize)]
pub struct AllianceView {
    /// Its number in this profile.
    pub number: AllianceNumber,
    /// Its name; unknown while one waits to be let in.
    pub name: Option<String>,
    /// Whether one takes part.
    pub status: Status,
    /// Its relay.
    pub relay: RelayAddress,
    /// The epoch that was read last.
    pub epoch: u64,
}

impl From<&AllianceRow> for AllianceView {
    fn from(row: &AllianceRow) -> Self {
        Self {
            number: AllianceNumber(row.id),
            name: row.name.clone(),
            status: row.status,
            relay: row.relay.clone(),
            epoch: row.place.epoch,
        }
    }
}

impl Engine {
    /// Every alliance of this profile.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub async fn alliances(&self) -> Result<Vec<AllianceView>, ClientError> {
        let rows = alliances::all(&mut *self.store.reader().await?).await?;
        Ok(rows.iter().map(Into::into).collect())
    }

    /// One alliance.
    ///
    /// # Errors
    /// [`ClientError::UnknownAlliance`].
    pub async fn alliance(&self, alliance: AllianceNumber) -> Result<AllianceView, ClientError> {
        Ok((&self.row(alliance).await?).into())
    }

    /// An alliance's identifier, which only its members know.
    ///
    /// # Errors
    /// [`ClientError::NotActive`].
    pub async fn identifier(&self, alliance: AllianceNumber) -> Result<AllianceId, ClientError> {
        Ok(self.held(alliance).await?.group.alliance().id)
    }

    /// Entries after one (0 for all), oldest first; with `unread`, only those that were not marked as read.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub async fn entries(&self, alliance: AllianceNumber, after: i64, unread: bool) -> Result<Vec<Entry>, ClientError> {
        history::entries(&mut *self.store.reader().await?, alliance.0, after, unread).await
    }

    /// Marks entries up to one as read.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub async fn mark_read(&self, alliance: AllianceNumber, up_to: i64) -> Result<(), ClientError> {
        let mut step = self.store.begin().await?;
        history::mark_read(&mut step, alliance.0, up_to).await?;
        step.commit().await?;
        Ok(())
    }
}
