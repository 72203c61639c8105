//! Which texts are names: those that people have, and none that passes for another.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use twiza_crypto::name::{Name, NameError};

/// SHA-256 of what is said of every character. Do not modify: see the test.
const FROZEN: &str = "b162393807bb351fedb50afc316cbe4bfc81621f91bfbecedb242cdc7bf4d472";

#[test]
fn names_that_people_have_are_taken() {
    let names = [
        "Amina",
        "Zoë d’Arc-Müller",
        "Nguyễn Thị Minh Khai",
        "أمينة بنت محمّد",
        "می\u{200c}خواهم",
        "مُ\u{200c}د",
        "ⴰⵎⵉⵏⴰ",
        "ⵏ\u{200d}ⴾ",
        "क्\u{200d}ष",
        "क्\u{200c}ष",
        "ශ්\u{200d}රී ලංකා",
        "राम\u{0903}",
        "王小明",
        "김철수",
        "Ελένη",
        "Ольга",
        "O'Brien, 3rd & Sons / No. 7",
    ];
    for text in names {
        assert_eq!(Name::new(text).map(|name| name.to_string()), Ok(text.to_owned()), "{text}");
    }
}

#[test]
fn what_cannot_be_seen_spoils_a_name() {
    let unseen = [
        '\u{fe00}',
        '\u{fe0f}',
        '\u{e0100}',
        '\u{e01ef}',
        '\u{2800}',
        '\u{115f}',
        '\u{1160}',
        '\u{3164}',
        '\u{ffa0}',
        '\u{034f}',
        '\u{e0041}',
        '\u{e007f}',
        '\u{200b}',
        '\u{200c}',
        '\u{200d}',
        '\u{202e}',
        '\u{2066}',
        '\u{00a0}',
        '\u{3000}',
        '\u{2003}',
        '\u{180e}',
        '\u{1d173}',
        '\u{e000}',
        '\u{10ffff}',
        '\u{0378}',
        '\u{2065}',
        '\u{061c}',
    ];
    for character in unseen {
        for text in [format!("Am{character}ina"), format!("أم{character} ينة"), format!("a{character}ⴰⴰ")] {
            assert_eq!(Name::new(&text), Err(NameError::Invisible), "{:04x}", u32::from(character));
        }
    }
    // A joiner where it joins nothing: after a letter that never joins, between scripts, at an end.
    for text in
        ["دا\u{200c}را", "م\u{200c}a", "م\u{200d}م", "क\u{200d}ष", "क्\u{200d}a", "م\u{200c}", "ⵏ\u{200d}", "ⵏ\u{200d}a"]
    {
        assert_eq!(Name::new(text), Err(NameError::Invisible), "{text:?}");
    }
}

#[test]
fn a_name_cannot_pass_for_the_end_of_its_lines_heading() {
    for character in ":()：﹕（）﹙⁽₍∶꞉⑴".chars() {
        assert_eq!(Name::new(&format!("Amina{character} x")), Err(NameError::Punctuation), "{character}");
    }
}

#[test]
fn letters_are_composed() {
    assert_eq!(Name::new("Zoe\u{308}"), Err(NameError::NotComposed));
    assert_eq!(Name::composed("Zoe\u{308}"), Name::new("Zoë"));
    assert_eq!(Name::composed("أ"), Name::composed("\u{0627}\u{0654}"));
}

/// Do not modify. Whoever changes which characters a name may have splits groups: one member's client takes a newcomer
/// that another's refuses. An update of the Unicode data needs another way in, such as a new version of the credential.
#[test]
fn the_characters_of_names_are_frozen() {
    let mut digest = Sha256::new();
    for character in '\0'..=char::MAX {
        // Between letters, so that space is not dropped and a mark has something to stand on.
        let verdict = match Name::new(&format!("x{character}x")) {
            Ok(_) => 0,
            Err(NameError::Invisible) => 1,
            Err(NameError::Punctuation) => 2,
            Err(NameError::NotComposed) => 3,
            Err(NameError::Empty | NameError::TooLong) => 4,
        };
        digest.update([verdict]);
    }
    assert_eq!(HEXLOWER.encode(&digest.finalize()), FROZEN);
}
