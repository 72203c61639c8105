//! What every command needs: the profile, its passphrase, the language, the output.

use crate::arguments::{Global, InAlliance};
use crate::failure::Failure;
use crate::language::Language;
use crate::output::Output;
use crate::{proxy, typed};
use etcetera::BaseStrategy;
use fluent_bundle::FluentValue;
use serde::Serialize;
use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::sync::Arc;
use twiza_client::clock::SystemClock;
use twiza_client::engine::{
    AllianceNumber, Environment, LOOK_BACK_AFTER_SECONDS, RECOVERY_AFTER_SECONDS, ROTATE_AFTER_SECONDS,
};
use twiza_client::relay::http::HttpConnector;
use twiza_client::relay::proxy::Proxy;
use twiza_client::store::Store;
use twiza_client::store::alliances::Status;
use twiza_client::{ClientError, Engine, os_random};
use zeroize::Zeroizing;

/// Variable with the passphrase, for scripts.
const PASSPHRASE_VARIABLE: &str = "TWIZA_PASSPHRASE";

/// Variable with the passphrase of a recovery kit, for scripts.
const KIT_PASSPHRASE_VARIABLE: &str = "TWIZA_KIT_PASSPHRASE";

/// Variable with the folder that holds the profiles.
const HOME_VARIABLE: &str = "TWIZA_HOME";

/// Variable with the age in days at which keys are rotated by themselves.
const ROTATE_VARIABLE: &str = "TWIZA_ROTATE_DAYS";

/// Variable with the seconds between two looks into the recovery mailboxes.
const RECOVERY_VARIABLE: &str = "TWIZA_RECOVERY_SECONDS";

/// Characters that a passphrase has at least.
const PASSPHRASE_CHARACTERS_MIN: usize = 8;

pub(crate) struct Context<'a> {
    pub(crate) language: &'a Language,
    pub(crate) output: Output,
    folder: PathBuf,
    passphrase_fd: Option<u32>,
    proxy: Option<Proxy>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(global: Global, language: &'a Language, output: &Output) -> Result<Self, Failure> {
        let proxy = proxy::choose(global.proxy.as_deref(), |variable| std::env::var_os(variable))?;
        let folder = profile_folder(&global.profile)?;
        Ok(Self { language, output: *output, folder, passphrase_fd: global.passphrase_fd, proxy })
    }

    /// A message in the user's language.
    pub(crate) fn text(&self, id: &str, variables: &[(&str, FluentValue<'_>)]) -> String {
        self.language.text(id, variables)
    }

    /// Says something beside the data. Scripts are not talked to.
    pub(crate) fn talk(&self, id: &str, variables: &[(&str, FluentValue<'_>)]) {
        if !self.output.is_json() {
            Output::talk(&self.text(id, variables));
        }
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    pub(crate) fn environment(&self) -> Environment {
        let (clock, random) = (Arc::new(SystemClock), os_random());
        let connector = HttpConnector::new(clock.clone());
        let connector = match &self.proxy {
            Some(proxy) => connector.through(proxy.clone(), random.clone()),
            None => connector,
        };
        let days = std::env::var(ROTATE_VARIABLE).ok().and_then(|days| days.parse::<u64>().ok());
        let seconds = std::env::var(RECOVERY_VARIABLE).ok().and_then(|seconds| seconds.parse::<u64>().ok());
        Environment {
            connector: Arc::new(connector),
            clock,
            random,
            rotate_after_seconds: days.map_or(ROTATE_AFTER_SECONDS, |days| days.saturating_mul(24 * 3600)),
            look_back_after_seconds: LOOK_BACK_AFTER_SECONDS,
            recovery_after_seconds: seconds.unwrap_or(RECOVERY_AFTER_SECONDS),
        }
    }

    /// Opens the profile.
    pub(crate) async fn engine(&self) -> Result<Engine, Failure> {
        if !Store::exists(&self.folder) {
            return Err(ClientError::NoProfile(self.folder.clone()).into());
        }
        let passphrase = self.passphrase("passphrase-prompt")?;
        Ok(Engine::open(&self.folder, &passphrase, self.environment()).await?)
    }

    /// A new passphrase, asked for twice where a person types it.
    pub(crate) fn new_passphrase(&self) -> Result<Zeroizing<String>, Failure> {
        let passphrase = self.passphrase("passphrase-new")?;
        if passphrase.chars().count() < PASSPHRASE_CHARACTERS_MIN {
            return Err(Failure::PassphraseTooShort);
        }
        if self.is_typed() && self.passphrase("passphrase-repeat")? != passphrase {
            return Err(Failure::PassphrasesDiffer);
        }
        Ok(passphrase)
    }

    /// The passphrase of a recovery kit; a new one is asked for twice where a person types it.
    pub(crate) fn kit_passphrase(&self, new: bool) -> Result<Zeroizing<String>, Failure> {
        if let Ok(text) = std::env::var(KIT_PASSPHRASE_VARIABLE) {
            let long_enough = !new || text.chars().count() >= PASSPHRASE_CHARACTERS_MIN;
            return if long_enough { Ok(Zeroizing::new(text)) } else { Err(Failure::PassphraseTooShort) };
        }
        let passphrase = self.typed_passphrase("passphrase-kit").map_err(|_| Failure::NoKitPassphrase)?;
        if new && passphrase.chars().count() < PASSPHRASE_CHARACTERS_MIN {
            return Err(Failure::PassphraseTooShort);
        }
        if new && self.typed_passphrase("passphrase-repeat")? != passphrase {
            return Err(Failure::PassphrasesDiffer);
        }
        Ok(passphrase)
    }

    fn is_typed(&self) -> bool {
        self.passphrase_fd.is_none() && std::env::var_os(PASSPHRASE_VARIABLE).is_none()
    }

    fn passphrase(&self, prompt: &str) -> Result<Zeroizing<String>, Failure> {
        if let Some(number) = self.passphrase_fd {
            let mut text = Zeroizing::new(String::new());
            std::fs::File::open(format!("/dev/fd/{number}"))
                .and_then(|mut file| file.read_to_string(&mut text))
                .map_err(|error| Failure::PassphraseFd(number, error))?;
            return Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()));
        }
        if let Ok(text) = std::env::var(PASSPHRASE_VARIABLE) {
            return Ok(Zeroizing::new(text));
        }
        self.typed_passphrase(prompt)
    }

    fn typed_passphrase(&self, prompt: &str) -> Result<Zeroizing<String>, Failure> {
        if !std::io::stdin().is_terminal() {
            return Err(Failure::NoPassphrase);
        }
        let prompt = format!("{} ", self.text(prompt, &[]));
        rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(|_| Failure::NoPassphrase)
    }

    /// The alliance that a command is about: the one named, or the only one.
    pub(crate) async fn alliance(&self, engine: &Engine, named: &InAlliance) -> Result<AllianceNumber, Failure> {
        if let Some(name) = &named.alliance {
            return self.named(engine, &typed::composed(name)).await;
        }
        let all = engine.alliances().await?;
        let current: Vec<_> = all
            .iter()
            .filter(|alliance| {
                matches!(alliance.status, Status::Active | Status::Joining | Status::Lost | Status::Stuck)
            })
            .collect();
        match (current.as_slice(), all.as_slice()) {
            ([one], _) => Ok(one.number),
            ([], [one]) => Ok(one.number),
            ([], []) => Err(Failure::NoAlliance),
            _ => Err(Failure::WhichAlliance),
        }
    }

    /// The alliance of this name or number. One that somebody waits to be let into has no name here until that is known:
    /// where none has this one, it is asked about first.
    async fn named(&self, engine: &Engine, name: &str) -> Result<AllianceNumber, Failure> {
        match engine.find_alliance(name).await {
            Err(ClientError::UnknownAlliance(_)) => {}
            found => return Ok(found?),
        }
        for alliance in self.waiting(engine).await? {
            // What is wrong with one of them is no reason not to find another.
            drop(self.synchronise(engine, alliance).await);
        }
        match engine.find_alliance(name).await {
            Err(ClientError::UnknownAlliance(name)) if !self.waiting(engine).await?.is_empty() => {
                Err(Failure::UnknownYet(name))
            }
            found => Ok(found?),
        }
    }

    /// Whether nobody else is in an alliance.
    pub(crate) async fn is_alone(engine: &Engine, alliance: AllianceNumber) -> Result<bool, ClientError> {
        Ok(engine.members(alliance).await?.len() == 1)
    }

    /// The alliances that somebody waits to be let into.
    async fn waiting(&self, engine: &Engine) -> Result<Vec<AllianceNumber>, Failure> {
        let all = engine.alliances().await?.into_iter();
        Ok(all.filter(|alliance| alliance.status == Status::Joining).map(|alliance| alliance.number).collect())
    }

    /// Synchronises before showing what is stored. Where the relay cannot be reached, what is stored must do. People are
    /// told what was in the way, scripts by what this gives.
    pub(crate) async fn refresh(&self, engine: &Engine, alliance: AllianceNumber) -> Result<InTheWay, Failure> {
        let in_the_way = self.synchronise(engine, alliance).await?;
        for (id, cause) in [("talk-blocked", &in_the_way.blocked), ("talk-offline", &in_the_way.offline)] {
            if let Some(cause) = cause {
                self.talk(id, &[("cause", cause.message.clone().into())]);
            }
        }
        Ok(in_the_way)
    }

    /// As [`Context::refresh`], and people are told nothing.
    pub(crate) async fn synchronise(&self, engine: &Engine, alliance: AllianceNumber) -> Result<InTheWay, Failure> {
        let mut in_the_way = InTheWay::default();
        match engine.sync(alliance).await {
            Ok(report) => {
                let blocked = report.blocked.map(ClientError::from);
                in_the_way.blocked = blocked.map(|error| Cause::of(error, self.language));
            }
            Err(error) if error.is_retryable() => in_the_way.offline = Some(Cause::of(error, self.language)),
            Err(error) => return Err(error.into()),
        }
        Ok(in_the_way)
    }

    /// Turns a failed attempt to reach the relay into word of what waits.
    pub(crate) async fn or_waiting<T>(
        &self,
        engine: &Engine,
        alliance: AllianceNumber,
        result: Result<T, ClientError>,
    ) -> Result<T, Failure> {
        match result {
            Err(cause) if cause.leaves_it_waiting() => {
                let waiting = engine.outbox(alliance).await?;
                Err(Failure::Waiting { messages: waiting.messages, changes: waiting.changes, cause })
            }
            other => Ok(other?),
        }
    }
}

/// What kept a synchronisation from being whole.
#[derive(Debug, Default, Serialize)]
pub(crate) struct InTheWay {
    /// Why the relay could not be reached: what is shown was stored before.
    offline: Option<Cause>,
    /// Why something waits that opens a mailbox.
    blocked: Option<Cause>,
}

/// An error's code, and what people are told of it.
#[derive(Debug, Serialize)]
struct Cause {
    code: &'static str,
    message: String,
}

impl Cause {
    fn of(error: ClientError, language: &Language) -> Self {
        let (code, message, _) = Failure::from(error).words(language);
        Self { code, message }
    }
}

/// A profile's folder: a path where the name has a slash, else a folder among the profiles.
fn profile_folder(profile: &str) -> Result<PathBuf, Failure> {
    if profile.contains(['/', '\\']) {
        return Ok(PathBuf::from(profile));
    }
    if let Some(home) = std::env::var_os(HOME_VARIABLE) {
        return Ok(PathBuf::from(home).join(profile));
    }
    let strategy = etcetera::choose_base_strategy().map_err(|_| Failure::NoHome)?;
    Ok(strategy.data_dir().join("twiza").join(profile))
}
