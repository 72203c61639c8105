//! Delivering what lies ready for rendezvous mailboxes: requests to join, Welcomes and declines.
//!
//! A receipt is not believed: what was delivered is read back before it is forgotten. Whoever asks to join keeps its
//! request until it has the answer, and looks for both in one place ([`Engine::pull_answer`]).

use super::Engine;
use super::heal::read_whole;
use crate::ClientError;
use crate::relay::RelayConnection;
use crate::store::alliances::{AllianceRow, Status};
use crate::store::history::{self, Event};
use crate::store::outbox::{self, Posting};
use twiza_protocol::{FrameDigest, ProblemCode};

/// What people are told where a relay has not kept what it took.
pub(super) const NOT_KEPT: ClientError = ClientError::RelayContradiction("it does not show what it gave a receipt for");

impl Engine {
    /// Delivers what waits. Whoever has an invitation's link can close or fill its mailbox: then it takes nothing any
    /// more, which is told and keeps nothing else from going on.
    ///
    /// # Errors
    /// [`ClientError::Relay`] where it must wait; [`NOT_KEPT`].
    pub(super) async fn push_rendezvous(&self, row: &AllianceRow) -> Result<(), ClientError> {
        let postings = outbox::of_no_intent(&mut *self.store.reader().await?, row.id).await?;
        if postings.is_empty() {
            return Ok(());
        }
        let connection = self.environment.connector.connect(&row.relay)?;
        let mut delivered = Vec::with_capacity(postings.len());
        for posting in postings {
            if !posting.acknowledged {
                match connection.append(&posting.mailbox, &posting.frame, posting.closing).await {
                    Ok(_receipt) => self.note_receipt(&posting).await?,
                    Err(error) if error.code().is_some() && !error.is_retryable() => {
                        self.give_up_answer(row, &posting).await?;
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            delivered.push(posting);
        }
        if row.status == Status::Joining { Ok(()) } else { self.read_back(row, &*connection, delivered).await }
    }

    async fn note_receipt(&self, posting: &Posting) -> Result<(), ClientError> {
        let mut step = self.store.begin().await?;
        outbox::acknowledge(&mut step, posting).await?;
        step.commit().await?;
        Ok(())
    }

    async fn give_up_answer(&self, row: &AllianceRow, posting: &Posting) -> Result<(), ClientError> {
        let mut step = self.store.begin().await?;
        outbox::drop_posting(&mut step, posting.id).await?;
        let event = Event::NotDone { change: "answer".to_owned(), reason: "undeliverable".to_owned() };
        history::add_event(&mut step, row.id, &row.place, &event).await?;
        step.commit().await?;
        Ok(())
    }

    /// Forgets what the mailboxes show, and sends the rest again the next time.
    async fn read_back(
        &self,
        row: &AllianceRow,
        connection: &dyn RelayConnection,
        delivered: Vec<Posting>,
    ) -> Result<(), ClientError> {
        let mut kept = true;
        // What goes to one mailbox was queued in one step, and stands together.
        for postings in delivered.chunk_by(|one, other| one.mailbox.address() == other.mailbox.address()) {
            let Some(first) = postings.first() else { continue };
            let shown: Vec<FrameDigest> = match read_whole(connection, &first.mailbox).await {
                Ok(whole) => whole.frames.iter().map(|frame| FrameDigest::of(&frame.octets)).collect(),
                Err(ClientError::Relay(error)) if error.code() == Some(ProblemCode::MailboxUnknown) => {
                    for posting in postings {
                        self.give_up_answer(row, posting).await?;
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            let mut step = self.store.begin().await?;
            for posting in postings {
                if shown.contains(&FrameDigest::of(&posting.frame)) {
                    outbox::drop_posting(&mut step, posting.id).await?;
                } else {
                    kept = false;
                    outbox::take_receipts_back(&mut step, &[posting.id]).await?;
                }
            }
            step.commit().await?;
        }
        if kept { Ok(()) } else { Err(NOT_KEPT) }
    }
}
