//! A mailbox that a rolled-back relay shows with another end, seen by members who are still in that epoch: they go back to
//! it, or take over the commit that others followed. What was said meanwhile is said again.

use anyhow::Result;
use std::sync::Arc;
use twiza_client::clock::SystemClock;
use twiza_client::engine::{AllianceNumber, MotionView};
use twiza_client::relay::RelayConnector;
use twiza_client::relay::http::HttpConnector;
use twiza_client::store::alliances::Status;
use twiza_client::store::motions::MotionState;
use twiza_client::{Engine, os_random};
use twiza_crypto::alliance::Role;
use twiza_crypto::motion::Action;
use twiza_crypto::name::Name;
use twiza_crypto::rules::{Quorums, Rules};
use twiza_protocol::MailboxKey;
use twiza_tests::backups::{back_up, restore};
use twiza_tests::{World, admit, texts};

type Member = (Engine, AllianceNumber);

/// Amina, who organises, Karim and Zineb.
struct Three {
    world: World,
    people: [Member; 3],
}

impl Three {
    async fn meet() -> Result<Self> {
        let world = World::new().await?;
        let amina = world.attentive("Amina", "Nour").await?;
        let (karim, zineb) = (world.attentive("Karim", "Amal").await?, world.attentive("Zineb", "Tafat").await?);
        let alliance = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
        let of_karim = admit(&amina, alliance, &karim).await?;
        let of_zineb = admit(&amina, alliance, &zineb).await?;
        let three = Self { world, people: [(amina, alliance), (karim, of_karim), (zineb, of_zineb)] };
        three.settle().await?;
        Ok(three)
    }

    async fn restarted(self, change: impl FnOnce(&std::path::Path) -> Result<()>) -> Result<Self> {
        Ok(Self { world: self.world.restarted(change).await?, people: self.people })
    }

    async fn settle(&self) -> Result<()> {
        for _ in 0..6 {
            for (engine, alliance) in &self.people {
                engine.sync(*alliance).await?;
            }
        }
        Ok(())
    }

    /// The mailbox that everybody reads now.
    async fn mailbox(&self) -> Result<MailboxKey> {
        let [(amina, alliance), ..] = &self.people;
        Ok(amina.insider(*alliance).await?.keys.mailbox)
    }

    /// Somebody who nobody can name ends a mailbox.
    async fn close(&self, mailbox: &MailboxKey) -> Result<()> {
        let connection = HttpConnector::new(Arc::new(SystemClock)).connect(&self.world.address())?;
        let mut junk = vec![0; 1024];
        os_random().fill(&mut junk)?;
        connection.append(mailbox, &junk, true).await?;
        Ok(())
    }

    /// Everybody is in one epoch, and has read the same, each text once.
    async fn agree(&self, heard: &[&str]) -> Result<()> {
        let [(amina, alliance), ..] = &self.people;
        let words = amina.verify(*alliance).await?.words.to_string();
        for (engine, alliance) in &self.people {
            let who = engine.whoami().name;
            assert_eq!(engine.alliance(*alliance).await?.status, Status::Active, "{who}");
            assert_eq!(engine.verify(*alliance).await?.words.to_string(), words, "{who} is elsewhere");
            assert_eq!(texts(engine, *alliance).await?, heard, "{who}");
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_end_of_a_branch_of_the_present_epoch_is_gone_back_to() -> Result<()> {
    let backup = tempfile::tempdir()?;
    let three = Three::meet().await?;
    let mailbox = three.mailbox().await?;
    let three = three.restarted(|data| back_up(data, backup.path())).await?;
    three.close(&mailbox).await?;
    let [(amina, of_amina), (karim, of_karim), _] = &three.people;
    amina.send(*of_amina, "in the next branch").await?;
    karim.sync(*of_karim).await?;
    let three = three.restarted(|data| restore(data, backup.path())).await?;
    // For Zineb, who was away, the mailbox never ended: she ends it with a good commit.
    let [(amina, of_amina), _, (zineb, of_zineb)] = &three.people;
    zineb.rotate(*of_zineb).await?;
    three.settle().await?;
    amina.send(*of_amina, "all together").await?;
    three.agree(&["in the next branch", "all together"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_others_followed_is_taken_over_by_whoever_has_not_left_the_epoch() -> Result<()> {
    let backup = tempfile::tempdir()?;
    let three = Three::meet().await?;
    let mailbox = three.mailbox().await?;
    let three = three.restarted(|data| back_up(data, backup.path())).await?;
    let [(amina, of_amina), (karim, of_karim), _] = &three.people;
    amina.rotate(*of_amina).await?;
    karim.sync(*of_karim).await?;
    let three = three.restarted(|data| restore(data, backup.path())).await?;
    three.close(&mailbox).await?;
    let [(amina, of_amina), _, (zineb, of_zineb)] = &three.people;
    zineb.send(*of_zineb, "in the next branch").await?;
    three.settle().await?;
    amina.send(*of_amina, "all together").await?;
    three.agree(&["in the next branch", "all together"]).await
}

async fn motions((engine, alliance): &Member) -> Result<Vec<MotionView>> {
    engine.sync(*alliance).await?;
    Ok(engine.motions(*alliance).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn motions_and_approvals_that_a_rollback_displaced_are_said_again_and_count_once() -> Result<()> {
    let backup = tempfile::tempdir()?;
    let three = Three::meet().await?;
    let [(amina, of_amina), ..] = &three.people;
    for name in ["Karim", "Zineb"] {
        amina.set_role(*of_amina, name, Role::Organiser).await?;
    }
    amina.set_rules(*of_amina, &Rules { quorums: Quorums::all(3), ..Rules::default() }).await?;
    three.settle().await?;
    let three = three.restarted(|data| back_up(data, backup.path())).await?;
    let [(amina, of_amina), (karim, of_karim), _] = &three.people;
    karim.propose(*of_karim, Action::Rename(Name::new("Tiwizi")?)).await?;
    karim.propose(*of_karim, Action::Rename(Name::new("Another")?)).await?;
    let seen = motions(&three.people[0]).await?;
    amina.approve_motion(*of_amina, seen[0].number).await?;
    amina.approve_motion(*of_amina, seen[1].number).await?;
    let own = motions(&three.people[1]).await?;
    karim.withdraw_motion(*of_karim, own[1].number).await?;
    amina.sync(*of_amina).await?;
    let three = three.restarted(|data| restore(data, backup.path())).await?;
    // Zineb has read nothing of it, and ends the epoch.
    let [.., (zineb, of_zineb)] = &three.people;
    zineb.rotate(*of_zineb).await?;
    assert!(zineb.motions(*of_zineb).await?.is_empty());
    three.settle().await?;
    let seen = motions(&three.people[2]).await?;
    assert_eq!(seen.len(), 1, "what was withdrawn is not said again: {seen:?}");
    assert_eq!((seen[0].state, seen[0].organisations), (MotionState::Open, 2));
    assert_eq!(zineb.approve_motion(*of_zineb, seen[0].number).await?.state, MotionState::Enacted);
    three.settle().await?;
    for member in &three.people[..2] {
        let states: Vec<_> = motions(member).await?.into_iter().map(|motion| motion.state).collect();
        assert_eq!(states, [MotionState::Enacted, MotionState::Withdrawn]);
        let entries = member.0.entries(member.1, 0, false).await?;
        let enacted = entries
            .iter()
            .filter(|entry| serde_json::to_string(entry).is_ok_and(|text| text.contains("motion_enacted")));
        assert_eq!(enacted.count(), 1);
    }
    three.agree(&[]).await
}
