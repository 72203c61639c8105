//! Passes: who proved a mailbox by a signature proves it by a MAC for a while, which costs both sides next to nothing.
//!
//! ```text
//! secret = HMAC-SHA256(the relay key's seed, "twiza pass secret v1\0")
//! pass   = HMAC-SHA256(secret, "twiza pass v1\0" || address (32) || u64(hours))     answer: twiza-pass: <base64url>
//! proof  = HMAC-SHA256(pass, the transcript of `proof.rs`)      request: twiza-proof: <minutes> "." <base64url>
//! ```
//!
//! A relay keeps nothing of it: it makes the pass anew for each request, and so does any other node with its key.
//! A pass is good in the hour that it was made for and in the next one. It says no more than that its holder had the
//! mailbox's key, and is the same for all who have.

use crate::proof::{self, ProofError, Request, Verb};
use crate::{CoarseTime, FrameDigest, MailboxAddress, RelayKey, RelaySigningKey, encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The HTTP header of an answer that carries a pass.
pub const PASS_HEADER: &str = "twiza-pass";

const SECRET_LABEL: &[u8] = b"twiza pass secret v1\0";
const PASS_LABEL: &[u8] = b"twiza pass v1\0";
const MINUTES_PER_PERIOD: u64 = 60;

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> Hmac<Sha256> {
    // A key of 32 octets is shorter than a block, so padding it is all that HMAC does with it.
    let mut block = [0; 64];
    for (octet, key) in block.iter_mut().zip(key) {
        *octet = *key;
    }
    let mut mac = Hmac::new(&block.into());
    block.zeroize();
    parts.iter().for_each(|part| mac.update(part));
    mac
}

fn octets(mac: Hmac<Sha256>) -> [u8; 32] {
    mac.finalize().into_bytes().into()
}

/// What a relay makes its passes from.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct PassIssuer([u8; 32]);

impl PassIssuer {
    /// The issuer that goes with a relay's key.
    #[must_use]
    pub fn of(key: &RelaySigningKey) -> Self {
        Self(octets(mac(&key.expose_seed(), &[SECRET_LABEL])))
    }

    /// The pass of a mailbox at this time. For who proved it by a signature only.
    #[must_use]
    pub fn issue(&self, address: &MailboxAddress, now: CoarseTime) -> Pass {
        self.pass(address, now.0 / MINUTES_PER_PERIOD)
    }

    fn pass(&self, address: &MailboxAddress, period: u64) -> Pass {
        Pass(octets(mac(&self.0, &[PASS_LABEL, address.as_bytes(), &period.to_be_bytes()])))
    }

    /// Checks one request's proof, as [`crate::Proof::verify`] does.
    ///
    /// # Errors
    /// [`ProofError::ClockSkewed`] or [`ProofError::Invalid`]: by another mailbox's pass, or one that is too old.
    pub fn verify(
        &self,
        proof: &PassProof,
        address: &MailboxAddress,
        relay: &RelayKey,
        verb: Verb,
        body: FrameDigest,
        now: CoarseTime,
    ) -> Result<(), ProofError> {
        let transcript = Request { relay, verb, time: proof.time, body }.transcript(address);
        let period = now.0 / MINUTES_PER_PERIOD;
        let fits = |period| {
            let pass = self.pass(address, period);
            mac(&pass.0, &[&transcript]).verify_slice(&proof.mac).is_ok()
        };
        if !fits(period) && !period.checked_sub(1).is_some_and(fits) {
            return Err(ProofError::Invalid);
        }
        if proof.time.is_near(now) { Ok(()) } else { Err(ProofError::ClockSkewed) }
    }
}

impl std::fmt::Debug for PassIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(_) = self;
        f.write_str("PassIssuer(redacted)")
    }
}

/// A key by which one mailbox's requests are proved for a while. Wiped from memory when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Pass([u8; 32]);

impl Pass {
    /// The pass in its text form, for the answer to whoever may have it.
    #[must_use]
    pub fn expose_text(&self) -> String {
        encoding::encode(&self.0)
    }

    /// Proves a request about the mailbox that this pass is for.
    #[must_use]
    pub fn prove(&self, address: &MailboxAddress, request: &Request<'_>) -> PassProof {
        PassProof { time: request.time, mac: octets(mac(&self.0, &[&request.transcript(address)])) }
    }
}

impl std::str::FromStr for Pass {
    type Err = crate::EncodingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        encoding::decode(text).map(Self)
    }
}

impl std::fmt::Debug for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(_) = self;
        f.write_str("Pass(redacted)")
    }
}

/// A claim to have proved a mailbox lately, good for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassProof {
    /// The time at which it was made.
    pub time: CoarseTime,
    /// The MAC over the transcript.
    pub mac: [u8; 32],
}

impl std::fmt::Display for PassProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.time.0, encoding::encode(&self.mac))
    }
}

impl std::str::FromStr for PassProof {
    type Err = ProofError;

    fn from_str(text: &str) -> Result<Self, ProofError> {
        let (time, mac) = proof::parse(text)?;
        Ok(Self { time, mac })
    }
}
