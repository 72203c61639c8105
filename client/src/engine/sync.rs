//! Synchronising an alliance: reading what is new, carrying out what waits, and what must be done from time to time.

use super::push::Pushed;
use super::{AllianceNumber, Engine, Held};
use crate::ClientError;
use crate::relay::RelayError;
use crate::store::alliances::{self, Status};
use crate::store::outbox::{self, Intent, RotateCause, Want};
use crate::store::{kept, watched};
use serde::Serialize;

/// Rounds of reading and sending in one call: a bound against a relay that never lets anybody finish.
const ROUNDS_MAX: usize = 1000;

/// What waits to be sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Outbox {
    /// Texts.
    pub messages: usize,
    /// Changes of the alliance.
    pub changes: usize,
}

/// How an alliance stands after synchronising.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncReport {
    /// Whether one takes part.
    pub status: Status,
    /// Why something waits that opens a mailbox, if anything does: there is no right to.
    pub blocked: Option<RelayError>,
}

/// What kept mailboxes from being opened, if anything did.
#[derive(Default)]
struct Blocked(Option<RelayError>);

impl Blocked {
    /// Takes note of a want of a right, which keeps nothing else from going on.
    fn pass<T>(&mut self, result: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
        match result {
            Err(ClientError::Relay(error)) if error.is_no_right() => {
                self.0 = Some(error);
                Ok(None)
            }
            other => other.map(Some),
        }
    }
}

impl Engine {
    /// Reads what is new and sends what waits. Safe to call at any time and from several processes.
    ///
    /// # Errors
    /// [`ClientError::Relay`] where the relay cannot be reached; everything waits for the next time.
    pub async fn sync(&self, alliance: AllianceNumber) -> Result<SyncReport, ClientError> {
        let row = self.row(alliance).await?;
        // What fails here is tried again at the end: nothing else waits for it.
        drop(self.push_rendezvous(&row).await);
        if row.status == Status::Joining {
            self.pull_answer(&row).await?;
        }
        let mut blocked = Blocked::default();
        self.sync_active(alliance, &mut blocked).await?;
        let mut row = self.row(alliance).await?;
        if row.status == Status::Lost && self.try_look_back(alliance).await? {
            self.sync_active(alliance, &mut blocked).await?;
            row = self.row(alliance).await?;
        }
        if matches!(row.status, Status::Stuck | Status::Lost) {
            if blocked.pass(self.recover(alliance).await)?.unwrap_or_default() {
                self.sync_active(alliance, &mut blocked).await?;
            }
            row = self.row(alliance).await?;
        }
        let answered = self.push_rendezvous(&row).await;
        if row.status == Status::Active {
            blocked.pass(self.push_recovery(&row).await)?;
        }
        answered?;
        Ok(SyncReport { status: row.status, blocked: blocked.0 })
    }

    /// Reads and sends in turn until there is nothing more to do, or one does not take part any more.
    async fn sync_active(&self, alliance: AllianceNumber, blocked: &mut Blocked) -> Result<(), ClientError> {
        let before = self.row(alliance).await?.place;
        for round in 0..ROUNDS_MAX {
            if blocked.pass(self.pull(alliance).await)?.is_none() {
                break;
            }
            if round == 0 && self.row(alliance).await?.status == Status::Active {
                match self.read_notes(alliance).await {
                    // Looked for again the next time: nothing else waits for it.
                    Err(ClientError::Relay(_)) => {}
                    read => read?,
                }
            }
            if self.row(alliance).await?.status != Status::Active {
                break;
            }
            blocked.pass(self.maintain(alliance).await)?;
            if !self.push_waiting(alliance, blocked).await? && !self.try_look_back(alliance).await? {
                // Only where nothing else happened: tokens are not taken at the moments that the relay sees.
                if round == 0 && self.row(alliance).await?.place == before {
                    self.restock(alliance).await?;
                }
                break;
            }
        }
        Ok(())
    }

    /// Looks at past epochs. Nothing else waits for it: what the relay or the way to it refuses is tried the next time.
    async fn try_look_back(&self, alliance: AllianceNumber) -> Result<bool, ClientError> {
        match self.look_back(alliance).await {
            Err(ClientError::Relay(_) | ClientError::RelayContradiction(_)) => Ok(false),
            looked => looked,
        }
    }

    /// As [`Engine::try_look_back`], whether it is time or not.
    pub(super) async fn look_back_now(&self, alliance: AllianceNumber) -> Result<bool, ClientError> {
        let mut step = self.store.begin().await?;
        let last = alliances::get(&mut step, alliance.0).await?.looked_back;
        watched::set_looked_back(&mut step, alliance.0, last.min(1)).await?;
        step.commit().await?;
        self.try_look_back(alliance).await
    }

    /// What waits to be sent in an alliance.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub async fn outbox(&self, alliance: AllianceNumber) -> Result<Outbox, ClientError> {
        let intents = outbox::open_intents(&mut *self.store.reader().await?, alliance.0).await?;
        let changes = intents.iter().filter(|intent| intent.want.is_commit() || intent.want == Want::Leave).count();
        Ok(Outbox { messages: intents.len() - changes, changes })
    }

    /// Carries out intents in their order, up to the first that changes the epoch. Whether there is more to read.
    async fn push_waiting(&self, alliance: AllianceNumber, blocked: &mut Blocked) -> Result<bool, ClientError> {
        let mut acted = false;
        // A statement of its own: the connection must be free again while the intents are carried out.
        let intents = outbox::open_intents(&mut *self.store.reader().await?, alliance.0).await?;
        for intent in oldest_texts_first(intents) {
            // A commit opens a mailbox. What opens none goes on.
            match blocked.pass(self.push(alliance, &intent).await)? {
                None | Some(Pushed::Idle) => {}
                Some(Pushed::Acted) if !intent.want.is_commit() => acted = true,
                Some(Pushed::Acted | Pushed::Raced) => return Ok(true),
            }
        }
        Ok(acted)
    }

    /// What must be done from time to time: carrying out departures, rotating old keys, keeping mailboxes open.
    async fn maintain(&self, alliance: AllianceNumber) -> Result<(), ClientError> {
        let mut step = self.store.begin().await?;
        let held = self.hold(&mut step, alliance.0).await?;
        let Held { row, group } = &held;
        let intents = outbox::open_intents(&mut step, row.id).await?;
        let leaving = intents.iter().any(|intent| intent.want == Want::Leave);
        let committing = intents.iter().any(Intent::commits_soon);
        let old = self.environment.clock.is_due(row.rotated_at, self.environment.rotate_after_seconds);
        let cause = match (group.has_departures(), old) {
            (true, _) => Some(RotateCause::Departure),
            (false, true) => Some(RotateCause::Age),
            (false, false) => None,
        };
        if let Some(cause) = cause.filter(|_| !leaving && !committing) {
            outbox::add_intent(&mut step, row.id, &Want::Rotate { cause }).await?;
        }
        if !leaving {
            self.enact_ready(&mut step, &held, &intents).await?;
        }
        step.commit().await?;
        self.keep_open(&held).await
    }

    /// Repeats the open once a day, so that a silent alliance does not lose its place, and keeps one's recovery
    /// mailbox open beside it, on a connection of its own. Tokens that are of no use any more go then as well.
    async fn keep_open(&self, held: &Held) -> Result<(), ClientError> {
        let Held { row, group } = held;
        let today = self.environment.clock.today().0;
        if row.opened_on == today {
            return Ok(());
        }
        let keys = group.epoch_keys(row.relay.key(), row.place.branch)?;
        let certain = self.open_mailbox(held, &keys).await?;
        let mut step = self.store.begin().await?;
        let kept = self.keep_mailbox(&mut step, row, group, &keys).await?;
        kept::set_certain(&mut step, kept, certain).await?;
        step.commit().await?;
        let recovery = group.own_recovery_key()?.mailbox()?;
        let grants = self.grants(row.id, group.alliance()).await?;
        let connection = self.environment.connector.connect(&row.relay)?;
        self.open_with(&*connection, &recovery, &grants).await?;
        let mut step = self.store.begin().await?;
        self.forget_tokens(&mut step).await?;
        alliances::set_opened(&mut step, row.id, today).await?;
        step.commit().await?;
        Ok(())
    }
}

/// What is said again was wished for after what waits already, and was said before it: texts go out in the order in which
/// they were written, in the places that texts have among the wishes.
fn oldest_texts_first(intents: Vec<Intent>) -> Vec<Intent> {
    let written = |intent: &Intent| match intent.want {
        Want::Send { sent, .. } => Some(sent),
        _ => None,
    };
    let (mut texts, others): (Vec<_>, Vec<_>) =
        intents.into_iter().enumerate().partition(|(_, intent)| written(intent).is_some());
    let places: Vec<usize> = texts.iter().map(|(place, _)| *place).collect();
    texts.sort_by_key(|(_, intent)| written(intent));
    let texts = texts.into_iter().map(|(_, intent)| intent);
    let mut ordered: Vec<(usize, Intent)> = places.into_iter().zip(texts).chain(others).collect();
    ordered.sort_by_key(|(place, _)| *place);
    ordered.into_iter().map(|(_, intent)| intent).collect()
}
