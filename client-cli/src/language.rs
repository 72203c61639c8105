//! Languages: message catalogues (Fluent), chosen by `--lang`, then by environment, then by locale.
//!
//! A language is a folder in `locales/` and a line in [`CATALOGUES`]; what it does not say yet is said in English.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use std::ffi::OsString;
use twiza_crypto::words::WordLanguage;
use unic_langid::LanguageIdentifier;

const ENGLISH: &str = include_str!("../locales/en/twiza.ftl");

/// Languages that there are catalogues for: code, catalogue, direction. Arabic (`ar`, right to left) and Tamazight
/// (`zgh`) take their places here.
const CATALOGUES: [(&str, &str); 2] = [("en", ENGLISH), ("fr", include_str!("../locales/fr/twiza.ftl"))];

/// Variable that names the language, where `--lang` does not.
const VARIABLE: &str = "TWIZA_LANG";

/// Variable that turns on the marks which keep names of the other direction apart. Terminals that know nothing of
/// direction show them as boxes, so they are off by default.
const ISOLATE_VARIABLE: &str = "TWIZA_ISOLATE";

/// A chosen language.
pub(crate) struct Language {
    code: &'static str,
    chosen: FluentBundle<FluentResource>,
    english: FluentBundle<FluentResource>,
}

impl Language {
    /// The language for these arguments, this environment and this machine.
    pub(crate) fn choose(arguments: &[OsString]) -> Self {
        let environment = || std::env::var(VARIABLE).ok();
        let wanted = from_arguments(arguments).or_else(environment).or_else(sys_locale::get_locale);
        Self::named(&wanted.unwrap_or_default())
    }

    /// The catalogue for a language tag; English where there is none.
    pub(crate) fn named(tag: &str) -> Self {
        let language = tag.split(['-', '_', '.']).next().unwrap_or_default().to_lowercase();
        let found = CATALOGUES.into_iter().find(|(code, _)| *code == language);
        let (code, catalogue) = found.unwrap_or(("en", ENGLISH));
        Self { code, chosen: bundle(code, catalogue), english: bundle("en", ENGLISH) }
    }

    /// The languages that there are catalogues for.
    pub(crate) fn codes() -> impl Iterator<Item = &'static str> {
        CATALOGUES.into_iter().map(|(code, _)| code)
    }

    /// A message with its variables filled in.
    pub(crate) fn text(&self, id: &str, variables: &[(&str, FluentValue<'_>)]) -> String {
        self.find(id, variables).unwrap_or_else(|| id.to_owned())
    }

    /// A message, where there is one.
    pub(crate) fn find(&self, id: &str, variables: &[(&str, FluentValue<'_>)]) -> Option<String> {
        let mut arguments = FluentArgs::new();
        for (name, value) in variables {
            arguments.set(*name, value.clone());
        }
        [&self.chosen, &self.english].into_iter().find_map(|bundle| {
            let pattern = bundle.get_message(id)?.value()?;
            Some(bundle.format_pattern(pattern, Some(&arguments), &mut Vec::new()).into_owned())
        })
    }

    /// Whose safety words to show.
    pub(crate) fn word_language(&self) -> WordLanguage {
        if self.code == "fr" { WordLanguage::French } else { WordLanguage::English }
    }
}

fn from_arguments(arguments: &[OsString]) -> Option<String> {
    let mut arguments = arguments.iter().map(|argument| argument.to_string_lossy());
    while let Some(argument) = arguments.next() {
        if let Some(value) = argument.strip_prefix("--lang=") {
            return Some(value.to_owned());
        }
        if argument == "--lang" {
            return arguments.next().map(Into::into);
        }
        if argument == "--" {
            return None;
        }
    }
    None
}

fn bundle(code: &str, catalogue: &str) -> FluentBundle<FluentResource> {
    let identifier: LanguageIdentifier = code.parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![identifier]);
    bundle.set_use_isolating(std::env::var_os(ISOLATE_VARIABLE).is_some());
    let resource = FluentResource::try_new(catalogue.to_owned()).unwrap_or_else(|(resource, _)| resource);
    // Two messages with one name: a test says so; here the first one stands.
    let _ = bundle.add_resource(resource);
    bundle
}

#[cfg(test)]
mod tests {
    use super::{CATALOGUES, ENGLISH, Language};
    use std::collections::{BTreeMap, BTreeSet};

    /// Every message of a catalogue with the variables that it uses.
    fn messages(catalogue: &str) -> BTreeMap<String, BTreeSet<String>> {
        let mut messages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut current = String::new();
        for line in catalogue.lines().filter(|line| !line.starts_with('#')) {
            if let Some((id, _)) = line.split_once(" =").filter(|_| !line.starts_with([' ', '[', '*', '}'])) {
                current = id.to_owned();
                assert!(messages.insert(current.clone(), BTreeSet::new()).is_none(), "{id} stands twice");
            }
            for variable in line.split("{ $").skip(1) {
                let name = variable.split([' ', '}', ',']).next().unwrap_or_default();
                messages.entry(current.clone()).or_default().insert(name.to_owned());
            }
        }
        messages
    }

    #[test]
    fn every_catalogue_parses() {
        for (code, catalogue) in CATALOGUES {
            let parsed = fluent_bundle::FluentResource::try_new(catalogue.to_owned());
            assert!(parsed.is_ok(), "{code}: {:?}", parsed.err().map(|(_, errors)| errors));
        }
    }

    #[test]
    fn every_catalogue_says_everything_with_the_same_variables() {
        let english = messages(ENGLISH);
        for (code, catalogue) in CATALOGUES {
            let other = messages(catalogue);
            let ids = |map: &BTreeMap<String, _>| map.keys().cloned().collect::<BTreeSet<_>>();
            assert_eq!(ids(&english), ids(&other), "{code}");
            assert_eq!(english, other, "{code}: variables");
        }
    }

    #[test]
    fn tags_of_locales_are_understood() {
        for (tag, code) in [("fr_MA.UTF-8", "fr"), ("fr", "fr"), ("C", "en"), ("POSIX", "en"), ("", "en"), ("zz", "en")]
        {
            assert_eq!(Language::named(tag).code, code, "{tag}");
        }
    }
}
