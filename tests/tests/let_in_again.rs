//! Whoever was removed is let in again before it has read its removal. Found by killing the programs (`kills`): joining
//! failed for as long as the earlier part was not read.

use anyhow::{Context, Result};
use twiza_client::store::alliances::Status;
use twiza_client::store::history::{Event, Item};
use twiza_crypto::alliance::Role;
use twiza_crypto::name::Name;
use twiza_tests::{World, admit, texts};

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_has_not_read_its_removal_joins_again_and_misses_nothing_of_before() -> Result<()> {
    let world = World::new().await?;
    let (amina, karim) = (world.person("Amina", "Nour").await?, world.person("Karim", "Amal").await?);
    let of_amina = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
    let earlier = admit(&amina, of_amina, &karim).await?;
    amina.send(of_amina, "before").await?;
    amina.remove(of_amina, "Karim").await?;
    amina.send(of_amina, "without Karim").await?;

    let invitation = amina.invite(of_amina, Role::Member, 7).await?;
    let later = karim.join(&invitation.link, None, None).await?;
    assert_ne!(earlier, later);
    assert_eq!(karim.alliance(earlier).await?.status, Status::Active, "it has not read yet that it was removed");
    let requests = amina.requests(of_amina).await?;
    amina.approve(of_amina, &[requests.first().context("no request")?.number]).await?;
    karim.sync(later).await?;
    amina.send(of_amina, "again").await?;

    assert_eq!(texts(&karim, later).await?, ["again"]);
    assert_eq!(karim.alliance(earlier).await?.status, Status::Removed);
    let read = karim.entries(earlier, 0, false).await?;
    assert!(read.iter().any(|entry| matches!(&entry.item, Item::Text { text, .. } if text == "before")));
    assert!(read.iter().any(|entry| matches!(entry.item, Item::Event(Event::Removed { .. }))));
    assert!(!read.iter().any(|entry| matches!(&entry.item, Item::Text { text, .. } if text == "without Karim")));
    world.stop().await?;
    Ok(())
}
