//! The relay itself: what each operation does, without HTTP.
//!
//! Checks come in one order everywhere: form, proof, admission, mailbox. So who does not hold a mailbox's key learns
//! nothing about it, not even whether it is there.

use crate::admission::Admission;
use crate::answers::Answers;
use crate::bodies::Bodies;
use crate::clock::Clock;
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::places::Places;
use crate::signer::ReceiptSigner;
use crate::store::{Append, Head, Open, Page, Quotas, Refused, Store, StoreError};
use crate::writer::{WriteError, Writer};
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use twiza_protocol::{
    CoarseTime, Describe, FrameDigest, FrameSize, Limits, MailboxAddress, OpenRequest, Opened, PROTOCOL_VERSION, Pass,
    PassIssuer, PassProof, ProblemCode, Proof, ProofError, Receipt, RelayKey, Sequence, Verb,
};

/// Why an operation was not done.
#[derive(Debug, Error)]
pub enum RelayError {
    /// The proof does not hold. The requester's fault.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// Nothing by which the mailbox may be opened. The requester's fault; the code says what there is to be.
    #[error("not admitted")]
    NotAdmitted(ProblemCode),
    /// Never opened, expired, or somebody else's. The requester's fault.
    #[error("no such mailbox")]
    MailboxUnknown,
    /// Not padded. The requester's fault.
    #[error("the frame is not padded")]
    FrameSize,
    /// Too many mailboxes in a watch. The requester's fault.
    #[error("too many mailboxes in one watch")]
    WatchTooLarge,
    /// A watch of no mailbox, or of one that is named twice. The requester's fault.
    #[error("a watch names no mailbox, or one twice")]
    WatchMalformed,
    /// As many mailboxes are watched as the relay can. Retryable.
    #[error("too many mailboxes are watched")]
    WatchesFull,
    /// As many pages are on their way as the relay can hold. Retryable.
    #[error("too many pages are on their way")]
    AnswersFull,
    /// The write was refused or failed.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The store failed. The environment's fault, or ours.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RelayError {
    /// The one place where causes become codes. A cause with a code of its own tells the requester nothing that is
    /// not about its own request.
    #[must_use]
    pub const fn code(&self) -> ProblemCode {
        match self {
            Self::Proof(ProofError::Malformed | ProofError::Invalid) => ProblemCode::ProofInvalid,
            Self::Proof(ProofError::ClockSkewed) => ProblemCode::ClockSkewed,
            Self::NotAdmitted(code) => *code,
            Self::Write(WriteError::Refused(Refused::RightRequired)) => ProblemCode::GrantRequired,
            Self::Write(WriteError::Refused(Refused::TokenSpent)) => ProblemCode::TokenSpent,
            Self::MailboxUnknown | Self::Write(WriteError::Refused(Refused::MailboxUnknown)) => {
                ProblemCode::MailboxUnknown
            }
            Self::FrameSize => ProblemCode::FrameSizeRefused,
            Self::WatchTooLarge => ProblemCode::WatchTooLarge,
            Self::WatchMalformed => ProblemCode::MalformedRequest,
            Self::Write(WriteError::Refused(Refused::MailboxClosed)) => ProblemCode::MailboxClosed,
            Self::Write(WriteError::Refused(Refused::FrameConflict)) => ProblemCode::FrameConflict,
            Self::Write(WriteError::Refused(Refused::MailboxFull)) => ProblemCode::MailboxFull,
            Self::Write(WriteError::Refused(Refused::RelayFull)) | Self::Store(StoreError::Full) => {
                ProblemCode::RelayFull
            }
            Self::WatchesFull
            | Self::AnswersFull
            | Self::Write(WriteError::Busy)
            | Self::Store(StoreError::Away(_)) => ProblemCode::RelayBusy,
            Self::Write(WriteError::Failed) | Self::Store(_) => ProblemCode::Internal,
        }
    }
}

/// One relay.
pub struct Relay {
    pub(crate) signer: ReceiptSigner,
    pub(crate) public_key: RelayKey,
    pub(crate) passes: PassIssuer,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) writer: Writer,
    pub(crate) hub: Arc<Hub>,
    pub(crate) bodies: Bodies,
    pub(crate) answers: Answers,
    /// Room for mailboxes in all watches together.
    pub(crate) watched: Places,
    pub(crate) connections: Places,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) admission: Admission,
    pub(crate) limits: Limits,
    pub(crate) quotas: Quotas,
    pub(crate) retention_days: u32,
    pub(crate) heartbeat: Duration,
    /// Cancelled when the relay stops: watches end.
    pub(crate) stopping: CancellationToken,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}

impl Relay {
    /// What the relay tells of itself.
    #[must_use]
    pub fn describe(&self) -> Describe {
        Describe {
            protocol_min: PROTOCOL_VERSION,
            protocol_max: PROTOCOL_VERSION,
            relay_key: self.public_key,
            relay_time: self.now(),
            admission: self.admission.mode(),
            token_keys: self.admission.token_keys().to_vec(),
            retention_days: self.retention_days,
            limits: self.limits.clone(),
        }
    }

    /// Checks that a request was signed by the mailbox's key.
    ///
    /// # Errors
    /// [`RelayError::Proof`].
    pub fn verify(
        &self,
        address: &MailboxAddress,
        verb: Verb,
        proof: &Proof,
        body: FrameDigest,
    ) -> Result<(), RelayError> {
        Ok(proof.verify(address, &self.public_key, verb, body, self.now())?)
    }

    /// Checks that a request was proved by the mailbox's pass.
    ///
    /// # Errors
    /// [`RelayError::Proof`].
    pub fn verify_pass(
        &self,
        address: &MailboxAddress,
        verb: Verb,
        proof: &PassProof,
        body: FrameDigest,
    ) -> Result<(), RelayError> {
        Ok(self.passes.verify(proof, address, &self.public_key, verb, body, self.now())?)
    }

    /// A mailbox's pass, for who proved it by a signature.
    #[must_use]
    pub fn pass(&self, address: &MailboxAddress) -> Pass {
        self.passes.issue(address, self.now())
    }

    /// Opens a mailbox, or moves its expiry forward. Tells whether it is new.
    ///
    /// # Errors
    /// [`RelayError::NotAdmitted`], or [`RelayError::Write`].
    pub async fn open(&self, address: MailboxAddress, request: &OpenRequest) -> Result<(bool, Opened), RelayError> {
        let entry = self.admission.entry(request, &self.public_key).map_err(RelayError::NotAdmitted)?;
        let opening = self.writer.open(Open { address, entry }).await.map_err(|error| match error {
            WriteError::Refused(Refused::RightRequired) => RelayError::NotAdmitted(self.admission.refusal()),
            error => RelayError::Write(error),
        })?;
        let head = self.receipt(&address, opening.head);
        Ok((opening.is_new, Opened { head, expires: opening.expires }))
    }

    /// Appends a frame. Tells whether it is new.
    ///
    /// # Errors
    /// [`RelayError::FrameSize`], or [`RelayError::Write`].
    pub async fn append(
        &self,
        address: MailboxAddress,
        octets: Bytes,
        digest: FrameDigest,
        closing: bool,
    ) -> Result<(bool, Receipt), RelayError> {
        FrameSize::of_length(octets.len()).map_err(|_| RelayError::FrameSize)?;
        let (started, bytes) = (Instant::now(), octets.len());
        let appended = self.writer.append(Append { address, octets, digest, closing }).await?;
        if appended.is_new {
            self.metrics.appended(bytes, started.elapsed());
        }
        Ok((appended.is_new, self.receipt(&address, appended.head)))
    }

    /// The frames after a place, as many as `bytes_max` allows.
    ///
    /// # Errors
    /// [`RelayError::MailboxUnknown`], or [`RelayError::Store`].
    pub async fn page(&self, address: MailboxAddress, after: Sequence, bytes_max: u64) -> Result<Page, RelayError> {
        let page = self.store.page(address, after, bytes_max, self.now().day()).await?;
        page.ok_or(RelayError::MailboxUnknown)
    }

    /// Refuses where there is no such mailbox.
    ///
    /// # Errors
    /// [`RelayError::MailboxUnknown`], or [`RelayError::Store`].
    pub(crate) async fn check_mailbox(&self, address: MailboxAddress) -> Result<(), RelayError> {
        let head = self.store.head(address, self.now().day()).await?;
        head.map(drop).ok_or(RelayError::MailboxUnknown)
    }

    /// Whether the store can be read.
    ///
    /// # Errors
    /// [`RelayError::Store`].
    pub async fn check(&self) -> Result<(), RelayError> {
        Ok(self.store.check().await?)
    }

    /// The relay's signed word on where a mailbox stands.
    #[must_use]
    pub fn receipt(&self, address: &MailboxAddress, head: Head) -> Receipt {
        self.signer.receipt(address, head)
    }

    /// The relay's time.
    #[must_use]
    pub fn now(&self) -> CoarseTime {
        self.clock.now()
    }

    /// The relay's limits.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }
}
