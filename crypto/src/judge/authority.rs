//! Who may make a change: the organisations that must stand behind it, and those that do.

use super::{CommitFacts, Refusal};
use crate::alliance::{AllianceState, Claim, Role, Seat};
use crate::identity::Identity;
use crate::ledger::LedgerError;
use crate::motion::{Action, Admission, Motion, VerifiedMotion};
use crate::name::Name;
use crate::rules::Privilege;

/// Checks that enough organisations stand behind what changed.
pub(super) fn check(
    before: &AllianceState,
    facts: &CommitFacts,
    author: &Seat,
    after: &AllianceState,
) -> Result<(), Refusal> {
    let base = unprivileged(before, &facts.departed, author);
    match &facts.motion {
        None => check_alone(facts, author, &base, after),
        Some(motion) => check_motion(before, facts, author, &base, motion, after),
    }
}

/// The state that a commit makes which changes nothing: those who wished to leave are gone; and an organiser's commit is
/// its objection to a claim that there is no organiser.
pub(crate) fn unprivileged(before: &AllianceState, departed: &[Identity], author: &Seat) -> AllianceState {
    let mut base = before.clone().without(departed);
    if author.role == Role::Organiser {
        base.claim = None;
    }
    base
}

fn check_alone(facts: &CommitFacts, author: &Seat, base: &AllianceState, after: &AllianceState) -> Result<(), Refusal> {
    if after == base && facts.added.is_empty() && facts.removed.is_empty() {
        return Ok(());
    }
    if author.role != Role::Organiser {
        return Err(Refusal::NotOrganiser);
    }
    if after.claim.is_some() {
        return Err(Refusal::ClaimMismatch);
    }
    if after.ledger != base.ledger {
        return Err(Refusal::LedgerChanged);
    }
    if organisations_needed(base, after, author) > 1 {
        return Err(Refusal::ApprovalsMissing);
    }
    Ok(())
}

/// The number of organisations that must stand behind a change of the state, if this member makes it. One is its own.
///
/// Whoever has both left and come with the same role and organisation has new keys, and no new rights. To give an
/// organisation its first organiser, or to take its last, is to change who decides: it takes what changing the rules
/// takes, or whoever may appoint alone would appoint a majority first.
#[must_use]
pub fn organisations_needed(before: &AllianceState, after: &AllianceState, author: &Seat) -> u8 {
    let own = |seat: &Seat| {
        before.rules.own_delegates && seat.organisation == author.organisation && seat.role < Role::Organiser
    };
    let mut privileges = Vec::new();
    for seat in &after.seats {
        let old = before.seat(&seat.identity).filter(|old| old.organisation == seat.organisation);
        match old {
            Some(old) if old.role != seat.role => privileges.push(Privilege::Roles),
            Some(_) => {}
            None if own(seat) || before.awaits(&seat.identity).is_some() => {}
            None => {
                privileges.push(Privilege::Admit);
                privileges.extend((seat.role == Role::Organiser).then_some(Privilege::Roles));
            }
        }
    }
    let stays = |seat: &Seat| after.seat(&seat.identity).is_some_and(|new| new.organisation == seat.organisation);
    let given_up =
        |awaited: &Admission| after.seat(&awaited.identity).is_none() && after.awaits(&awaited.identity).is_none();
    privileges.extend(before.awaited().iter().any(given_up).then_some(Privilege::Remove));
    privileges.extend(before.seats.iter().any(|seat| !stays(seat) && !own(seat)).then_some(Privilege::Remove));
    privileges.extend((before.rules != after.rules).then_some(Privilege::Rules));
    privileges.extend((before.voices() != after.voices()).then_some(Privilege::Rules));
    let is_another = before.name != after.name || before.relays != after.relays;
    privileges.extend(is_another.then_some(Privilege::Alliance));
    privileges.into_iter().map(|privilege| before.rules.quorums.of(privilege)).max().unwrap_or(1)
}

fn check_motion(
    before: &AllianceState,
    facts: &CommitFacts,
    author: &Seat,
    base: &AllianceState,
    verified: &VerifiedMotion,
    after: &AllianceState,
) -> Result<(), Refusal> {
    let motion = &verified.motion;
    let (needed, rank) = if motion.action.is_succession() {
        let succession = before.rules.succession.filter(|_| author.role != Role::Organiser);
        (succession.ok_or(Refusal::NoSuccession)?.organisations, Role::Member)
    } else if author.role == Role::Organiser {
        let changed = motion.action.applied(before, base).ok_or(Refusal::MotionMismatch)?;
        (organisations_needed(base, &changed, author), Role::Organiser)
    } else {
        return Err(Refusal::NotOrganiser);
    };
    if needed <= 1 {
        return Err(Refusal::MotionNeedless);
    }
    if *after != enacted(before, base, motion, after.ledger.day)?
        || !people_are_the_motions(before, facts, &motion.action)
    {
        return Err(Refusal::MotionMismatch);
    }
    if organisations_behind(before, author, &verified.approvers, rank) < usize::from(needed) {
        return Err(Refusal::ApprovalsMissing);
    }
    Ok(())
}

/// The state that enacting a motion makes of `base`, with the ledger's day moved to this one.
pub(crate) fn enacted(
    before: &AllianceState,
    base: &AllianceState,
    motion: &Motion,
    day: u32,
) -> Result<AllianceState, Refusal> {
    let ledger = before.ledger.spending(motion, day).map_err(|error| match error {
        LedgerError::Spent => Refusal::MotionSpent,
        LedgerError::Expired => Refusal::MotionExpired,
        LedgerError::Day => Refusal::LedgerChanged,
        LedgerError::Full => Refusal::LedgerFull,
    })?;
    let mut after = motion.action.applied(before, base).ok_or(Refusal::MotionMismatch)?;
    if let Action::Claim(appointee) = motion.action {
        after.claim = Some(Claim { id: motion.id, appointee });
    }
    Ok(AllianceState { ledger, ..after })
}

/// Whether those who come and go are those of the motion, by name: a seat alone does not say what somebody is called.
fn people_are_the_motions(before: &AllianceState, facts: &CommitFacts, action: &Action) -> bool {
    let (coming, going) = match action {
        Action::Add(people) => (people.as_slice(), [].as_slice()),
        Action::Remove(people) => ([].as_slice(), people.as_slice()),
        _ => ([].as_slice(), [].as_slice()),
    };
    let mut added: Vec<_> = facts.added.iter().collect();
    added.sort_by_key(|person| person.identity);
    let mut removed = facts.removed.clone();
    removed.sort();
    let stays = |identity: &&Identity| !facts.departed.contains(identity) && before.awaits(identity).is_none();
    let going = going.iter().filter(stays);
    added.into_iter().cloned().eq(coming.iter().map(Admission::person)) && removed.iter().eq(going)
}

/// How many different organisations stand behind a commit: its author's, and those of approvers of a rank in the state
/// before it. Approvals by others count for nothing.
fn organisations_behind(before: &AllianceState, author: &Seat, approvers: &[Identity], rank: Role) -> usize {
    let seats = approvers.iter().filter_map(|identity| before.seat(identity));
    let own = Some(author).filter(|author| author.role >= rank);
    let mut organisations: Vec<&Name> =
        seats.filter(|seat| seat.role >= rank).chain(own).map(|seat| &seat.organisation).collect();
    organisations.sort();
    organisations.dedup();
    organisations.len()
}
