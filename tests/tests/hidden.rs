//! What a relay hid, took back or put elsewhere: nobody is blamed for it, nobody who is out gains by it, and the members
//! find each other again.

use anyhow::{Context, Result};
use async_trait::async_trait;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use twiza_client::engine::Insider;
use twiza_client::relay::{Page, RelayError, Right};
use twiza_client::store::alliances::Status;
use twiza_client::store::history::Event;
use twiza_client::{ClientError, os_random};
use twiza_crypto::alliance::Role;
use twiza_crypto::content::ContentKind;
use twiza_crypto::epoch::Branch;
use twiza_crypto::group::commit::Change;
use twiza_crypto::name::Name;
use twiza_crypto::rival::Rival;
use twiza_crypto::seal::seal_payload;
use twiza_protocol::{Chain, FrameDigest, FrameSize, MailboxKey, Receipt};
use twiza_tests::backups::{back_up, restore};
use twiza_tests::interposed::{Interposed, Interposer};
use twiza_tests::three::{Three, events};
use twiza_tests::{World, admit};

/// Makes organisers of these.
async fn organisers(three: &Three, names: &[&str]) -> Result<()> {
    let [(amina, alliance), ..] = &three.people;
    for name in names {
        amina.set_role(*alliance, name, Role::Organiser).await?;
    }
    three.settle().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_to_leave_that_the_relay_hides_convicts_nobody() -> Result<()> {
    let (before, after) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let three = Three::meet().await?;
    organisers(&three, &["Karim"]).await?;
    let mailbox = three.mailbox().await?;
    let there = three.frames(&mailbox).await?.len();
    let three = three.restarted(|data| back_up(data, before.path())).await?;
    let [_, (karim, of_karim), (zineb, of_zineb)] = &three.people;
    zineb.leave(*of_zineb).await?;
    karim.sync(*of_karim).await?;
    zineb.sync(*of_zineb).await?;
    assert_eq!(zineb.alliance(*of_zineb).await?.status, Status::Left);
    let ended = three.frames(&mailbox).await?;
    let commit: Vec<_> = ended.iter().filter(|frame| frame.closing).cloned().collect();
    assert!(ended.len() > there + commit.len(), "there is no wish before the commit");
    let three = three.restarted(|data| back_up(data, after.path())).await?;
    // The relay shows Amina the commit, and not the wish that it carries out.
    let three = three.restarted(|data| restore(data, before.path())).await?;
    three.put(&mailbox, &commit).await?;
    let [(amina, of_amina), ..] = &three.people;
    assert_eq!(amina.sync(*of_amina).await?.status, Status::Lost);
    let blamed = |event: &Event| matches!(event, Event::RefusedCommit { person: Some(_) });
    let three = three.restarted(|data| restore(data, after.path())).await?;
    three.settle_but(&["Zineb"]).await?;
    let [(amina, of_amina), ..] = &three.people;
    amina.send(*of_amina, "the two of us").await?;
    three.settle_but(&["Zineb"]).await?;
    three.agree_but(&["Zineb"], &["the two of us"]).await?;
    let told = events(&three.people[1]).await?;
    assert!(!told.iter().any(blamed), "{told:?}");
    let names: Vec<_> = amina.members(*of_amina).await?.into_iter().map(|one| one.person.name).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_removed_does_not_come_back_by_an_epoch_before_that() -> Result<()> {
    let backup = tempfile::tempdir()?;
    let three = Three::meet().await?;
    organisers(&three, &["Karim", "Zineb"]).await?;
    let three = three.restarted(|data| back_up(data, backup.path())).await?;
    let [(amina, of_amina), _, (zineb, of_zineb)] = &three.people;
    zineb.rotate(*of_zineb).await?;
    amina.remove(*of_amina, "Karim").await?;
    three.settle_but(&["Karim"]).await?;
    let three = three.restarted(|data| restore(data, backup.path())).await?;
    // By the leaf his commit would prevail over Zineb's.
    let [(amina, of_amina), (karim, of_karim), _] = &three.people;
    karim.rotate(*of_karim).await?;
    amina.send(*of_amina, "without him").await?;
    three.settle_but(&["Karim"]).await?;
    three.agree_but(&["Karim"], &["without him"]).await?;
    let told = events(&three.people[0]).await?;
    let apart = |event: &&Event| matches!(event, Event::Apart { person } if person.name == "Karim");
    assert_eq!(told.iter().filter(apart).count(), 1, "{told:?}");
    let names: Vec<_> = amina.members(*of_amina).await?.into_iter().map(|one| one.person.name).collect();
    assert!(!names.contains(&"Karim".to_owned()), "{names:?}");
    Ok(())
}

/// One commit closed a branch that the followers of the other never read.
#[tokio::test(flavor = "multi_thread")]
async fn ends_of_different_branches_are_compared_from_either_side() -> Result<()> {
    let backup = tempfile::tempdir()?;
    let three = Three::meet().await?;
    let mailbox = three.mailbox().await?;
    let three = three.restarted(|data| back_up(data, backup.path())).await?;
    let [_, (karim, of_karim), (zineb, of_zineb)] = &three.people;
    zineb.rotate(*of_zineb).await?;
    karim.sync(*of_karim).await?;
    let three = three.restarted(|data| restore(data, backup.path())).await?;
    three.close(&mailbox).await?;
    // In the next branch, and she is an organiser: hers prevails.
    let [(amina, of_amina), ..] = &three.people;
    amina.rotate(*of_amina).await?;
    three.settle().await?;
    amina.send(*of_amina, "all together").await?;
    three.settle().await?;
    three.agree(&["all together"]).await
}

/// A way to the relay on which no end of a mailbox arrives.
#[derive(Default)]
struct NoEnds(AtomicBool);

#[async_trait]
impl Interposer for NoEnds {
    async fn append(&self, _: &MailboxKey, _: &[u8], closing: bool) -> Option<Result<Receipt, RelayError>> {
        let lost = closing && self.0.load(Ordering::Relaxed);
        lost.then(|| Err(RelayError::Unreachable { host: "the relay".to_owned(), cause: "lost".to_owned() }))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_goes_back_reads_later_branches_anew_as_well() -> Result<()> {
    let (backup, way) = (tempfile::tempdir()?, Arc::new(NoEnds::default()));
    let three = Three::meet_by(Interposed::by(way.clone())).await?;
    organisers(&three, &["Karim"]).await?;
    let mailbox = three.mailbox().await?;
    let three = three.restarted(|data| back_up(data, backup.path())).await?;
    three.close(&mailbox).await?;
    let [(amina, of_amina), _, (zineb, of_zineb)] = &three.people;
    amina.send(*of_amina, "in the next branch").await?;
    let branch = three.mailbox().await?;
    zineb.leave(*of_zineb).await?;
    // Amina has read the wish, and nobody has carried it out.
    let frames = three.frames(&branch).await?;
    way.0.store(true, Ordering::Relaxed);
    assert!(amina.sync(*of_amina).await.is_err());
    let three = three.restarted(|data| restore(data, backup.path())).await?;
    three.close(&mailbox).await?;
    three.put(&branch, &frames).await?;
    // Amina goes back and reads it again; Karim comes there for the first time, and carries it out.
    let [(amina, of_amina), (karim, of_karim), (zineb, of_zineb)] = &three.people;
    drop(amina.sync(*of_amina).await);
    karim.sync(*of_karim).await?;
    way.0.store(false, Ordering::Relaxed);
    three.settle().await?;
    let told = events(&three.people[0]).await?;
    let failed = |event: &Event| matches!(event, Event::Lost { .. } | Event::RefusedCommit { person: Some(_) });
    assert!(!told.iter().any(failed), "{told:?}");
    assert_eq!(zineb.alliance(*of_zineb).await?.status, Status::Left);
    amina.send(*of_amina, "the two of us").await?;
    three.settle_but(&["Zineb"]).await?;
    three.agree_but(&["Zineb"], &["in the next branch", "the two of us"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_missed_is_said_again_by_the_word_of_a_member_and_of_nobody_else() -> Result<()> {
    let (before, after) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let three = Three::meet().await?;
    let mailbox = three.mailbox().await?;
    let three = three.restarted(|data| back_up(data, before.path())).await?;
    let [.., (zineb, of_zineb)] = &three.people;
    zineb.send(*of_zineb, "does anybody hear me?").await?;
    let said = three.frames(&mailbox).await?;
    let three = three.restarted(|data| back_up(data, after.path())).await?;
    let three = three.restarted(|data| restore(data, before.path())).await?;
    let [(amina, of_amina), (karim, of_karim), _] = &three.people;
    amina.rotate(*of_amina).await?;
    karim.sync(*of_karim).await?;
    let commit: Vec<_> = three.frames(&mailbox).await?.into_iter().filter(|frame| frame.closing).collect();
    let three = three.restarted(|data| restore(data, after.path())).await?;
    three.put(&mailbox, &commit).await?;
    // Zineb has read her text and then the commit; the others read the commit alone.
    let [.., (zineb, of_zineb)] = &three.people;
    let insider = zineb.insider(*of_zineb).await?;
    zineb.sync(*of_zineb).await?;
    // Somebody who is no member knows the keys of that epoch, and asks for it in nobody's name.
    let own = FrameDigest::of(&said.last().context("nothing was said")?.octets);
    let next = insider.group.epoch_keys(three.world.address().key(), Branch(1))?;
    let mut forged = insider.group.missed(&insider.keys.mailbox.address(), &[own]).encode()?;
    *forged.last_mut().context("no signature")? ^= 1;
    let frames = seal_payload(&next.frame, ContentKind::Missed, &forged, None, FrameSize::Kib1, &os_random())?;
    let connection = three.connection()?;
    connection.open(&next.mailbox, Right::None).await?;
    for frame in &frames {
        connection.append(&next.mailbox, frame.as_bytes(), false).await?;
    }
    let missed = |event: &&Event| matches!(event, Event::Missed { .. });
    zineb.sync(*of_zineb).await?;
    assert_eq!(events(&three.people[2]).await?.iter().filter(missed).count(), 0, "a forged word was believed");
    three.settle().await?;
    three.agree(&["does anybody hear me?"]).await?;
    let told = events(&three.people[2]).await?;
    assert_eq!(told.iter().filter(missed).count(), 1, "{told:?}");
    Ok(())
}

/// A relay that shows an end and does not sign it.
#[derive(Default)]
struct Unsigned(AtomicBool);

#[async_trait]
impl Interposer for Unsigned {
    async fn read(&self, page: &mut Page) {
        if self.0.load(Ordering::Relaxed) && page.frames.iter().any(|frame| frame.closing) {
            page.head = None;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_the_relay_does_not_sign_is_not_followed() -> Result<()> {
    let (world, relay) = (World::new().await?, Arc::new(Unsigned::default()));
    let amina = world.person("Amina", "Nour").await?;
    let karim = world.person_by("Karim", "Amal", Interposed::by(relay.clone())).await?;
    let alliance = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
    let of_karim = admit(&amina, alliance, &karim).await?;
    karim.sync(of_karim).await?;
    amina.sync(alliance).await?;
    amina.rotate(alliance).await?;
    let epoch = karim.alliance(of_karim).await?.epoch;
    relay.0.store(true, Ordering::Relaxed);
    let refused = karim.sync(of_karim).await;
    assert!(matches!(refused, Err(ClientError::RelayContradiction(_))), "{refused:?}");
    assert_eq!(karim.alliance(of_karim).await?.epoch, epoch);
    relay.0.store(false, Ordering::Relaxed);
    karim.sync(of_karim).await?;
    assert_eq!(karim.alliance(of_karim).await?.epoch, amina.alliance(alliance).await?.epoch);
    Ok(())
}

/// An organiser closes a branch that nobody reads, with a commit that removes the author of the one that all followed, and
/// shows it with the relay's signature, which an honest relay gives.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_alone_makes_no_rival_of_a_branch_that_nobody_reads() -> Result<()> {
    let three = Three::meet().await?;
    organisers(&three, &["Karim"]).await?;
    let [(amina, of_amina), (karim, of_karim), _] = &three.people;
    let Insider { mut group, .. } = karim.insider(*of_karim).await?;
    let relay = three.world.address();
    let [first, second] = [Branch(1), Branch(2)].map(|branch| group.epoch_keys(relay.key(), branch));
    let (first, second) = (first?, second?);
    amina.rotate(*of_amina).await?;
    three.settle().await?;
    let address = second.mailbox.address();
    let victim = group.members()?.into_iter().find(|member| member.person.name.as_str() == "Amina");
    let made = group.commit(&Change::Remove(vec![victim.context("no Amina")?.person.identity]), &address)?;
    let (kind, random) = (ContentKind::Commit, os_random());
    let frames = seal_payload(&second.frame, kind, &made.commit, Some(&made.author), made.frame_size, &random)?;
    let connection = three.connection()?;
    connection.open(&second.mailbox, Right::None).await?;
    let end = connection.append(&second.mailbox, frames[0].as_bytes(), true).await?;
    let octets = frames.iter().map(|frame| frame.as_bytes().to_vec()).collect();
    let rival = Rival::new(Branch(2), &Chain::start(&address), &end, Vec::new(), octets).encode()?;
    connection.open(&first.mailbox, Right::None).await?;
    for frame in seal_payload(&first.frame, ContentKind::Rival, &rival, None, FrameSize::Kib1, &random)? {
        connection.append(&first.mailbox, frame.as_bytes(), false).await?;
    }
    three.settle().await?;
    amina.send(*of_amina, "all together").await?;
    three.settle().await?;
    for member in &three.people {
        let told = events(member).await?;
        assert!(!told.iter().any(|event| matches!(event, Event::Lost { .. })), "{told:?}");
    }
    three.agree(&["all together"]).await
}

/// A way to the relay that keeps frames back.
#[derive(Default)]
struct Late {
    keeps: AtomicBool,
    kept: Mutex<Vec<Vec<u8>>>,
}

#[async_trait]
impl Interposer for Late {
    async fn append(&self, _: &MailboxKey, frame: &[u8], closing: bool) -> Option<Result<Receipt, RelayError>> {
        if closing || !self.keeps.load(Ordering::Relaxed) {
            return None;
        }
        self.kept.lock().unwrap().push(frame.to_vec());
        Some(Err(RelayError::Unreachable { host: "the relay".to_owned(), cause: "lost".to_owned() }))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_own_frame_that_was_given_up_and_arrives_late_is_no_sign_of_an_old_copy() -> Result<()> {
    let (backup, way) = (tempfile::tempdir()?, Arc::new(Late::default()));
    let three = Three::meet_by(Interposed::by(way.clone())).await?;
    let mailbox = three.mailbox().await?;
    let three = three.restarted(|data| back_up(data, backup.path())).await?;
    way.keeps.store(true, Ordering::Relaxed);
    let [(amina, of_amina), ..] = &three.people;
    drop(amina.send(*of_amina, "late").await);
    way.keeps.store(false, Ordering::Relaxed);
    three.close(&mailbox).await?;
    // Said anew in the next branch.
    amina.sync(*of_amina).await?;
    let three = three.restarted(|data| restore(data, backup.path())).await?;
    let late = way.kept.lock().unwrap().clone();
    assert_eq!(late.len(), 1);
    three.connection()?.append(&mailbox, &late[0], false).await?;
    three.close(&mailbox).await?;
    three.settle().await?;
    let told = events(&three.people[0]).await?;
    assert!(!told.iter().any(|event| matches!(event, Event::Lost { .. })), "{told:?}");
    three.agree(&["late"]).await
}
