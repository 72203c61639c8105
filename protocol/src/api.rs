//! JSON bodies of the control operations.

use crate::{ExpiryDay, Limits, MailboxAddress, Proof, Receipt, RelayKey, Sequence, Token, TokenKey, time::CoarseTime};
use serde::{Deserialize, Serialize};

/// How a relay decides who may open mailboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AdmissionMode {
    /// Anybody may.
    Open,
    /// Whoever has a secret from the operator.
    Grant,
    /// Whoever has a token for each new mailbox.
    Token,
    /// A mode of a later version.
    #[serde(other)]
    Unknown,
}

/// What `GET /v1/relay` tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Describe {
    /// The lowest protocol version that the relay speaks.
    pub protocol_min: u16,
    /// The highest protocol version that the relay speaks.
    pub protocol_max: u16,
    /// The relay's key, to be compared with the pin in its address.
    pub relay_key: RelayKey,
    /// The relay's time, in minutes since the Unix epoch.
    pub relay_time: CoarseTime,
    /// Who may open mailboxes.
    pub admission: AdmissionMode,
    /// Where admission is by tokens: the keys of the issuers whose tokens are good here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_keys: Vec<TokenKey>,
    /// Days that a mailbox is kept after its last append or open.
    pub retention_days: u32,
    /// What the relay accepts.
    pub limits: Limits,
}

/// The body of `PUT /v1/mailboxes/{address}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OpenRequest {
    /// The operator's secret, where the relay's admission mode is `grant`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// A token, where the relay's admission mode is `token` and the mailbox is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
}

/// What `PUT /v1/mailboxes/{address}` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Opened {
    /// The mailbox's state at this moment.
    pub head: Receipt,
    /// The day after which it may be deleted.
    pub expires: ExpiryDay,
}

/// The body of `POST /v1/watch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WatchRequest {
    /// The mailboxes, one at least; a record of the stream names one by its place in this list, from 0.
    #[cfg_attr(feature = "openapi", schema(min_items = 1))]
    pub mailboxes: Vec<WatchEntry>,
}

/// One mailbox of a watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WatchEntry {
    /// The mailbox.
    pub address: MailboxAddress,
    /// The last place that the watcher has.
    pub after: Sequence,
    /// The proof for this mailbox and this place, over an empty body.
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = String, pattern = r"^[0-9]{1,20}\.[A-Za-z0-9_-]{85}[AQgw]$")
    )]
    pub proof: Proof,
}
