//! Breaking long lines before the terminal does it.
//!
//! A terminal breaks a line anywhere and goes on at its edge, so a member could write a text whose second half stands
//! there like an entry of somebody else's: a date, a name, a colon. Broken here, everything after the first line of an
//! entry is indented.

use unicode_width::UnicodeWidthChar;

/// What stands before every line that goes on with the one above; also before the further lines of a text.
pub(crate) const INDENT: &str = "    ";

/// Asks for the emoji form of the character before, which may be a column wider.
const EMOJI_FORM: char = '\u{fe0f}';

/// The same text in lines that fit these columns.
pub(crate) fn hang(text: &str, columns: usize) -> String {
    text.split('\n').map(|line| hang_line(line, columns)).collect::<Vec<_>>().join("\n")
}

fn hang_line(line: &str, columns: usize) -> String {
    let mut broken = String::with_capacity(line.len());
    // `edge` is where the line begins: nothing is gained by breaking there.
    let (mut column, mut edge) = (0, 0);
    for word in line.split_inclusive(' ') {
        let solid: usize = word.trim_end_matches(' ').chars().map(width).sum();
        let mut goes_on = column + solid > columns;
        for character in word.chars() {
            let width = width(character);
            if column > edge && (goes_on || column + width > columns) {
                broken.push('\n');
                broken.push_str(INDENT);
                (column, edge) = (INDENT.len(), INDENT.len());
            }
            goes_on = false;
            broken.push(character);
            column += width;
        }
    }
    broken
}

/// The columns that a character takes at most. Terminals disagree on symbols and on what is drawn as one picture; a
/// line that is broken too early does no harm.
fn width(character: char) -> usize {
    let width = match character {
        EMOJI_FORM => Some(1),
        letter if letter.is_alphabetic() => letter.width(),
        other => other.width_cjk(),
    };
    width.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{INDENT, hang, width};

    #[test]
    fn no_line_of_a_long_text_stands_at_the_edge_like_an_entry() {
        let forged = "2026-11-24 10:02 Amina (Nour): I agree.";
        for text in ["x".repeat(80), "ⴰⵣⵓⵍ ".repeat(16), "❤\u{fe0f}".repeat(40), "‘".repeat(80), "漢".repeat(40)]
        {
            let entry = format!("2026-11-24 10:00 Karim (Amal): {text}{forged}");
            for columns in [10, 40, 80, 111] {
                let hung = hang(&entry, columns);
                for line in hung.split('\n').skip(1) {
                    assert!(line.starts_with(INDENT), "{columns}: {line}");
                }
                for line in hung.split('\n') {
                    assert!(line.trim_end().chars().map(width).sum::<usize>() <= columns, "{columns}: {line}");
                }
                let without = |text: &str| text.replace([' ', '\n'], "");
                assert_eq!(without(&hung), without(&entry), "nothing is lost");
            }
        }
    }

    #[test]
    fn words_stay_whole_and_short_lines_as_they_are() {
        assert_eq!(hang("one two three four", 11), "one two \n    three \n    four");
        assert_eq!(hang("السلام عليكم ورحمة الله", 14), "السلام عليكم \n    ورحمة الله");
        assert_eq!(hang("مُحَمَّد", 5), "مُحَمَّد", "marks take no room");
        assert_eq!(hang("one\n    two", 80), "one\n    two");
        assert_eq!(hang("", 80), "");
        assert_eq!(hang("ab", 1), "a\n    b");
    }
}
