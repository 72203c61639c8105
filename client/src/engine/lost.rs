//! STUB until merge.
use super::{AllianceNumber, Engine};
use crate::ClientError;
use crate::store::alliances::{self, AllianceRow, Status};
use crate::store::history::{self, Event, LostWhy};
use sqlx::SqliteConnection;
impl Engine {
    pub(super) async fn lose_place(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        why: LostWhy,
    ) -> Result<(), ClientError> {
        alliances::set_status(step, row.id, Status::Lost).await?;
        history::add_event(step, row.id, &row.place, &Event::Lost { why }).await
    }
    pub(super) async fn stay(&self, alliance: AllianceNumber) -> Result<(), ClientError> {
        let mut step = self.store.begin().await?;
        alliances::set_status(&mut step, alliance.0, Status::Active).await?;
        step.commit().await?;
        Ok(())
    }
}
