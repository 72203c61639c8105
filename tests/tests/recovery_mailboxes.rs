//! Recovery mailboxes that a fellow member spoils: full of junk, closed, with notes that are none. Whoever lost its place
//! comes back all the same, and nobody's client works without end.

use anyhow::{Context, Result};
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use twiza_client::clock::SystemClock;
use twiza_client::engine::AllianceNumber;
use twiza_client::relay::Right;
use twiza_client::relay::http::HttpConnector;
use twiza_client::relay::{RelayConnection, RelayConnector};
use twiza_client::store::alliances::Status;
use twiza_client::{Engine, os_random};
use twiza_crypto::content::ContentKind;
use twiza_crypto::name::Name;
use twiza_crypto::recovery::RecoveryMailbox;
use twiza_crypto::rejoin::Note;
use twiza_crypto::seal::seal_payload;
use twiza_protocol::{FrameSize, ProblemCode};
use twiza_tests::interposed::{Interposed, Interposer};
use twiza_tests::{World, admit, texts};

/// Counts pages that are asked for.
#[derive(Default)]
struct Counts(AtomicUsize);

#[async_trait]
impl Interposer for Counts {
    async fn reading(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

type Member = (Engine, AllianceNumber);

/// Amina, who organises, Karim, and Eve, who spoils Amina's recovery mailbox.
struct Three {
    amina: Member,
    karim: Member,
    eve: Member,
    reads: Arc<Counts>,
    connection: Arc<dyn RelayConnection>,
    world: World,
}

impl Three {
    async fn meet() -> Result<Self> {
        let clock = Arc::new(twiza_relay::SystemClock);
        let world = World::with(clock, |settings| settings.limits.mailbox_bytes_max = 4 << 20).await?;
        let reads = Arc::new(Counts::default());
        let amina = world.attentive_by("Amina", "Nour", Interposed::by(reads.clone())).await?;
        let (karim, eve) = (world.attentive("Karim", "Amal").await?, world.attentive("Eve", "Nobody").await?);
        let alliance = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
        let of_karim = admit(&amina, alliance, &karim).await?;
        let of_eve = admit(&amina, alliance, &eve).await?;
        let connection = HttpConnector::new(Arc::new(SystemClock)).connect(&world.address())?;
        let (amina, karim, eve) = ((amina, alliance), (karim, of_karim), (eve, of_eve));
        let three = Self { amina, karim, eve, reads, connection, world };
        three.settle().await?;
        Ok(three)
    }

    async fn settle(&self) -> Result<()> {
        for _ in 0..3 {
            for (engine, alliance) in [&self.amina, &self.karim, &self.eve] {
                engine.sync(*alliance).await?;
            }
        }
        Ok(())
    }

    /// Amina's recovery mailbox, as Eve knows it.
    async fn of_amina(&self) -> Result<RecoveryMailbox> {
        let (eve, alliance) = &self.eve;
        eve.sync(*alliance).await?;
        let leaf = eve.find_member(*alliance, "Amina").await?.number;
        let mailbox = eve.insider(*alliance).await?.group.recovery_mailbox(leaf)?;
        self.connection.open(&mailbox.mailbox(), Right::None).await?;
        Ok(mailbox)
    }

    /// Leaves a note, as a fellow member can.
    async fn leave(&self, mailbox: &RecoveryMailbox, sealed: &[u8]) -> Result<()> {
        let frames =
            seal_payload(&mailbox.frame_key()?, ContentKind::Recovery, sealed, None, FrameSize::Kib1, &os_random())?;
        for frame in frames {
            self.connection.append(&mailbox.mailbox(), frame.as_bytes(), false).await?;
        }
        Ok(())
    }

    /// Karim asks for new keys, and has them.
    async fn karim_comes_back(&self) -> Result<()> {
        let ((amina, of_amina), (karim, of_karim)) = (&self.amina, &self.karim);
        assert_eq!(karim.rejoin(*of_karim).await?.status, Status::Lost);
        amina.sync(*of_amina).await?;
        assert_eq!(karim.sync(*of_karim).await?.status, Status::Active);
        karim.send(*of_karim, "back").await?;
        assert_eq!(texts(amina, *of_amina).await?.last().context("nothing")?, "back");
        Ok(())
    }

    async fn pages_of_a_sync(&self) -> Result<usize> {
        let (amina, alliance) = &self.amina;
        let before = self.reads.0.load(Ordering::Relaxed);
        amina.sync(*alliance).await?;
        Ok(self.reads.0.load(Ordering::Relaxed) - before)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_mailbox_full_of_junk_is_replaced_and_read_once() -> Result<()> {
    let three = Three::meet().await?;
    let usual = three.pages_of_a_sync().await?;
    let mailbox = three.of_amina().await?;
    let mut junk = vec![0; 1 << 20];
    let full = loop {
        os_random().fill(&mut junk[..64])?;
        if let Err(error) = three.connection.append(&mailbox.mailbox(), &junk, false).await {
            break error;
        }
    };
    assert_eq!(full.code(), Some(ProblemCode::MailboxFull));
    three.settle().await?;
    let renewed = three.of_amina().await?;
    assert!(renewed != mailbox, "Amina's leaf names the full mailbox still");
    // Of the junk, 16 pages are read; with two more epochs there is a little more to look back at.
    let pages = three.pages_of_a_sync().await?;
    assert!(pages < usual + 16, "the junk is read again and again: {pages} pages after {usual}");
    three.karim_comes_back().await?;
    drop(three.world);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_mailbox_that_is_closed_is_replaced_and_that_a_bounded_number_of_times() -> Result<()> {
    let three = Three::meet().await?;
    let epoch = async || -> Result<u64> { Ok(three.amina.0.alliance(three.amina.1).await?.epoch) };
    let before = epoch().await?;
    let first = three.of_amina().await?;
    for round in 0..12 {
        let mailbox = three.of_amina().await?;
        drop(three.connection.append(&mailbox.mailbox(), &[round; 1024], true).await);
        three.amina.0.sync(three.amina.1).await?;
        if round == 0 {
            assert!(three.of_amina().await? != first, "Amina's leaf names the closed mailbox still");
            three.settle().await?;
            three.karim_comes_back().await?;
        }
    }
    let commits = epoch().await? - before;
    assert!((2..=12).contains(&commits), "{commits} epochs for 12 closed mailboxes and one return");
    let quiet = epoch().await?;
    for _ in 0..5 {
        three.amina.0.sync(three.amina.1).await?;
    }
    assert_eq!(epoch().await?, quiet, "Amina's client goes on by itself");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_that_are_none_are_passed_over() -> Result<()> {
    let three = Three::meet().await?;
    let mailbox = three.of_amina().await?;
    three.connection.append(&mailbox.mailbox(), &[7; 1024], false).await?;
    three.leave(&mailbox, b"sealed by nobody").await?;
    three.leave(&mailbox, &mailbox.seal(b"no note")?).await?;
    three.leave(&mailbox, &mailbox.seal(&[1, 9, 0])?).await?;
    for note in [Note::Request(vec![1; 40]), Note::Welcome(vec![2; 40]), Note::Call(vec![3; 40])] {
        three.leave(&mailbox, &note.seal(&mailbox)?).await?;
    }
    three.karim_comes_back().await?;
    assert_eq!(three.amina.0.members(three.amina.1).await?.len(), 3);
    Ok(())
}
