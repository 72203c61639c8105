//! How far one has read, as messages tell it, and what others say of the same history.
//!
//! ```text
//! epoch 3        epoch 4        epoch 5, branch 0     branch 1
//! ┌────────┐ end ┌────────┐ end ┌──────────────┐ end  ┌─────────────┐
//! │ …      ├────▶│ …      ├────▶│ …            ├─────▶│ … cursor    │
//! └────────┘     └────────┘     └──────────────┘      └─────────────┘
//!                └── past: the ends since one spoke last ┘  └ chain ┘
//! ```

use crate::ClientError;
use crate::store::alliances::{AllianceRow, Place};
use crate::store::{ends, reading};
use sqlx::SqliteConnection;
use twiza_crypto::message::View;
use twiza_crypto::past::Past;
use twiza_protocol::{Chain, MailboxAddress, Sequence};

/// One's own view, to be told with a message.
pub(super) async fn own_view(
    step: &mut SqliteConnection,
    row: &AllianceRow,
    address: &MailboxAddress,
) -> Result<View, ClientError> {
    let since = ends::vouched(step, row.id).await?;
    Ok(View {
        sequence: row.place.cursor,
        chain: row.place.chain.unwrap_or_else(|| Chain::start(address)),
        since,
        past: Past::of(ends::before(step, row.id, since, &row.place).await?),
    })
}

/// Whether a view of the mailbox that is being read, up to this place, is one's own at the place that it is of.
pub(super) async fn present_agrees(
    step: &mut SqliteConnection,
    alliance: i64,
    address: &MailboxAddress,
    place: &Place,
    view: &View,
) -> Result<bool, ClientError> {
    if view.sequence == Sequence::START {
        return Ok(view.chain == Chain::start(address));
    }
    if view.sequence >= place.cursor {
        return Ok(false);
    }
    Ok(reading::chain_at(step, alliance, view.sequence).await? == Some(view.chain))
}

/// Whether a view of past mailboxes is one's own. Whoever came later than it begins cannot tell.
pub(super) async fn past_agrees(
    step: &mut SqliteConnection,
    alliance: i64,
    place: &Place,
    view: &View,
) -> Result<bool, ClientError> {
    let first = ends::first(step, alliance).await?.unwrap_or(place.epoch);
    if view.since < first {
        return Ok(true);
    }
    Ok(Past::of(ends::before(step, alliance, view.since, place).await?) == view.past)
}
