//! What an organiser's client does about a member who ends an epoch against the rules: it removes it, or asks the other
//! organisations for their approval, where the rules want that. Several organisers' clients do it at once; one is first,
//! and the others find it done, or proposed.

use super::motion::MOTION_DAYS;
use super::{Engine, Held};
use crate::ClientError;
use crate::store::motions;
use crate::store::outbox::{self, Want};
use sqlx::SqliteConnection;
use twiza_crypto::alliance::Role;
use twiza_crypto::credential::Person;
use twiza_crypto::message::MessageBody;
use twiza_crypto::motion::{Action, Motion, MotionId};

impl Engine {
    /// Wishes for the removal of whoever vouched for an invalid commit, if one is an organiser. Goes together with what
    /// was read, in the caller's step.
    pub(super) async fn expel(
        &self,
        step: &mut SqliteConnection,
        alliance: i64,
        culprit: &Person,
    ) -> Result<(), ClientError> {
        let Held { row, group } = match self.hold(step, alliance).await {
            Err(ClientError::NotActive(_)) => return Ok(()),
            held => held?,
        };
        let state = group.alliance();
        let own = self.profile.key.identity();
        let organises = state.seat(&own).is_some_and(|seat| seat.role == Role::Organiser);
        if !organises || culprit.identity == own || state.seat(&culprit.identity).is_none() {
            return Ok(());
        }
        let action = Action::Remove(vec![culprit.identity]);
        if self.needed(state, &action).is_none_or(|needed| needed <= 1) {
            let want = Want::Remove { identity: *culprit.identity.as_bytes() };
            let open = outbox::open_intents(step, row.id).await?;
            if !open.iter().any(|intent| intent.want == want) {
                outbox::add_intent(step, row.id, &want).await?;
            }
            return Ok(());
        }
        let open = outbox::open_intents(step, row.id).await?;
        let says = open.iter().any(|intent| matches!(intent.want, Want::Say { .. }));
        if says || motions::is_open(step, row.id, &action).await? {
            return Ok(());
        }
        let expires = self.environment.clock.today().0.max(state.ledger.day).saturating_add(MOTION_DAYS);
        let motion = Motion { id: MotionId::generate(&self.environment.random)?, expires, action };
        let approval = motion.approve(&state.id, &self.profile.key)?;
        let (kind, body) = MessageBody::Motion(Box::new(motion), approval.signature).parts()?;
        let (id, sent) = (self.environment.random.array()?, self.environment.clock.minute().0);
        outbox::add_intent(step, row.id, &Want::Say { id, sent, kind, body, unasked: true }).await?;
        Ok(())
    }
}
