//! Writing a recovery kit, and making a new profile from one: how a lost device is replaced.

use super::lost::FELLOWS_MAX;
use super::notes::KEEP_DAYS;
use super::{Engine, Environment, Memory};
use crate::ClientError;
use crate::store::alliances::{self, Status};
use crate::store::history::{self, Event, LostWhy};
use crate::store::profile::Profile;
use crate::store::{self, Store, recovery};
use std::path::Path;
use std::sync::Mutex;
use twiza_crypto::CryptoError;
use twiza_crypto::identity::IdentityKey;
use twiza_crypto::kit::{Kit, KitAlliance};
use twiza_crypto::vault::VaultCost;

impl Engine {
    /// Writes what replaces this device into a new file, under a passphrase of its own. How many alliances are in it.
    /// It goes stale slowly: it knows the fellow members of today.
    ///
    /// # Errors
    /// [`ClientError::KitExists`], [`ClientError::File`] or [`ClientError::Store`].
    pub async fn write_kit(&self, file: &Path, passphrase: &str, cost: VaultCost) -> Result<usize, ClientError> {
        if file.exists() {
            return Err(ClientError::KitExists(file.to_owned()));
        }
        let mut kit = Kit {
            key: IdentityKey::from_seed(&self.profile.key.expose_seed()),
            name: self.profile.name.clone(),
            organisation: self.profile.organisation.clone(),
            alliances: Vec::new(),
        };
        let mut step = self.store.begin().await?;
        for row in alliances::all(&mut step).await? {
            let bearings = match row.status {
                Status::Active | Status::Stuck => {
                    let group = self.stored_group(&mut step, row.id).await?;
                    let (key, today) = (group.own_recovery_key()?, self.environment.clock.today());
                    recovery::set_own_mailbox(&mut step, row.id, &key, today, KEEP_DAYS).await?;
                    group.bearings(FELLOWS_MAX)?
                }
                Status::Lost => match recovery::rejoin(&mut step, row.id).await? {
                    Some(rejoin) => rejoin.bearings,
                    None => continue,
                },
                _ => continue,
            };
            let own = recovery::own_mailboxes(&mut step, row.id).await?;
            kit.alliances.push(KitAlliance { bearings, mailboxes: own.into_iter().map(|own| own.key).collect() });
        }
        step.commit().await?;
        store::write_private_file(file, &kit.seal(passphrase, cost, &self.environment.random)?)?;
        Ok(kit.alliances.len())
    }

    /// Makes a profile in a folder from a kit: the same identity, and all its alliances lost. [`Engine::rejoin`] and
    /// [`Engine::sync`] bring them back, and end the lost device's place in them.
    ///
    /// # Errors
    /// [`ClientError::ProfileExists`], [`ClientError::File`]; [`ClientError::KitPassphrase`]; [`ClientError::KitDamaged`].
    pub async fn restore_kit(
        folder: &Path,
        passphrase: &str,
        cost: VaultCost,
        (file, kit_passphrase): (&Path, &str),
        environment: Environment,
    ) -> Result<Self, ClientError> {
        if Store::exists(folder) {
            return Err(ClientError::ProfileExists(folder.to_owned()));
        }
        let octets = std::fs::read(file).map_err(|source| ClientError::File { path: file.to_owned(), source })?;
        let kit = Kit::open(&octets, kit_passphrase).map_err(|error| match error {
            CryptoError::Unverified(_) => ClientError::KitPassphrase,
            CryptoError::Malformed(_) | CryptoError::KeyLength => ClientError::KitDamaged,
            other => other.into(),
        })?;
        let profile = Profile { key: kit.key, name: kit.name, organisation: kit.organisation };
        let store = Store::create(folder, passphrase, cost, &environment.random, &profile).await?;
        let engine = Self { store, profile, environment, connections: Mutex::default(), memory: Memory::default() };
        for alliance in kit.alliances {
            engine.restore_alliance(alliance).await?;
        }
        Ok(engine)
    }

    async fn restore_alliance(&self, KitAlliance { bearings, mailboxes }: KitAlliance) -> Result<(), ClientError> {
        let mut step = self.store.begin().await?;
        let state = &bearings.state;
        let id = alliances::insert(&mut step, Status::Joining, &state.relay()?.address, None).await?;
        alliances::set_active(&mut step, id, &state.id, state.name.as_str()).await?;
        for key in &mailboxes {
            recovery::set_own_mailbox(&mut step, id, key, self.environment.clock.today(), KEEP_DAYS).await?;
        }
        recovery::begin_rejoin(&mut step, id, &bearings, None).await?;
        alliances::set_status(&mut step, id, Status::Lost).await?;
        let row = alliances::get(&mut step, id).await?;
        history::add_event(&mut step, id, &row.place, &Event::Lost { why: LostWhy::NewDevice }).await?;
        step.commit().await?;
        Ok(())
    }
}
