//! Several organisations decide together, through a real relay: proposing, approving, taking back, letting in, and
//! finding a new organiser where all others are gone.

use anyhow::{Context, Result};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use twiza_client::clock::{Clock, SystemClock};
use twiza_client::engine::{AllianceNumber, Environment, MotionView, Proposed, ROTATE_AFTER_SECONDS};
use twiza_client::relay::http::HttpConnector;
use twiza_client::store::alliances::Status;
use twiza_client::store::history::{Event, Item};
use twiza_client::store::motions::MotionState;
use twiza_client::{ClientError, Engine, os_random};
use twiza_crypto::Obstacle;
use twiza_crypto::alliance::Role;
use twiza_crypto::motion::Action;
use twiza_crypto::name::Name;
use twiza_crypto::rules::{Allotment, Quorums, Rules, Succession};
use twiza_crypto::vault::VaultCost;
use twiza_tests::{World, admit};

const DAY: u64 = 24 * 3600;

/// A clock that the test moves on.
#[derive(Default)]
struct Moved(AtomicU64);

impl Clock for Moved {
    fn unix_seconds(&self) -> u64 {
        SystemClock.unix_seconds() + self.0.load(Ordering::Relaxed)
    }
}

async fn person_at(clock: &Arc<Moved>, folder: &Path, name: &str, organisation: &str) -> Result<Engine> {
    let environment = Environment {
        connector: Arc::new(HttpConnector::new(Arc::new(SystemClock))),
        clock: clock.clone(),
        random: os_random(),
        rotate_after_seconds: ROTATE_AFTER_SECONDS,
        look_back_after_seconds: 0,
        recovery_after_seconds: 0,
    };
    let cost = VaultCost { memory_kib: 64, passes: 1, lanes: 1 };
    let (name, organisation) = (Name::new(name)?, Name::new(organisation)?);
    Ok(Engine::create(&folder.join(name.as_str()), "passphrase", cost, &name, &organisation, environment).await?)
}

/// Three organisers of three organisations, of whom this many decide.
struct Three {
    world: World,
    amina: Engine,
    karim: Engine,
    zineb: Engine,
    of_amina: AllianceNumber,
    of_karim: AllianceNumber,
    of_zineb: AllianceNumber,
}

async fn three(quorum: u8) -> Result<Three> {
    let world = World::new().await?;
    let (amina, karim) = (world.person("Amina", "Nour").await?, world.person("Karim", "Amal").await?);
    let zineb = world.person("Zineb", "Tafat").await?;
    let of_amina = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
    let of_karim = admit(&amina, of_amina, &karim).await?;
    let of_zineb = admit(&amina, of_amina, &zineb).await?;
    amina.set_role(of_amina, "Karim", Role::Organiser).await?;
    amina.set_role(of_amina, "Zineb", Role::Organiser).await?;
    amina.set_rules(of_amina, &Rules { quorums: Quorums::all(quorum), ..Rules::default() }).await?;
    karim.sync(of_karim).await?;
    zineb.sync(of_zineb).await?;
    Ok(Three { world, amina, karim, zineb, of_amina, of_karim, of_zineb })
}

async fn last_motion(engine: &Engine, alliance: AllianceNumber) -> Result<MotionView> {
    engine.sync(alliance).await?;
    engine.motions(alliance).await?.pop().context("no motion")
}

async fn events(engine: &Engine, alliance: AllianceNumber) -> Result<Vec<Event>> {
    engine.sync(alliance).await?;
    let entries = engine.entries(alliance, 0, false).await?;
    Ok(entries
        .into_iter()
        .filter_map(|entry| if let Item::Event(event) = entry.item { Some(event) } else { None })
        .collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_organisations_approve_is_done_and_what_one_wants_is_not() -> Result<()> {
    let Three { world, amina, karim, zineb, of_amina, of_karim, of_zineb } = three(2).await?;
    let alone = karim.remove(of_karim, "Zineb").await;
    assert!(matches!(alone, Err(ClientError::NotPossible(Obstacle::ApprovalsMissing))), "{alone:?}");
    let removal = karim.removal(of_karim, "Zineb").await?;
    assert!(matches!(karim.propose(of_karim, removal).await?, Proposed::Open(_)));
    let motion = last_motion(&amina, of_amina).await?;
    assert_eq!((motion.state, motion.organisations, motion.needed), (MotionState::Open, 1, 2));
    assert!(events(&amina, of_amina).await?.iter().any(|event| matches!(event, Event::MotionProposed { .. })));
    // Zineb is online all the time, and does not carry out what has too few approvals.
    zineb.sync(of_zineb).await?;
    assert_eq!(amina.members(of_amina).await?.len(), 3);
    let motion = amina.approve_motion(of_amina, motion.number).await?;
    assert_eq!(motion.state, MotionState::Enacted);
    zineb.sync(of_zineb).await?;
    assert_eq!(zineb.alliance(of_zineb).await?.status, Status::Removed);
    assert_eq!(last_motion(&karim, of_karim).await?.state, MotionState::Enacted);
    let enacted = events(&karim, of_karim).await?;
    assert_eq!(enacted.iter().filter(|event| matches!(event, Event::MotionEnacted { .. })).count(), 1);
    let again = karim.approve_motion(of_karim, last_motion(&karim, of_karim).await?.number).await;
    assert!(matches!(again, Err(ClientError::NotPossible(Obstacle::MotionSpent))), "{again:?}");
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_back_is_not_done() -> Result<()> {
    let Three { world, amina, karim, zineb, of_amina, of_karim, of_zineb } = three(3).await?;
    let rename = Action::Rename(Name::new("Tiwizi")?);
    assert!(matches!(karim.propose(of_karim, rename.clone()).await?, Proposed::Open(_)));
    let number = last_motion(&amina, of_amina).await?.number;
    assert_eq!(amina.approve_motion(of_amina, number).await?.organisations, 2);
    // An approval that is taken back does not count any more.
    assert_eq!(amina.withdraw_motion(of_amina, number).await?.organisations, 1);
    let number = last_motion(&zineb, of_zineb).await?.number;
    let motion = zineb.approve_motion(of_zineb, number).await?;
    assert_eq!((motion.state, motion.organisations), (MotionState::Open, 2));
    // Nor does anything, once its proposer has taken it back.
    let own = last_motion(&karim, of_karim).await?.number;
    assert_eq!(karim.withdraw_motion(of_karim, own).await?.state, MotionState::Withdrawn);
    amina.sync(of_amina).await?;
    let late = amina.approve_motion(of_amina, number).await;
    assert!(matches!(late, Err(ClientError::NotPossible(Obstacle::MotionVoid))), "{late:?}");
    for (engine, alliance) in [(&amina, of_amina), (&karim, of_karim), (&zineb, of_zineb)] {
        assert_eq!(last_motion(engine, alliance).await?.state, MotionState::Withdrawn);
        assert!(!events(engine, alliance).await?.iter().any(|event| matches!(event, Event::Renamed { .. })));
    }
    // The same again, and nobody takes it back.
    karim.propose(of_karim, rename).await?;
    for (engine, alliance) in [(&amina, of_amina), (&zineb, of_zineb)] {
        let number = last_motion(engine, alliance).await?.number;
        engine.approve_motion(alliance, number).await?;
    }
    assert!(events(&karim, of_karim).await?.iter().any(|event| matches!(event, Event::Renamed { .. })));
    world.stop().await?;
    Ok(())
}

/// Conflicting proposals: what one motion has made impossible, no approval does any more.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_motions_that_conflict_one_is_done_and_the_other_is_void() -> Result<()> {
    let Three { world, amina, karim, zineb, of_amina, of_karim, of_zineb } = three(2).await?;
    let removal = karim.removal(of_karim, "Zineb").await?;
    karim.propose(of_karim, removal).await?;
    let demotion = zineb.new_role(of_zineb, "Zineb", Role::Member).await?;
    zineb.propose(of_zineb, demotion).await?;
    amina.sync(of_amina).await?;
    let numbers: Vec<i64> = amina.motions(of_amina).await?.iter().map(|motion| motion.number).collect();
    let [first, second] = numbers[..] else { anyhow::bail!("two motions, and not {numbers:?}") };
    assert_eq!(amina.approve_motion(of_amina, first).await?.state, MotionState::Enacted);
    let late = amina.approve_motion(of_amina, second).await;
    assert!(matches!(late, Err(ClientError::NotPossible(Obstacle::MotionVoid))), "{late:?}");
    for (engine, alliance) in [(&amina, of_amina), (&karim, of_karim)] {
        engine.sync(alliance).await?;
        let states: Vec<_> = engine.motions(alliance).await?.into_iter().map(|motion| motion.state).collect();
        assert_eq!(states, [MotionState::Enacted, MotionState::Void]);
        assert_eq!(engine.members(alliance).await?.len(), 2);
    }
    assert_eq!(zineb.sync(of_zineb).await?.status, Status::Removed);
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_let_in_by_two_organisations_and_knows_of_no_motion() -> Result<()> {
    let Three { world, amina, karim, of_amina, of_karim, .. } = three(2).await?;
    let ziri = world.person("Ziri", "Amal").await?;
    let invitation = amina.invite(of_amina, Role::Member, 7).await?;
    let of_ziri = ziri.join(&invitation.link, None, None).await?;
    amina.requests(of_amina).await?;
    let alone = amina.approve(of_amina, &[invitation.number]).await;
    assert!(matches!(alone, Err(ClientError::NotPossible(Obstacle::ApprovalsMissing))), "{alone:?}");
    let admission = amina.admission(of_amina, &[invitation.number]).await?;
    assert!(matches!(amina.propose(of_amina, admission).await?, Proposed::Open(_)));
    let number = last_motion(&karim, of_karim).await?.number;
    // Karim has not got the join request: the inviter's client carries it out.
    assert_eq!(karim.approve_motion(of_karim, number).await?.state, MotionState::Open);
    assert_eq!(last_motion(&amina, of_amina).await?.state, MotionState::Enacted);
    ziri.sync(of_ziri).await?;
    assert_eq!(ziri.alliance(of_ziri).await?.status, Status::Active);
    assert!(ziri.motions(of_ziri).await?.is_empty());
    // The newcomer judges the next motion like everybody.
    let rename = karim.propose(of_karim, Action::Rename(Name::new("Tiwizi")?)).await?;
    assert!(matches!(rename, Proposed::Open(_)));
    let number = last_motion(&amina, of_amina).await?.number;
    amina.approve_motion(of_amina, number).await?;
    ziri.sync(of_ziri).await?;
    assert_eq!(ziri.identifier(of_ziri).await?, amina.identifier(of_amina).await?);
    assert!(events(&ziri, of_ziri).await?.iter().any(|event| matches!(event, Event::Renamed { .. })));
    assert!(!events(&ziri, of_ziri).await?.iter().any(|event| matches!(event, Event::RefusedCommit { .. })));
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_motion_is_not_done() -> Result<()> {
    let world = World::new().await?;
    let (clock, folder) = (Arc::new(Moved::default()), tempfile::tempdir()?);
    let amina = person_at(&clock, folder.path(), "Amina", "Nour").await?;
    let karim = person_at(&clock, folder.path(), "Karim", "Amal").await?;
    let of_amina = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
    let of_karim = admit(&amina, of_amina, &karim).await?;
    amina.set_role(of_amina, "Karim", Role::Organiser).await?;
    amina.set_rules(of_amina, &Rules { quorums: Quorums::all(2), ..Rules::default() }).await?;
    amina.propose(of_amina, Action::Rename(Name::new("Tiwizi")?)).await?;
    let number = last_motion(&karim, of_karim).await?.number;
    clock.0.store(15 * DAY, Ordering::Relaxed);
    let late = karim.approve_motion(of_karim, number).await;
    assert!(matches!(late, Err(ClientError::NotPossible(Obstacle::MotionExpired))), "{late:?}");
    assert!(last_motion(&amina, of_amina).await?.expired);
    // In time it would have been done: it was the day that kept it from being.
    clock.0.store(14 * DAY, Ordering::Relaxed);
    assert_eq!(karim.approve_motion(of_karim, number).await?.state, MotionState::Enacted);
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_has_no_more_people_than_it_may() -> Result<()> {
    let world = World::new().await?;
    let (amina, karim) = (world.person("Amina", "Nour").await?, world.person("Karim", "Amal").await?);
    let alliance = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
    admit(&amina, alliance, &karim).await?;
    let allotments = vec![Allotment { organisation: Name::new("Amal")?, seats: 1 }];
    amina.set_rules(alliance, &Rules { allotments, ..Rules::default() }).await?;
    let ziri = world.person("Ziri", "Amal").await?;
    let refused = admit(&amina, alliance, &ziri).await;
    let refused = refused.err().and_then(|error| error.downcast::<ClientError>().ok());
    assert!(matches!(refused, Some(ClientError::NotPossible(Obstacle::Allotment))), "{refused:?}");
    let zineb = world.person("Zineb", "Tafat").await?;
    admit(&amina, alliance, &zineb).await?;
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn members_find_a_new_organiser_where_none_is_heard_of_and_none_objects() -> Result<()> {
    let world = World::new().await?;
    let (clock, folder) = (Arc::new(Moved::default()), tempfile::tempdir()?);
    let amina = world.person("Amina", "Nour").await?;
    let karim = person_at(&clock, folder.path(), "Karim", "Amal").await?;
    let zineb = person_at(&clock, folder.path(), "Zineb", "Tafat").await?;
    let of_amina = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
    let of_karim = admit(&amina, of_amina, &karim).await?;
    let of_zineb = admit(&amina, of_amina, &zineb).await?;
    let succession = Some(Succession { silence_days: 30, waiting_days: 7, organisations: 2 });
    amina.set_rules(of_amina, &Rules { succession, ..Rules::default() }).await?;
    amina.send(of_amina, "I am here").await?;
    zineb.sync(of_zineb).await?;
    let claim = async |days: u64| -> Result<()> {
        clock.0.store(days * DAY, Ordering::Relaxed);
        let action = karim.succession(of_karim, "Karim").await?;
        assert!(matches!(action, Action::Claim(_)));
        assert!(matches!(karim.propose(of_karim, action).await?, Proposed::Open(_)));
        let number = last_motion(&zineb, of_zineb).await?.number;
        assert_eq!(zineb.approve_motion(of_zineb, number).await?.state, MotionState::Enacted);
        Ok(())
    };
    karim.sync(of_karim).await?;
    clock.0.store(29 * DAY, Ordering::Relaxed);
    let action = karim.succession(of_karim, "Karim").await?;
    let early = karim.propose(of_karim, action).await;
    assert!(matches!(early, Err(ClientError::SuccessionEarly { .. })), "{early:?}");
    claim(30).await?;
    // Amina is there after all: her client objects by itself and tells her.
    let told = events(&amina, of_amina).await?;
    assert!(told.iter().any(|event| matches!(event, Event::Claimed { .. })), "{told:?}");
    assert!(told.iter().any(|event| matches!(event, Event::ClaimRejected { .. })), "{told:?}");
    let told = events(&karim, of_karim).await?;
    assert!(told.iter().any(|event| matches!(event, Event::ClaimRejected { .. })), "{told:?}");
    zineb.sync(of_zineb).await?;
    // From now on she is silent.
    claim(61).await?;
    karim.sync(of_karim).await?;
    let appoint = karim.succession(of_karim, "Karim").await?;
    assert!(matches!(appoint, Action::Appoint(..)));
    clock.0.store(67 * DAY, Ordering::Relaxed);
    let early = karim.propose(of_karim, appoint.clone()).await;
    assert!(matches!(early, Err(ClientError::SuccessionEarly { .. })), "{early:?}");
    clock.0.store(69 * DAY, Ordering::Relaxed);
    karim.propose(of_karim, appoint).await?;
    let number = last_motion(&zineb, of_zineb).await?.number;
    zineb.approve_motion(of_zineb, number).await?;
    karim.sync(of_karim).await?;
    let own = karim.find_member(of_karim, "Karim").await?;
    assert_eq!(own.role, Role::Organiser);
    world.stop().await?;
    Ok(())
}
