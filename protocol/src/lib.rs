//! The wire contract between Twiza's relay and its clients, version 1.
//!
//! A relay knows one thing, the **mailbox**: an append-only list of opaque frames under an address that is an
//! Ed25519 public key. This crate names the parts of that contract and checks them; it does no I/O, reads no clock
//! and draws no randomness but for tokens. `docs/protocol.md` is the same contract in prose.
//!
//! ```text
//!  address ── who may open, append, read, watch: the holder of the mailbox key
//!  frame   ── what is stored: opaque octets in one of six sizes
//!  chain   ── what the order was: a running hash over every frame
//!  proof   ── each request, signed by the mailbox key
//!  token   ── where not everybody may open mailboxes: a right to open one, which tells not whose it was
//!  pass    ── for a while after that, a MAC in the signature's place
//!  receipt ── each answer about the order, signed by the relay key
//!  stream  ── frames and receipts as records, in a page or a watch
//! ```
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod address;
pub mod api;
pub mod chain;
mod encoding;
pub mod frame;
pub mod grant;
pub mod limits;
pub mod mailbox_key;
pub mod pass;
pub mod problem;
pub mod proof;
pub mod receipt;
pub mod relay_address;
pub mod relay_key;
pub mod stream;
pub mod time;
pub mod token;

pub use address::MailboxAddress;
pub use api::{AdmissionMode, Describe, OpenRequest, Opened, WatchEntry, WatchRequest};
pub use chain::Chain;
pub use encoding::EncodingError;
pub use frame::{Frame, FrameDigest, FrameSize, Sequence};
pub use grant::GrantMark;
pub use limits::Limits;
pub use mailbox_key::MailboxKey;
pub use pass::{Pass, PassIssuer, PassProof};
pub use problem::{Problem, ProblemCode};
pub use proof::{Proof, ProofError, Request, Verb};
pub use receipt::{Receipt, ReceiptError, ReceiptSignature};
pub use relay_address::{RelayAddress, RelayAddressError, Transport};
pub use relay_key::{RelayKey, RelaySigningKey};
pub use stream::{Record, RecordDecoder, StreamError};
pub use time::{CoarseTime, ExpiryDay};
pub use token::{
    BlindMessage, BlindSignature, IssueRequest, Issued, IssuerDescribe, PendingToken, TOKENS_AT_ONCE, Token,
    TokenError, TokenGrant, TokenGrantError, TokenKey, TokenKeyId, TokenMark, TokenSigningKey,
};

/// The version of the wire protocol that this crate speaks.
pub const PROTOCOL_VERSION: u16 = 1;
