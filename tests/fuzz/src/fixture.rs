//! Keys that targets and seeds share, and a small alliance that was stored once: what OpenMLS draws from the system is
//! different each time, so its frames can only be seeds of a group that stays the same.

use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;
use twiza_crypto::epoch::Branch;
use twiza_crypto::identity::IdentityKey;
use twiza_crypto::invitation::Invitation;
use twiza_crypto::recovery::RecoveryKey;
use twiza_crypto::seal::FrameKey;
use twiza_crypto::{Entropy, EntropyError, Random};
use twiza_protocol::{ExpiryDay, MailboxAddress, MailboxKey, RelayAddress, RelaySigningKey};

/// The passphrase of the vault among the seeds.
pub const PASSPHRASE: &str = "passphrase";

/// SHA-256 in counter mode: not for secrets.
struct Seeded(u64, u64);

impl Entropy for Seeded {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        for chunk in buffer.chunks_mut(32) {
            self.1 += 1;
            let block = Sha256::new().chain_update(self.0.to_be_bytes()).chain_update(self.1.to_be_bytes()).finalize();
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }
}

/// The generator with this seed.
#[must_use]
pub fn seeded(seed: u64) -> Random {
    Random::new(Seeded(seed, 0))
}

/// The relay of all seeds.
#[must_use]
pub fn relay() -> RelayAddress {
    let key = RelaySigningKey::from_seed(&[9; 32]).public();
    format!("twiza://relay.example:7443/{key}").parse().expect("an address")
}

/// The key of the sealed frames.
#[must_use]
pub fn frame_key() -> FrameKey {
    FrameKey::new(&[3; 32], MailboxKey::from_seed(&[4; 32]).address(), Branch(1))
}

/// Who invites.
#[must_use]
pub fn inviter() -> IdentityKey {
    IdentityKey::from_seed(&[5; 32])
}

/// An invitation by it.
#[must_use]
pub fn invitation() -> Invitation {
    let fingerprint = inviter().identity().fingerprint();
    Invitation::new(relay(), fingerprint, ExpiryDay(30_000), &seeded(2)).expect("an invitation")
}

/// A leaf key that is certified.
#[must_use]
pub fn leaf_key() -> [u8; 32] {
    SigningKey::from_bytes(&[6; 32]).verifying_key().to_bytes()
}

/// Whose recovery mailbox it is.
#[must_use]
pub fn recovery_key() -> RecoveryKey {
    RecoveryKey::generate(&seeded(7)).expect("a key")
}

/// The entries of a group's state.
pub type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// An alliance of two, and a third who is welcomed into it.
#[derive(Debug, Clone)]
pub struct Fixture {
    /// The state of the member who receives.
    pub receiver: Entries,
    /// The private leaf key of the member who sends.
    pub author_device: [u8; 32],
    /// Its leaf.
    pub author_leaf: u32,
    /// A message of it.
    pub message: Vec<u8>,
    /// A commit of it.
    pub commit: Vec<u8>,
    /// The keys of who is welcomed.
    pub joiner: Entries,
    /// The fingerprint of who welcomes.
    pub inviter: [u8; 32],
    mailbox: [u8; 32],
}

/// As it is stored: octets as text.
#[derive(Serialize, Deserialize)]
struct Stored {
    receiver: Vec<(String, String)>,
    author_device: String,
    author_leaf: u32,
    message: String,
    commit: String,
    joiner: Vec<(String, String)>,
    inviter: String,
    mailbox: String,
}

fn text(octets: &[u8]) -> String {
    data_encoding::BASE64.encode(octets)
}

fn octets(text: &str) -> Vec<u8> {
    data_encoding::BASE64.decode(text.as_bytes()).expect("the fixture's own encoding")
}

fn array(text: &str) -> [u8; 32] {
    octets(text).try_into().expect("32 octets")
}

fn file() -> PathBuf {
    crate::seeds::folder().join("alliance.json")
}

impl Fixture {
    /// Puts a fixture together.
    #[must_use]
    pub fn new(sender: (&Entries, u32), receiver: Entries, joiner: Entries, mailbox: &MailboxAddress) -> Self {
        let device = sender.0.get(&b"twiza device key"[..]).cloned().unwrap_or_default();
        Self {
            receiver,
            author_device: device.try_into().expect("a seed"),
            author_leaf: sender.1,
            message: Vec::new(),
            commit: Vec::new(),
            joiner,
            inviter: inviter().identity().fingerprint(),
            mailbox: *mailbox.as_bytes(),
        }
    }

    /// The mailbox of the receiver's epoch.
    #[must_use]
    pub fn mailbox(&self) -> MailboxAddress {
        MailboxAddress::from_bytes(self.mailbox)
    }

    /// Stores it for good.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn store(&self) -> anyhow::Result<()> {
        let entries = |entries: &Entries| entries.iter().map(|(key, value)| (text(key), text(value))).collect();
        let stored = Stored {
            receiver: entries(&self.receiver),
            author_device: text(&self.author_device),
            author_leaf: self.author_leaf,
            message: text(&self.message),
            commit: text(&self.commit),
            joiner: entries(&self.joiner),
            inviter: text(&self.inviter),
            mailbox: text(&self.mailbox),
        };
        Ok(std::fs::write(file(), serde_json::to_vec(&stored)?)?)
    }

    fn load() -> Self {
        let stored = std::fs::read(file()).expect("seeds/alliance.json: `cargo run -p twiza-fuzz` makes it");
        let stored: Stored = serde_json::from_slice(&stored).expect("seeds/alliance.json is damaged");
        let entries = |entries: &[(String, String)]| entries.iter().map(|(a, b)| (octets(a), octets(b))).collect();
        Self {
            receiver: entries(&stored.receiver),
            author_device: array(&stored.author_device),
            author_leaf: stored.author_leaf,
            message: octets(&stored.message),
            commit: octets(&stored.commit),
            joiner: entries(&stored.joiner),
            inviter: array(&stored.inviter),
            mailbox: array(&stored.mailbox),
        }
    }
}

/// The stored alliance.
pub fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(Fixture::load)
}
