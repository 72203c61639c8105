//! Connections to relays.

pub mod http;
pub mod proxy;
mod tls;

use async_trait::async_trait;
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::mpsc;
use twiza_protocol::{
    Describe, FrameSize, IssueRequest, Issued, IssuerDescribe, MailboxAddress, MailboxKey, Opened, Problem,
    ProblemCode, Receipt, RelayAddress, RelayKey, Sequence, Token,
};

/// What a relay, or the way to it, answers instead of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RelayError {
    /// No connection. The network's, or the relay is down.
    #[error("the relay at {host} cannot be reached: {cause}")]
    Unreachable {
        /// Host and port.
        host: String,
        /// What the network says.
        cause: String,
    },
    /// Somebody else answers at the relay's address: its key is not the pinned one.
    #[error("the relay at {host} is not the one in the address: its key is another")]
    WrongPin {
        /// Host and port.
        host: String,
    },
    /// The relay refuses, with a code. Its own title is not shown: the words are ours, the code chooses among them.
    #[error("the relay refuses: {}", .0.code.title())]
    Refused(Box<Problem>),
    /// The relay asks for a grant, and the one that it was given is none of its own. The user's, or its operator's, who
    /// has taken it back.
    #[error("the relay does not accept the grant")]
    GrantRefused,
    /// The issuer signs with another key than the grant names. The user's, who mistyped it; or the issuer was made anew.
    #[error("the issuer has another token key than the grant names")]
    OtherTokenKey,
    /// The relay opens new mailboxes for tokens, and none could be had. The network's, the issuer's, or its operator's.
    #[error("no tokens could be had from the issuer: {0}")]
    Issuer(Box<Self>),
    /// The relay's answer is not of the protocol's form.
    #[error("the relay's answer is not understood: {0}")]
    Protocol(&'static str),
}

impl RelayError {
    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused(problem) => problem.code.is_retryable(),
            Self::Issuer(error) => error.is_retryable(),
            Self::WrongPin { .. } | Self::OtherTokenKey | Self::GrantRefused | Self::Protocol(_) => false,
        }
    }

    /// Whether a mailbox could not be opened for want of a right: no grant, no token, or none that is good any more. What
    /// opens none goes on.
    #[must_use]
    pub fn is_no_right(&self) -> bool {
        use ProblemCode::{GrantRequired, TokenInvalid, TokenRequired, TokenSpent};
        match self {
            Self::Issuer(_) | Self::GrantRefused => true,
            Self::Refused(problem) => {
                matches!(problem.code, GrantRequired | TokenInvalid | TokenRequired | TokenSpent)
            }
            _ => false,
        }
    }

    /// Whether what was shown is no right there, and waiting does not make it one.
    #[must_use]
    pub fn is_wrong_right(&self) -> bool {
        use ProblemCode::{GrantRequired, TokenInvalid, TokenRequired};
        match self {
            Self::GrantRefused | Self::OtherTokenKey => true,
            Self::Issuer(error) => error.is_wrong_right() || matches!(**error, Self::WrongPin { .. }),
            Self::Refused(problem) => matches!(problem.code, GrantRequired | TokenInvalid | TokenRequired),
            _ => false,
        }
    }

    /// Whether an issuer knows the grant and has given all the tokens that there are for it now.
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        matches!(self, Self::Issuer(error) if error.code() == Some(ProblemCode::TokensUsedUp))
    }

    /// The relay's code, if it refused.
    #[must_use]
    pub fn code(&self) -> Option<ProblemCode> {
        match self {
            Self::Refused(problem) => Some(problem.code),
            Self::GrantRefused => Some(ProblemCode::GrantRequired),
            _ => None,
        }
    }
}

/// A frame as a relay gives it. Its length is one of the frame sizes; nothing else is known of it yet.
#[derive(Debug, Clone)]
pub struct InboundFrame {
    /// Its place.
    pub sequence: Sequence,
    /// Whether it closed the mailbox.
    pub closing: bool,
    /// The octets.
    pub octets: Vec<u8>,
}

impl InboundFrame {
    /// Takes a frame from the wire.
    ///
    /// # Errors
    /// [`RelayError::Protocol`] for a length that no frame has.
    pub fn new(sequence: Sequence, closing: bool, octets: Vec<u8>) -> Result<Self, RelayError> {
        FrameSize::of_length(octets.len()).map_err(|_| RelayError::Protocol("a frame without padding"))?;
        Ok(Self { sequence, closing, octets })
    }
}

/// A page of a mailbox.
#[derive(Debug, Clone)]
pub struct Page {
    /// Frames in order.
    pub frames: Vec<InboundFrame>,
    /// The relay's signed word on the mailbox's end, verified; `None` where the page ended before it.
    pub head: Option<Receipt>,
}

/// By what right a new mailbox is opened.
#[derive(Debug, Clone, Copy)]
pub enum Right<'a> {
    /// By none: at a relay that is open to anybody, or for a mailbox that is there.
    None,
    /// By the operator's secret.
    Grant(&'a str),
    /// By a token, which is good for one mailbox.
    Token(&'a Token),
}

/// An issuer of tokens, as the engine sees it.
#[async_trait]
pub trait IssuerConnection: Send + Sync {
    /// What the issuer is, and with which key it signs.
    async fn describe(&self) -> Result<IssuerDescribe, RelayError>;

    /// Has blind messages signed. Idempotent.
    async fn issue(&self, request: &IssueRequest) -> Result<Issued, RelayError>;
}

/// One relay, as the engine sees it. Every request is signed with the mailbox's key.
#[async_trait]
pub trait RelayConnection: Send + Sync {
    /// The relay's key.
    fn key(&self) -> &RelayKey;

    /// What the relay is and accepts.
    async fn describe(&self) -> Result<Describe, RelayError>;

    /// Opens a mailbox, or moves its expiry forward. Idempotent.
    async fn open(&self, mailbox: &MailboxKey, right: Right<'_>) -> Result<Opened, RelayError>;

    /// Appends a frame. Idempotent. The receipt's signature is verified.
    async fn append(&self, mailbox: &MailboxKey, frame: &[u8], closing: bool) -> Result<Receipt, RelayError>;

    /// Reads a page after a place.
    async fn read(&self, mailbox: &MailboxKey, after: Sequence) -> Result<Page, RelayError>;

    /// Watches mailboxes: each arrival is told by the mailbox's address. The channel ends with the connection.
    async fn watch(&self, mailboxes: &[(&MailboxKey, Sequence)]) -> Result<mpsc::Receiver<MailboxAddress>, RelayError>;
}

/// Makes connections. One alliance never shares a connection with another, so that a relay cannot tell by the
/// connection that two mailboxes belong to one person.
pub trait RelayConnector: Send + Sync {
    /// A connection of its own to a relay.
    ///
    /// # Errors
    /// [`RelayError`] where the connection cannot even be prepared.
    fn connect(&self, address: &RelayAddress) -> Result<Arc<dyn RelayConnection>, RelayError>;

    /// A connection of its own to an issuer.
    ///
    /// # Errors
    /// [`RelayError`] where the connection cannot even be prepared; always, where there can be no issuers.
    fn issuer(&self, address: &RelayAddress) -> Result<Arc<dyn IssuerConnection>, RelayError> {
        let _ = address;
        Err(RelayError::Protocol("no issuer can be reached from here"))
    }
}
