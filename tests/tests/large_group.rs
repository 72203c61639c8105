//! A group of two hundred, through a real relay: Welcomes and commits that are larger than any frame but the largest,
//! and a payload of several MiB to all.

use anyhow::{Context, Result};
use twiza_crypto::alliance::Role;
use twiza_crypto::name::Name;
use twiza_tests::{World, texts};

const MEMBERS: usize = 200;
const PAYLOAD_BYTES: usize = 5 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_members_and_several_mebibytes() -> Result<()> {
    let world = World::new().await?;
    let amina = world.person("Amina", "Nour").await?;
    let alliance = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
    let mut newcomers = Vec::new();
    for place in 1..MEMBERS {
        let name = format!("Delegate {place}");
        let person = world.person(&name, &format!("Organisation {}", place % 12)).await?;
        let invitation = amina.invite(alliance, Role::Member, 7).await?;
        let number = person.join(&invitation.link, None, None).await?;
        person.close().await;
        newcomers.push((name, number));
    }
    let requests: Vec<i64> = amina.requests(alliance).await?.iter().map(|request| request.number).collect();
    assert_eq!(requests.len(), MEMBERS - 1);
    amina.approve(alliance, &requests).await?;
    assert_eq!(amina.members(alliance).await?.len(), MEMBERS);

    let (first_name, of_first) = newcomers.first().context("nobody")?;
    let (last_name, of_last) = newcomers.last().context("nobody")?;
    let (first, last) = (world.again(first_name).await?, world.again(last_name).await?);
    first.sync(*of_first).await?;
    last.sync(*of_last).await?;
    let payload: String = ('a'..='z').cycle().take(PAYLOAD_BYTES).collect();
    first.send(*of_first, &payload).await?;
    last.send(*of_last, "heard").await?;
    let history = texts(&amina, alliance).await?;
    assert!(history == [payload.as_str(), "heard"], "{} texts", history.len());
    assert!(texts(&last, *of_last).await? == history && texts(&first, *of_first).await? == history);

    amina.remove(alliance, first_name).await?;
    amina.send(alliance, "one less").await?;
    assert_eq!(texts(&last, *of_last).await?.last().map(String::as_str), Some("one less"));
    assert!(texts(&first, *of_first).await? == history, "nothing after the removal");
    assert_eq!(last.members(*of_last).await?.len(), MEMBERS - 1);
    world.stop().await?;
    Ok(())
}
