//! Making safe what peers wrote, and showing it as plain lines that a screen reader can follow.

use crate::language::Language;
use crate::look_alike::{Crowd, Imitated, listed};
use crate::wrap::INDENT;
use fluent_bundle::FluentValue;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use twiza_client::store::history::{Entry, Event, Item, ShownPerson};
use twiza_client::store::shown::{ShownAction, ShownGrant, ShownRules};
use twiza_crypto::name::is_invisible;
use twiza_crypto::words::SafetyWords;
use unicode_normalization::UnicodeNormalization;

/// Text of several lines, without anything that a terminal would obey or hide. Every line after the first is indented,
/// so that no line of a message can pass for the beginning of another.
pub(crate) fn block(text: &str) -> String {
    text.replace("\r\n", "\n").split('\n').map(line).collect::<Vec<_>>().join(&format!("\n{INDENT}"))
}

/// Text of one line, made safe.
pub(crate) fn line(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\t' | '\n' | '\r' => ' ',
            other if is_invisible(other) => '\u{fffd}',
            other => other,
        })
        .collect()
}

/// Somebody's name and organisation.
pub(crate) fn person(language: &Language, person: &ShownPerson) -> String {
    language.text("person", &[("name", line(&person.name).into()), ("organisation", line(&person.organisation).into())])
}

/// A minute in the machine's time zone.
pub(crate) fn minute(minutes: u64) -> String {
    let seconds = i64::try_from(minutes.saturating_mul(60)).unwrap_or(i64::MAX);
    match Timestamp::from_second(seconds) {
        Ok(time) => time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => "?".to_owned(),
    }
}

/// A day as a date.
pub(crate) fn day(days: u32) -> String {
    match Timestamp::from_second(i64::from(days) * 24 * 3600) {
        Ok(time) => time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d").to_string(),
        Err(_) => "?".to_owned(),
    }
}

/// Safety words in the user's language, with their numbers, which are the same in every language. The word lists keep
/// letters and accents apart (NFKD), which some terminals and screen readers mangle.
pub(crate) fn words(language: &Language, words: &SafetyWords) -> String {
    let composed: String = words.words(language.word_language()).join(" ").nfc().collect();
    format!("{composed} ({words})")
}

/// Something to read; where a name in it passes for another member's, that stands below.
pub(crate) fn entry(language: &Language, entry: &Entry, crowd: &Crowd) -> String {
    let mut shown = item(language, &entry.item);
    for Imitated { person: who, number, like } in crowd.imitated(&entry.item) {
        let own = number.map_or_else(|| "?".to_owned(), |number| number.to_string());
        let variables =
            [("person", person(language, &who).into()), ("number", own.into()), ("numbers", listed(&like).into())];
        shown.push_str(&format!("\n{INDENT}{}", language.text("entry-alike", &variables)));
    }
    shown
}

/// The same for a script.
pub(crate) fn entry_json(entry: &Entry, crowd: &Crowd) -> Value {
    let mut value = json!(entry);
    let like: BTreeSet<u32> = crowd.imitated(&entry.item).into_iter().flat_map(|imitated| imitated.like).collect();
    if let Value::Object(fields) = &mut value {
        fields.insert("looks_like".to_owned(), json!(like));
    }
    value
}

fn item(language: &Language, item: &Item) -> String {
    match item {
        Item::Text { from, sent, text, .. } => language.text(
            "entry-text",
            &[("time", minute(*sent).into()), ("person", person(language, from).into()), ("text", block(text).into())],
        ),
        Item::Event(what) => language.text("entry-event", &[("event", event(language, what).into())]),
    }
}

fn founding(language: &Language, id: &str, by: &ShownPerson, without: &[ShownPerson]) -> String {
    let names: Vec<String> = without.iter().map(|who| person(language, who)).collect();
    language.text(id, &[("person", person(language, by).into()), ("without", names.join(", ").into())])
}

fn event(language: &Language, event: &Event) -> String {
    let one = |id: &str, who: &ShownPerson| language.text(id, &[("person", person(language, who).into())]);
    let two = |id: &str, who: &ShownPerson, by: &ShownPerson| {
        language.text(id, &[("person", person(language, who).into()), ("by", person(language, by).into())])
    };
    match event {
        Event::Joined => language.text("event-joined", &[]),
        Event::Added { person, by } => two("event-added", person, by),
        Event::Removed { person, by } => two("event-removed", person, by),
        Event::Leaving { person } => one("event-leaving", person),
        Event::Left { person } => one("event-left", person),
        Event::Rotated { person } => one("event-rotated", person),
        Event::RoleChanged { person: who, role, by } => language.text(
            "event-role",
            &[
                ("person", person(language, who).into()),
                ("by", person(language, by).into()),
                ("role", self::role(language, role).into()),
            ],
        ),
        Event::Readmitted { person, by } => two("event-readmitted", person, by),
        Event::Lost { why } => language.text("event-lost", &[("why", why.code().into())]),
        Event::Rejoined { by } => one("event-rejoined", by),
        Event::NobodyAnswered => language.text("event-nobody-answered", &[]),
        Event::Rebooted { by, without } => founding(language, "event-rebooted", by, without),
        Event::CallRefused { by, without } => founding(language, "event-call-refused", by, without),
        Event::RulesChanged { rules, by } => {
            let rules = self::rules(language, rules).join(" ");
            language.text("event-rules", &[("by", person(language, by).into()), ("rules", rules.into())])
        }
        Event::Renamed { name, by } => {
            language.text("event-renamed", &[("by", person(language, by).into()), ("name", line(name).into())])
        }
        Event::GrantChanged { grant, by } => {
            let [kind, mark, issuer] = self::grant(grant);
            language.text("event-grant", &[("by", person(language, by).into()), kind, mark, issuer])
        }
        Event::MotionProposed { number, person, motion } => language.text(
            "event-motion",
            &[
                ("number", number.to_string().into()),
                ("person", self::person(language, person).into()),
                ("action", action(language, motion).into()),
            ],
        ),
        Event::MotionApproved { number, person } => on_motion(language, "event-motion-approved", *number, person),
        Event::MotionWithdrawn { number, person } => on_motion(language, "event-motion-withdrawn", *number, person),
        Event::MotionVoid { number } => language.text("event-motion-void", &[("number", number.to_string().into())]),
        Event::ApprovalWithdrawn { number, person } => on_motion(language, "event-approval-withdrawn", *number, person),
        Event::MotionEnacted { number, by } => on_motion(language, "event-motion-enacted", *number, by),
        Event::Claimed { person, by } => two("event-claimed", person, by),
        Event::ClaimRejected { person, by } => two("event-claim-rejected", person, by),
        Event::RefusedCommit { person: Some(person) } => one("event-refused", person),
        Event::RefusedCommit { person: None } => language.text("event-refused-unknown", &[]),
        Event::NotSent { text, reason } => language
            .text("event-not-sent", &[("text", block(text).into()), ("reason", self::reason(language, reason).into())]),
        Event::NotDone { change, reason } => language.text(
            "event-not-done",
            &[("change", change.as_str().into()), ("reason", self::reason(language, reason).into())],
        ),
        Event::RotationSuppressed => language.text("event-rotation-suppressed", &[]),
        Event::Unreadable => language.text("event-unreadable", &[]),
        Event::NotUnderstood { person } => one("event-not-understood", person),
        Event::HistoryDiffers { person } => one("event-history-differs", person),
        Event::Missed { person: by, frames } => {
            let arguments = [("person", self::person(language, by).into()), ("frames", (*frames).into())];
            language.text("event-missed", &arguments)
        }
        Event::RelayHealed { frames } => language.text("event-relay-healed", &[("frames", (*frames).into())]),
        Event::RivalRefused { person: Some(person) } => one("event-rival-refused", person),
        Event::RivalRefused { person: None } => language.text("event-rival-refused-unknown", &[]),
        Event::Apart { person } => one("event-apart", person),
        Event::CannotFollow { person, by: Some(by) } => two("event-cannot-follow", person, by),
        Event::CannotFollow { person, by: None } => one("event-cannot-follow-unknown", person),
    }
}

fn on_motion(language: &Language, id: &str, number: i64, who: &ShownPerson) -> String {
    language.text(id, &[("number", number.to_string().into()), ("person", person(language, who).into())])
}

/// What a motion changes, in words.
pub(crate) fn action(language: &Language, action: &ShownAction) -> String {
    let one = |id: &str, who: &ShownPerson| language.text(id, &[("person", person(language, who).into())]);
    match action {
        ShownAction::Add { people } => {
            let people = people.iter().map(|admission| {
                let role = role(language, &admission.role);
                let who = person(language, &admission.person);
                language.text("admission", &[("person", who.into()), ("role", role.into())])
            });
            language.text("action-add", &[("people", people.collect::<Vec<_>>().join(", ").into())])
        }
        ShownAction::Remove { people } => {
            let people: Vec<_> = people.iter().map(|who| person(language, who)).collect();
            language.text("action-remove", &[("people", people.join(", ").into())])
        }
        ShownAction::Role { person: who, role } => {
            let role = self::role(language, role);
            language.text("action-role", &[("person", person(language, who).into()), ("role", role.into())])
        }
        ShownAction::Rules { rules } => {
            language.text("action-rules", &[("rules", self::rules(language, rules).join(" ").into())])
        }
        ShownAction::Rename { name } => language.text("action-rename", &[("name", line(name).into())]),
        ShownAction::Grant { grant } => language.text("action-grant", &self::grant(grant)),
        ShownAction::Claim { person } => one("action-claim", person),
        ShownAction::Appoint { person } => one("action-appoint", person),
        ShownAction::Unknown => language.text("action-unknown", &[]),
    }
}

/// What is told of a grant, as variables of messages: its kind, its mark, and the issuer of its tokens.
pub(crate) fn grant(grant: &ShownGrant) -> [(&'static str, FluentValue<'static>); 3] {
    let (kind, mark, issuer) = match grant {
        ShownGrant::None => ("none", "", ""),
        ShownGrant::Secret { mark } => ("secret", mark.as_str(), ""),
        ShownGrant::Tokens { issuer, mark } => ("tokens", mark.as_str(), issuer.as_str()),
        ShownGrant::Damaged => ("damaged", "", ""),
    };
    [("kind", kind.into()), ("mark", line(mark).into()), ("issuer", line(issuer).into())]
}

/// An alliance's rules, a sentence each.
pub(crate) fn rules(language: &Language, rules: &ShownRules) -> Vec<String> {
    let quorums = [
        ("admit", rules.admit),
        ("remove", rules.remove),
        ("roles", rules.roles),
        ("rules", rules.rules),
        ("name", rules.name),
    ];
    let mut sentences =
        vec![language.text("rules-quorums", &quorums.map(|(kind, number)| (kind, number.to_string().into())))];
    if rules.own_delegates {
        sentences.push(language.text("rules-own-delegates", &[]));
    }
    for allotment in &rules.allotments {
        let organisation = line(&allotment.organisation);
        let seats = allotment.seats.to_string();
        sentences
            .push(language.text("rules-allotment", &[("organisation", organisation.into()), ("seats", seats.into())]));
    }
    sentences.push(match &rules.succession {
        None => language.text("rules-no-succession", &[]),
        Some(succession) => language.text(
            "rules-succession",
            &[
                ("silence", succession.silence_days.to_string().into()),
                ("waiting", succession.waiting_days.to_string().into()),
                ("organisations", succession.organisations.to_string().into()),
            ],
        ),
    });
    sentences
}

/// Why something was not possible, in words.
pub(crate) fn reason(language: &Language, code: &str) -> String {
    language.text(&format!("reason-{code}"), &[])
}

/// A role, in words.
pub(crate) fn role(language: &Language, role: &str) -> String {
    language.text(&format!("role-{role}"), &[])
}

#[cfg(test)]
mod tests {
    use super::{Language, SafetyWords, block, line, words};
    use twiza_crypto::identity::Identity;

    #[test]
    fn a_peers_text_cannot_steer_the_terminal() {
        assert_eq!(line("a\u{1b}[2Jb\u{202e}c\u{200b}d"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d");
        assert_eq!(line("\u{9b}31m"), "\u{fffd}31m");
    }

    #[test]
    fn a_line_of_a_message_cannot_pass_for_another_message() {
        assert_eq!(block("one\nAmina: two\r\nthree\rfour"), "one\n    Amina: two\n    three four");
    }

    #[test]
    fn safety_words_are_composed() {
        let french = Language::named("fr");
        let shown: String = (0..=u8::MAX)
            .map(|octet| words(&french, &SafetyWords::of_person(&Identity::from_bytes([octet; 32]))))
            .collect();
        assert!(shown.contains('é') && !shown.contains('\u{301}'));
    }

    #[test]
    fn arabic_and_tifinagh_stay_as_they_are() {
        for text in ["مرحبا بكم في تويزا", "ⴰⵣⵓⵍ ⴼⵍⵍⴰⵡⵏ", "می‌خواهم", "à bientôt"]
        {
            assert_eq!(line(text), text);
        }
    }
}
