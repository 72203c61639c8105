//! What becomes of motions: reading them, counting approvals, and committing those that have enough. Whoever is online
//! and may does it; others find the motion spent and are done. A motion that was taken back or has expired is committed
//! by no honest client, whatever approvals there are.

use super::motion::{MOTION_DAYS, organisations_of, rank_of};
use super::{Engine, Held};
use crate::ClientError;
use crate::store::alliances::{AllianceRow, Place};
use crate::store::history::{self, Event, ShownPerson};
use crate::store::invitations::{self, InvitationStatus};
use crate::store::motions::{self, MotionRow, MotionState};
use crate::store::outbox::{self, Intent, RotateCause, Want};
use crate::store::shown::ShownAction;
use sqlx::SqliteConnection;
use twiza_crypto::alliance::{AllianceState, Role};
use twiza_crypto::credential::Person;
use twiza_crypto::grant::ReplacedGrant;
use twiza_crypto::group::Group;
use twiza_crypto::group::commit::{Change, Enacting};
use twiza_crypto::group::join::JoinRequest;
use twiza_crypto::judge::CommitFacts;
use twiza_crypto::message::MessageBody;
use twiza_crypto::motion::{Action, Admission, Approval, Enactment, Motion, MotionId};

/// Days by which others' clocks may be ahead.
const CLOCK_DAYS: u32 = 2;

/// Where something was read.
pub(super) struct ReadAt<'a> {
    pub(super) alliance: i64,
    pub(super) place: &'a Place,
}

impl Engine {
    /// Takes what a message says about motions; anything else is not understood.
    pub(super) async fn take_body(
        &self,
        step: &mut SqliteConnection,
        group: &Group,
        at: &ReadAt<'_>,
        person: &Person,
        body: &MessageBody,
    ) -> Result<(), ClientError> {
        let events = match body {
            MessageBody::Motion(motion, signature) => {
                self.take_motion(step, group, at.alliance, person, motion, *signature).await?
            }
            MessageBody::Approval(id, signature) => {
                let approval = Approval { by: person.identity, signature: *signature };
                self.take_approval(step, group, at.alliance, person, id, &approval).await?.into_iter().collect()
            }
            MessageBody::Withdrawal(id) => take_withdrawal(step, at.alliance, person, id).await?.into_iter().collect(),
            _ => vec![Event::NotUnderstood { person: person.into() }],
        };
        for event in events {
            history::add_event(step, at.alliance, at.place, &event).await?;
        }
        Ok(())
    }

    /// Keeps a motion. One that is good for longer than ours are is not shown to anybody: it could be enacted long after
    /// everybody has forgotten it.
    async fn take_motion(
        &self,
        step: &mut SqliteConnection,
        group: &Group,
        alliance: i64,
        person: &Person,
        motion: &Motion,
        signature: [u8; 64],
    ) -> Result<Vec<Event>, ClientError> {
        let state = group.alliance();
        let approval = Approval { by: person.identity, signature };
        let latest = self.environment.clock.today().0.max(state.ledger.day).saturating_add(MOTION_DAYS + CLOCK_DAYS);
        if motion.expires > latest || motion.verify(&state.id, &approval).is_err() {
            return Ok(vec![Event::NotUnderstood { person: person.into() }]);
        }
        let Some(number) = motions::add(step, alliance, motion, person).await? else { return Ok(Vec::new()) };
        motions::approve(step, number, &approval).await?;
        let people = group.members()?;
        let shown = ShownAction::of(&motion.action, &people);
        let mut events = vec![Event::MotionProposed { number, person: person.into(), motion: shown }];
        for approval in motions::take_early(step, alliance, &motion.id, None).await? {
            let Some(member) = people.iter().find(|member| member.person.identity == approval.by) else { continue };
            events.extend(self.take_approval(step, group, alliance, &member.person, &motion.id, &approval).await?);
        }
        Ok(events)
    }

    /// Keeps an approval. One whose motion comes later, or never, waits for as long as a motion is good.
    async fn take_approval(
        &self,
        step: &mut SqliteConnection,
        group: &Group,
        alliance: i64,
        person: &Person,
        id: &MotionId,
        approval: &Approval,
    ) -> Result<Option<Event>, ClientError> {
        let Some(found) = motions::find(step, alliance, id).await? else {
            let today = self.environment.clock.today().0;
            let days = (today, today.saturating_sub(MOTION_DAYS + CLOCK_DAYS));
            motions::approve_early(step, alliance, id, approval, days).await?;
            return Ok(None);
        };
        if found.motion.verify(&group.alliance().id, approval).is_err() {
            return Ok(Some(Event::NotUnderstood { person: person.into() }));
        }
        let new = motions::approve(step, found.id, approval).await?;
        Ok(new.then(|| Event::MotionApproved { number: found.id, person: person.into() }))
    }

    /// What is due as things stand: motions that have their approvals are to be enacted, and an organiser objects to the
    /// claim that there is none.
    pub(super) async fn enact_ready(
        &self,
        step: &mut SqliteConnection,
        Held { row, group }: &Held,
        intents: &[Intent],
    ) -> Result<(), ClientError> {
        let (state, today) = (group.alliance(), self.environment.clock.today().0);
        if state.rules.succession.is_some() && motions::succession(step, row.id).await?.is_none() {
            motions::heard(step, row.id, today).await?;
        }
        motions::note_claim(step, row.id, state.claim.map(|claim| claim.id), today).await?;
        let Some(own) = state.seat(&self.profile.key.identity()) else { return Ok(()) };
        if state.claim.is_some() && own.role == Role::Organiser {
            let want = Want::Rotate { cause: RotateCause::Objection };
            if !intents.iter().any(Intent::commits_soon) {
                outbox::add_intent(step, row.id, &want).await?;
            }
            return Ok(());
        }
        for motion in motions::open(step, row.id).await? {
            let want = Want::Enact { motion: motion.id };
            if intents.iter().any(|intent| intent.want == want) {
                continue;
            }
            if self.enacting(step, row, group, &motion).await?.is_some() {
                outbox::add_intent(step, row.id, &want).await?;
            }
        }
        Ok(())
    }

    /// The change that enacts a motion now. `None` where it is not ready, or not for this member to make.
    async fn enacting(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        group: &Group,
        found: &MotionRow,
    ) -> Result<Option<Change>, ClientError> {
        let (state, today) = (group.alliance(), self.environment.clock.today().0);
        let (motion, own) = (&found.motion, self.profile.key.identity());
        if found.state != MotionState::Open {
            return Ok(None);
        }
        if state.ledger.has_spent(&motion.id) {
            motions::set_state(step, found.id, MotionState::Enacted).await?;
            return Ok(None);
        }
        if motion.action.applied(state, state).is_none() {
            void(step, row.id, &row.place, found.id).await?;
            return Ok(None);
        }
        let role = state.seat(&own).map(|seat| seat.role);
        let may = if motion.action.is_succession() {
            role == Some(Role::Member)
        } else {
            role == Some(Role::Organiser) && !matches!(&motion.action, Action::Remove(gone) if gone.contains(&own))
        };
        let rank = rank_of(&motion.action);
        let mut approvals = motions::approvals(step, found.id).await?;
        approvals.retain(|approval| state.seat(&approval.by).is_some_and(|seat| seat.role >= rank));
        let Some(needed) = self.needed(state, &motion.action).filter(|_| may) else { return Ok(None) };
        let expired = motion.expires < today.max(state.ledger.day);
        if expired || organisations_of(state, &approvals, rank) < usize::from(needed) {
            return Ok(None);
        }
        let requests = match &motion.action {
            Action::Add(people) => requests_of(step, row.id, people).await?,
            _ => Some(Vec::new()),
        };
        // Whoever has not got the join requests leaves it to the inviter.
        let Some(requests) = requests else { return Ok(None) };
        let requests = requests.into_iter().map(|(_, request)| request).collect();
        if needed <= 1 {
            return Ok(Some(direct(&motion.action, requests)));
        }
        let enactment = Enactment::new(motion.clone(), approvals);
        Ok(Some(Change::Enact(Box::new(Enacting { enactment, requests, today }))))
    }

    /// As [`Engine::enacting`], for the motion with this number.
    pub(super) async fn enacting_number(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        group: &Group,
        number: i64,
    ) -> Result<Option<Change>, ClientError> {
        let Some(found) = motions::get(step, row.id, number).await? else { return Ok(None) };
        self.enacting(step, row, group, &found).await
    }

    /// The invitations of those whom one's own commit of a motion lets in.
    pub(super) async fn invitations_of_motion(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        number: i64,
    ) -> Result<Vec<i64>, ClientError> {
        let Some(found) = motions::get(step, row.id, number).await? else { return Ok(Vec::new()) };
        let Action::Add(people) = &found.motion.action else { return Ok(Vec::new()) };
        let requests = requests_of(step, row.id, people).await?.unwrap_or_default();
        Ok(requests.into_iter().map(|(number, _)| number).collect())
    }

    /// Notes what a commit says about motions, organisers and claims.
    pub(super) async fn note_commit(
        &self,
        step: &mut SqliteConnection,
        at: &ReadAt<'_>,
        facts: &CommitFacts,
        before: &AllianceState,
    ) -> Result<(), ClientError> {
        let today = self.environment.clock.today().0;
        let by = ShownPerson::from(&facts.author);
        if before.seat(&facts.author.identity).is_some_and(|seat| seat.role == Role::Organiser) {
            self.heard_organiser(step, at.alliance, facts.after.as_ref().unwrap_or(before)).await?;
        }
        if let Some(after) = &facts.after {
            motions::note_claim(step, at.alliance, after.claim.map(|claim| claim.id), today).await?;
        }
        if let Some(verified) = &facts.motion
            && let Some(found) = motions::find(step, at.alliance, &verified.motion.id).await?
        {
            motions::set_state(step, found.id, MotionState::Enacted).await?;
            let event = Event::MotionEnacted { number: found.id, by };
            history::add_event(step, at.alliance, at.place, &event).await?;
        }
        if let Some(after) = facts.after.as_ref().filter(|after| after.relays.first() != before.relays.first()) {
            void_late_grants(step, at, after).await?;
        }
        Ok(())
    }

    /// An organiser has said or done something.
    pub(super) async fn heard_organiser(
        &self,
        step: &mut SqliteConnection,
        alliance: i64,
        state: &AllianceState,
    ) -> Result<(), ClientError> {
        match state.rules.succession {
            Some(_) => motions::heard(step, alliance, self.environment.clock.today().0).await,
            None => Ok(()),
        }
    }
}

/// Motions for another grant that were to replace one that has been replaced are void, also if that one should come back:
/// whoever reads one commit and whoever reads many at once sees it alike.
async fn void_late_grants(
    step: &mut SqliteConnection,
    at: &ReadAt<'_>,
    after: &AllianceState,
) -> Result<(), ClientError> {
    let current = ReplacedGrant::of(after.grant())?;
    for row in motions::open(step, at.alliance).await? {
        if matches!(&row.motion.action, Action::SetGrant(replaced, _) if *replaced != current) {
            void(step, at.alliance, at.place, row.id).await?;
        }
    }
    Ok(())
}

/// A motion is of no use any more, and that is said where it was proposed.
async fn void(step: &mut SqliteConnection, alliance: i64, place: &Place, motion: i64) -> Result<(), ClientError> {
    motions::set_state(step, motion, MotionState::Void).await?;
    history::add_event(step, alliance, place, &Event::MotionVoid { number: motion }).await
}

/// A motion that needs nobody else any more: the rules were changed since.
fn direct(action: &Action, requests: Vec<JoinRequest>) -> Change {
    let role_of = |request: &JoinRequest| match action {
        Action::Add(people) => {
            people.iter().find(|admission| admission.person() == request.person).map(|found| found.role)
        }
        _ => None,
    };
    match action {
        Action::Add(_) => {
            let admitted = requests.into_iter().filter_map(|request| role_of(&request).map(|role| (request, role)));
            Change::Add(admitted.collect())
        }
        Action::Remove(gone) => Change::Remove(gone.clone()),
        Action::SetRole(identity, role) => Change::SetRole(*identity, *role),
        Action::SetRules(rules) => Change::SetRules(rules.clone()),
        Action::Rename(name) => Change::Rename(name.clone()),
        Action::SetGrant(_, grant) => Change::SetGrant(grant.clone()),
        _ => Change::Rotate,
    }
}

/// The join requests of these people among one's own invitations, if they are all there.
async fn requests_of(
    step: &mut SqliteConnection,
    alliance: i64,
    people: &[Admission],
) -> Result<Option<Vec<(i64, JoinRequest)>>, ClientError> {
    let invitations = invitations::of_alliance(step, alliance).await?;
    let requested = invitations.iter().filter(|row| row.status == InvitationStatus::Requested);
    let requests: Vec<_> =
        requested.filter_map(|row| Some((row.id, JoinRequest::verify(row.request.as_deref()?).ok()?))).collect();
    let find =
        |admission: &Admission| requests.iter().find(|(_, request)| request.person == admission.person()).cloned();
    Ok(people.iter().map(find).collect())
}

async fn take_withdrawal(
    step: &mut SqliteConnection,
    alliance: i64,
    person: &Person,
    id: &MotionId,
) -> Result<Option<Event>, ClientError> {
    let Some(found) = motions::find(step, alliance, id).await? else {
        motions::take_early(step, alliance, id, Some(&person.identity)).await?;
        return Ok(None);
    };
    if found.state != MotionState::Open {
        return Ok(None);
    }
    if found.proposer == person.identity {
        motions::set_state(step, found.id, MotionState::Withdrawn).await?;
        return Ok(Some(Event::MotionWithdrawn { number: found.id, person: person.into() }));
    }
    let was_there = motions::take_back(step, found.id, &person.identity).await?;
    Ok(was_there.then(|| Event::ApprovalWithdrawn { number: found.id, person: person.into() }))
}

/// What a commit did to the alliance beside its people, in events.
pub(super) fn describe_agreement(
    facts: &CommitFacts,
    before: &AllianceState,
    shown: impl Fn(twiza_crypto::identity::Identity) -> ShownPerson,
) -> Vec<Event> {
    let by = ShownPerson::from(&facts.author);
    let Some(after) = &facts.after else { return Vec::new() };
    let mut events = Vec::new();
    if after.rules != before.rules {
        events.push(Event::RulesChanged { rules: (&after.rules).into(), by: by.clone() });
    }
    if after.name != before.name {
        events.push(Event::Renamed { name: after.name.as_str().to_owned(), by: by.clone() });
    }
    if after.relays.first() != before.relays.first() {
        events.push(Event::GrantChanged { grant: after.grant().into(), by: by.clone() });
    }
    match (before.claim, after.claim) {
        (old, Some(claim)) if old != Some(claim) => {
            events.push(Event::Claimed { person: shown(claim.appointee), by });
        }
        (Some(claim), None) if after.seat(&claim.appointee).is_some_and(|seat| seat.role < Role::Organiser) => {
            events.push(Event::ClaimRejected { person: shown(claim.appointee), by });
        }
        _ => {}
    }
    events
}
