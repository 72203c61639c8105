//! The main job through a real relay: joining, speaking, large texts, removal.

use anyhow::Result;
use twiza_client::ClientError;
use twiza_client::store::alliances::Status;
use twiza_client::store::history::{Event, Item};
use twiza_crypto::Obstacle;
use twiza_crypto::alliance::Role;
use twiza_crypto::name::Name;
use twiza_tests::{World, admit, texts};

#[tokio::test(flavor = "multi_thread")]
async fn members_share_one_history_and_a_removed_one_is_out() -> Result<()> {
    let world = World::new().await?;
    let (amina, karim) = (world.person("Amina", "Nour").await?, world.person("Karim", "Amal").await?);
    let zineb = world.person("Zineb", "Ayt").await?;
    let alliance = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
    let of_karim = admit(&amina, alliance, &karim).await?;
    let of_zineb = admit(&amina, alliance, &zineb).await?;
    let large = "ⵜⵉⵡⵉⵣⵉ ".repeat(150_000);
    amina.send(alliance, "السلام عليكم").await?;
    karim.send(of_karim, &large).await?;
    zineb.send(of_zineb, "Azul").await?;
    let history = texts(&amina, alliance).await?;
    assert!(history == ["السلام عليكم", large.as_str(), "Azul"], "three texts, in the order of the relay");
    assert!(texts(&karim, of_karim).await? == history, "the same for Karim");
    assert!(texts(&zineb, of_zineb).await? == history, "the same for Zineb");

    amina.remove(alliance, "Karim").await?;
    amina.send(alliance, "after").await?;
    assert!(texts(&karim, of_karim).await? == history, "nothing after the removal");
    assert_eq!(karim.alliance(of_karim).await?.status, Status::Removed);
    assert!(matches!(karim.send(of_karim, "x").await, Err(ClientError::NotActive(Status::Removed))));
    assert_eq!(texts(&zineb, of_zineb).await?.last().map(String::as_str), Some("after"));
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_while_the_relay_is_away_waits() -> Result<()> {
    let world = World::new().await?;
    let amina = world.person("Amina", "Nour").await?;
    let alliance = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
    let _folder = world.stop().await?;
    assert!(amina.send(alliance, "kept").await.is_err_and(|error| error.is_retryable()));
    assert_eq!(amina.outbox(alliance).await?.messages, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_never_be_sent_is_told_and_kept() -> Result<()> {
    let world = World::new().await?;
    let (amina, karim) = (world.person("Amina", "Nour").await?, world.person("Karim", "Amal").await?);
    let alliance = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
    let of_karim = admit(&amina, alliance, &karim).await?;
    amina.set_role(alliance, "Karim", Role::Observer).await?;
    // Karim does not know yet: his client seals, loses the race against the change, and learns that he may not write.
    let refused = karim.send(of_karim, "my long note").await;
    assert!(matches!(refused, Err(ClientError::NotPossible(Obstacle::Observer))), "{refused:?}");
    let entries = karim.entries(of_karim, 0, false).await?;
    let kept = entries.iter().filter_map(|entry| match &entry.item {
        Item::Event(Event::NotSent { text, reason }) => Some((text.as_str(), reason.as_str())),
        _ => None,
    });
    assert_eq!(kept.collect::<Vec<_>>(), [("my long note", Obstacle::Observer.code())]);
    assert_eq!(karim.outbox(of_karim).await?.messages, 0);
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_good_once() -> Result<()> {
    let world = World::new().await?;
    let (amina, karim) = (world.person("Amina", "Nour").await?, world.person("Karim", "Amal").await?);
    let eve = world.person("Eve", "Nobody").await?;
    let alliance = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
    let invitation = amina.invite(alliance, Role::Member, 7).await?;
    karim.join(&invitation.link, None, None).await?;
    assert!(matches!(eve.join(&invitation.link, None, None).await, Err(ClientError::InvitationUsed)));
    world.stop().await?;
    Ok(())
}
