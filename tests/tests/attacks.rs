//! Attacks from the literature, through real engines and a real relay: what the relay sees of people, what insiders can
//! break, and what users are told. (Others stand in `adversary.rs`, `seizure.rs` and `crypto/tests/hostile.rs`.)

use anyhow::{Context, Result};
use async_trait::async_trait;
use sha2::{Digest, Sha384};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use twiza_client::Engine;
use twiza_client::clock::SystemClock;
use twiza_client::engine::AllianceNumber;
use twiza_client::relay::http::HttpConnector;
use twiza_client::relay::{Page, RelayConnection, RelayConnector, RelayError, Right};
use twiza_client::store::alliances::Status;
use twiza_client::store::history::{Event, Item};
use twiza_crypto::alliance::Role;
use twiza_crypto::content::ContentKind;
use twiza_crypto::invitation::Invitation;
use twiza_crypto::name::Name;
use twiza_protocol::{
    Describe, MailboxAddress, MailboxKey, Opened, Problem, ProblemCode, Receipt, RelayAddress, RelayKey, Sequence,
};
use twiza_tests::interposed::{Interposed, Interposer};
use twiza_tests::search::{self, Secret};
use twiza_tests::{World, admit, texts};

/// Only a bound on a test that fails: what it waits for takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

async fn found(engine: &Engine, world: &World, name: &str) -> Result<AllianceNumber> {
    Ok(engine.found(&Name::new(name)?, &world.address(), None).await?)
}

fn direct(relay: &RelayAddress) -> Result<Arc<dyn RelayConnection>> {
    Ok(HttpConnector::new(Arc::new(SystemClock)).connect(relay)?)
}

/// What the relay sees of one person: on which connection, what, and about which mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    connection: usize,
    appends: bool,
    address: MailboxAddress,
}

/// Connections that note what the relay sees of them, and the keys, which a member knows as well.
#[derive(Clone, Default)]
struct Noting {
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
    keys: Arc<Mutex<Vec<MailboxKey>>>,
}

impl Noting {
    fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    fn appends(&self) -> usize {
        self.seen.lock().unwrap().iter().filter(|seen| seen.appends).count()
    }

    /// The key of the mailbox that was read last: the present one.
    fn last_key(&self) -> Result<MailboxKey> {
        let keys = self.keys.lock().unwrap();
        Ok(MailboxKey::from_seed(&keys.last().context("no mailbox was read")?.expose_seed()))
    }
}

impl RelayConnector for Noting {
    fn connect(&self, address: &RelayAddress) -> Result<Arc<dyn RelayConnection>, RelayError> {
        let relay = HttpConnector::new(Arc::new(SystemClock)).connect(address)?;
        let number = self.connections.fetch_add(1, Ordering::SeqCst);
        Ok(Arc::new(Noted { relay, number, noting: self.clone() }))
    }
}

struct Noted {
    relay: Arc<dyn RelayConnection>,
    number: usize,
    noting: Noting,
}

impl Noted {
    fn note(&self, mailbox: &MailboxKey, appends: bool) {
        let seen = Seen { connection: self.number, appends, address: mailbox.address() };
        self.noting.seen.lock().unwrap().push(seen);
    }
}

#[async_trait]
impl RelayConnection for Noted {
    fn key(&self) -> &RelayKey {
        self.relay.key()
    }

    async fn describe(&self) -> Result<Describe, RelayError> {
        self.relay.describe().await
    }

    async fn open(&self, mailbox: &MailboxKey, right: Right<'_>) -> Result<Opened, RelayError> {
        self.note(mailbox, false);
        self.relay.open(mailbox, right).await
    }

    async fn append(&self, mailbox: &MailboxKey, frame: &[u8], closing: bool) -> Result<Receipt, RelayError> {
        self.note(mailbox, true);
        self.relay.append(mailbox, frame, closing).await
    }

    async fn read(&self, mailbox: &MailboxKey, after: Sequence) -> Result<Page, RelayError> {
        self.note(mailbox, false);
        self.noting.keys.lock().unwrap().push(MailboxKey::from_seed(&mailbox.expose_seed()));
        self.relay.read(mailbox, after).await
    }

    async fn watch(&self, mailboxes: &[(&MailboxKey, Sequence)]) -> Result<mpsc::Receiver<MailboxAddress>, RelayError> {
        mailboxes.iter().for_each(|(mailbox, _)| self.note(mailbox, false));
        self.relay.watch(mailboxes).await
    }
}

/// Statistical disclosure (Martiny and others, NDSS 2021): whoever answers a message at once, by a receipt, is found by
/// counting which mailboxes get something right after each message. Here the relay counts itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_counts_what_follows_each_message_finds_nobody() -> Result<()> {
    let world = World::new().await?;
    let log = Noting::default();
    let amina = world.person_by("Amina", "Nour", Arc::new(log.clone())).await?;
    let karim = world.person_by("Karim", "Amal", Arc::new(log.clone())).await?;
    let zineb = world.person_by("Zineb", "Ayt", Arc::new(log.clone())).await?;
    let alliance = found(&amina, &world, "Tawiza").await?;
    let of_karim = admit(&amina, alliance, &karim).await?;
    let other = found(&zineb, &world, "Another").await?;
    for (engine, number) in [(&amina, alliance), (&karim, of_karim), (&amina, alliance), (&zineb, other)] {
        engine.sync(number).await?;
    }

    let mut followed = BTreeMap::<MailboxAddress, usize>::new();
    let mut used = BTreeSet::new();
    for round in 0..20 {
        log.take();
        amina.send(alliance, &format!("message {round}")).await?;
        used.extend(log.take().into_iter().filter(|seen| seen.appends).map(|seen| seen.address));
        // Everybody is there and reads at once: the worst case for this attack.
        karim.sync(of_karim).await?;
        zineb.sync(other).await?;
        amina.sync(alliance).await?;
        for seen in log.take().into_iter().filter(|seen| seen.appends) {
            *followed.entry(seen.address).or_default() += 1;
        }
    }
    assert_eq!(followed, BTreeMap::new(), "something answers messages");
    assert_eq!(used.len(), 1, "all that is said in an epoch goes to one mailbox, whoever says it");
    assert_eq!(texts(&karim, of_karim).await?.len(), 20);
    Ok(())
}

/// Probing by silent messages: nothing that arrives makes a client send anything, whether it can be read or not.
#[tokio::test(flavor = "multi_thread")]
async fn no_traffic_answers_an_incoming_frame() -> Result<()> {
    let world = World::new().await?;
    let log = Noting::default();
    let amina = world.person("Amina", "Nour").await?;
    let karim = world.person_by("Karim", "Amal", Arc::new(log.clone())).await?;
    let alliance = found(&amina, &world, "Tawiza").await?;
    let of_karim = admit(&amina, alliance, &karim).await?;
    amina.sync(alliance).await?;
    karim.sync(of_karim).await?;
    let mailbox = log.last_key()?;
    let prober = direct(&world.address())?;
    log.take();
    for (octet, closing) in [(1, false), (2, false), (3, true)] {
        prober.append(&mailbox, &[octet; 1024], closing).await?;
        karim.sync(of_karim).await?;
        assert_eq!(log.appends(), 0, "frame {octet} was answered");
    }
    let told = karim.entries(of_karim, 0, false).await?;
    let told = told.iter().any(|entry| matches!(entry.item, Item::Event(Event::RefusedCommit { person: None })));
    assert!(told, "the probe was read, and its user knows of it");
    amina.send(alliance, "still here").await?;
    karim.sync(of_karim).await?;
    assert_eq!(log.appends(), 0, "a message was answered");
    assert_eq!(texts(&karim, of_karim).await?, ["still here"]);
    Ok(())
}

/// A variable-size vector's length (RFC 9420, section 2.1.2).
fn vector(octets: &[u8]) -> Vec<u8> {
    let length = match octets.len() {
        short @ 0..64 => vec![short as u8],
        long => (0x4000 | long as u16).to_be_bytes().to_vec(),
    };
    [length, octets.to_vec()].concat()
}

/// Matching Welcomes to key packages (RFC 9420, section 16.4.3): the relay has neither of them, nor their reference.
#[tokio::test(flavor = "multi_thread")]
async fn no_key_package_and_no_reference_to_one_is_in_the_relays_files() -> Result<()> {
    let world = World::new().await?;
    let (amina, karim) = (world.person("Amina", "Nour").await?, world.person("Karim", "Amal").await?);
    let alliance = found(&amina, &world, "Tawiza").await?;
    let invitation = amina.invite(alliance, Role::Member, 7).await?;
    let of_karim = karim.join(&invitation.link, None, None).await?;
    amina.requests(alliance).await?;
    amina.approve(alliance, &[invitation.number]).await?;
    assert_eq!(karim.sync(of_karim).await?.status, Status::Active);

    // What whoever has the link can see: the request is there, under its seal.
    let rendezvous = Invitation::from_link(&invitation.link)?.rendezvous()?;
    let frames = direct(&world.address())?.read(&rendezvous.mailbox, Sequence::START).await?.frames;
    let mut secrets = Vec::new();
    for frame in &frames {
        let content = rendezvous.frame.open(&frame.octets)?;
        secrets.push(Secret::octets("a request or a Welcome", &content.body[..64]));
        if content.kind == ContentKind::JoinRequest {
            // RefHash (RFC 9420, section 5.2), by the suite's hash.
            let labelled = [vector(b"MLS 1.0 KeyPackage Reference"), vector(&content.body)].concat();
            secrets.push(Secret::octets("a KeyPackageRef", &Sha384::digest(labelled)));
        }
    }
    assert!(secrets.len() >= 3, "a request, its reference and a Welcome");
    let known = Secret::octets("an address", rendezvous.mailbox.address().as_bytes());
    drop((amina, karim));
    let folder = world.stop().await?;
    let relay = folder.path().join("relay");
    assert!(!search::files(&relay, &[known])?.found.is_empty(), "this test does not see the relay's files");
    assert_eq!(search::files(&relay, &secrets)?.found, Vec::<String>::new());
    Ok(())
}

/// Correlation by connections: one person's alliances share none, nor do their recovery and rendezvous mailboxes.
#[tokio::test(flavor = "multi_thread")]
async fn no_connection_carries_two_alliances() -> Result<()> {
    let world = World::new().await?;
    let log = Noting::default();
    let amina = world.person_by("Amina", "Nour", Arc::new(log.clone())).await?;
    let (karim, zineb) = (world.person("Karim", "Amal").await?, world.person("Zineb", "Ayt").await?);
    let mut owner = BTreeMap::<MailboxAddress, &str>::new();
    let mut all = Vec::new();
    let mut numbers = Vec::new();
    for (name, other) in [("Tawiza", &karim), ("Another", &zineb)] {
        let alliance = found(&amina, &world, name).await?;
        admit(&amina, alliance, other).await?;
        amina.send(alliance, "Azul").await?;
        let seen = log.take();
        owner.extend(seen.iter().map(|seen| (seen.address, name)));
        all.extend(seen);
        numbers.push((name, alliance));
    }
    for _ in 0..3 {
        for (name, alliance) in &numbers {
            amina.rotate(*alliance).await?;
            amina.sync(*alliance).await?;
            let seen = log.take();
            owner.extend(seen.iter().map(|seen| (seen.address, *name)));
            all.extend(seen);
        }
    }
    let mut carried = BTreeMap::<usize, BTreeSet<&str>>::new();
    for seen in &all {
        carried.entry(seen.connection).or_default().insert(owner[&seen.address]);
    }
    assert!(carried.len() >= 4, "alliances, and mailboxes beside them: {carried:?}");
    let shared: Vec<_> = carried.iter().filter(|(_, alliances)| alliances.len() > 1).collect();
    assert!(shared.is_empty(), "{shared:?} carried both");
    Ok(())
}

/// Junk by a member, which nobody can attribute, fills the mailbox; the closing frame has a reserve.
#[tokio::test(flavor = "multi_thread")]
async fn junk_fills_a_mailbox_and_the_removal_still_passes() -> Result<()> {
    let clock = Arc::new(twiza_relay::SystemClock);
    let world = World::with(clock, |settings| settings.limits.mailbox_bytes_max = 4 << 20).await?;
    let log = Noting::default();
    let (amina, karim) = (world.person("Amina", "Nour").await?, world.person("Karim", "Amal").await?);
    let eve = world.person_by("Eve", "Nobody", Arc::new(log.clone())).await?;
    let alliance = found(&amina, &world, "Tawiza").await?;
    let of_karim = admit(&amina, alliance, &karim).await?;
    let of_eve = admit(&amina, alliance, &eve).await?;
    for (engine, number) in [(&amina, alliance), (&karim, of_karim), (&eve, of_eve), (&amina, alliance), (&eve, of_eve)]
    {
        engine.sync(number).await?;
    }
    let mailbox = log.last_key()?;
    let connection = direct(&world.address())?;
    let mut junk = 0_u32;
    let full = loop {
        junk += 1;
        let frame = junk.to_be_bytes().repeat(64 << 8);
        if let Err(error) = connection.append(&mailbox, &frame, false).await {
            break error;
        }
    };
    assert_eq!(full.code(), Some(ProblemCode::MailboxFull), "{full:?} after {junk} frames");
    amina.remove(alliance, "Eve").await?;
    assert_eq!(eve.sync(of_eve).await?.status, Status::Removed);
    karim.send(of_karim, "quiet again").await?;
    assert_eq!(texts(&amina, alliance).await?, ["quiet again"]);
    Ok(())
}

/// A removed member who kept all keys and its watch: the removal arrives, and there is nothing after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_removed_member_who_keeps_watching_sees_its_removal_and_nothing_later() -> Result<()> {
    let world = World::new().await?;
    let log = Noting::default();
    let amina = world.person("Amina", "Nour").await?;
    let eve = world.person_by("Eve", "Nobody", Arc::new(log.clone())).await?;
    let alliance = found(&amina, &world, "Tawiza").await?;
    let of_eve = admit(&amina, alliance, &eve).await?;
    amina.sync(alliance).await?;
    eve.sync(of_eve).await?;
    let mailbox = log.last_key()?;
    let connection = direct(&world.address())?;
    let place = connection.open(&mailbox, Right::None).await?.head.sequence;
    let mut watched = connection.watch(&[(&mailbox, place)]).await?;
    amina.remove(alliance, "Eve").await?;
    amina.send(alliance, "without her").await?;
    let arrival = tokio::time::timeout(PATIENCE, watched.recv()).await.context("her own removal does not arrive")?;
    assert_eq!(arrival, Some(mailbox.address()));
    let page = connection.read(&mailbox, place).await?;
    assert_eq!(page.frames.iter().map(|frame| frame.closing).collect::<Vec<_>>(), [true], "the removal and no more");
    assert!(connection.open(&mailbox, Right::None).await?.head.closed, "opening again reopens nothing");
    let refused = connection.append(&mailbox, &[1; 1024], false).await.map_err(|error| error.code());
    assert_eq!(refused.err().flatten(), Some(ProblemCode::MailboxClosed));
    Ok(())
}

/// A relay that answers one person's commits with "closed", so many times.
struct Suppresses(AtomicUsize);

#[async_trait]
impl Interposer for Suppresses {
    async fn append(&self, _: &MailboxKey, _: &[u8], closing: bool) -> Option<Result<Receipt, RelayError>> {
        let left = |left: usize| left.checked_sub(1);
        let suppressed = closing && self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_ok();
        suppressed.then(|| Err(RelayError::Refused(Box::new(Problem::new(ProblemCode::MailboxClosed)))))
    }
}

async fn warnings(engine: &Engine, alliance: AllianceNumber) -> Result<usize> {
    let entries = engine.entries(alliance, 0, false).await?;
    Ok(entries.iter().filter(|entry| matches!(entry.item, Item::Event(Event::RotationSuppressed))).count())
}

/// Suppression of one member's updates (RFC 9420, section 16.9).
#[tokio::test(flavor = "multi_thread")]
async fn whoever_never_gets_new_keys_is_told_once() -> Result<()> {
    let world = World::new().await?;
    let relay = Arc::new(Suppresses(AtomicUsize::new(0)));
    let amina = world.person_by("Amina", "Nour", Interposed::by(relay.clone())).await?;
    let alliance = found(&amina, &world, "Tawiza").await?;
    relay.0.store(3, Ordering::SeqCst);
    amina.rotate(alliance).await?;
    assert_eq!(warnings(&amina, alliance).await?, 0, "a race that is lost now and then is nothing to tell");
    relay.0.store(20, Ordering::SeqCst);
    amina.rotate(alliance).await?;
    assert_eq!(warnings(&amina, alliance).await?, 1);
    assert_eq!(amina.outbox(alliance).await?.changes, 0, "the rotation was made when the relay let it pass");
    relay.0.store(9, Ordering::SeqCst);
    amina.rotate(alliance).await?;
    assert_eq!(warnings(&amina, alliance).await?, 2, "after a success the count begins anew");
    Ok(())
}
