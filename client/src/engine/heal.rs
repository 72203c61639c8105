//! Healing a relay that lost its end, or shows another history than before: what it lost is put back, and the mailbox is
//! read anew from its start.
//!
//! ```text
//! sign of a rollback ─▶ open again ─▶ append what is missing, in order ─▶ read from the start
//!                                     (the same octets: a repeat changes    known frames find their new
//!                                      nothing, so any member can do it)    places, new ones are taken
//! ```
//!
//! Signs are: the mailbox is unknown though it cannot have expired; it ends before what was read; its running hash is
//! not the one that was read. What the relay signs now is the order for everybody from then on.

use super::{Engine, Held};
use crate::ClientError;
use crate::relay::{InboundFrame, Page, RelayConnection};
use crate::store::alliances::{self, AllianceRow, Place};
use crate::store::history::{self, Event};
use crate::store::kept::{self, KeptFrame};
use crate::store::{groups, reading, watched};
use std::collections::HashSet;
use twiza_crypto::epoch::EpochKeys;
use twiza_protocol::{Chain, FrameDigest, MailboxAddress, MailboxKey, ProblemCode, Receipt, Sequence};

/// Times that a mailbox is put back and read again in one go, while others do the same.
const ROUNDS_MAX: usize = 4;

/// Octets of the frames of a mailbox that is read to its end in one go: a bound against a relay that never ends, some
/// times what a relay lets a mailbox hold.
const WHOLE_BYTES_MAX: usize = 1 << 30;

/// All of a mailbox, and the relay's word on its end.
pub(super) struct Whole {
    pub(super) frames: Vec<InboundFrame>,
    pub(super) head: Receipt,
}

fn chain_over(start: Chain, frames: &[InboundFrame]) -> Chain {
    let next = |chain: Chain, frame: &InboundFrame| {
        chain.append(frame.sequence, frame.closing, &FrameDigest::of(&frame.octets))
    };
    frames.iter().fold(start, next)
}

/// Whether a page contradicts what was read before it, and how.
pub(super) fn contradiction(place: &Place, address: &MailboxAddress, page: &Page) -> Option<&'static str> {
    let head = page.head.as_ref()?;
    if head.sequence < place.cursor {
        return Some("it has lost frames that it had shown before");
    }
    let last = page.frames.last();
    if head.sequence != last.map_or(place.cursor, |frame| frame.sequence) {
        return Some("it shows other frames than it signs");
    }
    if head.closed != last.is_some_and(|frame| frame.closing) {
        return Some("it shows another end than it signs");
    }
    let read = place.chain.unwrap_or_else(|| Chain::start(address));
    (chain_over(read, &page.frames) != head.chain).then_some("it signs another history than it had shown before")
}

/// Reads a mailbox from its start to its end. Pages that do not follow each other, or not the head, are an error.
pub(super) async fn read_whole(connection: &dyn RelayConnection, mailbox: &MailboxKey) -> Result<Whole, ClientError> {
    let mut frames: Vec<InboundFrame> = Vec::new();
    let mut bytes = 0;
    while bytes <= WHOLE_BYTES_MAX {
        let after = frames.last().map_or(Sequence::START, |frame| frame.sequence);
        let page = connection.read(mailbox, after).await?;
        let mut expected = after;
        for frame in page.frames {
            expected = expected.next();
            if frame.sequence != expected || frames.last().is_some_and(|last| last.closing) {
                return Err(ClientError::RelayContradiction("frames are missing or out of order"));
            }
            bytes += frame.octets.len();
            frames.push(frame);
        }
        if let Some(head) = page.head {
            let chain = chain_over(Chain::start(&mailbox.address()), &frames);
            if head.sequence != expected || head.chain != chain {
                return Err(ClientError::RelayContradiction("it shows other frames than it signs"));
            }
            return Ok(Whole { frames, head });
        }
        if expected == after {
            break;
        }
    }
    Err(ClientError::RelayContradiction("a mailbox without an end"))
}

/// Puts frames back into a mailbox, in their order, where they are missing and as long as it is open. How many, and
/// what it holds then.
pub(super) async fn put_back(
    connection: &dyn RelayConnection,
    mailbox: &MailboxKey,
    kept: &[KeptFrame],
) -> Result<(usize, Whole), ClientError> {
    let mut appended = 0;
    for _ in 0..ROUNDS_MAX {
        let whole = read_whole(connection, mailbox).await?;
        let there: HashSet<FrameDigest> = whole.frames.iter().map(|frame| FrameDigest::of(&frame.octets)).collect();
        let missing = kept.iter().filter(|frame| !there.contains(&FrameDigest::of(&frame.octets)));
        let missing: Vec<&KeptFrame> = missing.collect();
        if missing.is_empty() || whole.head.closed {
            return Ok((appended, whole));
        }
        for frame in missing {
            match connection.append(mailbox, &frame.octets, frame.closing).await {
                Ok(_) => appended += 1,
                Err(error) if error.code() == Some(ProblemCode::MailboxClosed) => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok((appended, read_whole(connection, mailbox).await?))
}

impl Engine {
    /// Whether a mailbox that the relay does not know, though it had it, cannot have expired by the relay's own clock:
    /// then the relay lost it.
    pub(super) async fn is_lost_by_the_relay(&self, row: &AllianceRow, keys: &EpochKeys) -> Result<bool, ClientError> {
        let kept = kept::find(&mut *self.store.reader().await?, row.id, keys).await?;
        let Some(kept) = kept else { return Ok(false) };
        let today = self.connection(row)?.describe().await?.relay_time.day();
        Ok(today.0 <= kept.certain)
    }

    /// Puts back what the relay lost of the present mailbox, and begins to read it anew.
    pub(super) async fn heal(&self, Held { row, group }: Held, keys: &EpochKeys) -> Result<(), ClientError> {
        let mut reader = self.store.reader().await?;
        let frames = match kept::find(&mut reader, row.id, keys).await? {
            Some(kept) => kept::frames(&mut reader, kept.id).await?,
            None => Vec::new(),
        };
        drop(reader);
        let connection = self.connection(&row)?;
        let grants = self.grants(row.id, group.alliance()).await?;
        self.open_with(&*connection, &keys.mailbox, &grants).await?;
        let (missing, _) = put_back(&*connection, &keys.mailbox, &frames).await?;
        self.begin_anew(&row, keys, &Event::RelayHealed { frames: missing }).await
    }

    /// Forgets how far the present mailbox was read; what it held is known, and finds its new place.
    async fn begin_anew(&self, row: &AllianceRow, keys: &EpochKeys, event: &Event) -> Result<(), ClientError> {
        let mut step = self.store.begin().await?;
        let held = self.hold(&mut step, row.id).await?;
        if held.row.version != row.version {
            return Ok(()); // Another program of this profile was faster, and reads on.
        }
        let Some((_, mut group)) = self.take(&mut step, held).await? else { return Ok(()) };
        history::add_event(&mut step, row.id, &row.place, event).await?;
        if let Some(kept) = kept::find(&mut step, row.id, keys).await? {
            kept::begin_anew(&mut step, kept.id).await?;
        }
        history::displace(&mut step, row.id, &row.place).await?;
        reading::leave_mailbox(&mut step, row.id).await?;
        group.forget_departures()?;
        groups::apply(&mut step, row.id, &group.take_changes()).await?;
        let place = Place { cursor: Sequence::START, chain: None, ..row.place };
        alliances::set_place(&mut step, row.id, &place).await?;
        // What lost this has lost earlier mailboxes as well.
        watched::set_looked_back(&mut step, row.id, 0).await?;
        step.commit().await?;
        Ok(())
    }
}
