//! Decoders and encoders that are private otherwise, for tests that feed them with anything. Behind the feature
//! `test-utils`: no build that people run has it.

use crate::CryptoError;
use crate::content::{AuthorSeal, Content, ContentKind};
use crate::credential::{self, Person};
use crate::entropy::Random;
use crate::recovery::RecoveryMailbox;
use crate::rejoin::Note;
use crate::seal::FrameKey;
use crate::suite::RECOVERY_EXTENSION;
use openmls::prelude::{BasicCredential, Extension, Extensions, UnknownExtension};
use twiza_protocol::{Frame, FrameSize};

/// Reads what is under a frame's seal, padding included.
///
/// # Errors
/// Those of the decoder.
pub fn decode_content(octets: &[u8]) -> Result<Content, CryptoError> {
    Content::decode_padded(octets)
}

/// The octets of a content, without padding.
///
/// # Errors
/// [`CryptoError::Bug`] only.
pub fn encode_content(content: &Content) -> Result<Vec<u8>, CryptoError> {
    content.encode()
}

/// Seals a payload in two parts, however small it is: all but its last octet, and that.
///
/// # Errors
/// [`CryptoError::TooLarge`] where one frame has no room for it.
pub fn seal_in_two(
    key: &FrameKey,
    kind: ContentKind,
    (body, author): (&[u8], Option<&AuthorSeal>),
    random: &Random,
) -> Result<[Frame; 2], CryptoError> {
    let (first, last) = body.split_at(body.len().saturating_sub(1));
    let part = Content { kind: ContentKind::Part, earlier: Vec::new(), author: None, mark: None, body: first.to_vec() };
    let part = key.seal(part, FrameSize::MAX, random)?;
    let (earlier, author) = (vec![part.digest()], author.cloned());
    let whole = Content { kind, earlier, author, mark: None, body: last.to_vec() };
    Ok([part, key.seal(whole, FrameSize::MAX, random)?])
}

/// Reads a credential without verifying its certificate.
///
/// # Errors
/// Those of the decoder.
pub fn read_credential(octets: &[u8]) -> Result<Person, CryptoError> {
    credential::read_verified(&BasicCredential::new(octets.to_vec()).into())
}

/// Reads a credential and verifies its certificate for a leaf key.
///
/// # Errors
/// Those of [`credential::verify`].
pub fn verify_credential(octets: &[u8], leaf_key: &[u8]) -> Result<Person, CryptoError> {
    credential::verify(&BasicCredential::new(octets.to_vec()).into(), leaf_key)
}

/// Reads the leaf extension that names a recovery mailbox; gives the mailbox and its octets again.
///
/// # Errors
/// Those of the decoder.
pub fn decode_recovery_mailbox(octets: &[u8]) -> Result<(RecoveryMailbox, Vec<u8>), CryptoError> {
    let extension = Extension::Unknown(RECOVERY_EXTENSION, UnknownExtension(octets.to_vec()));
    let mailbox = RecoveryMailbox::of_leaf(&Extensions::single(extension).map_err(CryptoError::mls)?)?;
    match mailbox.extension()? {
        Extension::Unknown(_, again) => Ok((mailbox, again.0)),
        _ => Err(CryptoError::Bug("a recovery extension of another type")),
    }
}

/// Reads a note that was opened.
///
/// # Errors
/// Those of the decoder.
pub fn decode_note(octets: &[u8]) -> Result<Note, CryptoError> {
    Note::decode(octets)
}

/// The octets of a note, before it is sealed.
///
/// # Errors
/// [`CryptoError::Bug`] only.
pub fn encode_note(note: &Note) -> Result<Vec<u8>, CryptoError> {
    note.encode()
}
