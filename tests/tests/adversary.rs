//! What people do who mean harm, or a relay that lies, through real engines and a real relay.

use anyhow::{Context, Result};
use async_trait::async_trait;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;
use twiza_client::clock::SystemClock;
use twiza_client::engine::{AllianceNumber, Delivery};
use twiza_client::relay::http::HttpConnector;
use twiza_client::relay::{Page, RelayConnector, RelayError};
use twiza_client::store::alliances::Status;
use twiza_client::store::history::{Event, Item};
use twiza_client::{ClientError, Engine, os_random};
use twiza_crypto::Obstacle;
use twiza_crypto::alliance::Role;
use twiza_crypto::content::ContentKind;
use twiza_crypto::invitation::Invitation;
use twiza_crypto::name::Name;
use twiza_crypto::seal::seal_payload;
use twiza_protocol::{FrameSize, MailboxKey, Receipt};
use twiza_relay::{Clock as _, ManualClock};
use twiza_tests::interposed::{Interposed, Interposer};
use twiza_tests::{World, admit, texts};

async fn found(engine: &Engine, world: &World) -> Result<AllianceNumber> {
    Ok(engine.found(&Name::new("Tawiza")?, &world.address(), None).await?)
}

async fn names(engine: &Engine, alliance: AllianceNumber) -> Result<Vec<String>> {
    Ok(engine.members(alliance).await?.into_iter().map(|member| member.person.name).collect())
}

/// Writes into an invitation's mailbox with nothing but a copy of its link.
async fn intrude(link: &str, kind: ContentKind, body: &[u8], closing: bool) -> Result<()> {
    let invitation = Invitation::from_link(link)?;
    let rendezvous = invitation.rendezvous()?;
    let connection = HttpConnector::new(Arc::new(SystemClock)).connect(&invitation.relay)?;
    for frame in seal_payload(&rendezvous.frame, kind, body, None, FrameSize::Kib1, &os_random())? {
        connection.append(&rendezvous.mailbox, frame.as_bytes(), closing).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_an_invitation_cannot_turn_its_owner_away() -> Result<()> {
    let world = World::new().await?;
    let (amina, karim) = (world.person("Amina", "Nour").await?, world.person("Karim", "Amal").await?);
    let alliance = found(&amina, &world).await?;
    let invitation = amina.invite(alliance, Role::Member, 7).await?;
    let of_karim = karim.join(&invitation.link, None, None).await?;
    intrude(&invitation.link, ContentKind::Decline, &[7; 96], false).await?;
    assert_eq!(karim.sync(of_karim).await?.status, Status::Joining, "only the inviter declines");
    amina.requests(alliance).await?;
    amina.approve(alliance, &[invitation.number]).await?;
    assert_eq!(karim.sync(of_karim).await?.status, Status::Active);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_delivered_is_told_on_both_sides() -> Result<()> {
    let world = World::new().await?;
    let (amina, karim) = (world.person("Amina", "Nour").await?, world.person("Karim", "Amal").await?);
    let alliance = found(&amina, &world).await?;
    let invitation = amina.invite(alliance, Role::Member, 7).await?;
    let of_karim = karim.join(&invitation.link, None, None).await?;
    amina.requests(alliance).await?;
    intrude(&invitation.link, ContentKind::Unknown(99), &[], true).await?;
    amina.approve(alliance, &[invitation.number]).await?;
    let told = amina.entries(alliance, 0, false).await?;
    let told = told
        .iter()
        .any(|entry| matches!(&entry.item, Item::Event(Event::NotDone { change, .. }) if change == "answer"));
    assert!(told, "the organiser learns that the newcomer does not know");
    assert_eq!(karim.sync(of_karim).await?.status, Status::Used, "the newcomer learns that somebody has the link");
    amina.send(alliance, "life goes on").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_taken_back_or_expired_lets_nobody_in() -> Result<()> {
    let world = World::new().await?;
    let (amina, eve) = (world.person("Amina", "Nour").await?, world.person("Eve", "Nobody").await?);
    let alliance = found(&amina, &world).await?;
    let invitation = amina.invite(alliance, Role::Member, 7).await?;
    assert!(amina.decline(alliance, invitation.number).await?.is_none(), "nobody had asked");
    let of_eve = eve.join(&invitation.link, None, None).await;
    assert!(of_eve.is_err(), "{of_eve:?}");
    assert_eq!(amina.requests(alliance).await?.len(), 0);
    assert!(matches!(amina.approve(alliance, &[invitation.number]).await, Err(ClientError::UnknownRequest(_))));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_asks_twice_does_not_keep_others_out() -> Result<()> {
    let world = World::new().await?;
    let (amina, karim) = (world.person("Amina", "Nour").await?, world.person("Karim", "Amal").await?);
    let zineb = world.person("Zineb", "Ayt").await?;
    let alliance = found(&amina, &world).await?;
    let mut numbers = Vec::new();
    let mut joined = Vec::new();
    for person in [&karim, &karim, &zineb] {
        let invitation = amina.invite(alliance, Role::Member, 7).await?;
        joined.push(person.join(&invitation.link, None, None).await?);
        numbers.push(invitation.number);
    }
    amina.requests(alliance).await?;
    amina.approve(alliance, &numbers).await?;
    assert_eq!(names(&amina, alliance).await?, ["Amina", "Karim", "Zineb"]);
    assert_eq!(karim.sync(joined[0]).await?.status, Status::Active);
    assert_eq!(karim.sync(joined[1]).await?.status, Status::Declined);
    assert_eq!(zineb.sync(joined[2]).await?.status, Status::Active);
    let again = amina.invite(alliance, Role::Member, 7).await?;
    karim.join(&again.link, None, None).await?;
    amina.requests(alliance).await?;
    let refused = amina.approve(alliance, &[again.number]).await;
    assert!(matches!(refused, Err(ClientError::NotPossible(Obstacle::MemberAlready))));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_removed_can_be_let_in_again() -> Result<()> {
    let world = World::new().await?;
    let (amina, karim) = (world.person("Amina", "Nour").await?, world.person("Karim", "Amal").await?);
    let alliance = found(&amina, &world).await?;
    let first = admit(&amina, alliance, &karim).await?;
    amina.remove(alliance, "Karim").await?;
    assert_eq!(karim.sync(first).await?.status, Status::Removed);
    let second = admit(&amina, alliance, &karim).await?;
    assert_eq!(karim.find_alliance("Tawiza").await?, second, "the alliance of today");
    assert_eq!(karim.send(second, "back again").await?, Delivery::Sent);
    assert_eq!(texts(&amina, alliance).await?, ["back again"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_mailbox_is_left_behind_and_loses_no_text() -> Result<()> {
    let clock = Arc::new(twiza_relay::SystemClock);
    let world = World::with(clock, |settings| settings.limits.mailbox_bytes_max = 4 << 20).await?;
    let (amina, eve) = (world.person("Amina", "Nour").await?, world.person("Eve", "Nobody").await?);
    let karim = world.person("Karim", "Amal").await?;
    let alliance = found(&amina, &world).await?;
    let of_karim = admit(&amina, alliance, &karim).await?;
    let of_eve = admit(&amina, alliance, &eve).await?;
    amina.sync(alliance).await?;
    let flood = "junk".repeat(200_000);
    for _ in 0..12 {
        eve.send(of_eve, &flood).await?;
    }
    // The flooding client itself had to leave several full mailboxes behind.
    assert_eq!(amina.send(alliance, "what is going on?").await?, Delivery::Sent);
    amina.remove(alliance, "Eve").await?;
    assert_eq!(karim.send(of_karim, "better").await?, Delivery::Sent);
    let heard = texts(&amina, alliance).await?;
    let heard: Vec<&str> = heard.iter().map(String::as_str).filter(|text| *text != flood).collect();
    assert_eq!(heard, ["what is going on?", "better"]);
    assert_eq!(names(&amina, alliance).await?, ["Amina", "Karim"]);
    Ok(())
}

/// A program that stops for ever when its commit was taken by the relay, before it reads it back.
#[derive(Default)]
struct Stalls {
    committed: AtomicBool,
    stalled: Notify,
}

#[async_trait]
impl Interposer for Stalls {
    async fn appended(&self, closing: bool) {
        self.committed.fetch_or(closing, Ordering::SeqCst);
    }

    async fn reading(&self) {
        if self.committed.load(Ordering::SeqCst) {
            self.stalled.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

/// A program that has read, and is slow to go on.
struct WaitsAfterReading {
    once: AtomicBool,
    has_read: Notify,
    goes_on: Notify,
}

#[async_trait]
impl Interposer for WaitsAfterReading {
    async fn read(&self, _page: &mut Page) {
        if !self.once.swap(true, Ordering::SeqCst) {
            self.has_read.notify_one();
            self.goes_on.notified().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_programs_of_one_profile_never_take_each_others_commit_for_their_own() -> Result<()> {
    let world = World::new().await?;
    let stalls = Arc::new(Stalls::default());
    let first = world.person_by("Amina", "Nour", Interposed::by(stalls.clone())).await?;
    let (karim, zineb) = (world.person("Karim", "Amal").await?, world.person("Zineb", "Ayt").await?);
    let alliance = found(&first, &world).await?;
    stalls.committed.store(false, Ordering::SeqCst);
    // Let in by a program without anybody in between.
    let calm = world.again("Amina").await?;
    admit(&calm, alliance, &karim).await?;
    let of_zineb = admit(&calm, alliance, &zineb).await?;
    calm.sync(alliance).await?;

    let waits =
        Arc::new(WaitsAfterReading { once: AtomicBool::new(false), has_read: Notify::new(), goes_on: Notify::new() });
    let second = Arc::new(world.again_by("Amina", Interposed::by(waits.clone())).await?);
    let removing = tokio::spawn({
        let second = second.clone();
        async move { second.remove(alliance, "Karim").await }
    });
    waits.has_read.notified().await;
    let rotating = tokio::spawn(async move { first.rotate(alliance).await });
    stalls.stalled.notified().await;
    rotating.abort();
    waits.goes_on.notify_one();
    removing.await??;

    assert_eq!(second.send(alliance, "still one alliance").await?, Delivery::Sent);
    assert_eq!(texts(&zineb, of_zineb).await?, ["still one alliance"]);
    assert_eq!(names(&second, alliance).await?, names(&zineb, of_zineb).await?);
    assert_eq!(names(&zineb, of_zineb).await?, ["Amina", "Zineb"]);
    Ok(())
}

/// A relay that answers one append with an old receipt, and does not keep the frame.
#[derive(Default)]
struct LosesOne {
    old: Mutex<Option<Receipt>>,
    armed: AtomicBool,
}

#[async_trait]
impl Interposer for LosesOne {
    async fn append(&self, _: &MailboxKey, _: &[u8], _: bool) -> Option<Result<Receipt, RelayError>> {
        if !self.armed.swap(false, Ordering::SeqCst) {
            return None;
        }
        self.old.lock().unwrap().clone().map(Ok)
    }

    async fn read(&self, page: &mut Page) {
        self.old.lock().unwrap().clone_from(&page.head);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_for_what_was_not_kept_is_noticed_and_the_text_is_sent_again() -> Result<()> {
    let world = World::new().await?;
    let lies = Arc::new(LosesOne::default());
    let amina = world.person_by("Amina", "Nour", Interposed::by(lies.clone())).await?;
    let karim = world.person("Karim", "Amal").await?;
    let alliance = found(&amina, &world).await?;
    let of_karim = admit(&amina, alliance, &karim).await?;
    amina.sync(alliance).await?;
    lies.armed.store(true, Ordering::SeqCst);
    let noticed = amina.send(alliance, "important").await;
    assert!(matches!(noticed, Err(ClientError::RelayContradiction(_))), "{noticed:?}");
    amina.sync(alliance).await?;
    assert_eq!(texts(&karim, of_karim).await?, ["important"]);
    assert_eq!(texts(&amina, alliance).await?, ["important"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_away_too_long_is_told_and_is_not_led_to_a_removed_member() -> Result<()> {
    let clock = Arc::new(ManualClock::at(twiza_relay::SystemClock.now()));
    let world = World::with(clock.clone(), |_| {}).await?;
    let (amina, karim) = (world.person("Amina", "Nour").await?, world.person("Karim", "Amal").await?);
    let zineb = world.person("Zineb", "Ayt").await?;
    let alliance = found(&amina, &world).await?;
    let of_karim = admit(&amina, alliance, &karim).await?;
    let of_zineb = admit(&amina, alliance, &zineb).await?;
    karim.sync(of_karim).await?;
    amina.sync(alliance).await?;
    zineb.sync(of_zineb).await?;
    amina.sync(alliance).await?;
    karim.sync(of_karim).await?;
    let before = karim.alliance(of_karim).await?.epoch;
    amina.remove(alliance, "Zineb").await?;
    clock.advance_days(32);
    // Zineb's client has not heard of its removal, and neither has Karim's.
    assert!(matches!(zineb.send(of_zineb, "trust me").await, Err(ClientError::PlaceLost)));
    assert!(matches!(karim.sync(of_karim).await, Err(ClientError::PlaceLost)));
    assert_eq!(karim.alliance(of_karim).await?.epoch, before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alliance_that_was_silent_for_long_goes_on_when_its_members_say_so() -> Result<()> {
    let clock = Arc::new(ManualClock::at(twiza_relay::SystemClock.now()));
    let world = World::with(clock.clone(), |_| {}).await?;
    let (amina, karim) = (world.person("Amina", "Nour").await?, world.person("Karim", "Amal").await?);
    let alliance = found(&amina, &world).await?;
    let of_karim = admit(&amina, alliance, &karim).await?;
    amina.send(alliance, "before").await?;
    karim.sync(of_karim).await?;
    assert!(matches!(amina.reopen(alliance).await, Err(ClientError::PlaceThere)));
    clock.advance_days(32);
    assert!(matches!(amina.send(alliance, "after").await, Err(ClientError::PlaceLost)));
    amina.reopen(alliance).await?;
    assert!(matches!(karim.sync(of_karim).await, Err(ClientError::PlaceLost)));
    karim.reopen(of_karim).await?;
    // What was said before is said again; both were written in one minute of these people's clocks, so either may be first.
    let heard = texts(&karim, of_karim).await?;
    assert!(
        heard.len() == 2 && ["before", "after"].iter().all(|text| heard.iter().any(|one| one == text)),
        "{heard:?}"
    );
    karim.send(of_karim, "I am here").await?;
    assert_eq!(texts(&amina, alliance).await?, [heard, vec!["I am here".to_owned()]].concat());
    let last = amina.entries(alliance, 0, false).await?.pop().context("nothing")?;
    assert!(matches!(last.item, Item::Text { .. }));
    Ok(())
}
