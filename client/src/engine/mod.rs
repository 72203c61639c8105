//! What a front end asks for, one operation a file.

mod approve;
mod arrive;
mod dispute;
mod enact;
mod everywhere;
mod expel;
mod forget;
mod found;
mod heal;
mod invite;
mod join;
mod kit;
mod look_back;
mod lost;
mod members;
mod memory;
mod motion;
mod naming;
mod notes;
mod open;
mod pull;
mod push;
mod read;
mod readmit;
mod reboot;
mod recover;
mod rendezvous;
mod right;
mod say_again;
mod suppression;
mod sync;
#[cfg(feature = "test-utils")]
mod test_utils;
mod verify;
mod view;
mod watch;
mod wish;

pub use approve::JoinRequestView;
pub use everywhere::Presence;
pub use invite::NewInvitation;
pub use members::MemberView;
pub use motion::{MotionView, Proposed};
pub use read::AllianceView;
pub use reboot::RebootReport;
pub use right::RightView;
pub use sync::{Outbox, SyncReport};
#[cfg(feature = "test-utils")]
pub use test_utils::Insider;
pub use verify::SafetyView;
pub use watch::WatchEvent;
pub use wish::Delivery;

use crate::ClientError;
use crate::clock::Clock;
use crate::relay::{RelayConnection, RelayConnector, RelayError};
use crate::store::Store;
use crate::store::alliances::{self, AllianceRow, Status};
use crate::store::profile::{self, Profile};
use memory::Memory;
use naming::Named;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use twiza_crypto::group::Group;
use twiza_crypto::identity::IdentityKey;
use twiza_crypto::name::Name;
use twiza_crypto::vault::VaultCost;
use twiza_crypto::words::SafetyWords;
use twiza_crypto::{Random, identity::Identity};
use twiza_protocol::{Describe, RelayAddress};

/// What the engine takes from outside.
#[derive(Clone)]
pub struct Environment {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws randomness.
    pub random: Random,
    /// Reaches relays.
    pub connector: Arc<dyn RelayConnector>,
    /// Age at which one's own keys in an alliance are rotated by themselves, in seconds.
    pub rotate_after_seconds: u64,
    /// Seconds between two looks at past epochs, in which nobody should go on.
    pub look_back_after_seconds: u64,
    /// Seconds between two looks into one's own recovery mailboxes, and between two requests to be let in again.
    pub recovery_after_seconds: u64,
}

/// An hour: how often recovery mailboxes are looked into where nothing else is set.
pub const RECOVERY_AFTER_SECONDS: u64 = 3600;

/// Seven days: how often keys are rotated where nothing else is set.
pub const ROTATE_AFTER_SECONDS: u64 = 7 * 24 * 3600;

/// An hour: how often past epochs are looked at where nothing else is set.
pub const LOOK_BACK_AFTER_SECONDS: u64 = 3600;

/// An alliance's number in a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct AllianceNumber(pub(crate) i64);

impl std::fmt::Display for AllianceNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// An alliance that one takes part in, as it was at one moment, for reading. Good as long as the stored row has the same
/// version.
struct Held {
    row: AllianceRow,
    group: Arc<Group>,
}

/// One open profile.
pub struct Engine {
    store: Store,
    profile: Profile,
    environment: Environment,
    connections: Mutex<HashMap<i64, Arc<dyn RelayConnection>>>,
    memory: Memory,
}

/// Who a profile is, as it is shown.
#[derive(Debug, Clone)]
pub struct Whoami {
    /// The name under which it joins.
    pub name: String,
    /// The organisation for which it joins.
    pub organisation: String,
    /// Its public identity.
    pub identity: Identity,
    /// The words of that identity.
    pub words: SafetyWords,
}

impl Engine {
    /// Makes a profile in a folder.
    ///
    /// # Errors
    /// [`ClientError::ProfileExists`], [`ClientError::File`] or [`ClientError::Store`].
    pub async fn create(
        folder: &Path,
        passphrase: &str,
        cost: VaultCost,
        name: &Name,
        organisation: &Name,
        environment: Environment,
    ) -> Result<Self, ClientError> {
        let key = IdentityKey::generate(&environment.random)?;
        let profile = Profile { key, name: name.clone(), organisation: organisation.clone() };
        let store = Store::create(folder, passphrase, cost, &environment.random, &profile).await?;
        Ok(Self { store, profile, environment, connections: Mutex::default(), memory: Memory::default() })
    }

    /// Opens the profile in a folder.
    ///
    /// # Errors
    /// [`ClientError::NoProfile`], [`ClientError::WrongPassphrase`], [`ClientError::File`] or [`ClientError::Store`].
    pub async fn open(folder: &Path, passphrase: &str, environment: Environment) -> Result<Self, ClientError> {
        let store = Store::open(folder, passphrase).await?;
        let profile = profile::load(&mut *store.reader().await?).await?;
        Ok(Self { store, profile, environment, connections: Mutex::default(), memory: Memory::default() })
    }

    /// Closes the profile.
    pub async fn close(self) {
        self.store.close().await;
    }

    /// For tests of what a crash leaves: asks before each commit to disk, and fails those that are not granted.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    #[cfg(feature = "test-utils")]
    pub async fn decide_commits(&self, decide: impl FnMut() -> bool + Send + 'static) -> Result<(), ClientError> {
        self.store.decide_commits(decide).await
    }

    /// Who this profile is.
    #[must_use]
    pub fn whoami(&self) -> Whoami {
        let identity = self.profile.key.identity();
        Whoami {
            name: self.profile.name.as_str().to_owned(),
            organisation: self.profile.organisation.as_str().to_owned(),
            identity,
            words: SafetyWords::of_person(&identity),
        }
    }

    /// Asks a relay what it is and accepts.
    ///
    /// # Errors
    /// [`ClientError::Relay`].
    pub async fn describe_relay(&self, address: &RelayAddress) -> Result<Describe, ClientError> {
        Ok(self.environment.connector.connect(address)?.describe().await?)
    }

    /// The alliance with this name or number; digits are a number, and after `@` stands a name.
    ///
    /// # Errors
    /// [`ClientError::UnknownAlliance`] or [`ClientError::AmbiguousAlliance`].
    pub async fn find_alliance(&self, text: &str) -> Result<AllianceNumber, ClientError> {
        let rows = alliances::all(&mut *self.store.reader().await?).await?;
        let wanted = match Named::typed(text) {
            Named::Name(name) => name,
            Named::Number(number) => {
                let found = rows.iter().find(|row| row.id.cast_unsigned() == number);
                return found
                    .map(|row| AllianceNumber(row.id))
                    .ok_or_else(|| ClientError::UnknownAlliance(text.to_owned()));
            }
        };
        let mut named: Vec<_> =
            rows.iter().filter(|row| row.name.as_ref().is_some_and(|name| name.to_lowercase() == wanted)).collect();
        // Whoever left and came back means the alliance of today.
        if named.iter().any(|row| row.status == Status::Active) {
            named.retain(|row| row.status == Status::Active);
        }
        match named.as_slice() {
            [one] => Ok(AllianceNumber(one.id)),
            [] => Err(ClientError::UnknownAlliance(text.to_owned())),
            _ => Err(ClientError::AmbiguousAlliance(text.to_owned())),
        }
    }

    /// The connection of one alliance to its relay, shared with no other alliance.
    fn connection(&self, row: &AllianceRow) -> Result<Arc<dyn RelayConnection>, RelayError> {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = connections.get(&row.id) {
            return Ok(connection.clone());
        }
        let connection = self.environment.connector.connect(&row.relay)?;
        connections.insert(row.id, connection.clone());
        Ok(connection)
    }

    /// As [`Engine::hold`], in a step of its own.
    async fn held(&self, alliance: AllianceNumber) -> Result<Held, ClientError> {
        let row = self.active_row(alliance).await?;
        match self.memory.find(row.id, row.version) {
            Some(group) => Ok(Held { row, group }),
            None => self.hold(&mut *self.store.begin().await?, alliance.0).await,
        }
    }

    async fn row(&self, alliance: AllianceNumber) -> Result<AllianceRow, ClientError> {
        alliances::get(&mut *self.store.reader().await?, alliance.0).await
    }

    async fn active_row(&self, alliance: AllianceNumber) -> Result<AllianceRow, ClientError> {
        let row = self.row(alliance).await?;
        if row.status == Status::Active { Ok(row) } else { Err(ClientError::NotActive(row.status)) }
    }
}
