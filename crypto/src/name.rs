//! Names that people give: of persons, organisations and alliances.

use std::io::{Read, Write};
use thiserror::Error;
use tls_codec::VLBytes;

/// A name: 1 to 64 characters without control characters, invisible characters or marks that change the direction of
/// text. Such characters are what impersonation is made of, so they are refused on the way in, from peers as well.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// A text that is no name. The user's fault, or a peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing but space.
    #[error("a name cannot be empty")]
    Empty,
    /// Longer than [`Name::CHARACTERS_MAX`].
    #[error("a name cannot be longer than 64 characters")]
    TooLong,
    /// A character that cannot be seen or that changes how others are seen.
    #[error("a name cannot contain invisible or direction-changing characters")]
    Invisible,
}

impl Name {
    /// Characters (Unicode scalar values) in a name.
    pub const CHARACTERS_MAX: usize = 64;

    /// Checks and takes a name; space around it is dropped.
    ///
    /// # Errors
    /// [`NameError`] says which rule it breaks.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.chars().count() > Self::CHARACTERS_MAX {
            return Err(NameError::TooLong);
        }
        if text.chars().any(is_invisible) {
            return Err(NameError::Invisible);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a character is a control, a direction mark, or takes no room. Zero-width joiner and non-joiner are
/// left: Arabic and Tamazight orthographies use them inside words.
#[must_use]
pub fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Name({:?})", self.0)
    }
}

impl tls_codec::Size for Name {
    fn tls_serialized_len(&self) -> usize {
        VLBytes::from(self.0.as_bytes()).tls_serialized_len()
    }
}

impl tls_codec::Serialize for Name {
    fn tls_serialize<W: Write>(&self, writer: &mut W) -> Result<usize, tls_codec::Error> {
        VLBytes::from(self.0.as_bytes()).tls_serialize(writer)
    }
}

impl tls_codec::Deserialize for Name {
    fn tls_deserialize<R: Read>(bytes: &mut R) -> Result<Self, tls_codec::Error> {
        let octets = VLBytes::tls_deserialize(bytes)?;
        let text = std::str::from_utf8(octets.as_ref()).map_err(|_| invalid())?;
        let name = Self::new(text).map_err(|_| invalid())?;
        if name.0.len() == text.len() { Ok(name) } else { Err(invalid()) }
    }
}

fn invalid() -> tls_codec::Error {
    tls_codec::Error::DecodingError("not a name".to_owned())
}
