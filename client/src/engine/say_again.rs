//! Saying again what others have not read: a relay was rolled back, and a mailbox ended without it, or the epoch in which it
//! was said is one that does not go on. Each message keeps its
//! number, so that it stays one message to whoever had read it before. A word about a motion that one has changed one's
//! mind about since is not said again.

use super::Engine;
use crate::ClientError;
use crate::store::alliances::{AllianceRow, Place};
use crate::store::history::{self, LostWhy};
use crate::store::motions::{self, MotionState};
use crate::store::outbox::{self, Want};
use crate::store::said::{self, Said};
use sqlx::SqliteConnection;
use twiza_crypto::epoch::Branch;
use twiza_crypto::message::MessageBody;
use twiza_crypto::motion::MotionId;
use twiza_protocol::FrameDigest;

impl Engine {
    /// What stood in the mailbox of this place, and does not now that it ends. Whether there was anything.
    pub(super) async fn say_again(
        &self,
        step: &mut SqliteConnection,
        alliance: i64,
        (kept, place): (i64, &Place),
    ) -> Result<bool, ClientError> {
        let mut again = false;
        for (id, sent, text) in history::displaced_texts(step, alliance, place).await? {
            outbox::add_intent(step, alliance, &Want::Send { id, sent, text }).await?;
            again = true;
        }
        for said in said::take_displaced(step, kept).await? {
            again |= self.repeat(step, alliance, said).await?;
        }
        Ok(again)
    }

    /// What one frame of a past mailbox held, at its place, that others have gone on without. Whether it was one's own.
    pub(super) async fn say_missed(
        &self,
        step: &mut SqliteConnection,
        alliance: i64,
        (kept, place): (i64, &Place),
        digest: &FrameDigest,
    ) -> Result<bool, ClientError> {
        if let Some((id, sent, text)) = history::displace_own_text(step, alliance, place).await? {
            outbox::add_intent(step, alliance, &Want::Send { id, sent, text }).await?;
            return Ok(true);
        }
        match said::take(step, kept, digest).await? {
            Some(said) => self.repeat(step, alliance, said).await,
            None => Ok(false),
        }
    }

    /// Gives one's place up on the side of a fork that does not go on.
    pub(super) async fn leave_fork(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        forked: (u64, Branch),
    ) -> Result<(), ClientError> {
        self.say_all_after(step, row, forked).await?;
        self.lose_place(step, row, LostWhy::Fork).await
    }

    /// Others go on from this mailbox in another way: what was said after it only those have read who go there as well.
    /// Each says its own again, and it moves to where it is read then.
    pub(super) async fn say_all_after(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        mailbox: (u64, Branch),
    ) -> Result<(), ClientError> {
        for (id, sent, text) in history::displace_after(step, row.id, mailbox).await? {
            outbox::add_intent(step, row.id, &Want::Send { id, sent, text }).await?;
        }
        for said in said::take_from(step, row.id, mailbox).await? {
            self.repeat(step, row.id, said).await?;
        }
        Ok(())
    }

    /// Says something again that is no text, if one still means it.
    async fn repeat(&self, step: &mut SqliteConnection, alliance: i64, said: Said) -> Result<bool, ClientError> {
        let means = match MessageBody::from_parts(said.kind, said.body.clone())? {
            MessageBody::Motion(motion, _) => self.stands(step, alliance, &motion.id).await?,
            MessageBody::Approval(id, _) => self.stands(step, alliance, &id).await?,
            MessageBody::Withdrawal(id) => !self.stands(step, alliance, &id).await?,
            _ => false,
        };
        if means {
            let Said { id, sent, kind, body } = said;
            outbox::add_intent(step, alliance, &Want::Say { id, sent, kind, body, unasked: false }).await?;
        }
        Ok(means)
    }

    /// Whether a motion is open and has one's own approval, which whoever proposed it gave with it.
    async fn stands(&self, step: &mut SqliteConnection, alliance: i64, id: &MotionId) -> Result<bool, ClientError> {
        let Some(found) = motions::find(step, alliance, id).await? else { return Ok(false) };
        let approvals = motions::approvals(step, found.id).await?;
        Ok(found.state == MotionState::Open && approvals.iter().any(|approval| self.is_own(&approval.by)))
    }
}
