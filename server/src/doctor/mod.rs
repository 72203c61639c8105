//! What could be wrong with a relay, and what to do about it. Looks at everything, changes nothing, and asks nobody but the
//! relay itself: no service on the network learns that there is one.

mod certificate;
mod clock;
mod database;
mod descriptors;
mod disk;
mod files;
mod port;
mod reachability;
mod settings;

use crate::clock::Clock;
use crate::settings::{Settings, SettingsError};
use crate::store::Upkeep;
use serde::Serialize;

/// How it stands with one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// The relay works; something wants to be looked at.
    Attention,
    /// The relay does not work, or not safely.
    Wrong,
}

impl Verdict {
    /// A word for a person.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Attention => "attention",
            Self::Wrong => "wrong",
        }
    }
}

/// What was found about one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The thing.
    pub subject: &'static str,
    /// How it stands with it.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do, where something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Finding {
    fn ok(subject: &'static str, found: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Ok, found: found.into(), advice: None }
    }

    fn attention(subject: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Attention, found: found.into(), advice: Some(advice.into()) }
    }

    fn wrong(subject: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Wrong, found: found.into(), advice: Some(advice.into()) }
    }
}

/// What there is to say where the settings cannot be read: nothing else can be looked at.
#[must_use]
pub fn malformed(error: &SettingsError) -> Finding {
    Finding::wrong(
        "settings",
        error.to_string(),
        "correct that line of relay.toml; until then the relay does not start",
    )
}

/// Looks at everything; at the database more thoroughly, if that is asked for.
#[must_use]
pub fn examine(settings: &Settings, database: &dyn Upkeep, clock: &dyn Clock, thorough: bool) -> Vec<Finding> {
    let key = settings.folder().read_key();
    let mut findings = settings::examine(settings);
    findings.extend(files::examine(settings, &key));
    findings.extend(clock::examine(settings, database, clock));
    findings.push(database::examine(settings, database, thorough));
    findings.push(disk::examine(settings, database));
    findings.push(descriptors::examine(settings));
    // Without its key there is no telling which relay answers.
    if let Ok(key) = &key {
        findings.extend(certificate::examine(settings, key, clock));
        let (port, holder) = port::examine(settings, key);
        findings.push(port);
        findings.extend(port::examine_metrics(settings, holder));
        findings.push(reachability::examine(settings, key, holder));
    }
    findings
}
