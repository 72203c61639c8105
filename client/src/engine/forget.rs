//! Forgetting an alliance that has ended, or that one asked to join by mistake.

use super::{AllianceNumber, Engine};
use crate::ClientError;
use crate::store::alliances::{self, Status};

impl Engine {
    /// Erases everything that this profile has of an alliance, texts included. Its number is not given to another. With
    /// `abandon`, also while one is a member: the others are not told, and go on counting one as a member.
    ///
    /// # Errors
    /// [`ClientError::StillMember`]: leave first.
    pub async fn forget(&self, alliance: AllianceNumber, abandon: bool) -> Result<(), ClientError> {
        let mut step = self.store.begin().await?;
        if alliances::get(&mut step, alliance.0).await?.status == Status::Active && !abandon {
            return Err(ClientError::StillMember);
        }
        alliances::forget(&mut step, alliance.0).await?;
        self.forget_tokens(&mut step).await?;
        step.commit().await?;
        self.memory.forget(alliance.0);
        Ok(())
    }
}
