//! What was typed and is no command, in the user's language: clap tells of it in English only.

use crate::language::Language;
use crate::render;
use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::error::Error as _;

/// The code of such an error, and what to say.
pub(crate) fn words(language: &Language, error: &Error) -> (&'static str, String) {
    let parts = [ContextKind::InvalidSubcommand, ContextKind::InvalidArg, ContextKind::InvalidValue];
    let part = parts.into_iter().find_map(|kind| of(error, kind)).unwrap_or_default();
    let suggested = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg];
    let suggested = suggested.into_iter().find_map(|kind| of(error, kind)).filter(|text| !text.is_empty());
    let mut variables = Vec::new();
    let message = match error.kind() {
        ErrorKind::InvalidSubcommand if suggested.is_some() => "usage-command-like",
        ErrorKind::InvalidSubcommand => "usage-command",
        ErrorKind::UnknownArgument if part.starts_with('-') && suggested.is_some() => "usage-argument-like",
        ErrorKind::UnknownArgument if part.starts_with('-') => "usage-argument",
        ErrorKind::UnknownArgument => "usage-word",
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => value(error, &mut variables),
        ErrorKind::MissingRequiredArgument | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            "usage-missing"
        }
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "usage-no-command",
        ErrorKind::ArgumentConflict => "usage-conflict",
        _ => "usage-other",
    };
    variables.push(("part", part));
    variables.push(("suggested", suggested.unwrap_or_default()));
    let variables: Vec<_> = variables.into_iter().map(|(name, text)| (name, render::line(&text).into())).collect();
    (message, language.text(message, &variables))
}

/// What is wrong with a value, and what would be right.
fn value(error: &Error, variables: &mut Vec<(&'static str, String)>) -> &'static str {
    let value = of(error, ContextKind::InvalidValue).unwrap_or_default();
    if value.is_empty() {
        return "usage-value-empty";
    }
    variables.push(("value", value));
    if let Some(allowed) = of(error, ContextKind::ValidValue).filter(|allowed| !allowed.is_empty()) {
        variables.push(("allowed", allowed));
        return "usage-value-of";
    }
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    if let Some((from, to)) = range(&cause) {
        variables.extend([("from", from), ("to", to)]);
        return "usage-value-range";
    }
    if error.source().is_some_and(|cause| cause.is::<std::num::ParseIntError>()) {
        return "usage-value-number";
    }
    "usage-value"
}

/// The bounds of a number, of which clap tells in no other way: "40 is not in 1..=28".
fn range(cause: &str) -> Option<(String, String)> {
    let (from, to) = cause.split_once(" is not in ")?.1.split_once("..=")?;
    let is_number = |text: &str| text.parse::<i64>().is_ok();
    (is_number(from) && is_number(to)).then(|| (from.to_owned(), to.to_owned()))
}

fn of(error: &Error, kind: ContextKind) -> Option<String> {
    error.get(kind).map(|value| match value {
        ContextValue::String(text) => text.clone(),
        ContextValue::Strings(texts) => texts.join(", "),
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::{Language, words};
    use crate::arguments::command;

    fn told(tag: &str, typed: &str) -> (&'static str, String) {
        let language = Language::named(tag);
        let error = command(&language).try_get_matches_from(typed.split(' ')).unwrap_err();
        words(&language, &error)
    }

    #[test]
    fn whoever_mistypes_is_told_what_would_be_right() {
        let cases = [
            ("twiza invite --days 40", "usage-value-range", "from 1 to 28"),
            ("twiza invite --days seven", "usage-value-number", "--days"),
            ("twiza approve Karim", "usage-value-number", "NUMBER"),
            ("twiza --lang de whoami", "usage-value-of", "en, fr"),
            ("twiza invite --days", "usage-value-empty", "--days"),
            ("twiza reed", "usage-command-like", "read"),
            ("twiza xyzzy", "usage-command", "xyzzy"),
            ("twiza read --alliances", "usage-argument-like", "--alliance"),
            ("twiza read --xyzzy", "usage-argument", "--xyzzy"),
        ];
        for (typed, code, text) in cases {
            let (found, words) = told("en", typed);
            assert!(found == code && words.contains(text), "{typed}: {found}: {words}");
            assert_ne!(told("fr", typed).1, words, "{typed}");
        }
        // A passphrase in the wrong place.
        assert!(!told("en", "twiza --passphrase-fd geheim whoami").1.contains("geheim"));
    }
}
