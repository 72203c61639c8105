//! An alliance gets another grant for its relay: because the old one was revoked, or is in wrong hands, or because the relay
//! began to ask for one.

use anyhow::{Context, Result};
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;
use twiza_client::engine::{AllianceNumber, Insider, Proposed};
use twiza_client::relay::{RelayError, Right};
use twiza_client::store::alliances::Status;
use twiza_client::store::history::{Event, Item};
use twiza_client::store::motions::MotionState;
use twiza_client::store::shown::ShownGrant;
use twiza_client::{ClientError, Engine, os_random};
use twiza_crypto::Obstacle;
use twiza_crypto::alliance::Role;
use twiza_crypto::content::ContentKind;
use twiza_crypto::grant::Grant;
use twiza_crypto::group::commit::Change;
use twiza_crypto::name::Name;
use twiza_crypto::rules::{Quorums, Rules};
use twiza_crypto::seal::seal_payload;
use twiza_crypto::vault::VaultCost;
use twiza_protocol::{AdmissionMode, GrantMark, MailboxKey};
use twiza_relay::admission::GrantDigest;
use twiza_relay::grants;
use twiza_tests::interposed::{Interposed, Interposer};
use twiza_tests::{World, admit, texts};

fn grant(secret: &str) -> Result<Grant> {
    Ok(Grant::new(secret)?)
}

fn allow(world: &World, secret: &str) -> Result<()> {
    let (label, made) = (secret.to_owned(), "2026-11-26".to_owned());
    let file = world.folder_of("relay").join("grants.toml");
    Ok(grants::add(&file, grants::Grant { label, sha256: GrantDigest::of(secret), made })?)
}

fn revoke(world: &World, secret: &str) -> Result<()> {
    grants::revoke(&world.folder_of("relay").join("grants.toml"), secret)?;
    Ok(())
}

async fn world() -> Result<World> {
    let world =
        World::with(Arc::new(twiza_relay::SystemClock), |settings| settings.admission = AdmissionMode::Grant).await?;
    allow(&world, "spring")?;
    Ok(world)
}

/// The same relay, which asks for something else from now on.
async fn asking(world: World, admission: AdmissionMode) -> Result<World> {
    let mut paused = world.paused().await?;
    paused.settings.admission = admission;
    paused.resumed().await
}

/// Amina, who founded an alliance with a grant, and Karim, whom she let in.
async fn two(world: &World) -> Result<(Engine, AllianceNumber, Engine, AllianceNumber)> {
    let (amina, karim) = (world.attentive("Amina", "Nour").await?, world.attentive("Karim", "Amal").await?);
    let of_amina = amina.found(&Name::new("Tawiza")?, &world.address(), Some(grant("spring")?)).await?;
    let of_karim = admit(&amina, of_amina, &karim).await?;
    amina.sync(of_amina).await?;
    karim.sync(of_karim).await?;
    Ok((amina, of_amina, karim, of_karim))
}

fn secret(secret: &str) -> ShownGrant {
    ShownGrant::Secret { mark: GrantMark::of(secret).to_string() }
}

async fn last_grant(engine: &Engine, alliance: AllianceNumber) -> Result<Option<ShownGrant>> {
    let entries = engine.entries(alliance, 0, false).await?;
    Ok(entries.into_iter().rev().find_map(|entry| match entry.item {
        Item::Event(Event::GrantChanged { grant, .. }) => Some(grant),
        _ => None,
    }))
}

fn is_refused<T>(result: &Result<T, ClientError>, obstacle: Obstacle) -> bool {
    matches!(result, Err(ClientError::NotPossible(found)) if *found == obstacle)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_for_a_revoked_grant_goes_through_with_another() -> Result<()> {
    let world = world().await?;
    let (amina, of_amina, karim, of_karim) = two(&world).await?;
    revoke(&world, "spring")?;
    let waits = karim.rotate(of_karim).await;
    assert!(matches!(waits, Err(ClientError::Relay(RelayError::GrantRefused))), "{waits:?}");
    assert!(amina.rotate(of_amina).await.is_err());
    let by_a_member = karim.set_grant(of_karim, Some(&grant("autumn")?)).await;
    assert!(matches!(by_a_member, Err(ClientError::NotOrganiser)), "{by_a_member:?}");

    // One that the relay does not take changes nothing, and does not wait.
    assert!(is_refused(&amina.set_grant(of_amina, Some(&grant("autumn")?)).await, Obstacle::GrantRefused));
    assert!(is_refused(&amina.set_grant(of_amina, None).await, Obstacle::GrantRefused));
    assert_eq!(amina.outbox(of_amina).await?.changes, 1, "the rotation, which still waits");
    assert_eq!(last_grant(&amina, of_amina).await?, None);
    amina.send(of_amina, "azul").await?;

    allow(&world, "autumn")?;
    amina.set_grant(of_amina, Some(&grant("autumn")?)).await?;
    assert_eq!(amina.outbox(of_amina).await?.changes, 0, "what waited went with it");
    assert_eq!(karim.sync(of_karim).await?.blocked, None);
    assert_eq!(karim.outbox(of_karim).await?.changes, 0, "by everybody's client, for all have the grant");
    assert_eq!(last_grant(&karim, of_karim).await?, Some(secret("autumn")));
    assert_eq!(karim.right(of_karim).await?.grant, secret("autumn"));
    karim.send(of_karim, "marhaba").await?;
    assert_eq!(texts(&amina, of_amina).await?, ["azul", "marhaba"]);
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alliance_goes_on_at_a_relay_that_began_to_ask_and_at_one_that_stopped() -> Result<()> {
    let world = World::new().await?;
    let amina = world.person("Amina", "Nour").await?;
    let alliance = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
    let world = asking(world, AdmissionMode::Grant).await?;
    allow(&world, "spring")?;
    let waits = amina.rotate(alliance).await;
    assert!(matches!(&waits, Err(ClientError::Relay(error)) if error.is_no_right()), "{waits:?}");
    amina.set_grant(alliance, Some(&grant("spring")?)).await?;
    amina.rotate(alliance).await?;
    assert_eq!(amina.right(alliance).await?.grant, secret("spring"));

    revoke(&world, "spring")?;
    let world = asking(world, AdmissionMode::Open).await?;
    amina.set_grant(alliance, None).await?;
    amina.rotate(alliance).await?;
    assert_eq!(last_grant(&amina, alliance).await?, Some(ShownGrant::None));
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_grants_that_wait_the_later_counts() -> Result<()> {
    let world = world().await?;
    let (amina, of_amina, ..) = two(&world).await?;
    for secret in ["autumn", "winter"] {
        allow(&world, secret)?;
    }
    let paused = world.paused().await?;
    for secret in ["autumn", "winter"] {
        let waits = amina.set_grant(of_amina, Some(&grant(secret)?)).await;
        assert!(matches!(&waits, Err(error) if error.leaves_it_waiting()), "{waits:?}");
    }
    let world = paused.resumed().await?;
    amina.sync(of_amina).await?;
    assert_eq!(amina.outbox(of_amina).await?.changes, 0);
    revoke(&world, "spring")?;
    revoke(&world, "autumn")?;
    amina.rotate(of_amina).await.context("by the one that was named last")?;
    world.stop().await?;
    Ok(())
}

/// What could not be done, by the reasons that were told.
async fn not_done(engine: &Engine, alliance: AllianceNumber) -> Result<Vec<String>> {
    let entries = engine.entries(alliance, 0, false).await?;
    let reasons = entries.into_iter().filter_map(|entry| match entry.item {
        Item::Event(Event::NotDone { change, reason }) if change == "grant" => Some(reason),
        _ => None,
    });
    Ok(reasons.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_grant_that_waits_is_not_lost_by_a_mistyped_one_after_it() -> Result<()> {
    let world = world().await?;
    let (amina, of_amina, ..) = two(&world).await?;
    allow(&world, "autumn")?;
    let paused = world.paused().await?;
    for secret in ["autumn", "autunm"] {
        let waits = amina.set_grant(of_amina, Some(&grant(secret)?)).await;
        assert!(matches!(&waits, Err(error) if error.leaves_it_waiting()), "{waits:?}");
    }
    let world = paused.resumed().await?;
    amina.sync(of_amina).await?;
    assert_eq!(amina.right(of_amina).await?.grant, secret("autumn"));
    assert_eq!(amina.outbox(of_amina).await?.changes, 0);
    assert_eq!(not_done(&amina, of_amina).await?, ["grant-refused"]);
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_waited_does_not_come_back_over_one_that_others_gave_meanwhile() -> Result<()> {
    let world = world().await?;
    let (amina, of_amina, karim, of_karim) = two(&world).await?;
    amina.set_role(of_amina, "Karim", Role::Organiser).await?;
    for secret in ["autumn", "winter"] {
        allow(&world, secret)?;
    }
    let paused = world.paused().await?;
    let waits = amina.set_grant(of_amina, Some(&grant("autumn")?)).await;
    assert!(matches!(&waits, Err(error) if error.leaves_it_waiting()), "{waits:?}");
    let world = paused.resumed().await?;
    karim.sync(of_karim).await?;
    karim.set_grant(of_karim, Some(&grant("winter")?)).await?;
    amina.sync(of_amina).await?;
    assert_eq!(amina.right(of_amina).await?.grant, secret("winter"));
    assert_eq!(not_done(&amina, of_amina).await?, ["grant-replaced"]);
    amina.set_grant(of_amina, Some(&grant("autumn")?)).await.context("where it is asked for again")?;
    assert_eq!(amina.right(of_amina).await?.grant, secret("autumn"));
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_two_organisations_decide_one_does_not_change_the_grant() -> Result<()> {
    let world = world().await?;
    let (amina, of_amina, karim, of_karim) = two_that_decide(&world).await?;
    allow(&world, "autumn")?;
    let alone = amina.set_grant(of_amina, Some(&grant("autumn")?)).await;
    assert!(is_refused(&alone, Obstacle::ApprovalsMissing), "{alone:?}");
    propose(&amina, of_amina, "autumn").await?;
    karim.sync(of_karim).await?;
    let motion = karim.motions(of_karim).await?.pop().context("a motion")?;
    let shown = serde_json::to_string(&motion)?;
    assert!(shown.contains("secret") && !shown.contains("autumn"), "{shown}");
    karim.approve_motion(of_karim, motion.number).await?;
    amina.sync(of_amina).await?;
    revoke(&world, "spring")?;
    amina.rotate(of_amina).await?;
    karim.sync(of_karim).await?;
    karim.rotate(of_karim).await?;
    world.stop().await?;
    Ok(())
}

/// As [`two`], where both organise, and both of their organisations decide.
async fn two_that_decide(world: &World) -> Result<(Engine, AllianceNumber, Engine, AllianceNumber)> {
    let (amina, of_amina, karim, of_karim) = two(world).await?;
    amina.set_role(of_amina, "Karim", Role::Organiser).await?;
    amina.set_rules(of_amina, &Rules { quorums: Quorums::all(2), ..Rules::default() }).await?;
    karim.sync(of_karim).await?;
    Ok((amina, of_amina, karim, of_karim))
}

async fn propose(engine: &Engine, alliance: AllianceNumber, secret: &str) -> Result<Proposed, ClientError> {
    let action = engine.new_grant(alliance, Grant::new(secret).ok()).await?;
    engine.propose(alliance, action).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_motion_for_a_grant_is_void_once_another_has_taken_the_place() -> Result<()> {
    let world = world().await?;
    let (amina, of_amina, karim, of_karim) = two_that_decide(&world).await?;
    for secret in ["autumn", "winter"] {
        allow(&world, secret)?;
        let proposed = propose(&amina, of_amina, secret).await?;
        assert!(matches!(proposed, Proposed::Open(_)));
        assert_eq!(propose(&amina, of_amina, secret).await?, proposed, "once, however often it is said");
    }
    karim.sync(of_karim).await?;
    let [autumn, winter] = <[_; 2]>::try_from(karim.motions(of_karim).await?).expect("two motions");
    karim.approve_motion(of_karim, winter.number).await?;
    assert_eq!(karim.right(of_karim).await?.grant, secret("winter"));
    let late = karim.approve_motion(of_karim, autumn.number).await;
    assert!(is_refused(&late, Obstacle::MotionVoid), "{late:?}");
    amina.sync(of_amina).await?;
    // Nor if the one that it was to replace comes back.
    let again = karim.new_grant(of_karim, Some(grant("spring")?)).await?;
    assert!(matches!(karim.propose(of_karim, again).await?, Proposed::Open(_)));
    amina.sync(of_amina).await?;
    let last = amina.motions(of_amina).await?.pop().context("a motion")?;
    amina.approve_motion(of_amina, last.number).await?;
    assert_eq!(amina.right(of_amina).await?.grant, secret("spring"));
    karim.sync(of_karim).await?;
    let late = karim.approve_motion(of_karim, autumn.number).await;
    assert!(is_refused(&late, Obstacle::MotionVoid), "{late:?}");
    for (engine, alliance) in [(&amina, of_amina), (&karim, of_karim)] {
        let states: Vec<_> = engine.motions(alliance).await?.iter().map(|motion| motion.state).collect();
        assert_eq!(states, [MotionState::Void, MotionState::Enacted, MotionState::Enacted]);
        let entries = engine.entries(alliance, 0, false).await?;
        let over = entries.iter().filter(|entry| matches!(entry.item, Item::Event(Event::MotionVoid { .. }))).count();
        assert_eq!(over, 1, "and that is told once");
    }
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_is_refused_is_neither_proposed_nor_approved() -> Result<()> {
    let world = world().await?;
    let (amina, of_amina, karim, of_karim) = two_that_decide(&world).await?;
    for refused in ["autumn", ""] {
        let proposed = propose(&amina, of_amina, refused).await;
        assert!(is_refused(&proposed, Obstacle::GrantRefused), "{refused:?}: {proposed:?}");
    }
    assert!(amina.motions(of_amina).await?.is_empty());
    allow(&world, "autumn")?;
    propose(&amina, of_amina, "autumn").await?;
    revoke(&world, "autumn")?;
    karim.sync(of_karim).await?;
    let motion = karim.motions(of_karim).await?.pop().context("a motion")?;
    let approved = karim.approve_motion(of_karim, motion.number).await;
    assert!(is_refused(&approved, Obstacle::GrantRefused), "{approved:?}");
    let motion = karim.motions(of_karim).await?.pop().context("a motion")?;
    assert_eq!((motion.state, motion.organisations), (MotionState::Open, 1));
    allow(&world, "autumn")?;
    karim.approve_motion(of_karim, motion.number).await?;
    assert_eq!(karim.right(of_karim).await?.grant, secret("autumn"));

    // Where the relay cannot be asked, it is found out later.
    let paused = world.paused().await?;
    let waits = propose(&amina, of_amina, "winter").await;
    assert!(matches!(&waits, Err(error) if error.leaves_it_waiting()), "{waits:?}");
    let world = paused.resumed().await?;
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_away_and_has_only_the_old_grant_comes_back() -> Result<()> {
    let world = world().await?;
    let (amina, of_amina, karim, of_karim) = two(&world).await?;
    let folder = tempfile::tempdir()?;
    let kit = folder.path().join("karim.kit");
    let cost = VaultCost { memory_kib: 64, passes: 1, lanes: 1 };
    karim.write_kit(kit.as_path(), "tiwizi 2026", cost).await?;
    drop((karim, of_karim));

    allow(&world, "autumn")?;
    amina.set_grant(of_amina, Some(&grant("autumn")?)).await?;
    revoke(&world, "spring")?;
    let again = world.restored("Karim again", (kit.as_path(), "tiwizi 2026")).await?;
    let of_again = again.find_alliance("Tawiza").await?;
    assert_eq!(again.sync(of_again).await?.status, Status::Lost);
    amina.sync(of_amina).await?;
    assert_eq!(again.sync(of_again).await?.status, Status::Active);
    again.rotate(of_again).await.context("with the grant of today")?;
    again.send(of_again, "from the new device").await?;
    assert_eq!(texts(&amina, of_amina).await?, ["from the new device"]);
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_is_revoked_before_an_organiser_has_come_to_the_epoch_is_replaced_all_the_same() -> Result<()> {
    let world = world().await?;
    let (amina, of_amina, karim, of_karim) = two(&world).await?;
    karim.rotate(of_karim).await?;
    revoke(&world, "spring")?;
    allow(&world, "autumn")?;
    karim.send(of_karim, "azul").await?;
    assert_eq!(texts(&amina, of_amina).await?, ["azul"], "what is there is read by no right");
    amina.set_grant(of_amina, Some(&grant("autumn")?)).await?;
    amina.rotate(of_amina).await?;
    karim.sync(of_karim).await?;
    karim.rotate(of_karim).await?;
    world.stop().await?;
    Ok(())
}

/// Karim, an organiser whose client is changed, gives the alliance this grant. His client does not open what comes after it.
async fn cheats(world: &World, karim: &Engine, of_karim: AllianceNumber, grant: Grant) -> Result<()> {
    let Insider { mut group, keys, .. } = karim.insider(of_karim).await?;
    let pending = group.commit(&Change::SetGrant(Some(grant)), &keys.mailbox.address())?;
    let (author, size) = (Some(&pending.author), pending.frame_size);
    let frames = seal_payload(&keys.frame, ContentKind::Commit, &pending.commit, author, size, &os_random())?;
    let connection = world.connection()?;
    let last = frames.len() - 1;
    for (place, frame) in frames.iter().enumerate() {
        connection.append(&keys.mailbox, frame.as_bytes(), place == last).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organiser_who_gives_a_grant_that_opens_nothing_stops_nobody_who_has_a_good_one() -> Result<()> {
    for bad in ["nothing", "x://nobody"] {
        let world = world().await?;
        let (amina, of_amina, karim, of_karim) = two(&world).await?;
        amina.set_role(of_amina, "Karim", Role::Organiser).await?;
        karim.sync(of_karim).await?;
        cheats(&world, &karim, of_karim, grant(bad)?).await?;
        drop(karim);
        let blocked = amina.sync(of_amina).await?.blocked;
        assert_eq!(blocked, Some(RelayError::GrantRefused), "what comes after it cannot be opened");
        amina.set_grant(of_amina, Some(&grant("spring")?)).await?;
        amina.remove(of_amina, "Karim").await?;
        amina.send(of_amina, "azul").await?;
        assert_eq!(texts(&amina, of_amina).await?, ["azul"]);
        world.stop().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_relay_asks_for_nothing_a_grant_stops_nobody_and_is_not_shown() -> Result<()> {
    let world = World::new().await?;
    let shown = Arc::new(Shown::default());
    let amina = world.person_by("Amina", "Nour", Interposed::by(shown.clone())).await?;
    let karim = world.person("Karim", "Amal").await?;
    let of_amina = amina.found(&Name::new("Tawiza")?, &world.address(), Some(grant("a tag")?)).await?;
    let of_karim = admit(&amina, of_amina, &karim).await?;
    amina.set_role(of_amina, "Karim", Role::Organiser).await?;
    karim.sync(of_karim).await?;
    cheats(&world, &karim, of_karim, grant("x://nobody")?).await?;
    amina.rotate(of_amina).await?;
    assert_eq!(amina.right(of_amina).await?.grant, ShownGrant::Damaged);
    assert_eq!(shown.0.load(Ordering::SeqCst), 0, "by it, the relay could tell which mailboxes are the alliance's");
    world.stop().await?;
    Ok(())
}

/// Counts the grants that a relay is shown.
#[derive(Default)]
struct Shown(AtomicUsize);

#[async_trait]
impl Interposer for Shown {
    async fn opening(&self, _mailbox: &MailboxKey, right: Right<'_>) {
        if !matches!(right, Right::None) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Holds up the first opening by this grant until it is told to go on.
struct HeldUp {
    grant: &'static str,
    once: AtomicUsize,
    began: Notify,
    may_go_on: Notify,
}

#[async_trait]
impl Interposer for HeldUp {
    async fn opening(&self, _mailbox: &MailboxKey, right: Right<'_>) {
        if matches!(right, Right::Grant(grant) if grant == self.grant) && self.once.fetch_add(1, Ordering::SeqCst) == 0
        {
            self.began.notify_one();
            self.may_go_on.notified().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refusal_that_comes_late_undoes_nothing_that_another_program_did_since() -> Result<()> {
    let world = world().await?;
    let (amina, of_amina, karim, of_karim) = two(&world).await?;
    let held_up = Arc::new(HeldUp {
        grant: "nothing",
        once: AtomicUsize::default(),
        began: Notify::new(),
        may_go_on: Notify::new(),
    });
    let other = world.again_by("Amina", Interposed::by(held_up.clone())).await?;
    allow(&world, "autumn")?;
    let nothing = grant("nothing")?;
    let (late, done) = tokio::join!(other.set_grant(of_amina, Some(&nothing)), async {
        held_up.began.notified().await;
        // This program is refused the same, tells so, and goes on.
        amina.sync(of_amina).await?;
        amina.set_grant(of_amina, Some(&grant("autumn")?)).await?;
        held_up.may_go_on.notify_one();
        anyhow::Ok(())
    });
    done?;
    assert!(is_refused(&late, Obstacle::GrantRefused), "{late:?}");
    for engine in [&other, &amina] {
        engine.sync(of_amina).await?;
        assert_eq!(engine.outbox(of_amina).await?.changes, 0);
    }
    revoke(&world, "spring")?;
    amina.rotate(of_amina).await?;
    other.rotate(of_amina).await?;
    karim.sync(of_karim).await?;
    karim.send(of_karim, "azul").await?;
    assert_eq!(texts(&amina, of_amina).await?, ["azul"]);
    world.stop().await?;
    Ok(())
}
