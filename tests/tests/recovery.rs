//! Coming back after the keys were lost, and founding anew an alliance that somebody has spoilt: real engines, a real relay.

use anyhow::{Context, Result};
use async_trait::async_trait;
use std::sync::{Arc, Mutex};
use twiza_client::clock::SystemClock;
use twiza_client::engine::AllianceNumber;
use twiza_client::relay::http::HttpConnector;
use twiza_client::relay::{RelayConnector, RelayError};
use twiza_client::store::alliances::Status;
use twiza_client::store::history::{Event, Item, LostWhy};
use twiza_client::{ClientError, Engine, os_random};
use twiza_crypto::alliance::Role;
use twiza_crypto::name::Name;
use twiza_crypto::vault::VaultCost;
use twiza_protocol::{MailboxKey, Receipt};
use twiza_relay::{Clock as _, ManualClock};
use twiza_tests::interposed::{Interposed, Interposer};
use twiza_tests::{World, admit, texts};

/// A guess of a test's passphrase may be cheap.
const COST: VaultCost = VaultCost { memory_kib: 64, passes: 1, lanes: 1 };

async fn found(engine: &Engine, world: &World) -> Result<AllianceNumber> {
    Ok(engine.found(&Name::new("Tawiza")?, &world.address(), None).await?)
}

async fn names(engine: &Engine, alliance: AllianceNumber) -> Result<Vec<String>> {
    let mut names: Vec<_> = engine.members(alliance).await?.into_iter().map(|member| member.person.name).collect();
    names.sort();
    Ok(names)
}

async fn events(engine: &Engine, alliance: AllianceNumber) -> Result<Vec<Event>> {
    let entries = engine.entries(alliance, 0, false).await?;
    Ok(entries
        .into_iter()
        .filter_map(|entry| if let Item::Event(event) = entry.item { Some(event) } else { None })
        .collect())
}

fn returns(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Readmitted { person, .. } if person.name == "Karim")).count()
}

/// Everybody synchronises, in turn, until nothing is left to answer.
async fn settle(people: &[(&Engine, AllianceNumber)]) -> Result<()> {
    for _ in 0..6 {
        for (engine, alliance) in people {
            engine.sync(*alliance).await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_laggard_beyond_retention_comes_back_with_its_history_and_what_it_had_to_say() -> Result<()> {
    let clock = Arc::new(ManualClock::at(twiza_relay::SystemClock.now()));
    let world = World::with(clock.clone(), |_| {}).await?;
    let (amina, karim) = (world.attentive("Amina", "Nour").await?, world.attentive("Karim", "Amal").await?);
    let zineb = world.attentive("Zineb", "Ayt").await?;
    let alliance = found(&amina, &world).await?;
    let of_karim = admit(&amina, alliance, &karim).await?;
    let of_zineb = admit(&amina, alliance, &zineb).await?;
    settle(&[(&amina, alliance), (&karim, of_karim), (&zineb, of_zineb)]).await?;
    amina.send(alliance, "before").await?;
    assert_eq!(texts(&karim, of_karim).await?, ["before"]);
    amina.send(alliance, "missed").await?;
    for _ in 0..3 {
        amina.rotate(alliance).await?;
        zineb.sync(of_zineb).await?;
        clock.advance_days(20);
    }
    let refused = karim.send(of_karim, "I had to say this").await;
    assert!(matches!(refused, Err(ClientError::PlaceLost)), "{refused:?}");
    assert_eq!(karim.rejoin(of_karim).await?.status, Status::Lost);
    assert!(events(&karim, of_karim).await?.contains(&Event::Lost { why: LostWhy::Asked }));
    assert!(matches!(karim.send(of_karim, "not now").await, Err(ClientError::NotActive(Status::Lost))));
    amina.sync(alliance).await?;
    assert_eq!(karim.sync(of_karim).await?.status, Status::Active);
    amina.sync(alliance).await?;
    karim.send(of_karim, "I am back").await?;
    assert_eq!(texts(&karim, of_karim).await?, ["before", "I had to say this", "I am back"]);
    let all = ["before", "missed", "I had to say this", "I am back"];
    assert_eq!(texts(&amina, alliance).await?, all);
    assert_eq!(texts(&zineb, of_zineb).await?, all);
    assert_eq!(names(&karim, of_karim).await?, ["Amina", "Karim", "Zineb"]);
    assert_eq!(returns(&events(&zineb, of_zineb).await?), 1, "everybody is told once");
    let own = karim.members(of_karim).await?.into_iter().find(|member| member.own).context("no place")?;
    assert_eq!(own.role, Role::Member);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_organisers_who_answer_let_somebody_in_once() -> Result<()> {
    let world = World::new().await?;
    let (amina, karim) = (world.attentive("Amina", "Nour").await?, world.attentive("Karim", "Amal").await?);
    let zineb = world.attentive("Zineb", "Ayt").await?;
    let alliance = found(&amina, &world).await?;
    let of_karim = admit(&amina, alliance, &karim).await?;
    let of_zineb = admit(&amina, alliance, &zineb).await?;
    amina.set_role(alliance, "Zineb", Role::Organiser).await?;
    settle(&[(&amina, alliance), (&karim, of_karim), (&zineb, of_zineb)]).await?;
    assert_eq!(karim.rejoin(of_karim).await?.status, Status::Lost);
    let (one, other) = tokio::join!(amina.sync(alliance), zineb.sync(of_zineb));
    one?;
    other?;
    settle(&[(&karim, of_karim), (&amina, alliance), (&zineb, of_zineb)]).await?;
    assert_eq!(karim.alliance(of_karim).await?.status, Status::Active);
    karim.send(of_karim, "one alliance").await?;
    for (engine, alliance) in [(&amina, alliance), (&zineb, of_zineb), (&karim, of_karim)] {
        assert_eq!(texts(engine, alliance).await?, ["one alliance"]);
        assert_eq!(names(engine, alliance).await?, ["Amina", "Karim", "Zineb"]);
    }
    assert_eq!(returns(&events(&amina, alliance).await?), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_removed_is_not_let_in_again_by_asking() -> Result<()> {
    let world = World::new().await?;
    let (amina, karim) = (world.attentive("Amina", "Nour").await?, world.attentive("Karim", "Amal").await?);
    let alliance = found(&amina, &world).await?;
    let of_karim = admit(&amina, alliance, &karim).await?;
    settle(&[(&amina, alliance), (&karim, of_karim)]).await?;
    amina.remove(alliance, "Karim").await?;
    // Its client has not heard of it.
    assert_eq!(karim.rejoin(of_karim).await?.status, Status::Lost);
    settle(&[(&amina, alliance), (&karim, of_karim)]).await?;
    assert_eq!(karim.alliance(of_karim).await?.status, Status::Lost);
    assert_eq!(names(&amina, alliance).await?, ["Amina"]);
    for _ in 0..40 {
        karim.sync(of_karim).await?;
    }
    let told = events(&karim, of_karim).await?.into_iter().filter(|event| *event == Event::NobodyAnswered).count();
    assert_eq!(told, 1, "asking has an end, and it is told");
    Ok(())
}

/// Remembers the mailbox into which a client writes last: what a cheat among the members knows.
#[derive(Default)]
struct Spies(Mutex<Option<MailboxKey>>);

#[async_trait]
impl Interposer for Spies {
    async fn append(&self, mailbox: &MailboxKey, _: &[u8], _: bool) -> Option<Result<Receipt, RelayError>> {
        *self.0.lock().unwrap() = Some(MailboxKey::from_seed(&mailbox.expose_seed()));
        None
    }
}

/// Four members, one of whom (Eve) has closed all branches of an epoch with junk that nobody vouches for.
struct Spoilt {
    world: World,
    amina: (Engine, AllianceNumber),
    zineb: (Engine, AllianceNumber),
    karim: (Engine, AllianceNumber),
    eve: (Engine, AllianceNumber),
}

async fn spoilt() -> Result<Spoilt> {
    let world = World::new().await?;
    let amina = world.attentive("Amina", "Nour").await?;
    let (zineb, karim) = (world.attentive("Zineb", "Ayt").await?, world.attentive("Karim", "Amal").await?);
    let spies = Arc::new(Spies::default());
    let eve = world.attentive_by("Eve", "Nobody", Interposed::by(spies.clone())).await?;
    let alliance = found(&amina, &world).await?;
    let of_zineb = admit(&amina, alliance, &zineb).await?;
    let of_karim = admit(&amina, alliance, &karim).await?;
    let of_eve = admit(&amina, alliance, &eve).await?;
    amina.set_role(alliance, "Zineb", Role::Organiser).await?;
    settle(&[(&amina, alliance), (&zineb, of_zineb), (&karim, of_karim), (&eve, of_eve)]).await?;
    amina.send(alliance, "before").await?;
    let connection = HttpConnector::new(Arc::new(SystemClock)).connect(&world.address())?;
    for branch in 0..16 {
        eve.send(of_eve, &format!("branch {branch}")).await?;
        let mailbox = spies.0.lock().unwrap().take().context("nothing was written")?;
        let mut junk = vec![0; 1024];
        os_random().fill(&mut junk)?;
        connection.append(&mailbox, &junk, true).await?;
    }
    let people = Spoilt {
        world,
        amina: (amina, alliance),
        zineb: (zineb, of_zineb),
        karim: (karim, of_karim),
        eve: (eve, of_eve),
    };
    for (engine, alliance) in [&people.amina, &people.zineb, &people.karim, &people.eve] {
        assert_eq!(engine.sync(*alliance).await?.status, Status::Stuck);
    }
    Ok(people)
}

impl Spoilt {
    async fn settle(&self) -> Result<()> {
        let people = [&self.amina, &self.zineb, &self.karim, &self.eve].map(|(engine, alliance)| (engine, *alliance));
        settle(&people).await
    }

    /// All honest members are in one group, without Eve, who reads nothing of it.
    async fn assert_recovered(&self) -> Result<()> {
        let words = self.amina.0.verify(self.amina.1).await?.words.to_string();
        for (engine, alliance) in [&self.amina, &self.zineb, &self.karim] {
            assert_eq!(engine.alliance(*alliance).await?.status, Status::Active);
            assert_eq!(names(engine, *alliance).await?, ["Amina", "Karim", "Zineb"]);
            assert_eq!(engine.verify(*alliance).await?.words.to_string(), words, "one group");
        }
        self.karim.0.send(self.karim.1, "without her").await?;
        for (engine, alliance) in [&self.amina, &self.zineb, &self.karim] {
            let heard = texts(engine, *alliance).await?;
            assert_eq!(heard.first().map(String::as_str), Some("before"), "history is kept");
            assert_eq!(heard.last().map(String::as_str), Some("without her"));
            let role = engine.members(*alliance).await?.into_iter().find(|member| member.person.name == "Zineb");
            assert_eq!(role.context("Zineb is missing")?.role, Role::Organiser, "roles are kept");
        }
        let heard = texts(&self.eve.0, self.eve.1).await?;
        assert!(!heard.contains(&"without her".to_owned()));
        assert_eq!(self.eve.0.alliance(self.eve.1).await?.status, Status::Stuck);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoilt_alliance_is_founded_anew_without_whoever_spoils_it() -> Result<()> {
    let people = spoilt().await?;
    let (amina, alliance) = &people.amina;
    let unnamed = amina.reboot(*alliance, &[]).await;
    assert!(matches!(unnamed, Err(ClientError::WithoutWhom(known)) if known.is_empty()), "nobody vouched for the junk");
    let (karim, of_karim) = &people.karim;
    let by_member = karim.reboot(*of_karim, &["Eve".to_owned()]).await;
    assert!(matches!(by_member, Err(ClientError::NotOrganiser)), "{by_member:?}");
    let report = amina.reboot(*alliance, &["Eve".to_owned()]).await?;
    assert_eq!((report.without, report.called), (vec!["Eve".to_owned()], 2));
    people.settle().await?;
    people.assert_recovered().await?;
    assert!(
        events(karim, *of_karim)
            .await?
            .iter()
            .any(|event| matches!(event, Event::Rebooted { by, without } if by.name == "Amina" && without.len() == 1))
    );
    assert!(matches!(amina.reboot(*alliance, &["Karim".to_owned()]).await, Err(ClientError::NotStuck)));
    drop(people.world);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_organisers_who_found_it_anew_at_once_end_in_one_group() -> Result<()> {
    let people = spoilt().await?;
    people.amina.0.reboot(people.amina.1, &["Eve".to_owned()]).await?;
    people.zineb.0.reboot(people.zineb.1, &["Eve".to_owned()]).await?;
    people.settle().await?;
    people.settle().await?;
    people.assert_recovered().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_device_is_replaced_from_a_recovery_kit() -> Result<()> {
    let world = World::new().await?;
    let (amina, karim) = (world.attentive("Amina", "Nour").await?, world.attentive("Karim", "Amal").await?);
    let alliance = found(&amina, &world).await?;
    let of_karim = admit(&amina, alliance, &karim).await?;
    settle(&[(&amina, alliance), (&karim, of_karim)]).await?;
    karim.send(of_karim, "from the old device").await?;
    let identity = karim.whoami().identity;
    let folder = tempfile::tempdir()?;
    let kit = folder.path().join("karim.kit");
    assert_eq!(karim.write_kit(kit.as_path(), "tiwizi 2026", COST).await?, 1);
    assert!(
        matches!(karim.write_kit(kit.as_path(), "tiwizi 2026", COST).await, Err(ClientError::KitExists(_))),
        "not over another"
    );

    let wrong = world.restored("Karim again", (kit.as_path(), "tiwizi 2027")).await;
    assert!(matches!(wrong, Err(ClientError::KitPassphrase)));
    let cut = folder.path().join("cut.kit");
    let octets = std::fs::read(&kit)?;
    std::fs::write(&cut, &octets[..octets.len() / 2])?;
    assert!(matches!(
        world.restored("Karim again", (cut.as_path(), "tiwizi 2026")).await,
        Err(ClientError::KitDamaged)
    ));

    let again = world.restored("Karim again", (kit.as_path(), "tiwizi 2026")).await?;
    assert_eq!(again.whoami().identity, identity);
    let of_again = again.find_alliance("Tawiza").await?;
    assert_eq!(again.sync(of_again).await?.status, Status::Lost);
    amina.sync(alliance).await?;
    assert_eq!(again.sync(of_again).await?.status, Status::Active);
    again.send(of_again, "from the new device").await?;
    assert_eq!(texts(&amina, alliance).await?, ["from the old device", "from the new device"]);
    assert_eq!(names(&amina, alliance).await?, ["Amina", "Karim"]);
    assert_eq!(karim.sync(of_karim).await?.status, Status::Removed, "the lost device is out");
    assert_eq!(texts(&karim, of_karim).await?, ["from the old device"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_organiser_keeps_its_place_and_whoever_asked_in_vain_can_take_its_own_again() -> Result<()> {
    let world = World::new().await?;
    let (amina, karim) = (world.attentive("Amina", "Nour").await?, world.attentive("Karim", "Amal").await?);
    let alliance = found(&amina, &world).await?;
    let of_karim = admit(&amina, alliance, &karim).await?;
    settle(&[(&amina, alliance), (&karim, of_karim)]).await?;
    assert!(matches!(amina.rejoin(alliance).await, Err(ClientError::NobodyToAsk)));
    assert_eq!(amina.alliance(alliance).await?.status, Status::Active);
    assert_eq!(karim.rejoin(of_karim).await?.status, Status::Lost);
    // Nothing was lost, and nobody has answered yet.
    assert!(matches!(karim.reopen(of_karim).await, Err(ClientError::PlaceThere)));
    assert_eq!(karim.sync(of_karim).await?.status, Status::Active);
    karim.send(of_karim, "never mind").await?;
    assert!(texts(&amina, alliance).await?.contains(&"never mind".to_owned()));
    // The request is answered all the same, and its keys were kept.
    settle(&[(&amina, alliance), (&karim, of_karim)]).await?;
    assert_eq!(returns(&events(&amina, alliance).await?), 1);
    karim.send(of_karim, "still here").await?;
    assert_eq!(texts(&amina, alliance).await?, ["never mind", "still here"]);
    Ok(())
}
