//! Asking before something that cannot be taken back.

use crate::context::Context;
use crate::failure::Failure;
use crate::language::Language;
use std::io::{BufRead, IsTerminal, Write};
use unicode_normalization::UnicodeNormalization;

/// Asks a person at a terminal, unless `yes` was said before. A script is not asked: it has to say so.
pub(crate) fn confirm(context: &Context<'_>, question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let mut input = std::io::stdin().lock();
    if !input.is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Failure::NotConfirmed);
    }
    let mut talk = std::io::stderr().lock();
    write!(talk, "{question} {} ", context.text("confirm-how", &[]))?;
    talk.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    if is_yes(context.language, &answer) { Ok(()) } else { Err(Failure::SaidNo) }
}

/// Whether that is a yes, in the user's language or in English. Anything else is a no.
fn is_yes(language: &Language, answer: &str) -> bool {
    let answer: String = answer.trim().nfc().collect::<String>().to_lowercase();
    [language, &Language::named("en")]
        .into_iter()
        .any(|language| language.text("confirm-yes", &[]).split_whitespace().any(|word| word == answer))
}

#[cfg(test)]
mod tests {
    use super::{Language, is_yes};

    #[test]
    fn a_yes_is_understood_in_the_users_language_and_in_english_and_all_else_is_a_no() {
        let cases = [
            ("en", "yes\n", true),
            ("en", " Y ", true),
            ("en", "oui", false),
            ("fr", "oui\n", true),
            ("fr", "Oui", true),
            ("fr", "o", true),
            ("fr", "yes", true),
            ("fr", "non", false),
            ("fr", "", false),
            ("en", "", false),
            ("en", "yesterday", false),
        ];
        for (code, answer, yes) in cases {
            assert_eq!(is_yes(&Language::named(code), answer), yes, "{code}: {answer:?}");
        }
    }
}
