//! Names that people give: of persons, organisations and alliances.
//!
//! Everybody who reads a group decides alike whether a name is one, or the group splits. So the data that decides is
//! frozen by a vector (`crypto/tests/names.rs`), whichever version of it is linked, and what is not assigned yet is
//! refused.

use crate::wire;
use icu_properties::props::{CanonicalCombiningClass, DefaultIgnorableCodePoint, GeneralCategory, JoiningType, Script};
use icu_properties::{CodePointMapData, CodePointSetData};
use thiserror::Error;
use unicode_normalization::{UnicodeNormalization, is_nfc};

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';

/// A name: 1 to 64 characters that can be seen, in their composed form (NFC), without those that end a name where it is
/// shown. Everything else is what impersonation is made of, so it is refused on the way in, from peers as well.
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
    /// A character that cannot be seen, that nobody knows yet, or that changes how others are seen.
    #[error("a name cannot contain invisible, unknown or direction-changing characters")]
    Invisible,
    /// A colon or a parenthesis, which part names from what follows them.
    #[error("a name cannot contain colons or parentheses")]
    Punctuation,
    /// The same letters can be written in a shorter way, which is another name to a machine only. See
    /// [`Name::composed`].
    #[error("a name's letters have to be composed (NFC)")]
    NotComposed,
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
        let characters: Vec<char> = text.chars().take(Self::CHARACTERS_MAX + 1).collect();
        if characters.len() > Self::CHARACTERS_MAX {
            return Err(NameError::TooLong);
        }
        if characters.iter().any(|character| !is_seen(*character)) || !joins_all(&characters) {
            return Err(NameError::Invisible);
        }
        if characters.iter().any(|character| ends_a_name(*character)) {
            return Err(NameError::Punctuation);
        }
        if !is_nfc(text) {
            return Err(NameError::NotComposed);
        }
        Ok(Self(text.to_owned()))
    }

    /// The same from somebody's keyboard, which may give letters and accents apart.
    ///
    /// # Errors
    /// As [`Name::new`].
    pub fn composed(text: &str) -> Result<Self, NameError> {
        Self::new(&text.nfc().collect::<String>())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a character of a text is a control, a direction mark, or takes no room. Joiners and variation selectors are
/// left: they shape letters and pictures of texts. Names have stricter rules.
#[must_use]
pub fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a name may have this character, as far as it can be told by itself: joiners depend on their neighbours.
fn is_seen(character: char) -> bool {
    use GeneralCategory as Category;
    match character {
        ' ' | ZERO_WIDTH_NON_JOINER | ZERO_WIDTH_JOINER => true,
        // The braille pattern without a dot.
        '\u{2800}' => false,
        _ if is_invisible(character) => false,
        _ if CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character) => false,
        _ => !matches!(
            CodePointMapData::<Category>::new().get(character),
            Category::Control
                | Category::Format
                | Category::Surrogate
                | Category::PrivateUse
                | Category::Unassigned
                | Category::LineSeparator
                | Category::ParagraphSeparator
                | Category::SpaceSeparator
        ),
    }
}

/// Whether every joiner and non-joiner changes how its neighbours look: the rules of internationalised domain names
/// (RFC 5892, A.1 and A.2), with the second side of A.2 held to a letter of the same script, and with joined Tifinagh.
fn joins_all(characters: &[char]) -> bool {
    characters.iter().enumerate().all(|(place, character)| {
        let (before, after) = characters.split_at(place);
        let after = after.get(1..).unwrap_or_default();
        match *character {
            ZERO_WIDTH_NON_JOINER => follows_virama(before, after) || parts_cursive(before, after),
            ZERO_WIDTH_JOINER => follows_virama(before, after) || is_between_tifinagh(before, after),
            _ => true,
        }
    })
}

fn follows_virama(before: &[char], after: &[char]) -> bool {
    let (Some(last), Some(next)) = (before.last(), after.first()) else { return false };
    let scripts = CodePointMapData::<Script>::new();
    CodePointMapData::<CanonicalCombiningClass>::new().get(*last) == CanonicalCombiningClass::Virama
        && CodePointMapData::<GeneralCategory>::new().get(*next) == GeneralCategory::OtherLetter
        && scripts.get(*last) == scripts.get(*next)
}

fn parts_cursive(before: &[char], after: &[char]) -> bool {
    let joining = |character: &char| CodePointMapData::<JoiningType>::new().get(*character);
    let solid = |kind: &JoiningType| *kind != JoiningType::Transparent;
    let left = before.iter().rev().map(joining).find(solid);
    let right = after.iter().map(joining).find(solid);
    matches!(left, Some(JoiningType::LeftJoining | JoiningType::DualJoining))
        && matches!(right, Some(JoiningType::RightJoining | JoiningType::DualJoining))
}

fn is_between_tifinagh(before: &[char], after: &[char]) -> bool {
    let is_letter = |character: &char| {
        CodePointMapData::<Script>::new().get(*character) == Script::Tifinagh
            && CodePointMapData::<GeneralCategory>::new().get(*character) == GeneralCategory::OtherLetter
    };
    before.last().is_some_and(is_letter) && after.first().is_some_and(is_letter)
}

/// Whether a character is, is made of, or passes for a colon or a parenthesis: where a name is shown, they end it.
fn ends_a_name(character: char) -> bool {
    std::iter::once(character).nfkd().any(|part| {
        matches!(
            part,
            ':' | '(' | ')' | '\u{2236}' | '\u{a789}' | '\u{02f8}' | '\u{0589}' | '\u{05c3}' | '\u{2768}'
                ..='\u{276b}' | '\u{fd3e}' | '\u{fd3f}'
        )
    })
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

wire::checked_text!(Name, "not a name");
