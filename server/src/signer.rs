//! The relay's signature on receipts: one for every frame, so by the fastest Ed25519 that is linked already.

use crate::store::Head;
use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::signature::Ed25519KeyPair;
use twiza_protocol::{MailboxAddress, Receipt, RelayKey, RelaySigningKey};

/// Signs receipts. Ed25519 has one signature for a key and a message (RFC 8032, section 5.1.6): nobody can tell by whose
/// code it was made.
pub(crate) struct ReceiptSigner {
    relay: RelayKey,
    pair: Ed25519KeyPair,
}

impl ReceiptSigner {
    /// Signs by the relay's key.
    ///
    /// # Errors
    /// None but where the library refuses every key.
    pub(crate) fn new(key: &RelaySigningKey) -> Result<Self, KeyRejected> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&*key.expose_seed())?;
        Ok(Self { relay: key.public(), pair })
    }

    /// The relay's signed word on where a mailbox stands.
    pub(crate) fn receipt(&self, address: &MailboxAddress, head: Head) -> Receipt {
        let sign = |message: &[u8]| {
            let mut octets = [0; 64];
            octets.copy_from_slice(self.pair.sign(message).as_ref());
            octets
        };
        Receipt::signed_by(sign, &self.relay, address, head.sequence, head.closed, head.chain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_the_one_that_the_protocol_has() {
        let (key, address) = (RelaySigningKey::from_seed(&[3; 32]), MailboxAddress::from_bytes([4; 32]));
        let head = Head::start(&address);
        let receipt = ReceiptSigner::new(&key).unwrap().receipt(&address, head);
        assert_eq!(receipt, Receipt::sign(&key, &address, head.sequence, head.closed, head.chain));
        receipt.verify(&key.public(), &address).unwrap();
    }
}
