//! Causes, which systems and libraries tell in English, in the user's language. One that is not known here is shown as it
//! is, and said to be a technical detail.

use crate::failure::Failure;
use crate::language::Language;
use crate::render;
use std::io::{Error, ErrorKind};
use twiza_client::ClientError;
use twiza_client::relay::RelayError;

/// What the store says, and what to say.
const OF_STORE: [(&str, &str); 7] = [
    ("(code: 14)", "cause-store-closed"),
    ("unable to open database file", "cause-store-closed"),
    ("the vault file is damaged", "cause-vault-damaged"),
    ("SQLCipher", "cause-no-cipher"),
    ("database is locked", "cause-locked"),
    ("disk is full", "cause-disk-full"),
    ("file is not a database", "cause-store-damaged"),
];

/// What the way to a proxy says.
const OF_PROXY: &str = "SOCKS error";

/// What the way to a relay says, and what to say.
const OF_NETWORK: [(&str, &str); 10] = [
    (OF_PROXY, "cause-proxy"),
    ("invalid peer certificate", "cause-certificate"),
    ("lookup address", "cause-no-such-host"),
    ("timed out", "cause-timeout"),
    ("ended too early", "cause-cut"),
    ("connection closed", "cause-cut"),
    ("closed connection", "cause-cut"),
    ("end of file", "cause-cut"),
    ("handshake eof", "cause-cut"),
    ("unexpected EOF", "cause-cut"),
];

/// How a relay contradicts itself, and what to say.
const CONTRADICTIONS: [(&str, &str); 8] = [
    ("frames are missing or out of order", "contradiction-gap"),
    ("it does not show what it gave a receipt for", "contradiction-receipt"),
    ("frames follow the end of a mailbox", "contradiction-after-end"),
    ("it has lost frames that it had shown before", "contradiction-lost"),
    ("it shows other frames than it signs", "contradiction-signed"),
    ("an empty page that is not the last", "contradiction-empty"),
    ("it signs another history than it had shown before", "contradiction-history"),
    ("it signs another history than it shows", "contradiction-history"),
];

/// Why the engine could not do something, for the inside of a sentence.
pub(crate) fn of(error: &ClientError, language: &Language) -> String {
    match error {
        ClientError::Relay(RelayError::Unreachable { host, cause }) => {
            let (host, cause) = (render::line(host), network(cause, language));
            language.text("cause-no-connection", &[("host", host.into()), ("cause", cause.into())])
        }
        other => Failure::words_of(other, language),
    }
}

/// Why there is no way to a relay.
pub(crate) fn network(cause: &str, language: &Language) -> String {
    let number = cause.split_once("(os error ").and_then(|(_, rest)| rest.split(')').next()?.parse().ok());
    // What the system says of the proxy is nothing that it says of the relay.
    let known =
        number.filter(|_| !cause.contains(OF_PROXY)).and_then(|number| kind(Error::from_raw_os_error(number).kind()));
    match known {
        Some(id) => language.text(id, &[]),
        None => found(&OF_NETWORK, cause, language),
    }
}

/// Why a file or a stream cannot be used.
pub(crate) fn io(error: &Error, language: &Language) -> String {
    match kind(error.kind()) {
        Some(id) => language.text(id, &[]),
        None => detail(&error.to_string(), language),
    }
}

/// Why the store cannot be used.
pub(crate) fn store(cause: &str, language: &Language) -> String {
    found(&OF_STORE, cause, language)
}

/// In what a relay contradicts itself.
pub(crate) fn contradiction(what: &str, language: &Language) -> String {
    found(&CONTRADICTIONS, what, language)
}

/// Something that there are no words for.
pub(crate) fn detail(cause: &str, language: &Language) -> String {
    language.text("cause-detail", &[("detail", render::line(cause).into())])
}

fn found(known: &[(&str, &str)], cause: &str, language: &Language) -> String {
    match known.iter().find(|(part, _)| cause.contains(part)) {
        Some((_, id)) => language.text(id, &[]),
        None => detail(cause, language),
    }
}

fn kind(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::ConnectionRefused => "cause-refused",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => "cause-no-way",
        ErrorKind::TimedOut => "cause-timeout",
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => "cause-cut",
        ErrorKind::NotFound => "cause-not-there",
        ErrorKind::PermissionDenied => "cause-not-permitted",
        ErrorKind::AlreadyExists => "cause-there-already",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "cause-disk-full",
        ErrorKind::ReadOnlyFilesystem => "cause-read-only",
        ErrorKind::InvalidData => "cause-no-text",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{CONTRADICTIONS, Language, OF_NETWORK, OF_STORE, io, network, of};
    use std::io::{Error, ErrorKind};
    use twiza_client::ClientError;
    use twiza_client::relay::RelayError;

    #[test]
    fn what_is_known_is_said_in_the_users_language_and_the_rest_is_marked() {
        let french = Language::named("fr");
        for (english, _) in OF_NETWORK {
            assert!(!network(english, &french).contains(english), "{english}");
        }
        for (english, _) in OF_STORE {
            assert!(!of(&ClientError::Store(english.to_owned()), &french).contains(english), "{english}");
        }
        for (english, _) in CONTRADICTIONS {
            assert!(!of(&ClientError::RelayContradiction(english), &french).contains(english), "{english}");
        }
        assert_eq!(network("Connection refused (os error 111)", &french), "rien n'y répond");
        assert_eq!(io(&Error::from(ErrorKind::PermissionDenied), &french), "ce n'est pas permis à ce compte");
        let host = "h:1".to_owned();
        let unforeseen = RelayError::Unreachable { host, cause: "the moon\u{1b}[2J".to_owned() };
        let told = of(&ClientError::Relay(unforeseen), &french);
        assert!(told.contains("détail technique, en anglais : the moon\u{fffd}[2J"), "{told}");
    }

    #[test]
    fn every_cause_has_words() {
        for code in ["en", "fr"] {
            let language = Language::named(code);
            for (_, id) in OF_STORE.iter().chain(&OF_NETWORK).chain(&CONTRADICTIONS) {
                assert!(language.find(id, &[]).is_some(), "{code}: {id}");
            }
        }
    }
}
