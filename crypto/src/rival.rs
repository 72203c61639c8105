//! Two commits of one epoch: which of them all members follow.
//!
//! A relay takes one closing frame for a mailbox, so this happens only where it was rolled back to an old backup, or
//! shows two ends to two members. Members who followed one commit cannot process the other any more: they decide by what
//! its author sealed ([`crate::content::AuthorSeal`]), and everybody decides alike:
//!
//! 1. A commit that removes the other's author prevails: whoever was removed cannot undo it with an old backup.
//! 2. Where each removes the other's author, neither yields: for either side the other's author is out.
//! 3. A commit by an organiser prevails over one by somebody else.
//! 4. The commit by the smaller leaf prevails: a leaf is given, where a digest can be sought.
//! 5. Of two by one leaf, that with the smaller digest prevails.
//!
//! (The first design put *the longer branch* before the last: its length can be neither proved nor checked by those who
//! must decide, and whoever is alone with a relay can make it as long as it likes.)

use crate::alliance::Role;
use crate::content::{Assembly, AuthorSeal, ContentKind};
use crate::epoch::Branch;
use crate::roster::Roster;
use crate::seal::FrameKey;
use crate::{CryptoError, wire};
use sha2::{Digest, Sha256};
use tls_codec::{TlsDeserialize, TlsSerialize, TlsSize, VLBytes};
use twiza_protocol::{Chain, FrameDigest, MailboxAddress, Receipt, ReceiptSignature, RelayKey, Sequence};

const VERSION: u8 = 1;
const WHAT: &str = "rival commit";

/// A commit that claims an epoch, as far as anybody who was in that epoch can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contender {
    /// SHA-256 of the commit.
    pub digest: [u8; 32],
    /// Its author's leaf.
    pub author: u32,
    /// Whether its author was an organiser.
    pub organiser: bool,
    /// The leaves that it removes, by its author's word.
    pub removes: Vec<u32>,
}

/// Which of two commits prevails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The first.
    First,
    /// The second.
    Second,
    /// Each removes the other's author: whoever followed one stays with it, and people are told.
    Neither,
}

impl Contender {
    /// Reads what a commit's author sealed.
    ///
    /// # Errors
    /// [`CryptoError::Unverified`] where nobody of that epoch vouched for the commit, or the author says that it removes
    /// somebody and was no organiser.
    pub fn verify(
        roster: &Roster,
        address: &MailboxAddress,
        commit: &[u8],
        seal: &AuthorSeal,
    ) -> Result<Self, CryptoError> {
        let author = roster.verify_author(address, commit, seal)?;
        let organiser = author.role == Role::Organiser;
        if !seal.removes.is_empty() && !organiser {
            return Err(CryptoError::Unverified("a commit's claim"));
        }
        let digest = Sha256::digest(commit).into();
        Ok(Self { digest, author: seal.leaf_index, organiser, removes: seal.removes.clone() })
    }

    /// Whether it removes the other's author, which is not its own.
    fn ousts(&self, other: &Self) -> bool {
        self.author != other.author && self.removes.contains(&other.author)
    }
}

/// Chooses between two different commits of one epoch. Pure, and the same whichever comes first.
#[must_use]
pub fn choose(first: &Contender, second: &Contender) -> Choice {
    let preferred = match (first.ousts(second), second.ousts(first)) {
        (true, true) => return Choice::Neither,
        (true, false) => true,
        (false, true) => false,
        (false, false) if first.organiser != second.organiser => first.organiser,
        (false, false) => (first.author, first.digest) < (second.author, second.digest),
    };
    if preferred { Choice::First } else { Choice::Second }
}

/// A commit shown to those who followed another, as the relay took it: the content of a frame of the kind *rival*.
///
/// ```text
/// struct { opaque frame<V>; } SealedFrame
/// struct { uint8 branch; uint64 sequence; opaque chain[32]; opaque signature[64]; } SignedEnd
/// struct { uint8 version = 1; uint8 branch; uint64 sequence; opaque before[32]; opaque signature[64];
///          SignedEnd earlier<V>; SealedFrame frames<V>; } Rival
/// ```
///
/// `signature` is the relay's receipt for the last frame as the end of that branch's mailbox: without it, any member
/// could claim a past epoch again. `earlier` has the relay's word on the ends of the branches before: whoever left the epoch
/// by one of those sees that the relay has signed another end of it, or any member could go on in a branch that nobody reads.
#[derive(Debug, Clone, PartialEq, Eq, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct Rival {
    version: u8,
    /// The branch whose mailbox it closed.
    pub branch: u8,
    sequence: u64,
    before: [u8; 32],
    signature: [u8; 64],
    earlier: Vec<SignedEnd>,
    frames: Vec<VLBytes>,
}

/// The relay's word on the end of a branch.
#[derive(Debug, Clone, PartialEq, Eq, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct SignedEnd {
    branch: u8,
    sequence: u64,
    chain: [u8; 32],
    signature: [u8; 64],
}

impl SignedEnd {
    /// Of a branch's mailbox, by the relay's receipt.
    #[must_use]
    pub fn new(branch: Branch, end: &Receipt) -> Self {
        let (sequence, chain, signature) = (end.sequence.0, *end.chain.as_bytes(), end.signature.to_bytes());
        Self { branch: branch.0, sequence, chain, signature }
    }
}

impl Rival {
    /// The commit in these frames, the last of which closed the mailbox: `before` is the running hash before it, `head`
    /// the relay's receipt for it, `earlier` its receipts for the ends of the branches before.
    #[must_use]
    pub fn new(branch: Branch, before: &Chain, head: &Receipt, earlier: Vec<SignedEnd>, frames: Vec<Vec<u8>>) -> Self {
        Self {
            version: VERSION,
            branch: branch.0,
            sequence: head.sequence.0,
            before: *before.as_bytes(),
            signature: head.signature.to_bytes(),
            earlier,
            frames: frames.into_iter().map(Into::into).collect(),
        }
    }

    /// The octets of the payload.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn encode(&self) -> Result<Vec<u8>, CryptoError> {
        wire::encode(self)
    }

    /// Reads a payload. Nothing is verified yet.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`].
    pub fn decode(octets: &[u8]) -> Result<Self, CryptoError> {
        let rival: Self = wire::decode(octets, WHAT)?;
        if rival.version == VERSION { Ok(rival) } else { Err(CryptoError::Malformed(WHAT)) }
    }

    /// Whether the relay has signed that an earlier branch, with this address, ended in another way than by this running hash.
    #[must_use]
    pub fn shows_another_end(&self, relay: &RelayKey, branch: Branch, address: &MailboxAddress, end: &Chain) -> bool {
        self.earlier.iter().filter(|earlier| earlier.branch == branch.0).any(|earlier| {
            let (sequence, chain) = (Sequence(earlier.sequence), Chain::from_bytes(earlier.chain));
            let signature = ReceiptSignature::from_bytes(earlier.signature);
            chain != *end && Receipt { sequence, chain, closed: true, signature }.verify(relay, address).is_ok()
        })
    }

    /// The running hash at the mailbox's end.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`] where there is no frame.
    pub fn end(&self) -> Result<Chain, CryptoError> {
        let last = self.frames.last().ok_or(CryptoError::Malformed(WHAT))?;
        Ok(Chain::from_bytes(self.before).append(Sequence(self.sequence), true, &FrameDigest::of(last.as_ref())))
    }

    /// The commit and its author's seal, if the relay did sign that it closed the mailbox with this address and key.
    ///
    /// # Errors
    /// [`CryptoError::Unverified`] where the relay did not; [`CryptoError::Malformed`] where the frames hold no commit.
    pub fn open(
        &self,
        relay: &RelayKey,
        address: &MailboxAddress,
        key: &FrameKey,
    ) -> Result<(Vec<u8>, AuthorSeal), CryptoError> {
        let signature = ReceiptSignature::from_bytes(self.signature);
        let receipt = Receipt { sequence: Sequence(self.sequence), chain: self.end()?, closed: true, signature };
        receipt.verify(relay, address).map_err(|_| CryptoError::Unverified(WHAT))?;
        sealed_commit(key, self.frames.iter().map(AsRef::as_ref))
    }
}

/// The commit in a mailbox's last frame and those that it lists.
///
/// # Errors
/// [`CryptoError::Unverified`] or [`CryptoError::Malformed`] where there is none.
pub fn sealed_commit<'a>(
    key: &FrameKey,
    frames: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(Vec<u8>, AuthorSeal), CryptoError> {
    let mut assembly = Assembly::default();
    let mut found = None;
    for frame in frames {
        found = assembly.push(FrameDigest::of(frame), key.open(frame)?);
    }
    let payload = found.filter(|payload| payload.kind == ContentKind::Commit);
    payload.and_then(|payload| Some((payload.body, payload.author?))).ok_or(CryptoError::Malformed(WHAT))
}
