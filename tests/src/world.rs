//! A real relay in this process, and people with profiles of their own.

use anyhow::{Context, Result};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use twiza_client::clock::SystemClock;
use twiza_client::engine::{
    AllianceNumber, Environment, LOOK_BACK_AFTER_SECONDS, RECOVERY_AFTER_SECONDS, ROTATE_AFTER_SECONDS,
};
use twiza_client::relay::http::HttpConnector;
use twiza_client::relay::{RelayConnection, RelayConnector};
use twiza_client::store::history::Item;
use twiza_client::{ClientError, Engine, os_random};
use twiza_crypto::alliance::Role;
use twiza_crypto::name::Name;
use twiza_crypto::vault::VaultCost;
use twiza_protocol::RelayAddress;
use twiza_relay::{Running, Settings};

const PASSPHRASE: &str = "passphrase";

/// A guess of a test's passphrase may be cheap.
const COST: VaultCost = VaultCost { memory_kib: 64, passes: 1, lanes: 1 };

/// A relay that serves on a free port, and the folder for everything of one test.
pub struct World {
    folder: TempDir,
    settings: Settings,
    running: Running,
    shutdown: CancellationToken,
}

/// A relay that is stopped.
pub struct Paused {
    folder: TempDir,
    /// What it will go on with.
    pub settings: Settings,
}

impl Paused {
    /// Starts it again where it was.
    ///
    /// # Errors
    /// Whatever keeps it from starting.
    pub async fn resumed(self) -> Result<World> {
        let Self { folder, settings } = self;
        let listener = TcpListener::bind(settings.listen)?;
        let shutdown = CancellationToken::new();
        let clock = Arc::new(twiza_relay::SystemClock);
        let running = twiza_relay::start(settings.clone(), listener, clock, shutdown.clone()).await?;
        Ok(World { folder, settings, running, shutdown })
    }
}

impl World {
    /// Starts a relay.
    ///
    /// # Errors
    /// Whatever keeps it from starting.
    pub async fn new() -> Result<Self> {
        Self::with(Arc::new(twiza_relay::SystemClock), |_| {}).await
    }

    /// Starts a relay with a clock and settings of the test's choice.
    ///
    /// # Errors
    /// Whatever keeps it from starting.
    pub async fn with(clock: Arc<dyn twiza_relay::Clock>, change: impl FnOnce(&mut Settings)) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut settings = Settings::in_folder(folder.path().join("relay"));
        settings.listen = "127.0.0.1:0".parse()?;
        settings.public_host = Some("127.0.0.1".to_owned());
        change(&mut settings);
        twiza_relay::cli::init::create(&settings)?;
        let listener = TcpListener::bind(settings.listen)?;
        settings.listen = listener.local_addr()?;
        let shutdown = CancellationToken::new();
        let running = twiza_relay::start(settings.clone(), listener, clock, shutdown.clone()).await?;
        Ok(Self { folder, settings, running, shutdown })
    }

    /// Stops the relay, does something to its folder, and starts it again where it was.
    ///
    /// # Errors
    /// Whatever keeps it from stopping or starting.
    pub async fn restarted(self, change: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        let paused = self.paused().await?;
        change(&paused.folder.path().join("relay"))?;
        paused.resumed().await
    }

    /// Stops the relay for a while.
    ///
    /// # Errors
    /// Whatever went wrong while it stopped.
    pub async fn paused(self) -> Result<Paused> {
        let settings = self.settings.clone();
        Ok(Paused { folder: self.stop().await?, settings })
    }

    /// The folder of somebody's profile.
    #[must_use]
    pub fn folder_of(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The relay's address.
    #[must_use]
    pub fn address(&self) -> RelayAddress {
        self.running.address().clone()
    }

    /// A connection of nobody's client.
    ///
    /// # Errors
    /// Where the relay's address cannot be used.
    pub fn connection(&self) -> Result<Arc<dyn RelayConnection>> {
        Ok(HttpConnector::new(Arc::new(SystemClock)).connect(self.running.address())?)
    }

    /// Stops the relay; its folder stays until the result is dropped.
    ///
    /// # Errors
    /// Whatever went wrong while it stopped.
    pub async fn stop(self) -> Result<TempDir> {
        self.shutdown.cancel();
        self.running.stopped().await?;
        Ok(self.folder)
    }

    /// Somebody with a new profile.
    ///
    /// # Errors
    /// Whatever keeps it from being made.
    pub async fn person(&self, name: &str, organisation: &str) -> Result<Engine> {
        person_in(&self.folder.path().join(name), name, organisation).await
    }

    /// As [`World::person`], with a client that looks into its recovery mailboxes whenever it synchronises.
    ///
    /// # Errors
    /// Whatever keeps the profile from being made.
    pub async fn attentive(&self, name: &str, organisation: &str) -> Result<Engine> {
        create(&self.folder.path().join(name), name, organisation, attentive()).await
    }

    /// As [`World::attentive`], reaching the relay in a way of the test's choice.
    ///
    /// # Errors
    /// Whatever keeps the profile from being made.
    pub async fn attentive_by(
        &self,
        name: &str,
        organisation: &str,
        connector: Arc<dyn RelayConnector>,
    ) -> Result<Engine> {
        create(&self.folder.path().join(name), name, organisation, Environment { connector, ..attentive() }).await
    }

    /// Somebody with a profile that is made from a recovery kit and its passphrase.
    ///
    /// # Errors
    /// Whatever keeps the profile from being made.
    pub async fn restored(&self, name: &str, kit: (&Path, &str)) -> Result<Engine, ClientError> {
        Engine::restore_kit(&self.folder.path().join(name), PASSPHRASE, COST, kit, attentive()).await
    }

    /// As [`World::person`], reaching the relay in a way of the test's choice.
    ///
    /// # Errors
    /// Whatever keeps the profile from being made.
    pub async fn person_by(
        &self,
        name: &str,
        organisation: &str,
        connector: Arc<dyn RelayConnector>,
    ) -> Result<Engine> {
        person_in_by(&self.folder.path().join(name), name, organisation, connector).await
    }

    /// As [`World::again`], reaching the relay in a way of the test's choice.
    ///
    /// # Errors
    /// Whatever keeps the profile from being opened.
    pub async fn again_by(&self, name: &str, connector: Arc<dyn RelayConnector>) -> Result<Engine> {
        open_in(&self.folder.path().join(name), connector).await
    }

    /// Somebody's profile opened anew, as [`World::attentive`].
    ///
    /// # Errors
    /// Whatever keeps the profile from being opened.
    pub async fn attentive_again(&self, name: &str) -> Result<Engine> {
        Ok(Engine::open(&self.folder_of(name), PASSPHRASE, attentive()).await?)
    }

    /// A second program of somebody who has a profile already, as `watch` beside `send` is.
    ///
    /// # Errors
    /// Whatever keeps the profile from being opened.
    pub async fn again(&self, name: &str) -> Result<Engine> {
        Ok(Engine::open(&self.folder.path().join(name), PASSPHRASE, environment()).await?)
    }
}

/// Somebody with a new profile in a folder.
///
/// # Errors
/// Whatever keeps it from being made.
pub async fn person_in(folder: &Path, name: &str, organisation: &str) -> Result<Engine> {
    create(folder, name, organisation, environment()).await
}

/// As [`person_in`], reaching the relay in a way of the caller's choice.
///
/// # Errors
/// Whatever keeps the profile from being made.
pub async fn person_in_by(
    folder: &Path,
    name: &str,
    organisation: &str,
    connector: Arc<dyn RelayConnector>,
) -> Result<Engine> {
    create(folder, name, organisation, Environment { connector, ..environment() }).await
}

/// Somebody's profile in a folder opened anew, reaching the relay in a way of the caller's choice.
///
/// # Errors
/// Whatever keeps the profile from being opened.
pub async fn open_in(folder: &Path, connector: Arc<dyn RelayConnector>) -> Result<Engine> {
    Ok(Engine::open(folder, PASSPHRASE, Environment { connector, ..environment() }).await?)
}

async fn create(folder: &Path, name: &str, organisation: &str, environment: Environment) -> Result<Engine> {
    let (name, organisation) = (Name::new(name)?, Name::new(organisation)?);
    Ok(Engine::create(folder, PASSPHRASE, COST, &name, &organisation, environment).await?)
}

fn attentive() -> Environment {
    Environment { recovery_after_seconds: 0, look_back_after_seconds: 0, ..environment() }
}

fn environment() -> Environment {
    let clock = Arc::new(SystemClock);
    Environment {
        connector: Arc::new(HttpConnector::new(clock.clone())),
        clock,
        random: os_random(),
        rotate_after_seconds: ROTATE_AFTER_SECONDS,
        look_back_after_seconds: LOOK_BACK_AFTER_SECONDS,
        recovery_after_seconds: RECOVERY_AFTER_SECONDS,
    }
}

/// Lets somebody into an alliance, by a real invitation.
///
/// # Errors
/// Whatever fails on the way.
pub async fn admit(organiser: &Engine, alliance: AllianceNumber, newcomer: &Engine) -> Result<AllianceNumber> {
    let invitation = organiser.invite(alliance, Role::Member, 7).await?;
    let number = newcomer.join(&invitation.link, None, None).await?;
    let requests = organiser.requests(alliance).await?;
    let request = requests.iter().find(|request| request.number == invitation.number).context("no request")?;
    organiser.approve(alliance, &[request.number]).await?;
    newcomer.sync(number).await?;
    Ok(number)
}

/// The texts that somebody has, in their order.
///
/// # Errors
/// Whatever keeps the store from being read.
pub async fn texts(engine: &Engine, alliance: AllianceNumber) -> Result<Vec<String>> {
    engine.sync(alliance).await?;
    let entries = engine.entries(alliance, 0, false).await?;
    Ok(entries
        .into_iter()
        .filter_map(|entry| if let Item::Text { text, .. } = entry.item { Some(text) } else { None })
        .collect())
}
