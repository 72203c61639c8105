//! A mailbox that a rolled-back relay shows with another end, seen by members who are still in that epoch: they go back to
//! it, or take over the commit that others followed. What was said meanwhile is said again.

use anyhow::Result;
use twiza_client::engine::MotionView;
use twiza_client::store::motions::MotionState;
use twiza_crypto::alliance::Role;
use twiza_crypto::motion::Action;
use twiza_crypto::name::Name;
use twiza_crypto::rules::{Quorums, Rules};
use twiza_tests::backups::{back_up, restore};
use twiza_tests::three::{Member, Three};

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
