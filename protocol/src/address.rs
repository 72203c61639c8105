//! Mailbox addresses.

use crate::encoding::base64url_text;

/// The address of a mailbox: an Ed25519 public key (RFC 8032). Whoever holds the private key may open, append,
/// read and watch; there is no other permission.
///
/// Any 32 octets make an address; whether they are a usable point shows when a [`Proof`](crate::Proof) is verified.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MailboxAddress([u8; 32]);

base64url_text!(MailboxAddress, 32);

impl MailboxAddress {
    /// The address with these octets.
    #[must_use]
    pub const fn from_bytes(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The octets of the public key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}
