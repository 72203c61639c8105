//! A store that refuses one commit (its disk is full, say), in a program that goes on: what was in memory for that step
//! must not be used any more.

use anyhow::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use twiza_client::Engine;
use twiza_client::engine::AllianceNumber;
use twiza_crypto::name::Name;
use twiza_tests::{World, admit, texts};

/// More commits to disk than any of these operations makes.
const COMMITS_MAX: i64 = 14;

/// Refuses the commit that comes after so many others, once; negative: none.
async fn refusing(engine: &Engine) -> Result<Arc<AtomicI64>> {
    let left = Arc::new(AtomicI64::new(-1));
    let counter = left.clone();
    engine.decide_commits(move || counter.fetch_sub(1, Ordering::Relaxed) != 0).await?;
    Ok(left)
}

async fn words(engine: &Engine, alliance: AllianceNumber) -> Result<String> {
    Ok(engine.verify(alliance).await?.words.to_string())
}

#[tokio::test]
async fn a_program_whose_store_refuses_a_commit_goes_on_from_what_is_stored() -> Result<()> {
    let world = World::new().await?;
    let (amina, karim) = (world.person("Amina", "Nour").await?, world.person("Karim", "Amal").await?);
    let alliance = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
    let of_karim = admit(&amina, alliance, &karim).await?;
    let (of_sender, of_reader) = (refusing(&amina).await?, refusing(&karim).await?);
    let (mut said, mut refused) = (Vec::new(), 0);
    for place in 0..COMMITS_MAX {
        let text = format!("number {place}");
        of_sender.store(place, Ordering::Relaxed);
        let sent = amina.send(alliance, &text).await;
        refused += usize::from(sent.is_err());
        of_sender.store(place, Ordering::Relaxed);
        // Refused or not, the keys of both must be the same in the end.
        refused += usize::from(amina.rotate(alliance).await.is_err());
        of_sender.store(-1, Ordering::Relaxed);
        // Only the first commit of all writes the wish down: before it, nothing was promised.
        if place > 0 || sent.is_ok() {
            said.push(text);
        }
        amina.sync(alliance).await?;
        of_reader.store(place, Ordering::Relaxed);
        refused += usize::from(karim.sync(of_karim).await.is_err());
        of_reader.store(-1, Ordering::Relaxed);
        assert_eq!(texts(&karim, of_karim).await?, said, "after the commit with number {place} was refused");
        assert_eq!(texts(&amina, alliance).await?, said, "after the commit with number {place} was refused");
        assert_eq!(words(&amina, alliance).await?, words(&karim, of_karim).await?);
    }
    assert!(refused > usize::try_from(COMMITS_MAX)?, "only {refused} operations met a refusal");
    world.stop().await?;
    Ok(())
}
