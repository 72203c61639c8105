//! Groups in memory, so that not every step reads one from the store and decodes it again.
//!
//! ```text
//!            ┌── hold: to read ──────────────────────────────────┐
//!  memory ───┤                                                   ├──▶ memory
//!            └── take: to change ─▶ step ─ committed, by `keep` ─┘
//!                                     └─── given up ─▶ dropped: the next `hold` reads the store
//! ```
//!
//! A copy is good for one version of the stored row and no other, whichever process wrote it. The store draws a version
//! at random, so that one that was rolled back never comes again and stands for something else. A group that a step
//! changes is out of memory until that step is committed: a refused commit has used up its key, and a step that fails
//! leaves the object ahead of the disk.

use super::{Engine, Held};
use crate::ClientError;
use crate::store::alliances::{self, AllianceRow, Status};
use crate::store::{Step, groups};
use sqlx::SqliteConnection;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use twiza_crypto::group::Group;

/// The last copy of each alliance's group, with the version of the row that it belongs to.
#[derive(Default)]
pub(super) struct Memory(Mutex<HashMap<i64, (i64, Arc<Group>)>>);

impl Memory {
    fn groups(&self) -> MutexGuard<'_, HashMap<i64, (i64, Arc<Group>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn find(&self, alliance: i64, version: i64) -> Option<Arc<Group>> {
        let groups = self.groups();
        groups.get(&alliance).filter(|(known, _)| *known == version).map(|(_, group)| group.clone())
    }

    fn remember(&self, alliance: i64, version: i64, group: Group) -> Arc<Group> {
        let group = Arc::new(group);
        self.groups().insert(alliance, (version, group.clone()));
        group
    }

    /// Drops an alliance's keys.
    pub(super) fn forget(&self, alliance: i64) {
        self.groups().remove(&alliance);
    }
}

impl Engine {
    /// An alliance's row and group, of one moment: with the row of one and the group of another, this client would
    /// look for the old place in the new epoch's mailbox.
    pub(super) async fn hold(&self, step: &mut SqliteConnection, alliance: i64) -> Result<Held, ClientError> {
        let row = alliances::get(step, alliance).await?;
        if row.status != Status::Active {
            self.memory.forget(alliance);
            return Err(ClientError::NotActive(row.status));
        }
        let group = self.group_of(step, &row).await?;
        Ok(Held { row, group })
    }

    /// The group that is stored, whatever the alliance's status.
    pub(super) async fn stored_group(
        &self,
        step: &mut SqliteConnection,
        alliance: i64,
    ) -> Result<Arc<Group>, ClientError> {
        let row = alliances::get(step, alliance).await?;
        self.group_of(step, &row).await
    }

    /// The group that belongs to a row that was just read in this step.
    async fn group_of(&self, step: &mut SqliteConnection, row: &AllianceRow) -> Result<Arc<Group>, ClientError> {
        match self.memory.find(row.id, row.version) {
            Some(group) => Ok(group),
            None => Ok(self.memory.remember(row.id, row.version, self.copy(step, row.id).await?)),
        }
    }

    /// A copy of the stored group, for trying what is not kept.
    pub(super) async fn copy(&self, step: &mut SqliteConnection, alliance: i64) -> Result<Group, ClientError> {
        Ok(Group::load(groups::load(step, alliance).await?, &self.environment.random)?)
    }

    /// Takes a group out of memory to change it in this step. `None` where another process was faster.
    pub(super) async fn take(
        &self,
        step: &mut SqliteConnection,
        held: Held,
    ) -> Result<Option<(AllianceRow, Group)>, ClientError> {
        let row = alliances::get(step, held.row.id).await?;
        if row.version != held.row.version {
            return Ok(None);
        }
        self.memory.forget(row.id);
        let group = match Arc::into_inner(held.group) {
            Some(group) => group,
            // Somebody else reads it at this moment.
            None => self.copy(step, row.id).await?,
        };
        Ok(Some((row, group)))
    }

    /// Commits a step with the group that it changed: only so does one that was taken come back into memory.
    pub(super) async fn keep(&self, mut step: Step, alliance: i64, mut group: Group) -> Result<Held, ClientError> {
        groups::apply(&mut step, alliance, &group.take_changes()).await?;
        let row = alliances::get(&mut step, alliance).await?;
        step.commit().await?;
        let group = self.memory.remember(alliance, row.version, group);
        Ok(Held { row, group })
    }
}
