//! Watching an alliance: what comes is read as it comes, until the caller stops.

use super::{AllianceNumber, Engine, Held, MemberView};
use crate::ClientError;
use crate::store::alliances::Status;
use crate::store::history::Entry;
use std::time::Duration;
use tokio::sync::mpsc;
use twiza_protocol::MailboxAddress;

const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What happens while watching.
#[derive(Debug)]
pub enum WatchEvent {
    /// Who is in the alliance; told before what there is to read.
    Members(Vec<MemberView>),
    /// Something to read.
    Entry(Entry),
    /// The relay cannot be reached; it is tried again by itself.
    Offline(ClientError),
    /// The relay can be reached again.
    Online,
    /// One is out: there is nothing more to watch.
    Ended(Status),
}

impl Engine {
    /// Reads and sends as long as the returned future is polled. Entries after `after` are told: at once what is stored,
    /// and then what comes. All of it was read from the relay before; a change that still waits is no entry.
    ///
    /// # Errors
    /// [`ClientError`] that waiting does not mend.
    pub async fn watch(
        &self,
        alliance: AllianceNumber,
        mut after: i64,
        mut tell: impl FnMut(WatchEvent),
    ) -> Result<(), ClientError> {
        let mut pause = PAUSE_MIN;
        let mut watched: Watched = None;
        self.tell_entries(alliance, &mut after, &mut tell).await?;
        loop {
            let watching = self.watch_once(alliance, &mut watched).await;
            self.tell_entries(alliance, &mut after, &mut tell).await?;
            match watching {
                Ok(status) => {
                    if !matches!(status, Status::Active | Status::Joining) {
                        tell(WatchEvent::Ended(status));
                        return Ok(());
                    }
                    if pause > PAUSE_MIN {
                        tell(WatchEvent::Online);
                    }
                    pause = PAUSE_MIN;
                    wait_for_arrival(&mut watched).await;
                }
                Err(error) if error.is_retryable() => {
                    if pause == PAUSE_MIN {
                        tell(WatchEvent::Offline(error));
                    }
                    watched = None;
                    pause = (pause * 2).min(PAUSE_MAX);
                    tokio::time::sleep(pause).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Tells what was read since.
    async fn tell_entries(
        &self,
        alliance: AllianceNumber,
        after: &mut i64,
        tell: &mut impl FnMut(WatchEvent),
    ) -> Result<(), ClientError> {
        let entries = self.entries(alliance, *after, false).await?;
        if entries.is_empty() {
            return Ok(());
        }
        match self.members(alliance).await {
            Ok(members) => tell(WatchEvent::Members(members)),
            // Whoever is out knows nobody any more, and still has things to read.
            Err(ClientError::NotActive(_)) => {}
            Err(error) => return Err(error),
        }
        for entry in entries {
            *after = entry.id;
            tell(WatchEvent::Entry(entry));
        }
        Ok(())
    }

    /// Synchronises, and sees to it that the right mailbox is watched afterwards.
    async fn watch_once(&self, alliance: AllianceNumber, watched: &mut Watched) -> Result<Status, ClientError> {
        let report = self.sync(alliance).await?;
        if report.status != Status::Active {
            *watched = None;
            return Ok(report.status);
        }
        let Held { row, group } = self.held(alliance).await?;
        let keys = group.epoch_keys(row.relay.key(), row.place.branch)?;
        let address = keys.mailbox.address();
        if watched.as_ref().is_none_or(|(current, _)| *current != address) {
            let arrivals = self.connection(&row)?.watch(&[(&keys.mailbox, row.place.cursor)]).await?;
            *watched = Some((address, arrivals));
        }
        Ok(report.status)
    }
}

type Watched = Option<(MailboxAddress, mpsc::Receiver<MailboxAddress>)>;

/// Waits until something has come; where nothing is watched, or the watch has ended, for a moment.
async fn wait_for_arrival(watched: &mut Watched) {
    if let Some((_, arrivals)) = watched
        && arrivals.recv().await.is_some()
    {
        while arrivals.try_recv().is_ok() {}
        return;
    }
    *watched = None;
    tokio::time::sleep(PAUSE_MIN).await;
}
