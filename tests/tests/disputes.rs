//! A commit that works for some members and fails for others (RFC 9420, section 16.12), through real engines and a real
//! relay: who comes back to whom, and who is out.

#[path = "../../crypto/tests/cheat/mod.rs"]
mod cheat;

use anyhow::{Context, Result};
use cheat::CheatsGroup;
use ed25519_dalek::SigningKey;
use std::collections::HashMap;
use std::path::Path;
use twiza_client::engine::Insider;
use twiza_client::os_random;
use twiza_client::relay::Right;
use twiza_client::store::alliances::Status;
use twiza_client::store::history::Event;
use twiza_crypto::alliance::Role;
use twiza_crypto::content::ContentKind;
use twiza_crypto::epoch::Branch;
use twiza_crypto::fuzzing;
use twiza_crypto::group::commit::Change;
use twiza_crypto::name::Name;
use twiza_crypto::seal::{commit_frame_size, seal_payload};
use twiza_protocol::{FrameSize, Sequence};
use twiza_tests::backups::{back_up, restore};
use twiza_tests::three::{Member, events};
use twiza_tests::{World, admit, texts};

/// Loads a cheat's group from its state and leaf key, to treat one leaf otherwise than all others.
type Forge = fn(&HashMap<Vec<u8>, Vec<u8>>, SigningKey, u32) -> CheatsGroup;

/// Amina, who organises, Karim and Zineb; and Eve, who cheats.
struct Four {
    world: World,
    amina: Member,
    karim: Member,
    zineb: Member,
    eve: Member,
}

impl Four {
    async fn meet() -> Result<Self> {
        let world = World::new().await?;
        let amina = world.attentive("Amina", "Nour").await?;
        let alliance = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
        let mut others = Vec::new();
        for (name, organisation) in [("Karim", "Amal"), ("Zineb", "Tafat"), ("Eve", "Nobody")] {
            let engine = world.attentive(name, organisation).await?;
            let number = admit(&amina, alliance, &engine).await?;
            others.push((engine, number));
        }
        let [karim, zineb, eve] = <[Member; 3]>::try_from(others).ok().context("three others")?;
        let four = Self { world, amina: (amina, alliance), karim, zineb, eve };
        four.settle().await?;
        four.say(&four.amina, "before").await?;
        four.settle().await?;
        Ok(four)
    }

    async fn restarted(self, change: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        Ok(Self { world: self.world.restarted(change).await?, ..self })
    }

    fn honest(&self) -> [&Member; 3] {
        [&self.amina, &self.karim, &self.zineb]
    }

    async fn sync(&self, (engine, alliance): &Member) -> Result<Status> {
        Ok(engine.sync(*alliance).await?.status)
    }

    async fn say(&self, (engine, alliance): &Member, text: &str) -> Result<()> {
        engine.send(*alliance, text).await?;
        Ok(())
    }

    async fn settle(&self) -> Result<()> {
        for _ in 0..6 {
            for member in [&self.amina, &self.karim, &self.zineb, &self.eve] {
                self.sync(member).await?;
            }
        }
        Ok(())
    }

    /// Eve ends the epoch with a commit whose path she spoils.
    async fn forge(&self, make: Forge) -> Result<()> {
        let (eve, of_eve) = &self.eve;
        let leaf = eve.find_member(*of_eve, "Zineb").await?.number;
        let Insider { group, keys, .. } = eve.insider(*of_eve).await?;
        let entries = group.entries();
        let seed = entries.get(&b"twiza device key"[..]).context("no device key")?;
        let mut cheat = make(&entries, SigningKey::from_bytes(seed.as_slice().try_into()?), leaf);
        let made = cheat.commit(None, &keys.mailbox.address());
        let size = commit_frame_size(4);
        let kind = ContentKind::Commit;
        let frames = seal_payload(&keys.frame, kind, &made.commit, Some(&made.author), size, &os_random())?;
        let connection = self.world.connection()?;
        for (index, frame) in frames.iter().enumerate() {
            connection.append(&keys.mailbox, frame.as_bytes(), index + 1 == frames.len()).await?;
        }
        Ok(())
    }

    /// Everybody honest is in one epoch, with these members, and has read the same.
    async fn agree(&self, members: &[&str], heard: &[&str]) -> Result<()> {
        let (amina, alliance) = &self.amina;
        let words = amina.verify(*alliance).await?.words.to_string();
        for (engine, alliance) in self.honest() {
            let who = engine.whoami().name;
            assert_eq!(engine.alliance(*alliance).await?.status, Status::Active, "{who}");
            assert_eq!(engine.verify(*alliance).await?.words.to_string(), words, "{who} is elsewhere");
            let mut names: Vec<_> = engine.members(*alliance).await?.into_iter().map(|one| one.person.name).collect();
            names.sort();
            assert_eq!(names, members, "{who}");
            assert_eq!(texts(engine, *alliance).await?, heard, "{who}");
        }
        Ok(())
    }
}

fn cannot_follow(events: &[Event], who: &str) -> usize {
    let told = |event: &&Event| matches!(event, Event::CannotFollow { person, by: Some(by) } if person.name == who && by.name == "Eve");
    events.iter().filter(told).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_member_who_cannot_follow_says_so_and_comes_back_with_new_keys() -> Result<()> {
    let four = Four::meet().await?;
    four.forge(CheatsGroup::load_against).await?;
    assert_eq!(four.sync(&four.amina).await?, Status::Active);
    assert_eq!(four.sync(&four.karim).await?, Status::Active);
    assert_eq!(four.sync(&four.zineb).await?, Status::Lost);
    four.settle().await?;
    four.say(&four.amina, "after").await?;
    four.say(&four.zineb, "back").await?;
    four.agree(&["Amina", "Eve", "Karim", "Zineb"], &["before", "after", "back"]).await?;
    for member in [&four.amina, &four.karim] {
        let told = events(member).await?;
        assert_eq!(cannot_follow(&told, "Zineb"), 1, "{told:?}");
        let back = |event: &Event| matches!(event, Event::Readmitted { person, .. } if person.name == "Zineb");
        assert!(told.iter().any(back), "{told:?}");
    }
    let lost = |event: &Event| matches!(event, Event::Lost { why } if why.code() == "cannot-follow");
    assert!(events(&four.zineb).await?.iter().any(lost));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_most_cannot_follow_the_others_come_back_to_them_and_the_culprit_is_out() -> Result<()> {
    let four = Four::meet().await?;
    four.forge(CheatsGroup::load_for).await?;
    assert_eq!(four.sync(&four.zineb).await?, Status::Active);
    four.say(&four.zineb, "does anybody hear me?").await?;
    assert_eq!(four.sync(&four.amina).await?, Status::Lost);
    four.settle().await?;
    four.say(&four.karim, "after").await?;
    four.agree(&["Amina", "Karim", "Zineb"], &["before", "does anybody hear me?", "after"]).await?;
    let told = events(&four.karim).await?;
    let named = |event: &Event| matches!(event, Event::RefusedCommit { person: Some(person) } if person.name == "Eve");
    let out = |event: &Event| matches!(event, Event::Removed { person, by } if (&*person.name, &*by.name) == ("Eve", "Amina"));
    assert!(told.iter().any(named) && told.iter().any(out), "{told:?}");
    Ok(())
}

/// Of two organisers one could follow. Whichever is first in the branch decides: the word of that one, or the other
/// members' reports.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_first_all_end_on_one_side() -> Result<()> {
    for followed_first in [true, false] {
        let four = Four::meet().await?;
        let (amina, alliance) = &four.amina;
        amina.set_role(*alliance, "Zineb", Role::Organiser).await?;
        four.settle().await?;
        four.forge(CheatsGroup::load_for).await?;
        assert_eq!(four.sync(&four.amina).await?, Status::Lost);
        if followed_first {
            four.sync(&four.zineb).await?;
        }
        four.sync(&four.karim).await?;
        four.sync(&four.zineb).await?;
        four.settle().await?;
        four.say(&four.amina, "one").await?;
        four.say(&four.karim, "side").await?;
        let with_eve = ["Amina", "Eve", "Karim", "Zineb"];
        let members = if followed_first { &with_eve[..] } else { &["Amina", "Karim", "Zineb"] };
        four.agree(members, &["before", "one", "side"]).await?;
    }
    Ok(())
}

/// A commit in two parts, of which the relay shows one member only the last.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_which_the_relay_hid_a_part_is_judged_again() -> Result<()> {
    let (before, after) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let four = Four::meet().await?;
    let (eve, of_eve) = &four.eve;
    let Insider { mut group, keys, .. } = eve.insider(*of_eve).await?;
    let made = group.commit(&Change::Rotate, &keys.mailbox.address())?;
    let payload = (&*made.commit, Some(&made.author));
    let [part, last] = fuzzing::seal_in_two(&keys.frame, ContentKind::Commit, payload, &os_random())?;
    let four = four.restarted(|data| back_up(data, before.path())).await?;
    let connection = four.world.connection()?;
    connection.append(&keys.mailbox, part.as_bytes(), false).await?;
    connection.append(&keys.mailbox, last.as_bytes(), true).await?;
    assert_eq!(four.sync(&four.karim).await?, Status::Active);
    let four = four.restarted(|data| back_up(data, after.path())).await?;
    let four = four.restarted(|data| restore(data, before.path())).await?;
    four.world.connection()?.append(&keys.mailbox, last.as_bytes(), true).await?;
    assert_eq!(four.sync(&four.amina).await?, Status::Active);
    four.say(&four.amina, "is anybody here?").await?;
    let four = four.restarted(|data| restore(data, after.path())).await?;
    four.settle().await?;
    four.say(&four.karim, "all of us").await?;
    four.agree(&["Amina", "Eve", "Karim", "Zineb"], &["before", "is anybody here?", "all of us"]).await
}

/// Of two, one says that it cannot follow what it can: more than half of those who did not make the commit, and alone.
#[tokio::test(flavor = "multi_thread")]
async fn one_who_lies_and_organises_nothing_leads_nobody_back() -> Result<()> {
    let world = World::new().await?;
    let (amina, eve) = (world.attentive("Amina", "Nour").await?, world.attentive("Eve", "Nobody").await?);
    let alliance = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
    let of_eve = admit(&amina, alliance, &eve).await?;
    amina.sync(alliance).await?;
    let Insider { group, keys, .. } = eve.insider(of_eve).await?;
    amina.rotate(alliance).await?;
    let connection = world.connection()?;
    let frames = connection.read(&keys.mailbox, Sequence::START).await?.frames;
    let closing = frames.iter().find(|frame| frame.closing).context("no commit")?;
    let commit = keys.frame.open(&closing.octets)?.complete(Vec::new()).context("no whole commit")?;
    let report = group.report(&keys.mailbox.address(), &commit.body).encode()?;
    let next = group.epoch_keys(world.address().key(), Branch(1))?;
    connection.open(&next.mailbox, Right::None).await?;
    for frame in seal_payload(&next.frame, ContentKind::Report, &report, None, FrameSize::Kib1, &os_random())? {
        connection.append(&next.mailbox, frame.as_bytes(), false).await?;
    }
    for _ in 0..3 {
        assert_eq!(amina.sync(alliance).await?.status, Status::Active);
    }
    let told = events(&(amina, alliance)).await?;
    let reported = |event: &Event| matches!(event, Event::CannotFollow { person, .. } if person.name == "Eve");
    assert!(told.iter().any(reported), "{told:?}");
    Ok(())
}
