//! Watching an alliance: what comes is read as it comes, until the caller stops.

use super::{AllianceNumber, Engine, Held, MemberView, SyncReport};
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
    /// Something waits, for want of a right to open mailboxes.
    Blocked(ClientError),
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
        let mut blocked = None;
        self.tell_entries(alliance, &mut after, &mut tell).await?;
        loop {
            let watching = self.watch_once(alliance, &mut watched).await;
            self.tell_entries(alliance, &mut after, &mut tell).await?;
            match watching {
                Ok(SyncReport { status, blocked: now }) => {
                    if let Some(error) = now.clone().filter(|_| now != blocked) {
                        tell(WatchEvent::Blocked(error.into()));
                    }
                    blocked = now;
                    if !matches!(status, Status::Active | Status::Joining | Status::Lost) {
                        tell(WatchEvent::Ended(status));
                        return Ok(());
                    }
                    if pause > PAUSE_MIN {
                        tell(WatchEvent::Online);
                    }
                    pause = PAUSE_MIN;
                    self.wait(status, &mut watched).await;
                }
                Err(error) if error.is_retryable() => {
                    if pause == PAUSE_MIN {
                        tell(WatchEvent::Offline(error));
                    }
                    watched = None;
                    pause = (pause * 2).min(PAUSE_MAX);
                    let [chance] = self.environment.random.array()?;
                    tokio::time::sleep(spread(pause, chance)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until something has come, or until it is time to look into the recovery mailboxes.
    async fn wait(&self, status: Status, watched: &mut Watched) {
        if status == Status::Lost {
            tokio::time::sleep(PAUSE_MAX).await;
            return;
        }
        let longest = Duration::from_secs(self.environment.recovery_after_seconds).max(PAUSE_MAX);
        // Nothing came: that is as good.
        let _ = tokio::time::timeout(longest, wait_for_arrival(watched)).await;
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
            *after = (*after).max(entry.id);
            tell(WatchEvent::Entry(entry));
        }
        Ok(())
    }

    /// Synchronises, and sees to it that the right mailbox is watched afterwards.
    async fn watch_once(&self, alliance: AllianceNumber, watched: &mut Watched) -> Result<SyncReport, ClientError> {
        let report = self.sync(alliance).await?;
        if report.status != Status::Active {
            *watched = None;
            return Ok(report);
        }
        let Held { row, group } = self.held(alliance).await?;
        let keys = group.epoch_keys(row.relay.key(), row.place.branch)?;
        let address = keys.mailbox.address();
        if watched.as_ref().is_none_or(|(current, _)| *current != address) {
            let arrivals = self.connection(&row)?.watch(&[(&keys.mailbox, row.place.cursor)]).await?;
            *watched = Some((address, arrivals));
        }
        Ok(report)
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

/// A pause somewhere between half and one and a half of this: after an outage, one person's alliances do not come back at
/// the same moment, by which a relay could tell that they are one person's.
fn spread(pause: Duration, chance: u8) -> Duration {
    pause / 2 + pause * u32::from(chance) / u32::from(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::{PAUSE_MAX, PAUSE_MIN, spread};

    #[test]
    fn pauses_of_two_watches_have_no_common_phase() {
        for pause in [PAUSE_MIN, PAUSE_MAX] {
            let pauses: Vec<_> = (0..=u8::MAX).map(|chance| spread(pause, chance)).collect();
            assert!(pauses.windows(2).all(|pair| pair[0] < pair[1]), "each chance is another pause");
            assert_eq!((pauses[0], pauses[255]), (pause / 2, pause * 3 / 2));
        }
    }
}
