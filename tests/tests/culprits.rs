//! What becomes of whoever vouches for an invalid commit where the rules ask for several organisations.

use anyhow::{Context, Result};
use std::sync::Arc;
use twiza_client::Engine;
use twiza_client::clock::SystemClock;
use twiza_client::engine::{AllianceNumber, Insider, MotionView};
use twiza_client::os_random;
use twiza_client::relay::RelayConnector;
use twiza_client::relay::http::HttpConnector;
use twiza_client::store::history::{Event, Item};
use twiza_client::store::motions::MotionState;
use twiza_client::store::shown::ShownAction;
use twiza_crypto::alliance::Role;
use twiza_crypto::content::ContentKind;
use twiza_crypto::name::Name;
use twiza_crypto::rules::{Quorums, Rules};
use twiza_crypto::seal::{commit_frame_size, seal_payload};
use twiza_tests::{World, admit, texts};

/// Ends the mailbox that a member reads with junk that a cheat vouches for.
async fn close_with_junk(world: &World, cheat: &Insider, (reader, alliance): (&Engine, AllianceNumber)) -> Result<()> {
    let keys = reader.insider(alliance).await?.keys;
    let group = &cheat.group;
    let seal = group.vouch_for(&keys.mailbox.address(), b"junk");
    let size = commit_frame_size(group.alliance().seats.len());
    let frames = seal_payload(&keys.frame, ContentKind::Commit, b"junk", Some(&seal), size, &os_random())?;
    let connection = HttpConnector::new(Arc::new(SystemClock)).connect(&world.address())?;
    for frame in frames {
        connection.append(&keys.mailbox, frame.as_bytes(), true).await?;
    }
    Ok(())
}

async fn only_motion(engine: &Engine, alliance: AllianceNumber) -> Result<MotionView> {
    engine.sync(alliance).await?;
    let mut motions = engine.motions(alliance).await?;
    assert_eq!(motions.len(), 1, "{motions:?}");
    motions.pop().context("no motion")
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_quorum_is_needed_the_removal_of_a_culprit_is_proposed_and_done_when_approved() -> Result<()> {
    let world = World::new().await?;
    let (amina, karim) = (world.person("Amina", "Nour").await?, world.person("Karim", "Amal").await?);
    let (zineb, eve) = (world.person("Zineb", "Tafat").await?, world.person("Eve", "Nobody").await?);
    let of_amina = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
    let of_karim = admit(&amina, of_amina, &karim).await?;
    let of_zineb = admit(&amina, of_amina, &zineb).await?;
    let of_eve = admit(&amina, of_amina, &eve).await?;
    amina.set_role(of_amina, "Karim", Role::Organiser).await?;
    amina.set_rules(of_amina, &Rules { quorums: Quorums::all(2), ..Rules::default() }).await?;
    for (engine, alliance) in [(&karim, of_karim), (&zineb, of_zineb), (&eve, of_eve), (&amina, of_amina)] {
        engine.sync(alliance).await?;
    }
    for (engine, alliance) in [(&karim, of_karim), (&zineb, of_zineb), (&eve, of_eve), (&amina, of_amina)] {
        engine.sync(alliance).await?;
    }
    let cheat = eve.insider(of_eve).await?;
    close_with_junk(&world, &cheat, (&amina, of_amina)).await?;
    let motion = only_motion(&amina, of_amina).await?;
    let removal = |action: &ShownAction| serde_json::to_string(action).is_ok_and(|shown| shown.contains("Eve"));
    assert!(motion.own && removal(&motion.motion), "{motion:?}");
    assert_eq!((motion.state, motion.organisations, motion.needed), (MotionState::Open, 1, 2));
    // Nothing is done, and no member but an organiser proposes anything, until another organisation has approved.
    assert_eq!(only_motion(&zineb, of_zineb).await?.state, MotionState::Open);
    assert_eq!(amina.members(of_amina).await?.len(), 4);
    // A second time costs the honest nothing new: the motion is there already.
    close_with_junk(&world, &cheat, (&amina, of_amina)).await?;
    assert_eq!(only_motion(&amina, of_amina).await?.state, MotionState::Open);
    let number = only_motion(&karim, of_karim).await?.number;
    assert_eq!(karim.approve_motion(of_karim, number).await?.state, MotionState::Enacted);
    amina.send(of_amina, "without her").await?;
    for (engine, alliance) in [(&amina, of_amina), (&karim, of_karim), (&zineb, of_zineb)] {
        assert_eq!(texts(engine, alliance).await?, ["without her"]);
        let members = engine.members(alliance).await?;
        assert!(members.len() == 3 && members.iter().all(|member| member.person.name != "Eve"));
        assert_eq!(only_motion(engine, alliance).await?.state, MotionState::Enacted);
        let entries = engine.entries(alliance, 0, false).await?;
        let named = entries.iter().filter(|entry| {
            matches!(&entry.item, Item::Event(Event::RefusedCommit { person: Some(person) }) if person.name == "Eve")
        });
        assert_eq!(named.count(), 2, "{}", engine.whoami().name);
    }
    Ok(())
}
