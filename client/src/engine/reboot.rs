//! Founding an alliance anew that cannot go on: 16 closing frames in a row were invalid, and somebody among the members
//! makes them. An organiser leaves that person out, and calls everybody else.
//!
//! ```text
//! organiser: new group, same alliance, next generation ──call──▶ each member's recovery mailbox
//! member:    [`RebootCall`] by an organiser it knew    ──request─▶ the caller's new recovery mailbox
//! any organiser in it: adds whoever is awaited  ──Welcome──▶ the mailbox that the request names
//! ```
//!
//! Rules, roles, name, relay and spent motions are those of before, and hold from the first day; the state says who is
//! awaited, and any organiser who has come back lets in who has not.
//!
//! A call is followed only where one's own client is stuck as well, or lost. Where two organisers call, all follow the
//! higher generation, then the smaller identity, and never somebody whose invalid commits they have seen themselves. Nor
//! does a client follow that has seen the alliance get stuck, where leaving people out would make the rules weaker,
//! unless it has seen invalid commits of each organiser who is left out: a reboot is no way around a quorum.

use super::members::{MemberView, named};
use super::notes::KEEP_DAYS;
use super::push::give_up;
use super::{AllianceNumber, Engine};
use crate::ClientError;
use crate::store::alliances::{self, AllianceRow, Status};
use crate::store::history::{self, Event, LostWhy, ShownPerson};
use crate::store::{groups, outbox, recovery};
use sqlx::SqliteConnection;
use twiza_crypto::Obstacle;
use twiza_crypto::alliance::{AllianceState, Role};
use twiza_crypto::bearings::Bearings;
use twiza_crypto::identity::Identity;
use twiza_crypto::rejoin::{Note, RebootCall};
use twiza_protocol::FrameSize;

/// How often members are called who have not come back.
const CALLS_MAX: u32 = 30;

/// What a reboot began.
#[derive(Debug, Clone)]
pub struct RebootReport {
    /// Who is left out, by name.
    pub without: Vec<String>,
    /// How many members are called.
    pub called: usize,
}

impl Engine {
    /// Founds a stuck alliance anew without these members, and calls all others.
    ///
    /// # Errors
    /// [`ClientError::NotStuck`], [`ClientError::NotOrganiser`], [`ClientError::WithoutWhom`] where nobody is named,
    /// [`ClientError::UnknownMember`], [`ClientError::NotPossible`] where it would be a way around a quorum;
    /// [`ClientError::Relay`] where the calls must wait.
    pub async fn reboot(&self, alliance: AllianceNumber, without: &[String]) -> Result<RebootReport, ClientError> {
        let mut step = self.store.begin().await?;
        let row = alliances::get(&mut step, alliance.0).await?;
        match row.status {
            Status::Stuck => {}
            Status::Active => return Err(ClientError::NotStuck),
            other => return Err(ClientError::NotActive(other)),
        }
        let before = self.stored_group(&mut step, row.id).await?;
        let members = self.views(&before)?;
        let culprits = recovery::culprits(&mut step, row.id, before.epoch()).await?;
        let suspects = suspects(&members, &culprits, without)?;
        let without: Vec<Identity> = suspects.iter().map(|member| member.identity).collect();
        if is_around_a_quorum(before.alliance(), &without, &culprits) {
            return Err(Obstacle::QuorumUnreachable.into());
        }
        let origin = before.bearings(usize::MAX)?;
        let key = &self.profile.key;
        let mut group = before.reboot(key, &without, &self.environment.random)?;
        groups::delete(&mut step, row.id).await?;
        self.start_life(&mut step, &row, &mut group).await?;
        let recovery_key = group.own_recovery_key()?;
        let today = self.environment.clock.today();
        recovery::set_own_mailbox(&mut step, row.id, &before.own_recovery_key()?, today, KEEP_DAYS).await?;
        recovery::set_own_mailbox(&mut step, row.id, &recovery_key, today, KEEP_DAYS).await?;
        let call = RebootCall {
            alliance: origin.state.id,
            generation: group.alliance().generation,
            day: today,
            caller: key.identity(),
            without,
            mailbox: recovery_key.public()?,
        };
        recovery::set_reboot(&mut step, row.id, &call, &origin).await?;
        let row = alliances::get(&mut step, row.id).await?;
        self.tell_reboot(&mut step, &row, &call, &origin).await?;
        let called = self.call_members(&mut step, row.id).await?;
        step.commit().await?;
        self.sync(alliance).await?;
        Ok(RebootReport { without: suspects.into_iter().map(|member| member.person.name).collect(), called })
    }

    /// Calls once more whoever has not come back, if it is time.
    pub(super) async fn call_again(&self, row: &AllianceRow) -> Result<(), ClientError> {
        let mut step = self.store.begin().await?;
        let called = recovery::last_call(&mut step, row.id, CALLS_MAX).await?;
        let after_seconds = self.environment.recovery_after_seconds;
        let due = called.is_some_and(|called| self.environment.clock.is_due(called, after_seconds));
        if !due || recovery::reboot(&mut step, row.id).await?.is_none_or(|found| !self.is_own(&found.caller)) {
            return Ok(());
        }
        self.call_members(&mut step, row.id).await?;
        step.commit().await?;
        Ok(())
    }

    /// Leaves the call for everybody who is awaited and has no seat yet.
    async fn call_members(&self, step: &mut SqliteConnection, alliance: i64) -> Result<usize, ClientError> {
        let Some(reboot) = recovery::reboot(step, alliance).await? else { return Ok(0) };
        let group = self.stored_group(step, alliance).await?;
        if group.alliance().generation != reboot.generation {
            return Ok(0);
        }
        let call = RebootCall {
            alliance: reboot.origin.state.id,
            generation: reboot.generation,
            day: self.environment.clock.today(),
            caller: reboot.caller,
            without: reboot.without,
            mailbox: group.own_recovery_key()?.public()?,
        };
        let octets = call.sign(&self.profile.key)?;
        let mut awaited = reboot.origin.fellows;
        awaited.retain(|fellow| group.alliance().awaits(&fellow.person.identity).is_some());
        for fellow in &awaited {
            self.leave_note(step, alliance, &fellow.mailbox, &Note::Call(octets.clone()), FrameSize::Kib16).await?;
        }
        recovery::set_called(step, alliance, self.environment.clock.unix_seconds()).await?;
        Ok(awaited.len())
    }

    /// Follows a call, if it is one to follow.
    pub(super) async fn take_call(
        &self,
        step: &mut SqliteConnection,
        alliance: i64,
        call: &RebootCall,
        octets: &[u8],
    ) -> Result<(), ClientError> {
        let row = alliances::get(step, alliance).await?;
        let Some((origin, saw)) = self.origin_of(step, &row, call).await? else { return Ok(()) };
        let culprits = recovery::culprits(step, alliance, origin.epoch).await?;
        let permitted = origin.organisers().contains(&call.caller) && !culprits.contains(&call.caller);
        let next = call.alliance == origin.state.id && call.generation > origin.state.generation;
        if !permitted || !next || self.is_own(&call.caller) {
            return Ok(());
        }
        if saw && is_around_a_quorum(&origin.state, &call.without, &culprits) {
            let (by, without) = people_of(&call.caller, &call.without, &origin);
            return history::add_event_once(step, row.id, &row.place, &Event::CallRefused { by, without }).await;
        }
        self.tell_reboot(step, &row, call, &origin).await?;
        if call.without.contains(&self.profile.key.identity()) {
            for intent in outbox::open_intents(step, alliance).await? {
                give_up(step, &row, &intent, Obstacle::NotMember).await?;
            }
            recovery::end_rejoin(step, alliance).await?;
            groups::delete(step, alliance).await?;
            return alliances::set_status(step, alliance, Status::Removed).await;
        }
        recovery::set_reboot(step, alliance, call, &origin).await?;
        self.lose_place_with(step, &row, LostWhy::Rebooted, &origin, Some(octets)).await
    }

    /// What one knew of the alliance before the reboot that a call tells of, and whether one was there when it got stuck;
    /// none where one does not follow it.
    async fn origin_of(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        call: &RebootCall,
    ) -> Result<Option<(Bearings, bool)>, ClientError> {
        let earlier = recovery::reboot(step, row.id).await?;
        let contested = earlier.filter(|earlier| earlier.generation == call.generation);
        Ok(match (contested, row.status) {
            // Two organisers have called: everybody ends with the same one.
            (Some(earlier), Status::Active | Status::Lost | Status::Stuck) => {
                call.precedes(earlier.generation, &earlier.caller).then_some((earlier.origin, true))
            }
            (None, Status::Stuck) => Some((self.stored_group(step, row.id).await?.bearings(usize::MAX)?, true)),
            (None, Status::Lost) => recovery::rejoin(step, row.id).await?.map(|rejoin| (rejoin.bearings, false)),
            // Who is not stuck is not led away.
            _ => None,
        })
    }

    async fn tell_reboot(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        call: &RebootCall,
        origin: &Bearings,
    ) -> Result<(), ClientError> {
        let (by, without) = people_of(&call.caller, &call.without, origin);
        let event = Event::Rebooted { by: by.clone(), without };
        history::add_event(step, row.id, &row.place, &event).await?;
        let rules = origin.state.rules_without(&call.without);
        if rules == origin.state.rules {
            return Ok(());
        }
        let event = Event::RulesChanged { rules: (&rules).into(), by };
        history::add_event(step, row.id, &row.place, &event).await
    }
}

/// Who calls, and whom it leaves out, as they are shown.
fn people_of(caller: &Identity, without: &[Identity], origin: &Bearings) -> (ShownPerson, Vec<ShownPerson>) {
    let shown = |identity: &Identity| {
        let mut people = origin.fellows.iter().map(|fellow| &fellow.person).chain([&origin.own]);
        let found = people.find(|person| person.identity == *identity);
        found.map_or_else(|| ShownPerson { name: "?".into(), organisation: "?".into() }, Into::into)
    };
    (shown(caller), without.iter().map(shown).collect())
}

/// Whether leaving these people out would make fewer organisations enough than the rules ask for, and takes the voice of
/// somebody who was not seen to cheat.
fn is_around_a_quorum(state: &AllianceState, without: &[Identity], culprits: &[Identity]) -> bool {
    let organises = |identity: &&Identity| state.seat(identity).is_some_and(|seat| seat.role == Role::Organiser);
    let mut silenced = without.iter().filter(organises);
    state.rules_without(without).quorums != state.rules.quorums && silenced.any(|out| !culprits.contains(out))
}

/// Whom to leave out: those who are named, and nobody is left out unnamed.
fn suspects(members: &[MemberView], culprits: &[Identity], without: &[String]) -> Result<Vec<MemberView>, ClientError> {
    if without.is_empty() {
        let known = members.iter().filter(|member| culprits.contains(&member.identity) && !member.own);
        return Err(ClientError::WithoutWhom(known.map(|member| member.person.name.clone()).collect()));
    }
    let mut suspects: Vec<MemberView> = Vec::new();
    for text in without {
        let found = named(members.to_vec(), text)?;
        if found.own {
            return Err(Obstacle::OwnRemoval.into());
        }
        if suspects.iter().all(|other| other.identity != found.identity) {
            suspects.push(found);
        }
    }
    Ok(suspects)
}
