//! What a command says when it cannot do what was asked: what happened, and what to do.

use crate::language::Language;
use crate::output::{JSON_VERSION, Output};
use crate::{cause, render};
use fluent_bundle::FluentValue;
use serde_json::json;
use twiza_client::ClientError;
use twiza_client::engine::AllianceNumber;
use twiza_client::relay::RelayError;
use twiza_client::relay::proxy::ProxyError;
use twiza_crypto::grant::GrantError;
use twiza_crypto::invitation::InvitationError;
use twiza_crypto::name::NameError;
use twiza_protocol::RelayAddressError;

/// Something unforeseen.
const EXIT_OTHER: u8 = 1;
/// The command line makes no sense.
pub(crate) const EXIT_USAGE: u8 = 2;
/// What was named is not there.
const EXIT_NOT_FOUND: u8 = 3;
/// The alliance's rules, or its state, do not allow it.
const EXIT_REFUSED: u8 = 4;
/// The relay cannot be reached, or does not take it now; what was to be sent waits.
const EXIT_RELAY: u8 = 5;
/// Wrong passphrase, or none.
const EXIT_PASSPHRASE: u8 = 6;
/// The relay, or somebody in its place, is not to be trusted.
const EXIT_DISTRUST: u8 = 7;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The engine's reasons.
    Client(ClientError),
    /// A relay address that is none.
    RelayAddress(RelayAddressError),
    /// A proxy that cannot be used.
    Proxy(ProxyError),
    /// A proxy for other programs is set, and whether it is meant for this one is not.
    ProxyOfEnvironment(&'static str),
    /// No invitation was given, and nobody can be asked.
    NoInvitation,
    /// No passphrase was given, and nobody can be asked.
    NoPassphrase,
    /// There is no passphrase for a recovery kit, and nobody to ask for it.
    NoKitPassphrase,
    /// The two passphrases that were typed differ.
    PassphrasesDiffer,
    /// The passphrase is too short to protect anything.
    PassphraseTooShort,
    /// There is no alliance yet.
    NoAlliance,
    /// There are several, and none was named.
    WhichAlliance,
    /// Reading or writing failed.
    Io(std::io::Error),
    /// This machine says nothing of where to keep data.
    NoHome,
    /// A grant that is none.
    Grant(GrantError),
    /// A grant for tokens that is not whole.
    GrantDamaged,
    /// No alliance has this name; one that somebody waits to be let into may.
    UnknownYet(String),
    /// The only member of an alliance wants to leave it: its number.
    Alone(AllianceNumber),
    /// There is no such role.
    UnknownRole(String),
    /// Nobody said yes, and nobody can be asked.
    NotConfirmed,
    /// Nothing can be read from the descriptor that was named for it.
    PassphraseFd(u32, std::io::Error),
    /// Somebody was asked, and has not said yes.
    SaidNo,
    /// Of several alliances, some failed: their number, how many there were, and the exit code of the first.
    Partly { failed: usize, all: usize, exit: u8 },
    /// A change of one's own that waits in the outbox, because the relay cannot be reached.
    Waiting { messages: usize, changes: usize, cause: ClientError },
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl From<RelayAddressError> for Failure {
    fn from(error: RelayAddressError) -> Self {
        Self::RelayAddress(error)
    }
}

impl From<ProxyError> for Failure {
    fn from(error: ProxyError) -> Self {
        Self::Proxy(error)
    }
}

impl From<NameError> for Failure {
    fn from(error: NameError) -> Self {
        Self::Client(error.into())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// Tells a script of an error.
pub(crate) fn tell_script(code: &str, message: &str) {
    let error = json!({ "version": JSON_VERSION, "error": { "code": code, "message": message } });
    Output::talk(&error.to_string());
}

/// A message of the catalogue, its variables, and the exit code that goes with it.
type Told<'a> = (&'static str, Vec<(&'static str, FluentValue<'a>)>, u8);

impl Failure {
    /// Tells the person, or the script, and gives the exit code.
    pub(crate) fn report(&self, language: &Language, output: &Output) -> u8 {
        let (id, message, code) = self.words(language);
        if output.is_json() {
            tell_script(id, &message);
        } else {
            Output::talk(&language.text("error", &[("message", message.into())]));
        }
        code
    }

    /// The error's code, what to say, and the exit code.
    pub(crate) fn words(&self, language: &Language) -> (&'static str, String, u8) {
        let (id, variables, code) = self.told(language);
        (id, language.text(id, &variables), code)
    }

    /// What to say of an error of the engine.
    pub(crate) fn words_of(error: &ClientError, language: &Language) -> String {
        let (id, variables, _) = client(error, language);
        language.text(id, &variables)
    }

    fn told(&self, language: &Language) -> Told<'_> {
        match self {
            Self::Client(error) => client(error, language),
            Self::RelayAddress(error) => relay_address(error),
            Self::Grant(GrantError::Empty) => ("error-grant-empty", vec![], EXIT_USAGE),
            Self::Grant(GrantError::TooLong | GrantError::NotOneLine) => ("error-grant-form", vec![], EXIT_USAGE),
            Self::GrantDamaged => ("error-grant-damaged", vec![], EXIT_USAGE),
            Self::Proxy(ProxyError::Scheme) => ("error-proxy-scheme", vec![], EXIT_USAGE),
            Self::Proxy(ProxyError::Place) => ("error-proxy-place", vec![], EXIT_USAGE),
            Self::Proxy(ProxyError::Credentials) => ("error-proxy-credentials", vec![], EXIT_USAGE),
            Self::ProxyOfEnvironment(variable) => {
                ("error-proxy-environment", vec![("variable", (*variable).into())], EXIT_USAGE)
            }
            Self::NoInvitation => ("error-no-invitation", vec![], EXIT_USAGE),
            Self::NoPassphrase => ("error-no-passphrase", vec![], EXIT_PASSPHRASE),
            Self::NoKitPassphrase => ("error-no-kit-passphrase", vec![], EXIT_PASSPHRASE),
            Self::PassphrasesDiffer => ("error-passphrases-differ", vec![], EXIT_PASSPHRASE),
            Self::PassphraseTooShort => ("error-passphrase-short", vec![], EXIT_PASSPHRASE),
            Self::NoAlliance => ("error-no-alliance", vec![], EXIT_NOT_FOUND),
            Self::WhichAlliance => ("error-which-alliance", vec![], EXIT_USAGE),
            Self::UnknownYet(name) => ("error-unknown-yet", vec![("name", render::line(name).into())], EXIT_NOT_FOUND),
            Self::Alone(number) => ("error-alone", vec![("number", number.to_string().into())], EXIT_REFUSED),
            Self::Io(error) => ("error-io", vec![("cause", cause::io(error, language).into())], EXIT_OTHER),
            Self::NoHome => ("error-no-home", vec![], EXIT_OTHER),
            Self::UnknownRole(role) => ("error-unknown-role", vec![("role", render::line(role).into())], EXIT_USAGE),
            Self::PassphraseFd(number, error) => {
                let variables =
                    vec![("number", number.to_string().into()), ("cause", cause::io(error, language).into())];
                ("error-passphrase-fd", variables, EXIT_PASSPHRASE)
            }
            Self::NotConfirmed => ("error-not-confirmed", vec![], EXIT_USAGE),
            Self::SaidNo => ("error-said-no", vec![], EXIT_USAGE),
            Self::Partly { failed, all, exit } => {
                ("error-partly", vec![("failed", (*failed).into()), ("all", (*all).into())], *exit)
            }
            Self::Waiting { messages, changes, cause } => {
                let (_, _, code) = client(cause, language);
                let cause = cause::of(cause, language);
                let variables = vec![
                    ("messages", FluentValue::from(*messages)),
                    ("changes", FluentValue::from(*changes)),
                    ("cause", cause.into()),
                ];
                ("error-waiting", variables, code)
            }
        }
    }
}

fn client<'a>(error: &'a ClientError, language: &Language) -> Told<'a> {
    let text = |value: &str| FluentValue::from(render::line(value));
    let path = |path: &std::path::Path| FluentValue::from(path.display().to_string());
    match error {
        ClientError::NoProfile(folder) => ("error-no-profile", vec![("folder", path(folder))], EXIT_NOT_FOUND),
        ClientError::ProfileExists(folder) => ("error-profile-exists", vec![("folder", path(folder))], EXIT_REFUSED),
        ClientError::WrongPassphrase => ("error-wrong-passphrase", vec![], EXIT_PASSPHRASE),
        ClientError::Store(cause) => ("error-store", vec![("cause", cause::store(cause, language).into())], EXIT_OTHER),
        ClientError::File { path: file, source } => {
            ("error-file", vec![("file", path(file)), ("cause", cause::io(source, language).into())], EXIT_OTHER)
        }
        ClientError::UnknownAlliance(name) => ("error-unknown-alliance", vec![("name", text(name))], EXIT_NOT_FOUND),
        ClientError::AmbiguousAlliance(name) => {
            ("error-ambiguous-alliance", vec![("name", text(name))], EXIT_NOT_FOUND)
        }
        ClientError::UnknownMember(name) => ("error-unknown-member", vec![("name", text(name))], EXIT_NOT_FOUND),
        ClientError::AmbiguousMember(name) => ("error-ambiguous-member", vec![("name", text(name))], EXIT_NOT_FOUND),
        ClientError::WhichPerson(name) => ("error-which-person", vec![("name", text(name))], EXIT_USAGE),
        ClientError::StillMember => ("error-still-member", vec![], EXIT_REFUSED),
        ClientError::MemberAlready(number) => {
            ("error-member-already", vec![("number", number.to_string().into())], EXIT_REFUSED)
        }
        ClientError::UnknownRequest(number) => {
            ("error-unknown-request", vec![("number", FluentValue::from(*number))], EXIT_NOT_FOUND)
        }
        ClientError::UnknownMotion(number) => {
            ("error-unknown-motion", vec![("number", FluentValue::from(*number))], EXIT_NOT_FOUND)
        }
        ClientError::SuccessionEarly { from } => {
            ("error-succession-early", vec![("day", render::day(*from).into())], EXIT_REFUSED)
        }
        ClientError::NotActive(status) => ("error-not-active", vec![("status", status.as_str().into())], EXIT_REFUSED),
        ClientError::NotOrganiser => ("error-not-organiser", vec![], EXIT_REFUSED),
        ClientError::NotPossible(obstacle) => {
            let reason = render::reason(language, obstacle.code());
            ("error-not-possible", vec![("reason", reason.into())], EXIT_REFUSED)
        }
        ClientError::Name(NameError::Empty) => ("error-name-empty", vec![], EXIT_USAGE),
        ClientError::Name(NameError::TooLong) => ("error-name-long", vec![], EXIT_USAGE),
        ClientError::Name(NameError::Invisible) => ("error-name-invisible", vec![], EXIT_USAGE),
        ClientError::Name(NameError::Punctuation) => ("error-name-punctuation", vec![], EXIT_USAGE),
        ClientError::Name(NameError::NotComposed) => ("error-name-composed", vec![], EXIT_USAGE),
        ClientError::Invitation(InvitationError::Prefix) => ("error-invitation-prefix", vec![], EXIT_USAGE),
        ClientError::Invitation(InvitationError::Damaged) => ("error-invitation-damaged", vec![], EXIT_USAGE),
        ClientError::Invitation(InvitationError::Version) => ("error-invitation-version", vec![], EXIT_USAGE),
        ClientError::InvitationExpired => ("error-invitation-expired", vec![], EXIT_REFUSED),
        ClientError::BeingLetIn(number) => {
            ("error-being-let-in", vec![("number", FluentValue::from(*number))], EXIT_REFUSED)
        }
        ClientError::InvitationOwn => ("error-invitation-own", vec![], EXIT_USAGE),
        ClientError::InvitationUsed => ("error-invitation-used", vec![], EXIT_REFUSED),
        ClientError::TextTooLong { found, limit } => {
            let mebibytes = |octets: usize| FluentValue::from(octets.div_ceil(1 << 20));
            ("error-text-long", vec![("found", mebibytes(*found)), ("limit", mebibytes(*limit))], EXIT_USAGE)
        }
        ClientError::TextEmpty => ("error-text-empty", vec![], EXIT_USAGE),
        ClientError::Relay(error) => relay(error, language),
        ClientError::PlaceLost => ("error-place-lost", vec![], EXIT_REFUSED),
        ClientError::PlaceThere => ("error-place-there", vec![], EXIT_REFUSED),
        ClientError::KitPassphrase => ("error-kit-passphrase", vec![], EXIT_PASSPHRASE),
        ClientError::KitExists(file) => ("error-kit-exists", vec![("file", path(file))], EXIT_REFUSED),
        ClientError::NobodyToAsk => ("error-nobody-to-ask", vec![], EXIT_REFUSED),
        ClientError::KitDamaged => ("error-kit-damaged", vec![], EXIT_OTHER),
        ClientError::NotStuck => ("error-not-stuck", vec![], EXIT_REFUSED),
        ClientError::WithoutWhom(known) if known.is_empty() => ("error-without-whom", vec![], EXIT_USAGE),
        ClientError::WithoutWhom(known) => {
            ("error-without-known", vec![("names", text(&known.join(", ")))], EXIT_USAGE)
        }
        ClientError::RelayContradiction(what) => {
            ("error-relay-contradiction", vec![("what", cause::contradiction(what, language).into())], EXIT_DISTRUST)
        }
        other => ("error-other", vec![("cause", cause::detail(&other.to_string(), language).into())], EXIT_OTHER),
    }
}

fn relay<'a>(error: &'a RelayError, language: &Language) -> Told<'a> {
    let text = |value: &str| FluentValue::from(render::line(value));
    match error {
        RelayError::Unreachable { host, cause } => (
            "error-unreachable",
            vec![("host", text(host)), ("cause", cause::network(cause, language).into())],
            EXIT_RELAY,
        ),
        RelayError::WrongPin { host } => ("error-wrong-pin", vec![("host", text(host))], EXIT_DISTRUST),
        RelayError::GrantRefused => ("error-grant-refused", vec![], EXIT_RELAY),
        RelayError::Issuer(error) => issuer(error, language),
        RelayError::Refused(problem) => {
            use twiza_protocol::ProblemCode;
            let id = match problem.code {
                ProblemCode::GrantRequired | ProblemCode::TokenRequired => "error-grant-required",
                ProblemCode::TokenInvalid => "error-token-invalid",
                ProblemCode::NotFound => "error-no-relay",
                ProblemCode::RelayFull => "error-relay-full",
                ProblemCode::MailboxFull => "error-mailbox-full",
                ProblemCode::RelayBusy => "error-relay-busy",
                ProblemCode::MailboxUnknown => "error-mailbox-unknown",
                _ => "error-relay-refused",
            };
            (id, vec![("code", problem.code.as_str().into())], EXIT_RELAY)
        }
        other => {
            ("error-relay-other", vec![("cause", cause::detail(&other.to_string(), language).into())], EXIT_DISTRUST)
        }
    }
}

/// What an issuer of tokens answers, or the way to it.
fn issuer<'a>(error: &'a RelayError, language: &Language) -> Told<'a> {
    let text = |value: &str| FluentValue::from(render::line(value));
    match error {
        RelayError::Unreachable { host, cause } => (
            "error-issuer-unreachable",
            vec![("host", text(host)), ("cause", cause::network(cause, language).into())],
            EXIT_RELAY,
        ),
        RelayError::WrongPin { host } => ("error-issuer-wrong-pin", vec![("host", text(host))], EXIT_DISTRUST),
        RelayError::GrantRefused => ("error-issuer-grant-refused", vec![], EXIT_RELAY),
        RelayError::OtherTokenKey => ("error-issuer-other-key", vec![], EXIT_DISTRUST),
        other if other.code() == Some(twiza_protocol::ProblemCode::TokensUsedUp) => {
            ("error-tokens-used-up", vec![], EXIT_RELAY)
        }
        other if other.code() == Some(twiza_protocol::ProblemCode::RelayBusy) => {
            ("error-issuer-busy", vec![], EXIT_RELAY)
        }
        other => {
            ("error-issuer-other", vec![("cause", cause::detail(&other.to_string(), language).into())], EXIT_DISTRUST)
        }
    }
}

fn relay_address(error: &RelayAddressError) -> Told<'_> {
    let id = match error {
        RelayAddressError::Scheme => "error-address-scheme",
        RelayAddressError::Host => "error-address-host",
        RelayAddressError::Port => "error-address-port",
        RelayAddressError::Key(_) => "error-address-key",
    };
    (id, vec![], EXIT_USAGE)
}
