//! Receipts: what a relay says about a mailbox's order, signed. Two receipts that disagree prove a lie to anybody.

use crate::encoding::base64url_text;
use crate::{Chain, MailboxAddress, RelayKey, RelaySigningKey, Sequence};
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use thiserror::Error;

const LABEL: &[u8] = b"twiza receipt v1\0";

/// A relay's signed word that a mailbox has this chain at this place.
///
/// ```text
/// signature = Ed25519("twiza receipt v1\0" || relay key || address || u64(sequence) || u8(closed) || chain)
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Receipt {
    /// The place that this is about; 0 for a mailbox without frames.
    pub sequence: Sequence,
    /// The running hash at that place.
    pub chain: Chain,
    /// Whether the frame at that place closed the mailbox.
    pub closed: bool,
    /// The relay's signature.
    pub signature: ReceiptSignature,
}

/// An Ed25519 signature by a relay.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ReceiptSignature(pub(crate) [u8; 64]);

base64url_text!(ReceiptSignature, 64);

impl ReceiptSignature {
    /// The signature with these octets.
    #[must_use]
    pub const fn from_bytes(octets: [u8; 64]) -> Self {
        Self(octets)
    }

    /// The octets.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 64] {
        self.0
    }
}

/// A receipt that its relay did not sign. The relay's fault, or somebody's in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the receipt's signature is not by this relay")]
pub struct ReceiptError;

fn transcript(relay: &RelayKey, address: &MailboxAddress, sequence: Sequence, closed: bool, chain: &Chain) -> Vec<u8> {
    [LABEL, relay.as_bytes(), address.as_bytes(), &sequence.0.to_be_bytes(), &[u8::from(closed)], chain.as_bytes()]
        .concat()
}

impl Receipt {
    /// Signs a statement about a mailbox.
    #[must_use]
    pub fn sign(
        key: &RelaySigningKey,
        address: &MailboxAddress,
        sequence: Sequence,
        closed: bool,
        chain: Chain,
    ) -> Self {
        Self::signed_by(|message| key.sign(message), &key.public(), address, sequence, closed, chain)
    }

    /// As [`Receipt::sign`], by an Ed25519 of the caller's for this relay's key.
    #[must_use]
    pub fn signed_by(
        sign: impl FnOnce(&[u8]) -> [u8; 64],
        relay: &RelayKey,
        address: &MailboxAddress,
        sequence: Sequence,
        closed: bool,
        chain: Chain,
    ) -> Self {
        let signature = sign(&transcript(relay, address, sequence, closed, &chain));
        Self { sequence, chain, closed, signature: ReceiptSignature(signature) }
    }

    /// Checks the relay's signature.
    ///
    /// # Errors
    /// [`ReceiptError`] where it does not fit.
    pub fn verify(&self, relay: &RelayKey, address: &MailboxAddress) -> Result<(), ReceiptError> {
        let key = VerifyingKey::from_bytes(relay.as_bytes()).map_err(|_| ReceiptError)?;
        let message = transcript(relay, address, self.sequence, self.closed, &self.chain);
        key.verify_strict(&message, &Signature::from_bytes(&self.signature.0)).map_err(|_| ReceiptError)
    }
}
