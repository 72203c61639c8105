//! The rules: one pure function that committer and receivers share.
//!
//! `judge` sees the state before a commit and the plain facts of the commit, and says whether members may accept it.
//! It is deterministic and total: all honest members, whenever they joined, reach the same verdict. It reads no clock and
//! verifies no signature: what is in the facts was verified before.
//!
//! ```text
//!                     state after = state before, less those who leave by their own wish
//!                    ╱                                          ╲
//!                 yes: anybody                                   no
//!                                                     ╱                    ╲
//!                           carries no motion: an organiser,        carries a motion: exactly that change,
//!                           where one organisation is enough        approved by enough organisations
//! ```
//!
//! An approval counts for the organisation of which its giver is an organiser *in the state before*; the author's own
//! organisation counts as well, since the author vouches for the commit with its leaf key. After every commit somebody
//! organises the alliance, its largest quorum can be reached, and no organisation has more seats than it may.

mod authority;

use crate::alliance::{AllianceId, AllianceState, Seat};
use crate::credential::Person;
use crate::identity::Identity;
use crate::motion::{Admission, VerifiedMotion};
use thiserror::Error;
use twiza_protocol::RelayAddress;

pub use authority::organisations_needed;
pub(crate) use authority::{enacted, unprivileged};

/// What a commit does, read from MLS and stripped of everything that is not needed to judge it.
#[derive(Debug, Clone)]
pub struct CommitFacts {
    /// Who made it, as the group knew this person before.
    pub author: Person,
    /// What the author's new leaf says, if the commit has a path.
    pub author_after: Option<Person>,
    /// Whom it adds, their certificates verified.
    pub added: Vec<Person>,
    /// Whom it removes.
    pub removed: Vec<Identity>,
    /// Of those whom it adds, who had a leaf that it removes, as the group knew them before: they come back with new
    /// keys, and may change nothing else by it.
    pub readmitted: Vec<Person>,
    /// Whose own wish to leave it carries out.
    pub departed: Vec<Identity>,
    /// Whether it carries proposals of another kind (update, pre-shared key, reinit, external init).
    pub other_proposals: bool,
    /// The motion that it enacts, its approvals verified.
    pub motion: Option<VerifiedMotion>,
    /// The state after it; `None` where the extension is missing or does not decode.
    pub after: Option<AllianceState>,
}

/// Why a commit is refused. The author's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The author has no seat.
    #[error("its author is not a member")]
    AuthorNotMember,
    /// The author is among those who are gone after it.
    #[error("it takes its own author out")]
    AuthorRemoved,
    /// A kind of proposal that alliances do not use.
    #[error("it carries a kind of proposal that alliances do not use")]
    ProposalKind,
    /// The author's leaf changed identity, name or organisation.
    #[error("its author's identity, name or organisation changed with it")]
    AuthorChanged,
    /// The state is missing or does not decode.
    #[error("the alliance state after it is missing or malformed")]
    StateMalformed,
    /// The alliance's identifier or the address of the relay in use changed.
    #[error("it changes what makes the alliance findable")]
    AnchorChanged,
    /// Somebody added has a seat already, or is added twice.
    #[error("it adds somebody who is a member already")]
    AddedTwice,
    /// Somebody removed has no seat.
    #[error("it removes somebody who is not a member")]
    RemovedStranger,
    /// Somebody who comes back with new keys would come back with another name, organisation or role.
    #[error("it readmits somebody as somebody else")]
    ReadmittedChanged,
    /// Somebody who is awaited would come as somebody else, or the alliance's founding changed in another way.
    #[error("it changes how the alliance was founded anew, or who is awaited")]
    FoundingChanged,
    /// Seats and leaves would differ.
    #[error("the seats after it do not match its additions and removals")]
    SeatsMismatch,
    /// A change that only an organiser may make.
    #[error("its author is not an organiser")]
    NotOrganiser,
    /// A message by somebody who may only read.
    #[error("observers read, but do not write")]
    ObserverWrites,
    /// Members would be left without an organiser.
    #[error("it would leave the alliance without an organiser")]
    NoOrganiser,
    /// Fewer organisations would be left with an organiser than the rules ask to approve.
    #[error("it would leave too few organisations to approve anything")]
    QuorumUnreachable,
    /// An organisation would have more people than it may.
    #[error("an organisation would have more people than it may")]
    AllotmentExceeded,
    /// The rules ask for approvals of more organisations.
    #[error("too few organisations have approved it")]
    ApprovalsMissing,
    /// It carries a motion and does something else, or more.
    #[error("it does not do what its motion says")]
    MotionMismatch,
    /// It carries a motion, and needs none.
    #[error("it carries a motion that it does not need")]
    MotionNeedless,
    /// Its motion was enacted before.
    #[error("its motion was enacted before")]
    MotionSpent,
    /// Its motion's last day is over, or farther away than it may be.
    #[error("its motion has expired, or is good for too long")]
    MotionExpired,
    /// What is remembered of motions changed in another way than by its motion.
    #[error("it tampers with what is remembered of motions")]
    LedgerChanged,
    /// Too many motions are remembered: some must expire first.
    #[error("too many motions were enacted in a short time")]
    LedgerFull,
    /// An organiser let a claim stand that nobody organises the alliance, or somebody else took it away.
    #[error("an organiser's commit takes a claim away, and nobody else's does")]
    ClaimMismatch,
    /// A succession where the rules have none, or by an organiser.
    #[error("the alliance's rules have no such succession")]
    NoSuccession,
}

/// Judges a commit.
///
/// # Errors
/// [`Refusal`], for the first rule that it breaks.
pub fn judge(before: &AllianceState, facts: &CommitFacts) -> Result<(), Refusal> {
    let author = before.seat(&facts.author.identity).ok_or(Refusal::AuthorNotMember)?;
    if facts.other_proposals {
        return Err(Refusal::ProposalKind);
    }
    if facts.author_after.as_ref().is_some_and(|after| *after != facts.author) {
        return Err(Refusal::AuthorChanged);
    }
    if facts.removed.iter().chain(&facts.departed).any(|gone| *gone == facts.author.identity) {
        return Err(Refusal::AuthorRemoved);
    }
    let after = facts.after.as_ref().ok_or(Refusal::StateMalformed)?;
    if anchor(after) != anchor(before) {
        return Err(Refusal::AnchorChanged);
    }
    check_membership(before, facts, after)?;
    check_founding(before, facts, after)?;
    authority::check(before, facts, author, after)?;
    check_readmissions(before, facts, after)?;
    check_invariants(after)
}

/// What no commit changes: by it, members find each other.
fn anchor(state: &AllianceState) -> (AllianceId, u32, Option<&RelayAddress>) {
    (state.id, state.generation, state.relays.first().map(|relay| &relay.address))
}

/// What every state must be, so that an alliance can always go on.
///
/// # Errors
/// [`Refusal`], for the first that it is not.
pub fn check_invariants(state: &AllianceState) -> Result<(), Refusal> {
    if state.organisers() == 0 {
        return Err(Refusal::NoOrganiser);
    }
    if state.voices().len() < usize::from(state.rules.largest_quorum()) {
        return Err(Refusal::QuorumUnreachable);
    }
    let mut allotments = state.rules.allotments.iter();
    if allotments.any(|allotment| state.people_of(&allotment.organisation) > usize::from(allotment.seats)) {
        return Err(Refusal::AllotmentExceeded);
    }
    Ok(())
}

/// The seats after are exactly those before, less the removed and departed, plus the added; organisations stay.
fn check_membership(before: &AllianceState, facts: &CommitFacts, after: &AllianceState) -> Result<(), Refusal> {
    let mut gone: Vec<Identity> = facts.removed.iter().chain(&facts.departed).copied().collect();
    gone.sort();
    let distinct = gone.windows(2).all(|pair| pair.first() != pair.last());
    if !distinct || gone.iter().any(|identity| before.seat(identity).is_none()) {
        return Err(Refusal::RemovedStranger);
    }
    let mut expected: Vec<(Identity, &crate::name::Name)> = before
        .seats
        .iter()
        .filter(|seat| !gone.contains(&seat.identity))
        .map(|seat| (seat.identity, &seat.organisation))
        .chain(facts.added.iter().map(|person| (person.identity, &person.organisation)))
        .collect();
    expected.sort();
    if expected.windows(2).any(|pair| pair.first().map(|a| a.0) == pair.last().map(|b| b.0)) {
        return Err(Refusal::AddedTwice);
    }
    let found = after.seats.iter().map(|Seat { identity, organisation, .. }| (*identity, organisation));
    if expected.into_iter().eq(found) { Ok(()) } else { Err(Refusal::SeatsMismatch) }
}

/// Whoever is awaited comes as what it was, and nobody else begins to be awaited.
fn check_founding(before: &AllianceState, facts: &CommitFacts, after: &AllianceState) -> Result<(), Refusal> {
    let founder = |state: &AllianceState| state.founding.as_ref().map(|founding| founding.by);
    let as_it_was = |person: &Person| {
        let Some(awaited) = before.awaits(&person.identity) else { return true };
        awaited.person() == *person && after.seat(&person.identity).is_some_and(|seat| seat.role == awaited.role)
    };
    let known = |awaited: &Admission| before.awaits(&awaited.identity) == Some(awaited);
    if founder(before) == founder(after) && facts.added.iter().all(as_it_was) && after.awaited().iter().all(known) {
        Ok(())
    } else {
        Err(Refusal::FoundingChanged)
    }
}

/// Whoever is removed and added at once is the same person as before, in the same seat. Whoever wants to leave is let go.
fn check_readmissions(before: &AllianceState, facts: &CommitFacts, after: &AllianceState) -> Result<(), Refusal> {
    let returns = |gone: &[Identity], person: &Person| gone.contains(&person.identity);
    if facts.added.iter().any(|person| returns(&facts.departed, person)) {
        return Err(Refusal::AddedTwice);
    }
    let mut returning = facts.added.iter().filter(|person| returns(&facts.removed, person));
    let unchanged = |person: &Person| {
        facts.readmitted.contains(person) && before.seat(&person.identity) == after.seat(&person.identity)
    };
    if returning.all(unchanged) { Ok(()) } else { Err(Refusal::ReadmittedChanged) }
}
