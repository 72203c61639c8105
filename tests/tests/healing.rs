//! A relay that was restored from a backup, or lost its disk: what people still have is put back, by any of them.

use anyhow::{Context, Result};
use std::path::Path;
use twiza_client::Engine;
use twiza_client::engine::AllianceNumber;
use twiza_client::store::alliances::Status;
use twiza_client::store::history::{Event, Item};
use twiza_crypto::name::Name;
use twiza_tests::backups::{back_up, empty, restore};
use twiza_tests::{World, admit, texts};

/// Rounds of synchronising after which everybody must be where all are.
const ROUNDS: usize = 6;

struct Everybody {
    amina: Engine,
    karim: Engine,
    zineb: Engine,
    of: [AllianceNumber; 3],
}

impl Everybody {
    async fn meet(world: &World) -> Result<Self> {
        let amina = world.attentive("Amina", "Nour").await?;
        let (karim, zineb) = (world.attentive("Karim", "Amal").await?, world.attentive("Zineb", "Tafat").await?);
        let first = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
        let second = admit(&amina, first, &karim).await?;
        let third = admit(&amina, first, &zineb).await?;
        let everybody = Self { amina, karim, zineb, of: [first, second, third] };
        everybody.sync().await?;
        Ok(everybody)
    }

    fn each(&self) -> [(&Engine, AllianceNumber); 3] {
        let [first, second, third] = self.of;
        [(&self.amina, first), (&self.karim, second), (&self.zineb, third)]
    }

    async fn sync(&self) -> Result<()> {
        for _ in 0..ROUNDS {
            for (engine, alliance) in self.each() {
                engine.sync(alliance).await?;
            }
        }
        Ok(())
    }

    /// Everybody has these texts, in one order, each once; Zineb those from when she came.
    async fn have(&self, expected: &[&str]) -> Result<()> {
        let heard = texts(&self.amina, self.of[0]).await?;
        let mut sorted: Vec<&str> = heard.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        let mut wanted = expected.to_vec();
        wanted.sort_unstable();
        assert_eq!(sorted, wanted);
        for (engine, alliance) in self.each() {
            assert_eq!(texts(engine, alliance).await?, heard, "{}", engine.whoami().name);
        }
        Ok(())
    }

    async fn somebody_was_told(&self) -> Result<bool> {
        for (engine, alliance) in self.each() {
            let entries = engine.entries(alliance, 0, false).await?;
            if entries.iter().any(|entry| matches!(entry.item, Item::Event(Event::RelayHealed { frames: 1.. }))) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn names(&self) -> Result<Vec<String>> {
        Ok(self.amina.members(self.of[0]).await?.into_iter().map(|member| member.person.name).collect())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_restored_from_yesterdays_backup_gets_back_what_it_lost() -> Result<()> {
    let backup = tempfile::tempdir()?;
    let world = World::new().await?;
    let all = Everybody::meet(&world).await?;
    all.amina.send(all.of[0], "one").await?;
    all.karim.send(all.of[1], "two").await?;
    all.sync().await?;
    let world = world.restarted(|data| back_up(data, backup.path())).await?;
    all.zineb.send(all.of[2], "three").await?;
    all.karim.rotate(all.of[1]).await?;
    all.amina.send(all.of[0], "four").await?;
    all.sync().await?;
    let world = world.restarted(|data| restore(data, backup.path())).await?;
    all.karim.send(all.of[1], "five").await?;
    all.sync().await?;
    all.have(&["one", "two", "three", "four", "five"]).await?;
    assert!(all.somebody_was_told().await?);
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_with_an_empty_disk_gets_back_what_people_have() -> Result<()> {
    let world = World::new().await?;
    let all = Everybody::meet(&world).await?;
    all.amina.send(all.of[0], "one").await?;
    all.karim.rotate(all.of[1]).await?;
    all.karim.send(all.of[1], "two").await?;
    all.sync().await?;
    all.amina.send(all.of[0], "three, which nobody else has read").await?;
    let world = world.restarted(empty).await?;
    // Whoever comes first has not read the last text: its writer puts it back.
    all.zineb.send(all.of[2], "four").await?;
    all.sync().await?;
    all.have(&["one", "two", "three, which nobody else has read", "four"]).await?;
    assert!(all.somebody_was_told().await?);
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_speaks_into_a_rolled_back_epoch_is_heard_by_all() -> Result<()> {
    let backup = tempfile::tempdir()?;
    let world = World::new().await?;
    let all = Everybody::meet(&world).await?;
    all.amina.send(all.of[0], "one").await?;
    all.sync().await?;
    let world = world.restarted(|data| back_up(data, backup.path())).await?;
    all.amina.send(all.of[0], "two").await?;
    all.karim.rotate(all.of[1]).await?;
    all.amina.send(all.of[0], "three").await?;
    all.karim.sync(all.of[1]).await?;
    let world = world.restarted(|data| restore(data, backup.path())).await?;
    // Zineb was away: for her, the old epoch is the present.
    all.zineb.send(all.of[2], "from the past").await?;
    all.sync().await?;
    all.have(&["one", "two", "three", "from the past"]).await?;
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_member_with_a_rolled_back_relay_does_not_undo_its_removal() -> Result<()> {
    let backup = tempfile::tempdir()?;
    let world = World::new().await?;
    let all = Everybody::meet(&world).await?;
    let eve = world.person("Eve", "Nobody").await?;
    let of_eve = admit(&all.amina, all.of[0], &eve).await?;
    eve.sync(of_eve).await?;
    all.sync().await?;
    eve.sync(of_eve).await?;
    let world = world.restarted(|data| back_up(data, backup.path())).await?;
    all.amina.remove(all.of[0], "Eve").await?;
    all.karim.sync(all.of[1]).await?;
    let world = world.restarted(|data| restore(data, backup.path())).await?;
    // For Eve, the removal never was: she ends the epoch herself, and Zineb, who was away, follows her.
    eve.rotate(of_eve).await?;
    all.zineb.sync(all.of[2]).await?;
    all.amina.send(all.of[0], "she is out").await?;
    all.sync().await?;
    for (engine, alliance) in all.each() {
        assert_eq!(engine.alliance(alliance).await?.status, Status::Active, "{}", engine.whoami().name);
    }
    assert_eq!(all.names().await?, ["Amina", "Karim", "Zineb"]);
    all.zineb.send(all.of[2], "back again").await?;
    all.sync().await?;
    for (engine, alliance) in all.each() {
        let heard = texts(engine, alliance).await?;
        assert!(heard.contains(&"back again".to_owned()), "{}: {heard:?}", engine.whoami().name);
    }
    drop(eve.sync(of_eve).await);
    let heard = texts(&eve, of_eve).await.unwrap_or_default();
    assert!(!heard.contains(&"she is out".to_owned()) && !heard.contains(&"back again".to_owned()), "{heard:?}");
    world.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_restored_from_an_old_copy_notices_and_comes_back_with_new_keys() -> Result<()> {
    let copy = tempfile::tempdir()?;
    let world = World::new().await?;
    let mut all = Everybody::meet(&world).await?;
    let folder = world.folder_of("Karim");
    all.karim.close().await;
    copy_folder(&folder, copy.path())?;
    all.karim = world.attentive_again("Karim").await?;
    all.karim.send(all.of[1], "from the newer copy").await?;
    all.sync().await?;
    all.karim.close().await;
    std::fs::remove_dir_all(&folder)?;
    copy_folder(copy.path(), &folder)?;
    all.karim = world.attentive_again("Karim").await?;
    all.sync().await?;
    let told = all.karim.entries(all.of[1], 0, false).await?;
    assert!(told.iter().any(|entry| matches!(entry.item, Item::Event(Event::Lost { .. }))), "{told:?}");
    assert_eq!(all.karim.alliance(all.of[1]).await?.status, Status::Active);
    all.karim.send(all.of[1], "with new keys").await?;
    let heard = texts(&all.amina, all.of[0]).await?;
    assert_eq!(heard, ["from the newer copy", "with new keys"]);
    world.stop().await?;
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let path = entry?.path();
        std::fs::copy(&path, to.join(path.file_name().context("a file")?))?;
    }
    Ok(())
}
