//! A group's private state as key-value entries, and what one step changed in them.

use crate::{CryptoError, Random};
use openmls_memory_storage::MemoryStorage;
use openmls_rust_crypto::RustCrypto;
use openmls_traits::OpenMlsProvider;
use std::collections::HashMap;
use std::sync::PoisonError;
use zeroize::Zeroize;

/// Every entry of a group's private state, as an encrypted store keeps them. Wiped from memory when dropped.
#[derive(Default)]
pub struct GroupState {
    entries: HashMap<Vec<u8>, Vec<u8>>,
}

impl GroupState {
    /// The state with these entries.
    pub fn from_entries(entries: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Self {
        Self { entries: entries.into_iter().collect() }
    }
}

impl Drop for GroupState {
    fn drop(&mut self) {
        self.entries.values_mut().for_each(Zeroize::zeroize);
    }
}

impl std::fmt::Debug for GroupState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GroupState({} entries, redacted)", self.entries.len())
    }
}

/// What changed since the state was loaded or the changes were last taken: to be written in the same transaction as
/// everything else that belongs to the step.
#[derive(Default)]
pub struct StateChanges {
    /// Entries that are new or have a new value.
    pub put: Vec<(Vec<u8>, Vec<u8>)>,
    /// Keys whose entries are gone.
    pub deleted: Vec<Vec<u8>>,
}

impl Drop for StateChanges {
    fn drop(&mut self) {
        self.put.iter_mut().for_each(|(_, value)| value.zeroize());
    }
}

/// What OpenMLS works with: RustCrypto, the injected randomness, and the entries in memory.
pub(crate) struct Provider {
    crypto: RustCrypto,
    random: Random,
    storage: MemoryStorage,
    saved: GroupState,
}

impl Provider {
    pub(crate) fn new(state: GroupState, random: &Random) -> Self {
        let storage = MemoryStorage::default();
        *storage.values.write().unwrap_or_else(PoisonError::into_inner) = state.entries.clone();
        Self { crypto: RustCrypto::default(), random: random.clone(), storage, saved: state }
    }

    pub(crate) fn take_changes(&mut self) -> StateChanges {
        let values = self.storage.values.read().unwrap_or_else(PoisonError::into_inner);
        let mut changes = StateChanges::default();
        for (key, value) in values.iter() {
            if self.saved.entries.get(key) != Some(value) {
                changes.put.push((key.clone(), value.clone()));
            }
        }
        for key in self.saved.entries.keys().filter(|key| !values.contains_key(*key)) {
            changes.deleted.push(key.clone());
        }
        drop(values);
        for (key, value) in &changes.put {
            if let Some(mut old) = self.saved.entries.insert(key.clone(), value.clone()) {
                old.zeroize();
            }
        }
        for key in &changes.deleted {
            if let Some(mut old) = self.saved.entries.remove(key) {
                old.zeroize();
            }
        }
        changes
    }

    pub(crate) fn put(&self, key: &[u8], value: Vec<u8>) {
        self.storage.values.write().unwrap_or_else(PoisonError::into_inner).insert(key.to_vec(), value);
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let values = self.storage.values.read().unwrap_or_else(PoisonError::into_inner);
        values.get(key).cloned().ok_or(CryptoError::Bug("an entry of the group's state is missing"))
    }

    pub(crate) fn random(&self) -> &Random {
        &self.random
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let values = self.storage.values.get_mut().unwrap_or_else(PoisonError::into_inner);
        values.values_mut().for_each(Zeroize::zeroize);
    }
}

impl OpenMlsProvider for Provider {
    type CryptoProvider = RustCrypto;
    type RandProvider = Random;
    type StorageProvider = MemoryStorage;

    fn storage(&self) -> &MemoryStorage {
        &self.storage
    }

    fn crypto(&self) -> &RustCrypto {
        &self.crypto
    }

    fn rand(&self) -> &Random {
        &self.random
    }
}
