//! Motions, as a front end sees them: proposing, approving, taking back. They travel as messages, so that every member
//! has them in the same order; what becomes of them is in [`super::enact`].
//!
//! A user approves only what its own client shows. Succession is signed only after days of silence, by this client's own
//! clock: nobody else's clock, and no peer's word, counts.

use super::{AllianceNumber, Engine, Held};
use crate::ClientError;
use crate::store::history::ShownPerson;
use crate::store::invitations::{self, InvitationStatus};
use crate::store::motions::{self, MotionRow, MotionState};
use crate::store::outbox::{IntentState, Want};
use crate::store::shown::{ShownAction, ShownRules};
use serde::Serialize;
use sqlx::SqliteConnection;
use twiza_crypto::Obstacle;
use twiza_crypto::alliance::{AllianceState, Role};
use twiza_crypto::group::Group;
use twiza_crypto::group::join::JoinRequest;
use twiza_crypto::judge::{check_invariants, organisations_needed};
use twiza_crypto::message::MessageBody;
use twiza_crypto::motion::{Action, Admission, Approval, Motion, MotionId};
use twiza_crypto::rules::Rules;

/// Days for which a motion is good where nothing else is said.
pub(super) const MOTION_DAYS: u32 = 14;

/// A motion, as it is shown.
#[derive(Debug, Clone, Serialize)]
pub struct MotionView {
    /// Its number in this profile.
    pub number: i64,
    /// What it changes.
    pub motion: ShownAction,
    /// Who proposed it.
    pub proposer: ShownPerson,
    /// Whether one proposed it oneself.
    pub own: bool,
    /// What became of it.
    pub state: MotionState,
    /// Whether its last day is over.
    pub expired: bool,
    /// Its last day, in days since the Unix epoch.
    pub last_day: u32,
    /// Who approved it and still may.
    pub approved_by: Vec<ShownPerson>,
    /// Different organisations among them.
    pub organisations: usize,
    /// Different organisations that must be among them.
    pub needed: usize,
}

/// What came of a wish that may need others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proposed {
    /// It is before the others, under this number.
    Open(i64),
    /// One's own approval was enough: it is done.
    Enacted(i64),
    /// It waits in the outbox.
    Waits,
}

impl Engine {
    /// An alliance's rules.
    ///
    /// # Errors
    /// [`ClientError::NotActive`].
    pub async fn rules(&self, alliance: AllianceNumber) -> Result<Rules, ClientError> {
        Ok(self.held(alliance).await?.group.alliance().rules.clone())
    }

    /// An alliance's rules, as they are shown.
    ///
    /// # Errors
    /// [`ClientError::NotActive`].
    pub async fn shown_rules(&self, alliance: AllianceNumber) -> Result<ShownRules, ClientError> {
        Ok((&self.rules(alliance).await?).into())
    }

    /// Sets other rules, where one's own organisation may do so alone.
    ///
    /// # Errors
    /// [`ClientError::NotPossible`] with [`Obstacle::ApprovalsMissing`] where it takes a motion.
    pub async fn set_rules(&self, alliance: AllianceNumber, rules: &Rules) -> Result<(), ClientError> {
        if !rules.are_sound() {
            return Err(Obstacle::RulesUnsound.into());
        }
        self.wish(alliance, &Want::SetRules { rules: twiza_crypto::wire::encode(rules)? }).await?;
        Ok(())
    }

    /// The removal of somebody, as a motion says it.
    ///
    /// # Errors
    /// [`ClientError::UnknownMember`] or [`ClientError::AmbiguousMember`].
    pub async fn removal(&self, alliance: AllianceNumber, member: &str) -> Result<Action, ClientError> {
        Ok(Action::Remove(vec![self.find_person(alliance, member).await?.0]))
    }

    /// Another role for somebody, as a motion says it.
    ///
    /// # Errors
    /// As [`Engine::removal`].
    pub async fn new_role(&self, alliance: AllianceNumber, member: &str, role: Role) -> Result<Action, ClientError> {
        Ok(Action::SetRole(self.find_member(alliance, member).await?.identity, role))
    }

    /// The next step towards a new organiser where all others are gone: a claim, or the appointment after one.
    ///
    /// # Errors
    /// As [`Engine::removal`].
    pub async fn succession(&self, alliance: AllianceNumber, member: &str) -> Result<Action, ClientError> {
        let appointee = self.find_member(alliance, member).await?.identity;
        let claim = self.held(alliance).await?.group.alliance().claim;
        Ok(match claim.filter(|claim| claim.appointee == appointee) {
            Some(claim) => Action::Appoint(claim.id, appointee),
            None => Action::Claim(appointee),
        })
    }

    /// The admission of those who made these join requests, as a motion says it.
    ///
    /// # Errors
    /// [`ClientError::UnknownRequest`].
    pub async fn admission(&self, alliance: AllianceNumber, requests: &[i64]) -> Result<Action, ClientError> {
        let mut people = Vec::new();
        for number in requests {
            let found = invitations::get(&mut *self.store.reader().await?, *number).await?;
            let found = found.filter(|row| row.alliance == alliance.0 && row.status == InvitationStatus::Requested);
            let found = found.ok_or(ClientError::UnknownRequest(*number))?;
            let request = JoinRequest::verify(found.request.as_deref().unwrap_or_default())?;
            people.push(Admission::of(&request.person, super::approve::role_of(&found)?));
        }
        people.sort_by_key(|admission| admission.identity);
        people.dedup_by_key(|admission| admission.identity);
        Ok(Action::Add(people))
    }

    /// Proposes something to the alliance, and approves it.
    ///
    /// # Errors
    /// [`ClientError::NotPossible`] where it could not be enacted, or brings a grant that is refused or cannot be tried;
    /// [`ClientError::SuccessionEarly`]; [`ClientError::Relay`] where it waits in the outbox.
    pub async fn propose(&self, alliance: AllianceNumber, action: Action) -> Result<Proposed, ClientError> {
        self.signed_motion(alliance, &action).await?;
        // Asked for again: perhaps the answer did not reach whoever asked.
        if let Some(number) = self.own_motion(alliance, &action).await? {
            return Ok(Proposed::Open(number));
        }
        self.try_grant(alliance, &action).await?;
        // Things may stand otherwise than when the relay was asked.
        let (motion, approval) = self.signed_motion(alliance, &action).await?;
        let id = motion.id;
        let said = self.say(alliance, &MessageBody::Motion(Box::new(motion), approval.signature)).await?;
        let found = motions::find(&mut *self.store.reader().await?, alliance.0, &id).await?;
        Ok(match (said, found) {
            (IntentState::Done, Some(MotionRow { id, state: MotionState::Enacted, .. })) => Proposed::Enacted(id),
            (IntentState::Done, Some(row)) => Proposed::Open(row.id),
            _ => Proposed::Waits,
        })
    }

    /// The motion by which one has asked for this already, if it can still be enacted.
    async fn own_motion(&self, alliance: AllianceNumber, action: &Action) -> Result<Option<i64>, ClientError> {
        let open = motions::open(&mut *self.store.reader().await?, alliance.0).await?;
        let (own, today) = (self.profile.key.identity(), self.environment.clock.today().0);
        let same =
            |row: &&MotionRow| row.proposer == own && row.motion.action == *action && row.motion.expires >= today;
        Ok(open.iter().find(same).map(|row| row.id))
    }

    /// A motion that could be enacted as things stand, with one's own approval.
    async fn signed_motion(
        &self,
        alliance: AllianceNumber,
        action: &Action,
    ) -> Result<(Motion, Approval), ClientError> {
        let mut step = self.store.begin().await?;
        let Held { group, .. } = self.hold(&mut step, alliance.0).await?;
        let state = group.alliance();
        if !action.is_sound() {
            return Err(Obstacle::TooMany.into());
        }
        if action.is_succession() {
            self.check_silence(&mut step, alliance.0, &group, action).await?;
        }
        let after = action.applied(state, state).ok_or(Obstacle::MotionVoid)?;
        check_invariants(&after).map_err(Obstacle::from)?;
        let expires = self.environment.clock.today().0.max(state.ledger.day).saturating_add(MOTION_DAYS);
        let motion = Motion { id: MotionId::generate(&self.environment.random)?, expires, action: action.clone() };
        let approval = motion.approve(&state.id, &self.profile.key)?;
        step.commit().await?;
        Ok((motion, approval))
    }

    /// Every motion of an alliance, oldest first.
    ///
    /// # Errors
    /// [`ClientError::NotActive`].
    pub async fn motions(&self, alliance: AllianceNumber) -> Result<Vec<MotionView>, ClientError> {
        let mut step = self.store.begin().await?;
        let Held { group, .. } = self.hold(&mut step, alliance.0).await?;
        let mut views = Vec::new();
        for row in motions::all(&mut step, alliance.0).await? {
            let approvals = motions::approvals(&mut step, row.id).await?;
            views.push(self.view(&group, &row, &approvals)?);
        }
        Ok(views)
    }

    fn view(&self, group: &Group, row: &MotionRow, approvals: &[Approval]) -> Result<MotionView, ClientError> {
        let (people, state, action) = (group.members()?, group.alliance(), &row.motion.action);
        let rank = rank_of(action);
        let counting = people.iter().filter(|member| {
            member.role >= rank && approvals.iter().any(|approval| approval.by == member.person.identity)
        });
        let today = self.environment.clock.today().0;
        Ok(MotionView {
            number: row.id,
            motion: ShownAction::of(action, &people),
            proposer: row.shown_proposer.clone(),
            own: row.proposer == self.profile.key.identity(),
            state: row.state,
            expired: row.motion.expires < today.max(state.ledger.day),
            last_day: row.motion.expires,
            approved_by: counting.map(|member| (&member.person).into()).collect(),
            organisations: organisations_of(state, approvals, rank),
            needed: usize::from(self.needed(state, action).unwrap_or(0)),
        })
    }

    /// Approves a motion.
    ///
    /// # Errors
    /// [`ClientError::UnknownMotion`]; [`ClientError::NotPossible`] where it is over, one has no say in it, or it brings a
    /// grant that is refused or cannot be tried; [`ClientError::SuccessionEarly`]; [`ClientError::Relay`] where it waits in the
    /// outbox.
    pub async fn approve_motion(&self, alliance: AllianceNumber, number: i64) -> Result<MotionView, ClientError> {
        let (motion, _) = self.signed_approval(alliance, number).await?;
        self.try_grant(alliance, &motion.action).await?;
        // Things may stand otherwise than when the relay was asked.
        let (motion, approval) = self.signed_approval(alliance, number).await?;
        self.say(alliance, &MessageBody::Approval(motion.id, approval.signature)).await?;
        self.motion(alliance, number).await
    }

    /// A motion that one has a say in as things stand, with one's own approval.
    async fn signed_approval(&self, alliance: AllianceNumber, number: i64) -> Result<(Motion, Approval), ClientError> {
        let mut step = self.store.begin().await?;
        let Held { group, .. } = self.hold(&mut step, alliance.0).await?;
        let row = motions::get(&mut step, alliance.0, number).await?.ok_or(ClientError::UnknownMotion(number))?;
        let (state, motion) = (group.alliance(), row.motion);
        match row.state {
            MotionState::Open => {}
            MotionState::Enacted => return Err(Obstacle::MotionSpent.into()),
            MotionState::Withdrawn | MotionState::Void => return Err(Obstacle::MotionVoid.into()),
        }
        if motion.expires < self.environment.clock.today().0.max(state.ledger.day) {
            return Err(Obstacle::MotionExpired.into());
        }
        let own = state.seat(&self.profile.key.identity()).ok_or(Obstacle::NotMember)?;
        if own.role < rank_of(&motion.action) {
            return Err(if own.role == Role::Observer { Obstacle::Observer } else { Obstacle::NotOrganiser }.into());
        }
        motion.action.applied(state, state).ok_or(Obstacle::MotionVoid)?;
        if motion.action.is_succession() {
            self.check_silence(&mut step, alliance.0, &group, &motion.action).await?;
        }
        let approval = motion.approve(&state.id, &self.profile.key)?;
        step.commit().await?;
        Ok((motion, approval))
    }

    /// Takes a motion of one's own back, or one's approval of another's.
    ///
    /// # Errors
    /// [`ClientError::UnknownMotion`]; [`ClientError::Relay`] where it waits in the outbox.
    pub async fn withdraw_motion(&self, alliance: AllianceNumber, number: i64) -> Result<MotionView, ClientError> {
        let row = motions::get(&mut *self.store.reader().await?, alliance.0, number).await?;
        let row = row.ok_or(ClientError::UnknownMotion(number))?;
        if row.state != MotionState::Open {
            return Err(Obstacle::MotionVoid.into());
        }
        self.say(alliance, &MessageBody::Withdrawal(row.motion.id)).await?;
        self.motion(alliance, number).await
    }

    async fn motion(&self, alliance: AllianceNumber, number: i64) -> Result<MotionView, ClientError> {
        let found = self.motions(alliance).await?.into_iter().find(|view| view.number == number);
        found.ok_or(ClientError::UnknownMotion(number))
    }

    async fn say(&self, alliance: AllianceNumber, body: &MessageBody) -> Result<IntentState, ClientError> {
        let (kind, body) = body.parts()?;
        let id = self.environment.random.array()?;
        let sent = self.environment.clock.minute().0;
        self.wish(alliance, &Want::Say { id, sent, kind, body, unasked: false }).await
    }

    /// The organisations that must have approved an action before this client enacts it. `None` where the rules do not
    /// have it at all.
    pub(super) fn needed(&self, state: &AllianceState, action: &Action) -> Option<u8> {
        if action.is_succession() {
            return Some(state.rules.succession?.organisations);
        }
        let changed = action.applied(state, state)?;
        Some(organisations_needed(state, &changed, state.seat(&self.profile.key.identity())?))
    }

    /// Whether enough days have passed in silence to sign for a succession.
    async fn check_silence(
        &self,
        step: &mut SqliteConnection,
        alliance: i64,
        group: &Group,
        action: &Action,
    ) -> Result<(), ClientError> {
        let (state, today) = (group.alliance(), self.environment.clock.today().0);
        let own = state.seat(&self.profile.key.identity()).ok_or(Obstacle::NotMember)?;
        let rules = state.rules.succession.filter(|_| own.role < Role::Organiser).ok_or(Obstacle::NoSuccession)?;
        // Whoever has heard nothing at all counts from today.
        let days = motions::succession(step, alliance).await?;
        let from = match action {
            Action::Appoint(claim, _) => {
                let seen = days.filter(|days| days.claim == Some(*claim)).map_or(today, |days| days.claimed_on);
                seen.saturating_add(u32::from(rules.waiting_days))
            }
            _ => days.map_or(today, |days| days.heard_on).saturating_add(u32::from(rules.silence_days)),
        };
        if today < from { Err(ClientError::SuccessionEarly { from }) } else { Ok(()) }
    }
}

/// The rank of those whose approvals count.
pub(super) fn rank_of(action: &Action) -> Role {
    if action.is_succession() { Role::Member } else { Role::Organiser }
}

/// Different organisations among the approvals that count as things stand.
pub(super) fn organisations_of(state: &AllianceState, approvals: &[Approval], rank: Role) -> usize {
    let seats = approvals.iter().filter_map(|approval| state.seat(&approval.by)).filter(|seat| seat.role >= rank);
    let mut organisations: Vec<_> = seats.map(|seat| &seat.organisation).collect();
    organisations.sort();
    organisations.dedup();
    organisations.len()
}
