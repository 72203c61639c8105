//! Named limits, the same names on both sides. A relay tells its own in `describe`.

use crate::FrameSize;
use serde::{Deserialize, Serialize};

/// What one relay accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Frames in one mailbox.
    pub frames_per_mailbox_max: u64,
    /// Octets of frames in one mailbox.
    pub mailbox_bytes_max: u64,
    /// Octets of `mailbox_bytes_max` that only a closing frame may use: a full mailbox can still be closed.
    pub closing_reserve_bytes: u64,
    /// Octets of frames in one page of `read`. A page holds at least one frame all the same.
    pub page_bytes_max: u64,
    /// Mailboxes in one `watch`.
    pub mailboxes_per_watch_max: u64,
    /// Octets of a JSON request body.
    pub json_bytes_max: u64,
    /// Octets of frames on the whole relay.
    pub relay_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frames_per_mailbox_max: 65_536,
            mailbox_bytes_max: 256 << 20,
            closing_reserve_bytes: FrameSize::MAX.bytes() as u64,
            page_bytes_max: 4 << 20,
            mailboxes_per_watch_max: 64,
            json_bytes_max: 64 << 10,
            relay_bytes_max: 10 << 30,
        }
    }
}

impl Limits {
    /// The largest `frames_per_mailbox_max` that a relay's store can number.
    pub const FRAMES_PER_MAILBOX_CEILING: u64 = (1 << 24) - 1;
}
