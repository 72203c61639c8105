//! Motions in real commits: enacted and judged alike by all, newcomers among them; and what a cheat can make of them.

mod support;

use support::{Party, joiner, pass, random};
use twiza_crypto::alliance::{AllianceId, AllianceState, Role};
use twiza_crypto::group::commit::{Change, Enacting, PendingCommit};
use twiza_crypto::identity::IdentityKey;
use twiza_crypto::judge::Refusal;
use twiza_crypto::motion::{Action, Admission, Approval, Enactment, Motion, MotionId};
use twiza_crypto::name::Name;
use twiza_crypto::rules::{Quorums, Rules, Succession};
use twiza_crypto::{CryptoError, Obstacle};

const TODAY: u32 = 20_000;

/// Organisers 0, 1 and 2 and member 3, each of an organisation of its own; two of them decide.
fn alliance() -> Vec<Party> {
    let mut parties = support::alliance_of(4);
    for organiser in [1, 2] {
        let identity = parties[organiser].identity();
        pass(&mut parties, 0, &Change::SetRole(identity, Role::Organiser)).expect("one decides, as yet");
    }
    let succession = Succession { silence_days: 30, waiting_days: 7, organisations: 2 };
    let rules = Rules { quorums: Quorums::all(2), succession: Some(succession), ..Rules::default() };
    pass(&mut parties, 0, &Change::SetRules(rules)).expect("one decides for the last time");
    parties
}

fn motion(action: Action) -> Motion {
    Motion { id: MotionId::generate(&random()).expect("randomness"), expires: TODAY + 14, action }
}

fn approve(motion: &Motion, party: &Party) -> Approval {
    motion.approve(&party.group().alliance().id, party.identity_key()).expect("an approval")
}

fn enact(motion: &Motion, approvals: Vec<Approval>) -> Change {
    let enactment = Enactment::new(motion.clone(), approvals);
    Change::Enact(Box::new(Enacting { enactment, requests: Vec::new(), today: TODAY }))
}

/// A commit that only a cheat's client makes.
fn cheat(
    party: &mut Party,
    change: &Change,
    after: impl FnOnce(AllianceState) -> AllianceState,
    authenticated: Vec<u8>,
) -> PendingCommit {
    party.save();
    let address = party.address();
    let after = after(party.group().alliance().clone());
    let made = party.group_mut().commit_unjudged(change, &after, authenticated, &address);
    party.reload();
    made.expect("a cheat's client builds what it likes")
}

/// What all but the author say to a commit, which must be the same.
fn refused_by_all(parties: &mut [Party], author: usize, commit: &PendingCommit) -> CryptoError {
    let address = parties[author].address();
    let mut errors = Vec::new();
    for index in (0..parties.len()).filter(|index| *index != author) {
        let refused = parties[index].try_receive_commit(&address, &commit.commit, &commit.author);
        errors.push(refused.expect_err("nobody takes it"));
    }
    assert!(errors.windows(2).all(|pair| pair[0].to_string() == pair[1].to_string()), "{errors:?}");
    errors.remove(0)
}

#[test]
fn what_two_organisations_approve_is_enacted_by_either_and_judged_by_all() {
    let mut parties = alliance();
    let third = parties[3].identity();
    let motion = motion(Action::SetRole(third, Role::Observer));
    assert_eq!(parties[0].group().organisations_needed(&Change::SetRole(third, Role::Observer)).expect("needed"), 2);
    let alone = parties[0].try_commit(&Change::SetRole(third, Role::Observer));
    assert!(matches!(alone, Err(CryptoError::Refused(Refusal::ApprovalsMissing))), "{alone:?}");
    let own = enact(&motion, vec![approve(&motion, &parties[0])]);
    let alone = parties[0].try_commit(&own);
    assert!(matches!(alone, Err(CryptoError::Refused(Refusal::ApprovalsMissing))), "{alone:?}");
    // The approval outlives the epoch in which it was given.
    let approvals = vec![approve(&motion, &parties[0]), approve(&motion, &parties[1])];
    pass(&mut parties, 3, &Change::Rotate).expect("anybody rotates");
    pass(&mut parties, 2, &enact(&motion, approvals.clone())).expect("a third organiser may enact it");
    for party in &parties {
        let state = party.group().alliance();
        assert_eq!(state.seat(&third).map(|seat| seat.role), Some(Role::Observer));
        assert!(state.ledger.has_spent(&motion.id) && state.ledger.day == TODAY);
    }
    let again = parties[1].try_commit(&enact(&motion, approvals));
    assert!(matches!(again, Err(CryptoError::Refused(Refusal::MotionSpent))), "{again:?}");
}

#[test]
fn an_approved_newcomer_is_let_in_and_judges_like_everybody() {
    let mut parties = alliance();
    let (mut newcomer, request) = joiner("Zineb", "Amal");
    let admit = motion(Action::Add(vec![Admission::of(&request.person, Role::Member)]));
    let gone = parties[3].identity();
    let remove = motion(Action::Remove(vec![gone]));
    // Both are approved before the newcomer is there.
    let admitting = vec![approve(&admit, &parties[0]), approve(&admit, &parties[1])];
    let removing = vec![approve(&remove, &parties[1]), approve(&remove, &parties[2])];
    let enactment = Enactment::new(admit, admitting);
    let change = Change::Enact(Box::new(Enacting { enactment, requests: vec![request], today: TODAY }));
    let welcome = pass(&mut parties, 0, &change).expect("approved").expect("a Welcome");
    newcomer.enter(&welcome, &parties[0].identity().fingerprint()).expect("entering");
    parties.push(newcomer);
    pass(&mut parties, 1, &enact(&remove, removing)).expect("the newcomer has seen nothing of it, and judges it");
    assert!(parties[4].group().alliance().seat(&gone).is_none() && !parties[3].group().is_active());
    // Without its request, nobody can let a person in, however approved.
    let (_, request) = joiner("Ziri", "Amal");
    let admit = motion(Action::Add(vec![Admission::of(&request.person, Role::Member)]));
    let approvals = vec![approve(&admit, &parties[1])];
    let refused = parties[0].try_commit(&enact(&admit, approvals));
    assert!(matches!(refused, Err(CryptoError::NotPossible(Obstacle::UnknownMember))), "{refused:?}");
}

#[test]
fn a_pending_motion_is_remembered_through_a_restart() {
    let mut parties = alliance();
    let motion = motion(Action::Rename(Name::new("Tiwizi").expect("a name")));
    let approvals = vec![approve(&motion, &parties[1])];
    let address = parties[0].address();
    let commit = parties[0].group_mut().commit(&enact(&motion, approvals), &address).expect("approved");
    parties[0].save();
    parties[0].reload();
    let facts = parties[0].group().pending_facts().expect("it is pending");
    assert_eq!(facts.motion.map(|found| found.motion), Some(motion));
    parties[0].group_mut().merge_pending().expect("its receipt came");
    let judged = parties[1].try_receive_commit(&address, &commit.commit, &commit.author).expect("permitted");
    parties[1].group_mut().merge(judged).expect("merged");
    assert_eq!(parties[0].address(), parties[1].address());
    let sealed = parties[0].say("nothing of the motion is in what follows");
    assert!(parties[1].hear(&sealed).starts_with("nothing"));
}

#[test]
fn a_motion_cannot_be_told_from_a_rotation_by_its_size() {
    let mut parties = alliance();
    let motion = motion(Action::Remove(vec![parties[3].identity()]));
    let approvals = parties[..3].iter().map(|party| approve(&motion, party)).collect();
    let enacted = parties[0].try_commit(&enact(&motion, approvals)).expect("approved");
    let rotation = parties[0].try_commit(&Change::Rotate).expect("a rotation");
    assert_eq!(enacted.frame_size, rotation.frame_size);
    assert!(enacted.commit.len() <= twiza_crypto::seal::capacity(enacted.frame_size, 0), "fits one frame");
}

#[test]
fn approvals_that_are_forged_or_for_something_else_are_refused() {
    let mut parties = alliance();
    let alliance = parties[0].group().alliance().id;
    let gone = parties[3].identity();
    let real = motion(Action::Remove(vec![gone]));
    let approved = approve(&real, &parties[1]);
    let by = |motion: &Motion, alliance: &AllianceId| motion.approve(alliance, parties[1].identity_key());
    let stranger = IdentityKey::from_seed(&[77; 32]);
    let mut flipped = approved.clone();
    flipped.signature[40] ^= 1;
    let forged = [
        ("a flipped bit", flipped),
        (
            "a stranger's, under another's identity",
            Approval { by: parties[1].identity(), ..real.approve(&alliance, &stranger).expect("an approval") },
        ),
        ("of another alliance", by(&real, &AllianceId::from_bytes([3; 32])).expect("an approval")),
        (
            "of another motion",
            by(&Motion { id: MotionId::from_bytes([1; 16]), ..real.clone() }, &alliance).expect("one"),
        ),
        ("until another day", by(&Motion { expires: TODAY + 15, ..real.clone() }, &alliance).expect("an approval")),
        ("of another action", {
            let action = Action::Remove(vec![parties[2].identity()]);
            by(&Motion { action, ..real.clone() }, &alliance).expect("an approval")
        }),
    ];
    for (what, approval) in forged {
        let enactment = Enactment::new(real.clone(), vec![approval]).encode().expect("octets");
        let mut ledger = parties[0].group().alliance().ledger.clone();
        ledger.day = TODAY;
        ledger.spent = vec![twiza_crypto::ledger::Spent { id: real.id, expires: real.expires }];
        let without = |state: AllianceState| AllianceState { ledger: ledger.clone(), ..state.without(&[gone]) };
        let made = cheat(&mut parties[0], &Change::Remove(vec![gone]), without, enactment);
        let error = refused_by_all(&mut parties, 0, &made);
        assert!(matches!(error, CryptoError::Unverified("an identity's signature")), "{what}: {error:?}");
        // The very same commit with the real approval is taken: it was the approval that was refused.
        let enactment = Enactment::new(real.clone(), vec![approved.clone()]).encode().expect("octets");
        let made = cheat(&mut parties[0], &Change::Remove(vec![gone]), without, enactment);
        let address = parties[0].address();
        parties[1].try_receive_commit(&address, &made.commit, &made.author).expect(what);
        parties[1].reload();
    }
}

#[test]
fn an_organiser_who_goes_alone_is_refused_whatever_its_client_builds() {
    let mut parties = alliance();
    let gone = parties[3].identity();
    let removal = Change::Remove(vec![gone]);
    let without = |state: AllianceState| state.without(&[gone]);
    let made = cheat(&mut parties[0], &removal, without, Vec::new());
    let error = refused_by_all(&mut parties, 0, &made);
    assert!(matches!(error, CryptoError::Refused(Refusal::ApprovalsMissing)), "{error:?}");
    let made = cheat(&mut parties[0], &removal, without, b"approved by everybody".to_vec());
    let error = refused_by_all(&mut parties, 0, &made);
    assert!(matches!(error, CryptoError::Malformed("motion in a commit")), "{error:?}");
    let lax = |state: AllianceState| AllianceState { rules: Rules::default(), ..state };
    let made = cheat(&mut parties[0], &Change::Rotate, lax, Vec::new());
    let error = refused_by_all(&mut parties, 0, &made);
    assert!(matches!(error, CryptoError::Refused(Refusal::ApprovalsMissing)), "{error:?}");
    let forgetful = |mut state: AllianceState| {
        state.ledger.day += 1;
        state
    };
    let made = cheat(&mut parties[0], &Change::Rotate, forgetful, Vec::new());
    let error = refused_by_all(&mut parties, 0, &made);
    assert!(matches!(error, CryptoError::Refused(Refusal::LedgerChanged)), "{error:?}");
    // A commit that changes nothing carries nothing.
    let made = cheat(&mut parties[0], &Change::Rotate, |state| state, b"a note".to_vec());
    assert!(matches!(refused_by_all(&mut parties, 0, &made), CryptoError::Malformed(_)));
}

#[test]
fn a_member_who_promotes_itself_or_removes_others_is_refused() {
    let mut parties = alliance();
    let (own, other) = (parties[3].identity(), parties[2].identity());
    let promoted = |state: AllianceState| {
        let seat = state.seat(&own).expect("a seat").clone();
        state.with_seat(twiza_crypto::alliance::Seat { role: Role::Organiser, ..seat })
    };
    let made = cheat(&mut parties[3], &Change::Rotate, promoted, Vec::new());
    assert!(matches!(refused_by_all(&mut parties, 3, &made), CryptoError::Refused(Refusal::NotOrganiser)));
    let made = cheat(&mut parties[3], &Change::Remove(vec![other]), |state| state.without(&[other]), Vec::new());
    assert!(matches!(refused_by_all(&mut parties, 3, &made), CryptoError::Refused(Refusal::NotOrganiser)));
    // With approvals of two organisations it is still not a member's to enact.
    let motion = motion(Action::SetRole(own, Role::Organiser));
    let approvals = vec![approve(&motion, &parties[0]), approve(&motion, &parties[1])];
    let enactment = Enactment::new(motion, approvals).encode().expect("octets");
    let made = cheat(&mut parties[3], &Change::Rotate, promoted, enactment);
    assert!(matches!(refused_by_all(&mut parties, 3, &made), CryptoError::Refused(Refusal::NotOrganiser)));
}

#[test]
fn a_replayed_motion_is_refused() {
    let mut parties = alliance();
    let third = parties[3].identity();
    let demote = motion(Action::SetRole(third, Role::Observer));
    let approvals = vec![approve(&demote, &parties[1])];
    pass(&mut parties, 0, &enact(&demote, approvals.clone())).expect("approved");
    let promote = motion(Action::SetRole(third, Role::Member));
    let undone = vec![approve(&promote, &parties[1])];
    pass(&mut parties, 0, &enact(&promote, undone)).expect("and undone");
    let enactment = Enactment::new(demote, approvals).encode().expect("octets");
    let demoted = |state: AllianceState| {
        let seat = state.seat(&third).expect("a seat").clone();
        state.with_seat(twiza_crypto::alliance::Seat { role: Role::Observer, ..seat })
    };
    let made = cheat(&mut parties[0], &Change::Rotate, demoted, enactment);
    let error = refused_by_all(&mut parties, 0, &made);
    assert!(matches!(error, CryptoError::Refused(Refusal::MotionSpent)), "{error:?}");
}

#[test]
fn whoever_is_needed_for_the_quorum_cannot_leave() {
    let mut parties = alliance();
    let wishes: Vec<_> =
        [1, 2].map(|leaver| parties[leaver].propose_leave().expect("each alone may leave")).into_iter().collect();
    for index in [0, 3] {
        parties[index].group_mut().receive_proposal(&wishes[0]).expect("the first");
        let second = parties[index].group_mut().receive_proposal(&wishes[1]);
        assert!(matches!(second, Err(CryptoError::Refused(Refusal::QuorumUnreachable))), "{second:?}");
        parties[index].save();
    }
    let refused = parties[0].propose_leave();
    assert!(matches!(refused, Err(CryptoError::NotPossible(Obstacle::QuorumUnreachable))), "{refused:?}");
}

#[test]
fn members_appoint_somebody_where_no_organiser_objects() {
    let mut parties = support::alliance_of(4);
    let succession = Succession { silence_days: 30, waiting_days: 7, organisations: 2 };
    let rules = Rules { succession: Some(succession), ..Rules::default() };
    pass(&mut parties, 0, &Change::SetRules(rules)).expect("an organiser decides");
    let appointee = parties[1].identity();
    let claim = motion(Action::Claim(appointee));
    let approvals = vec![approve(&claim, &parties[1]), approve(&claim, &parties[3])];
    pass(&mut parties, 2, &enact(&claim, approvals)).expect("three organisations");
    assert_eq!(parties[0].group().alliance().claim.map(|claim| claim.appointee), Some(appointee));
    let appoint = motion(Action::Appoint(claim.id, appointee));
    // The organiser is there after all: any commit of its takes the claim away.
    pass(&mut parties, 0, &Change::Rotate).expect("an objection");
    assert_eq!(parties[2].group().alliance().claim, None);
    let approvals = vec![approve(&appoint, &parties[3])];
    let refused = parties[2].try_commit(&enact(&appoint, approvals));
    assert!(matches!(refused, Err(CryptoError::Refused(Refusal::MotionMismatch))), "{refused:?}");
    // The second time, nobody objects.
    let claim = motion(Action::Claim(appointee));
    let approvals = vec![approve(&claim, &parties[3])];
    pass(&mut parties, 2, &enact(&claim, approvals)).expect("two organisations");
    let appoint = motion(Action::Appoint(claim.id, appointee));
    let approvals = vec![approve(&appoint, &parties[3])];
    pass(&mut parties, 2, &enact(&appoint, approvals)).expect("two organisations");
    pass(&mut parties, 1, &Change::Rename(Name::new("Tiwizi").expect("a name"))).expect("an organiser at last");
}
