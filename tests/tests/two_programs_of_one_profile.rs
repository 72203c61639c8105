//! Two programs of one profile at once, while the alliance goes from epoch to epoch.

use anyhow::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use twiza_client::Engine;
use twiza_client::engine::AllianceNumber;
use twiza_crypto::name::Name;
use twiza_tests::{World, admit, texts};

const EPOCHS: usize = 25;

async fn sync_until(engine: &Engine, alliance: AllianceNumber, done: &AtomicBool) -> Result<()> {
    while !done.load(Ordering::SeqCst) {
        engine.sync(alliance).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn they_take_turns_and_nothing_is_lost_or_repeated() -> Result<()> {
    let world = World::new().await?;
    let (amina, karim) = (world.person("Amina", "Nour").await?, world.person("Karim", "Amal").await?);
    let of_amina = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
    let of_karim = admit(&amina, of_amina, &karim).await?;
    let beside = [world.again("Amina").await?, world.again("Amina").await?];
    let done = Arc::new(AtomicBool::new(false));
    let speaking = async {
        let spoken = async {
            for epoch in 0..EPOCHS {
                karim.send(of_karim, &format!("a {epoch}")).await?;
                karim.send(of_karim, &format!("b {epoch}")).await?;
                karim.rotate(of_karim).await?;
            }
            anyhow::Ok(())
        };
        let result = spoken.await;
        done.store(true, Ordering::SeqCst);
        result
    };
    tokio::try_join!(
        speaking,
        sync_until(&amina, of_amina, &done),
        sync_until(&beside[0], of_amina, &done),
        sync_until(&beside[1], of_amina, &done),
    )?;
    let expected: Vec<String> = (0..EPOCHS).flat_map(|epoch| [format!("a {epoch}"), format!("b {epoch}")]).collect();
    assert_eq!(texts(&amina, of_amina).await?, expected);
    assert_eq!(texts(&karim, of_karim).await?, expected);
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_one_of_them_says_is_said_once() -> Result<()> {
    let world = World::new().await?;
    let (amina, karim) = (world.person("Amina", "Nour").await?, world.person("Karim", "Amal").await?);
    let of_amina = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
    let of_karim = admit(&amina, of_amina, &karim).await?;
    let beside = [world.again("Amina").await?, world.again("Amina").await?];
    let done = Arc::new(AtomicBool::new(false));
    let expected: Vec<String> = (0..EPOCHS).map(|number| format!("once {number}")).collect();
    let speaking = async {
        let mut result = Ok(());
        for text in &expected {
            result = result.and(amina.send(of_amina, text).await.map(drop));
        }
        done.store(true, Ordering::SeqCst);
        Ok(result?)
    };
    tokio::try_join!(speaking, sync_until(&beside[0], of_amina, &done), sync_until(&beside[1], of_amina, &done))?;
    assert_eq!(texts(&karim, of_karim).await?, expected);
    assert_eq!(texts(&amina, of_amina).await?, expected);
    world.stop().await?;
    Ok(())
}
