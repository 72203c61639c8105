//! Reading one's own recovery mailboxes: requests of fellow members who come back, and calls after a reboot.
//!
//! Anybody who ever was a fellow member can put junk there, or close one: junk is skipped, and a mailbox that takes
//! nothing any more is replaced by the next rotation.

use super::{AllianceNumber, Engine};
use crate::ClientError;
use crate::relay::{Page, RelayConnection};
use crate::store::alliances::{self, AllianceRow, Status};
use crate::store::outbox::{self, RotateCause, Want};
use crate::store::recovery::{self, OwnMailbox};
use twiza_crypto::content::ContentKind;
use twiza_crypto::rejoin::{Note, RebootCall, RejoinRequest};
use twiza_protocol::{ProblemCode, Sequence};

/// Days for which the recovery mailboxes of earlier leaves are read, and for which a request is good: a little more
/// than relays keep a mailbox.
pub(super) const KEEP_DAYS: u32 = 35;

/// Frames after which a recovery mailbox counts as full of junk.
const FRAMES_MAX: u64 = 1000;

/// Frames and octets of one recovery mailbox that are read at most, whoever fills it: more than all members of a large
/// alliance need who come back at once.
const FRAMES_READ_MAX: u64 = 8000;
const OCTETS_READ_MAX: u64 = 64 << 20;

/// Octets in a recovery mailbox below which nobody asks how many the relay takes.
const OCTETS_FEW: u64 = 1 << 20;

/// Mailboxes that one has at once, so that whoever closes each new one does not make a client rotate without end.
const MAILBOXES_MAX: usize = 8;

impl Engine {
    /// Reads what is new in one's own recovery mailboxes, if it is time. The clock decides, and not what comes: nobody
    /// can make a client act at a moment of his choice.
    pub(super) async fn read_notes(&self, alliance: AllianceNumber) -> Result<(), ClientError> {
        let row = self.row(alliance).await?;
        let now = self.environment.clock.unix_seconds();
        let due = self.environment.clock.is_due(row.recovery_read_at, self.environment.recovery_after_seconds);
        if row.status == Status::Active && !due {
            return Ok(());
        }
        // Whoever asks to come back may have said in a past epoch why: that decides who comes back to whom.
        if row.status == Status::Active && self.look_back_now(alliance).await? {
            return Ok(());
        }
        let mut step = self.store.begin().await?;
        let row = alliances::get(&mut step, alliance.0).await?;
        if let Ok(group) = self.stored_group(&mut step, row.id).await {
            let today = self.environment.clock.today();
            recovery::set_own_mailbox(&mut step, row.id, &group.own_recovery_key()?, today, KEEP_DAYS).await?;
        }
        recovery::set_read_at(&mut step, row.id, now).await?;
        let mailboxes = recovery::own_mailboxes(&mut step, row.id).await?;
        step.commit().await?;
        let many = mailboxes.len() >= MAILBOXES_MAX;
        for mailbox in mailboxes {
            let renew = mailbox.current && !mailbox.spoiled && !many;
            if self.read_mailbox(&row, &mailbox).await? && renew {
                let mut step = self.store.begin().await?;
                outbox::add_intent(&mut step, row.id, &Want::Rotate { cause: RotateCause::Recovery }).await?;
                step.commit().await?;
            }
        }
        self.call_again(&row).await
    }

    /// Reads one of them to its end. Whether it takes nothing any more.
    async fn read_mailbox(&self, row: &AllianceRow, own: &OwnMailbox) -> Result<bool, ClientError> {
        let (mailbox, frame_key) = (own.key.mailbox()?, own.key.frame_key()?);
        let connection = self.environment.connector.connect(&row.relay)?;
        let (mut after, mut octets) = (own.cursor, own.octets);
        loop {
            if after.0 >= FRAMES_READ_MAX || octets >= OCTETS_READ_MAX {
                return Ok(true);
            }
            let Page { frames, head } = match connection.read(&mailbox, after).await {
                // Not opened yet, or expired: whoever wants to write there opens it.
                Err(error) if error.code() == Some(ProblemCode::MailboxUnknown) => return Ok(false),
                page => page?,
            };
            if head.as_ref().is_some_and(|head| head.sequence < after) {
                // It expired, and somebody opened it again: what lies there now is new.
                let mut step = self.store.begin().await?;
                recovery::set_cursor(&mut step, row.id, &own.key, (Sequence::START, 0), false).await?;
                step.commit().await?;
                (after, octets) = (Sequence::START, 0);
                continue;
            }
            let mut notes = Vec::new();
            let from = after;
            for frame in frames {
                after = frame.sequence;
                octets += frame.octets.len() as u64;
                let content = frame_key.open(&frame.octets).ok();
                let payload = content.and_then(|content| content.complete(Vec::new()));
                let Some(payload) = payload.filter(|payload| payload.kind == ContentKind::Recovery) else { continue };
                notes.extend(Note::open(&own.key, &payload.body));
            }
            let closed = head.as_ref().is_some_and(|head| head.closed);
            let spoiled = own.spoiled || closed || is_full(&*connection, after, octets).await?;
            if !self.take_notes(row, own, (from, after, octets), spoiled, notes).await? || head.is_some() {
                return Ok(spoiled);
            }
        }
    }

    /// Takes a page of notes in one step with the cursor. `false` where another program was faster.
    async fn take_notes(
        &self,
        row: &AllianceRow,
        own: &OwnMailbox,
        (from, to, octets): (Sequence, Sequence, u64),
        spoiled: bool,
        notes: Vec<Note>,
    ) -> Result<bool, ClientError> {
        let mut step = self.store.begin().await?;
        let stored = recovery::own_mailboxes(&mut step, row.id).await?;
        let address = own.key.mailbox()?.address();
        let mut here = stored.iter();
        let here = here.find(|stored| stored.key.mailbox().is_ok_and(|mailbox| mailbox.address() == address));
        if here.is_none_or(|here| here.cursor != from) {
            return Ok(false);
        }
        recovery::set_cursor(&mut step, row.id, &own.key, (to, octets), spoiled).await?;
        let mut requests = Vec::new();
        for note in notes {
            match note {
                Note::Request(octets) => {
                    requests.extend(RejoinRequest::verify(&octets).map(|request| (request, octets)))
                }
                Note::Call(octets) => {
                    if let Ok(call) = RebootCall::verify(&octets) {
                        self.take_call(&mut step, row.id, &call, &octets).await?;
                    }
                }
                // Those for a request lie in the mailbox that the request names.
                _ => {}
            }
        }
        self.take_requests(&mut step, row.id, requests).await?;
        step.commit().await?;
        Ok(true)
    }
}

/// Whether a mailbox holds so much that it may soon take nothing more.
async fn is_full(connection: &dyn RelayConnection, last: Sequence, octets: u64) -> Result<bool, ClientError> {
    if last.0 >= FRAMES_MAX {
        return Ok(true);
    }
    if octets < OCTETS_FEW {
        return Ok(false);
    }
    let most = connection.describe().await?.limits.mailbox_bytes_max.min(OCTETS_READ_MAX);
    Ok(octets >= most / 2)
}
