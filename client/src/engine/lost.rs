//! Losing one's place: the keys that one has do not lead to where the others are.
//!
//! What was known of the alliance is kept ([`Bearings`]), and so are history and outbox. From then on [`Engine::sync`]
//! asks fellow members for new keys. The old group stays in the store until one is back, for [`Engine::reopen`].

use super::{AllianceNumber, Engine, SyncReport};
use crate::ClientError;
use crate::store::alliances::{self, AllianceRow, Status};
use crate::store::history::{self, Event, LostWhy};
use crate::store::{outbox, reading, recovery};
use sqlx::SqliteConnection;
use twiza_crypto::bearings::Bearings;

/// Fellow members who are asked at most.
pub(super) const FELLOWS_MAX: usize = 64;

impl Engine {
    /// Asks for new keys in an alliance in which one has a seat, because those of this client lead nowhere. Safe to
    /// repeat. Whoever was removed is not let in by it.
    ///
    /// # Errors
    /// [`ClientError::NotActive`] for whoever left or was removed; [`ClientError::NobodyToAsk`]; [`ClientError::Relay`] where it must wait.
    pub async fn rejoin(&self, alliance: AllianceNumber) -> Result<SyncReport, ClientError> {
        let mut step = self.store.begin().await?;
        let row = alliances::get(&mut step, alliance.0).await?;
        match row.status {
            Status::Lost => recovery::ask_anew(&mut step, row.id).await?,
            Status::Active | Status::Stuck => {
                let bearings = self.stored_group(&mut step, row.id).await?.bearings(0)?;
                if bearings.organisers().iter().all(|organiser| self.is_own(organiser)) {
                    return Err(ClientError::NobodyToAsk);
                }
                self.lose_place(&mut step, &row, LostWhy::Asked).await?;
            }
            other => return Err(ClientError::NotActive(other)),
        }
        step.commit().await?;
        self.sync(alliance).await
    }

    /// Notes that one's place is lost, in the caller's step: what is needed to come back is kept, what was sealed is
    /// queued again, and the history says why.
    pub(super) async fn lose_place(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        why: LostWhy,
    ) -> Result<(), ClientError> {
        let group = self.stored_group(step, row.id).await?;
        let bearings = group.bearings(FELLOWS_MAX)?;
        let today = self.environment.clock.today();
        recovery::set_own_mailbox(step, row.id, &group.own_recovery_key()?, today, super::notes::KEEP_DAYS).await?;
        self.lose_place_with(step, row, why, &bearings, None).await
    }

    /// As [`Engine::lose_place`], with bearings from elsewhere, and the call that is to be answered.
    pub(super) async fn lose_place_with(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        why: LostWhy,
        bearings: &Bearings,
        call: Option<&[u8]>,
    ) -> Result<(), ClientError> {
        outbox::requeue(step, row.id).await?;
        reading::leave_mailbox(step, row.id).await?;
        recovery::begin_rejoin(step, row.id, bearings, call).await?;
        alliances::set_status(step, row.id, Status::Lost).await?;
        history::add_event(step, row.id, &row.place, &Event::Lost { why }).await
    }

    /// One's leaf was replaced by somebody who has the identity key. Whether that was oneself, with a request that one did
    /// not wait for: then its answer is looked for, and one is not out.
    pub(super) async fn is_answered(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
    ) -> Result<bool, ClientError> {
        if recovery::rejoin(step, row.id).await?.is_none_or(|rejoin| rejoin.request.is_none()) {
            return Ok(false);
        }
        outbox::requeue(step, row.id).await?;
        reading::leave_mailbox(step, row.id).await?;
        alliances::set_status(step, row.id, Status::Lost).await?;
        Ok(true)
    }

    /// Takes a lost place as it was, where the keys are still there: nobody else has gone on.
    pub(super) async fn stay(&self, alliance: AllianceNumber) -> Result<(), ClientError> {
        let mut step = self.store.begin().await?;
        self.stay_where_one_was(&mut step, alliance.0).await?;
        step.commit().await?;
        Ok(())
    }

    /// As [`Engine::stay`], in the caller's step.
    pub(super) async fn stay_where_one_was(
        &self,
        step: &mut SqliteConnection,
        alliance: i64,
    ) -> Result<(), ClientError> {
        let row = alliances::get(step, alliance).await?;
        if row.status != Status::Lost || self.stored_group(step, row.id).await.is_err() {
            return Ok(());
        }
        // What was asked may be answered yet: the keys for that answer are kept.
        recovery::drop_postings(step, row.id).await?;
        alliances::set_status(step, row.id, Status::Active).await
    }
}
