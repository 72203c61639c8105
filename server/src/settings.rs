//! Settings: one structure, one commented example file. Defaults < file < environment < flags. Loading never writes.

use crate::admission::{Admission, GrantDigest};
use crate::folder::Folder;
use crate::grants::{self, GrantsError, LiveGrants};
use crate::store::Quotas;
use crate::store::postgres::DatabaseUrl;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;
use thiserror::Error;
use twiza_protocol::{AdmissionMode, Limits, TokenKey};

/// The commented example: what `init` writes and `config` prints. It equals the defaults.
pub const EXAMPLE: &str = include_str!("../relay.example.toml");

/// Who vouches for the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum TransportMode {
    /// The relay's own key.
    Pinned,
    /// A certificate authority.
    #[value(name = "webpki")]
    WebPki,
    /// A certificate authority, from which the relay gets its certificates itself.
    Acme,
    /// A proxy on the same machine.
    Plain,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Our own faults only.
    Error,
    /// And what the environment does to us.
    Warn,
    /// And lifecycle.
    Info,
    /// And details, such as sweeps that found nothing.
    Debug,
}

/// A relay's settings. `relay.example.toml` explains each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The data folder. Not in the file, which lies there.
    #[serde(skip)]
    pub data: PathBuf,
    /// The PostgreSQL database that this relay's nodes share; without it, a file in the data folder. Its `Debug` shows
    /// nothing.
    pub database: Option<DatabaseUrl>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// The host that people reach the relay at.
    pub public_host: Option<String>,
    /// The port that people reach the relay at.
    pub public_port: Option<u16>,
    /// Who vouches for the connection.
    pub transport: TransportMode,
    /// With `webpki`: the certificate chain, PEM.
    pub certificate_file: Option<PathBuf>,
    /// With `webpki`: its private key, PEM.
    pub private_key_file: Option<PathBuf>,
    /// With `acme`: the authority's directory.
    pub acme_directory: String,
    /// With `acme`: who vouches for the authority itself, PEM, where it is not one that the web trusts.
    pub acme_root_file: Option<PathBuf>,
    /// Who may open mailboxes.
    pub admission: AdmissionMode,
    /// With `grant`: digests of grants, beside those of the file that `grant new` keeps. Their `Debug` shows nothing.
    pub grants_sha256: Vec<GrantDigest>,
    /// With `token`: the keys of the issuers whose tokens are good.
    pub token_keys: Vec<TokenKey>,
    /// At an issuer: tokens for one grant in a day.
    pub tokens_per_day_max: u64,
    /// Days that a mailbox is kept after its last append or open.
    pub retention_days: u32,
    /// Seconds between two sweeps.
    pub sweep_interval_seconds: u64,
    /// Seconds between two heartbeats of a watch.
    pub heartbeat_seconds: u64,
    /// Frames in one transaction.
    pub batch_frames_max: usize,
    /// Requests that may wait for the writer.
    pub queue_length_max: usize,
    /// Octets of frames that may wait for the writer.
    pub queue_bytes_max: u32,
    /// Octets of request bodies on their way in.
    pub bodies_bytes_max: u64,
    /// Mailboxes in all watches together.
    pub watched_mailboxes_max: usize,
    /// Octets of `limits.relay_bytes_max` that only closing frames may use.
    pub relay_closing_reserve_bytes: u64,
    /// Mailboxes on the whole relay.
    pub mailboxes_max: u64,
    /// Connections at once.
    pub connections_max: usize,
    /// Where metrics are told, if anywhere.
    pub metrics_listen: Option<SocketAddr>,
    /// Seconds for requests to finish at shutdown.
    pub shutdown_seconds: u64,
    /// How log lines look.
    pub log_format: LogFormat,
    /// How much is logged.
    pub log_level: LogLevel,
    /// What the relay accepts.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data: PathBuf::from("."),
            database: None,
            listen: SocketAddr::from(([0, 0, 0, 0], twiza_protocol::relay_address::DEFAULT_PORT)),
            public_host: None,
            public_port: None,
            transport: TransportMode::Pinned,
            certificate_file: None,
            private_key_file: None,
            acme_directory: "https://acme-v02.api.letsencrypt.org/directory".to_owned(),
            acme_root_file: None,
            admission: AdmissionMode::Open,
            grants_sha256: Vec::new(),
            token_keys: Vec::new(),
            tokens_per_day_max: 1000,
            retention_days: 30,
            sweep_interval_seconds: 3600,
            heartbeat_seconds: 30,
            batch_frames_max: 256,
            queue_length_max: 1024,
            queue_bytes_max: 64 << 20,
            bodies_bytes_max: 64 << 20,
            watched_mailboxes_max: 8192,
            relay_closing_reserve_bytes: Quotas::default().relay_closing_reserve_bytes,
            mailboxes_max: Quotas::default().mailboxes_max,
            connections_max: 4096,
            metrics_listen: None,
            shutdown_seconds: 10,
            log_format: LogFormat::Human,
            log_level: LogLevel::Info,
            limits: Limits::default(),
        }
    }
}

/// Settings that cannot be used. The operator's fault.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// There is no settings file, so there is no relay.
    #[error("{folder} has no relay yet: make one with `twiza-relay init --data {folder}`", folder = .0.display())]
    Missing(PathBuf),
    /// The file cannot be read.
    #[error("cannot read {path} ({source}): may this user read it?", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not of the form of the example.
    #[error("{path} has a mistake (`twiza-relay config` prints a correct example):\n{reason}", path = .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// A value, or a combination, that makes no sense.
    #[error("{0}")]
    Senseless(&'static str),
}

impl Settings {
    /// The defaults, for a relay in this folder.
    #[must_use]
    pub fn in_folder(data: impl Into<PathBuf>) -> Self {
        Self { data: data.into(), ..Self::default() }
    }

    /// Reads the settings file of a data folder.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn load(folder: &Folder) -> Result<Self, SettingsError> {
        let path = folder.settings();
        let text = std::fs::read_to_string(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => SettingsError::Missing(folder.path().to_owned()),
            _ => SettingsError::Unreadable { path: path.clone(), source },
        })?;
        // What breaks off, or fills the disk, leaves such a file: the defaults would open the relay to anybody.
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            let reason = "nothing is set in it. Put a copy of it back, or set at least `listen`".to_owned();
            return Err(SettingsError::Malformed { path, reason });
        }
        let settings: Self =
            toml::from_str(&text).map_err(|error| SettingsError::Malformed { path, reason: error.to_string() })?;
        Ok(Self { data: folder.path().to_owned(), ..settings })
    }

    /// Refuses values that make no sense.
    ///
    /// # Errors
    /// [`SettingsError::Senseless`] says which, and what to do.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.mistakes().next().map_or(Ok(()), |mistake| Err(SettingsError::Senseless(mistake)))
    }

    /// All that makes no sense, and what to do.
    pub(crate) fn mistakes(&self) -> impl Iterator<Item = &'static str> + use<> {
        let limits = &self.limits;
        let rules = [
            (self.retention_days >= 1, "retention_days has to be 1 or more"),
            (self.sweep_interval_seconds >= 1, "sweep_interval_seconds has to be 1 or more"),
            (self.heartbeat_seconds >= 1, "heartbeat_seconds has to be 1 or more"),
            ((1..=1024).contains(&self.batch_frames_max), "batch_frames_max has to be between 1 and 1024"),
            (self.queue_length_max >= 1, "queue_length_max has to be 1 or more"),
            (
                self.queue_bytes_max >= 1 << 20,
                "queue_bytes_max has to be 1048576 or more: one frame of the largest size",
            ),
            (
                (2 << 20..=1 << 40).contains(&self.bodies_bytes_max),
                "bodies_bytes_max has to be 2097152 or more: one frame of the largest size, and some small ones",
            ),
            (
                (limits.mailboxes_per_watch_max..=1 << 24).contains(&(self.watched_mailboxes_max as u64)),
                "watched_mailboxes_max has to be between limits.mailboxes_per_watch_max and 16777216",
            ),
            ((1..=1 << 20).contains(&self.connections_max), "connections_max has to be between 1 and 1048576"),
            (
                (2..=Limits::FRAMES_PER_MAILBOX_CEILING).contains(&limits.frames_per_mailbox_max),
                "limits.frames_per_mailbox_max has to be between 2 and 16777215",
            ),
            (
                limits.closing_reserve_bytes <= limits.mailbox_bytes_max,
                "limits.closing_reserve_bytes cannot be more than limits.mailbox_bytes_max",
            ),
            (
                self.relay_closing_reserve_bytes <= limits.relay_bytes_max,
                "relay_closing_reserve_bytes cannot be more than limits.relay_bytes_max",
            ),
            (self.mailboxes_max >= 1, "mailboxes_max has to be 1 or more"),
            (
                (1..=65_536).contains(&limits.mailboxes_per_watch_max),
                "limits.mailboxes_per_watch_max has to be between 1 and 65536",
            ),
            (limits.json_bytes_max >= 1024, "limits.json_bytes_max has to be 1024 or more"),
            (
                self.transport != TransportMode::Plain || self.listen.ip().is_loopback(),
                "transport \"plain\" is for a proxy on the same machine: listen at 127.0.0.1 or [::1]",
            ),
            (
                self.transport != TransportMode::WebPki
                    || (self.certificate_file.is_some() && self.private_key_file.is_some()),
                "transport \"webpki\" needs certificate_file and private_key_file",
            ),
            (
                (1..=1 << 40).contains(&self.tokens_per_day_max),
                "tokens_per_day_max has to be between 1 and 1099511627776",
            ),
            (
                self.transport != TransportMode::Acme || self.public_host.as_deref().is_some_and(is_domain),
                "transport \"acme\" needs public_host, and a domain name in it: authorities vouch for names",
            ),
            (
                self.transport != TransportMode::Acme || self.database.is_none(),
                "transport \"acme\" is for one machine: where several nodes share a database, let the load balancer have the \
                 certificate, and set transport \"plain\" or \"webpki\"",
            ),
            (
                self.admission == AdmissionMode::Grant || self.grants_sha256.is_empty() || self.folder().is_issuer(),
                "grants_sha256 lists grants, but none are asked for: set admission = \"grant\" as well, or take grants_sha256 out",
            ),
            (
                self.metrics_listen.is_none_or(|listen| listen.ip().is_loopback()),
                "metrics_listen has to be a loopback address, such as 127.0.0.1:9464: metrics are for this machine only",
            ),
            (
                self.admission != AdmissionMode::Token || !self.token_keys.is_empty(),
                "admission is \"token\", and token_keys is empty: `twiza-relay token-key` at the issuer prints its key",
            ),
            (
                self.admission == AdmissionMode::Token || self.token_keys.is_empty(),
                "token_keys lists issuers, but no tokens are asked for: set admission = \"token\" as well, or take token_keys out",
            ),
            (self.admission != AdmissionMode::Unknown, "admission has to be \"open\", \"grant\" or \"token\""),
        ];
        rules.into_iter().filter(|(holds, _)| !holds).map(|(_, mistake)| mistake)
    }

    /// The data folder.
    #[must_use]
    pub fn folder(&self) -> Folder {
        Folder::at(&self.data)
    }

    /// What the store takes.
    #[must_use]
    pub const fn quotas(&self) -> Quotas {
        Quotas::new(&self.limits, self.relay_closing_reserve_bytes, self.mailboxes_max)
    }

    /// The rule by which mailboxes are opened.
    ///
    /// # Errors
    /// [`GrantsError`] where the file of grants cannot be used, or is of no use because anybody may open mailboxes.
    pub fn admission(&self) -> Result<Admission, GrantsError> {
        let file = self.folder().grants();
        match self.admission {
            AdmissionMode::Open if grants::read(&file)?.is_empty() => Ok(Admission::Open),
            AdmissionMode::Open => Err(GrantsError::Idle(file)),
            AdmissionMode::Token => Ok(Admission::Token(self.token_keys.clone())),
            _ => Ok(Admission::Grant(LiveGrants::open(self.grants_sha256.clone(), file)?)),
        }
    }
}

fn is_domain(host: &str) -> bool {
    host.contains('.') && !host.contains('[') && host.parse::<std::net::IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_equals_the_defaults() {
        let example: Settings = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(example, Settings::default());
        example.check().unwrap();
    }

    #[test]
    fn the_example_names_every_key() {
        let toml::Value::Table(defaults) = toml::Value::try_from(Settings::default()).unwrap() else { panic!() };
        for key in defaults.keys().map(String::as_str).chain([
            "database",
            "public_host",
            "public_port",
            "certificate_file",
            "acme_root_file",
            "metrics_listen",
        ]) {
            assert!(EXAMPLE.contains(key), "{key} is missing");
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error = toml::from_str::<Settings>("retention_dayz = 3").unwrap_err();
        assert!(error.to_string().contains("retention_dayz"));
        toml::from_str::<Settings>("[limits]\nframes = 3").unwrap_err();
    }

    #[test]
    fn debug_shows_no_grant() {
        let grant = GrantDigest::of("secret");
        let text = format!("{:?}", Settings { grants_sha256: vec![grant.clone()], ..Settings::default() });
        assert!(!text.contains(&grant.to_string()));
    }

    #[test]
    fn senseless_settings_are_refused() {
        let grants_sha256 = vec![GrantDigest::of("idle")];
        let grants_without = Settings { grants_sha256, ..Settings::default() };
        let plain_outside = Settings { transport: TransportMode::Plain, ..Settings::default() };
        let told_outside = Settings { metrics_listen: "0.0.0.0:9100".parse().ok(), ..Settings::default() };
        let acme = |host: Option<&str>| Settings {
            transport: TransportMode::Acme,
            public_host: host.map(str::to_owned),
            ..Settings::default()
        };
        acme(Some("relay.example.org")).check().unwrap();
        let [nameless, numbered, short] = [None, Some("192.0.2.1"), Some("localhost")].map(acme);
        for settings in [grants_without, plain_outside, told_outside, nameless, numbered, short] {
            assert!(matches!(settings.check(), Err(SettingsError::Senseless(_))));
        }
    }
}
