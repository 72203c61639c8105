//! Twiza's terminal client: commands, rendering, languages. All it knows of alliances it has from the engine.
//!
//! Data goes to standard output, talk to standard error. Everything a person reads comes from the message catalogues
//! in `locales/`; nothing that a peer wrote reaches the terminal before [`render`] made it safe.

mod arguments;
mod cause;
mod commands;
mod confirm;
mod context;
mod exit;
mod failure;
mod language;
mod look_alike;
mod misuse;
mod output;
mod proxy;
mod render;
mod tally;
mod typed;
mod wrap;

pub use exit::exit;

use crate::arguments::Arguments;
use crate::context::Context;
use crate::failure::Failure;
use crate::language::Language;
use crate::output::Output;
use clap::FromArgMatches;
use clap::error::ErrorKind;
use std::ffi::OsString;

/// Runs the program with these arguments, the first of them its name. Gives the status to end with, by [`exit`].
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let language = Language::choose(&arguments);
    let command = arguments::command(&language);
    let parsed = command.clone().try_get_matches_from(&arguments).and_then(|m| Arguments::from_arg_matches(&m));
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return misused(&language, &error, wants_json(&arguments)),
    };
    let output = Output::new(parsed.global.json);
    match start(parsed, &language, &output) {
        Ok(()) => 0,
        Err(failure) => failure.report(&language, &output),
    }
}

fn start(arguments: Arguments, language: &Language, output: &Output) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let context = Context::new(arguments.global, language, output)?;
    runtime.block_on(commands::run(arguments.command, &context))
}

/// Whether a script asks, as far as can be told of arguments that make no sense.
fn wants_json(arguments: &[OsString]) -> bool {
    arguments.iter().take_while(|argument| *argument != "--").any(|argument| argument == "--json")
}

/// What the user typed is no command: says which part, in the user's language, and how to get help.
fn misused(language: &Language, error: &clap::Error, json: bool) -> u8 {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return Output::new(false).text(&error.render().to_string());
    }
    let (message, told) = misuse::words(language, error);
    if json {
        failure::tell_script(message, &told);
    } else {
        Output::talk(&told);
        Output::talk(&language.text("usage-help", &[]));
    }
    failure::EXIT_USAGE
}
