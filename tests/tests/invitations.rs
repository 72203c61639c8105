//! Invitations in the hands of others: two who race with one, and a relay that swaps what lies in their mailboxes.

use anyhow::{Context, Result};
use async_trait::async_trait;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use twiza_client::clock::SystemClock;
use twiza_client::engine::AllianceNumber;
use twiza_client::relay::http::HttpConnector;
use twiza_client::relay::{InboundFrame, Page, RelayConnector, RelayError};
use twiza_client::store::alliances::Status;
use twiza_client::{ClientError, Engine};
use twiza_crypto::alliance::Role;
use twiza_crypto::invitation::Invitation;
use twiza_crypto::name::Name;
use twiza_protocol::{MailboxKey, Receipt, Sequence};
use twiza_tests::interposed::{Interposed, Interposer};
use twiza_tests::world::person_in;
use twiza_tests::{World, texts};

async fn found(engine: &Engine, world: &World, name: &str) -> Result<AllianceNumber> {
    Ok(engine.found(&Name::new(name)?, &world.address(), None).await?)
}

/// What is typed twice, or by somebody who forgot that it was typed, turns nobody away.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_approved_twice_is_let_in_once_and_nobody_takes_an_invitation_of_their_own() -> Result<()> {
    let world = World::new().await?;
    let amina = world.person("Amina", "Nour").await?;
    let alliance = found(&amina, &world, "Tawiza").await?;
    let (mut numbers, mut people) = (Vec::new(), Vec::new());
    for name in ["Karim", "Zineb"] {
        let person = world.person(name, "Amal").await?;
        let invitation = amina.invite(alliance, Role::Member, 7).await?;
        let own = amina.join(&invitation.link, None, None).await;
        assert!(matches!(own, Err(ClientError::InvitationOwn)), "{own:?}");
        people.push((person.join(&invitation.link, None, None).await?, person));
        numbers.push(invitation.number);
    }
    amina.requests(alliance).await?;
    let world = world.paused().await?;
    let twice = [numbers[0], numbers[1], numbers[0]];
    for wished in [&twice[..], &numbers[..1]] {
        let waits = amina.approve(alliance, wished).await;
        assert!(matches!(waits, Err(ClientError::Relay(_))), "{waits:?}");
    }
    let _world = world.resumed().await?;
    amina.sync(alliance).await?;
    assert_eq!(amina.members(alliance).await?.len(), 3);
    for (number, person) in people {
        assert_eq!(person.sync(number).await?.status, Status::Active);
    }
    assert!(matches!(amina.approve(alliance, &numbers).await, Err(ClientError::UnknownRequest(_))));
    Ok(())
}

/// A network that takes no commit, at times.
#[derive(Default)]
struct Holding(AtomicBool);

#[async_trait]
impl Interposer for Holding {
    async fn append(&self, _: &MailboxKey, _: &[u8], closing: bool) -> Option<Result<Receipt, RelayError>> {
        let cut = RelayError::Unreachable { host: "relay".to_owned(), cause: "cut, by the test".to_owned() };
        (closing && self.0.load(Ordering::Relaxed)).then_some(Err(cut))
    }
}

/// Whoever was told no would be a member.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_declined_whose_commit_is_on_its_way() -> Result<()> {
    let world = World::new().await?;
    let holding = Arc::new(Holding::default());
    let amina = world.person_by("Amina", "Nour", Interposed::by(holding.clone())).await?;
    let karim = world.person("Karim", "Amal").await?;
    let alliance = found(&amina, &world, "Tawiza").await?;
    let invitation = amina.invite(alliance, Role::Member, 7).await?;
    let of_karim = karim.join(&invitation.link, None, None).await?;
    amina.requests(alliance).await?;
    holding.0.store(true, Ordering::Relaxed);
    let waits = amina.approve(alliance, &[invitation.number]).await;
    assert!(matches!(waits, Err(ClientError::Relay(_))), "{waits:?}");
    let declined = amina.decline(alliance, invitation.number).await;
    assert!(matches!(declined, Err(ClientError::BeingLetIn(_))), "{declined:?}");
    holding.0.store(false, Ordering::Relaxed);
    amina.sync(alliance).await?;
    assert_eq!(karim.sync(of_karim).await?.status, Status::Active);
    Ok(())
}

/// Interception of an invitation: whoever copied it asks at the same moment. One of the two is seen, and nobody is let in
/// but the one whose words were compared; the other is told.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_race_with_one_invitation_one_is_asked_about_and_the_other_is_told() -> Result<()> {
    let world = World::new().await?;
    let amina = world.person("Amina", "Nour").await?;
    let karim = world.person("Karim", "Amal").await?;
    let eve = person_in(&world.folder_of("Eve"), "Karim", "Amal").await?;
    let alliance = found(&amina, &world, "Tawiza").await?;
    for _ in 0..4 {
        let invitation = amina.invite(alliance, Role::Member, 7).await?;
        let (one, other) =
            tokio::join!(karim.join(&invitation.link, None, None), eve.join(&invitation.link, None, None));
        let requests = amina.requests(alliance).await?;
        let request = requests.iter().find(|request| request.number == invitation.number).context("no request")?;
        // Both carry one name: the safety words tell them apart.
        let karims = request.words == karim.whoami().words;
        assert!(karims != (request.words == eve.whoami().words));
        let (first, second) = if karims { ((&karim, one), (&eve, other)) } else { ((&eve, other), (&karim, one)) };
        // Whoever was later learnt it at once, or reads it now.
        if let Ok(number) = second.1 {
            assert_eq!(second.0.sync(number).await?.status, Status::Used);
        }
        amina.decline(alliance, invitation.number).await?;
        assert_eq!(first.0.sync(first.1?).await?.status, Status::Declined);
        assert_eq!(amina.members(alliance).await?.len(), 1);
    }
    Ok(())
}

/// A relay that shows the frames of one mailbox for those of another, once it lies.
#[derive(Default)]
struct Swaps(Mutex<Option<Vec<InboundFrame>>>);

#[async_trait]
impl Interposer for Swaps {
    async fn read(&self, page: &mut Page) {
        if let Some(instead) = &*self.0.lock().unwrap() {
            page.frames.clone_from(instead);
        }
    }
}

/// An invitation tampered with by the relay: it lacks the secret, so whatever it puts in the place of a request or a
/// Welcome is passed over; once it tells the truth, all goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_swaps_requests_and_welcomes_leads_nobody_anywhere() -> Result<()> {
    let world = World::new().await?;
    let (organisers, joiners) = (Arc::new(Swaps::default()), Arc::new(Swaps::default()));
    let amina = world.person_by("Amina", "Nour", Interposed::by(organisers.clone())).await?;
    let karim = world.person_by("Karim", "Amal", Interposed::by(joiners.clone())).await?;
    let (eve, zineb) = (world.person("Eve", "Nobody").await?, world.person("Zineb", "Tafat").await?);
    // The relay's own alliance, with a request and a Welcome of its making.
    let bait = found(&zineb, &world, "Tawiza").await?;
    let invitation = zineb.invite(bait, Role::Member, 7).await?;
    let of_eve = eve.join(&invitation.link, None, None).await?;
    zineb.requests(bait).await?;
    zineb.approve(bait, &[invitation.number]).await?;
    assert_eq!(eve.sync(of_eve).await?.status, Status::Active);
    let rendezvous = Invitation::from_link(&invitation.link)?.rendezvous()?;
    let connection = HttpConnector::new(Arc::new(SystemClock)).connect(&world.address())?;
    let others = connection.read(&rendezvous.mailbox, Sequence::START).await?.frames;
    assert!(others.len() >= 2, "a request and a Welcome");

    let alliance = found(&amina, &world, "Tawiza").await?;
    let invitation = amina.invite(alliance, Role::Member, 7).await?;
    let of_karim = karim.join(&invitation.link, None, None).await?;
    *organisers.0.lock().unwrap() = Some(others.clone());
    let seen = amina.requests(alliance).await;
    assert!(seen.as_ref().map_or(true, Vec::is_empty), "a request that nobody made with this invitation: {seen:?}");
    *organisers.0.lock().unwrap() = None;
    assert_eq!(amina.requests(alliance).await?.len(), 1);
    amina.approve(alliance, &[invitation.number]).await?;
    *joiners.0.lock().unwrap() = Some(others);
    let lie = karim.sync(of_karim).await;
    assert!(matches!(lie, Err(ClientError::RelayContradiction(_))), "{lie:?}");
    assert_eq!(karim.alliance(of_karim).await?.status, Status::Joining);
    *joiners.0.lock().unwrap() = None;
    assert_eq!(karim.sync(of_karim).await?.status, Status::Active);
    karim.send(of_karim, "here").await?;
    assert_eq!(texts(&amina, alliance).await?, ["here"]);
    Ok(())
}
