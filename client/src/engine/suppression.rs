//! Telling the user that somebody may be keeping its keys old (RFC 9420, section 16.9).
//!
//! Whoever decides which commit ends an epoch can see to it that one member's never does. From inside, that looks like
//! a race lost again and again. Nothing is done about it but telling: members and relay can be asked, and the alliance
//! can move.

use super::Engine;
use crate::ClientError;
use crate::store::alliances::AllianceRow;
use crate::store::history::{self, Event};
use crate::store::outbox::{Intent, Want};
use crate::store::suppressed;
use sqlx::SqliteConnection;

/// Rotations of one's own that are refused in a row before the user is told. In an alliance where somebody else changes
/// something every time one tries, chance alone comes so far rarely, and does not go on.
const REFUSALS_TOLD: i64 = 8;

impl Engine {
    /// The relay answered that the mailbox is closed, to one's own commit.
    pub(super) async fn note_refused(&self, row: &AllianceRow, intent: &Intent) -> Result<(), ClientError> {
        if !matches!(intent.want, Want::Rotate { .. }) {
            return Ok(());
        }
        let mut step = self.store.begin().await?;
        // Told once, until a commit of one's own is taken.
        if suppressed::count(&mut step, row.id).await? == REFUSALS_TOLD {
            history::add_event(&mut step, row.id, &row.place, &Event::RotationSuppressed).await?;
        }
        step.commit().await
    }

    /// A commit of one's own ended the epoch: nobody suppresses them.
    pub(super) async fn note_taken(&self, step: &mut SqliteConnection, alliance: i64) -> Result<(), ClientError> {
        suppressed::forget(step, alliance).await
    }
}
