//! Founding anew an alliance that decides by quorum, and through the terminal: what was agreed outlives it, and nobody gets
//! around it that way.

use anyhow::{Context, Result};
use std::sync::Arc;
use twiza_client::clock::SystemClock;
use twiza_client::engine::{AllianceNumber, Insider, Proposed};
use twiza_client::relay::http::HttpConnector;
use twiza_client::relay::{RelayConnector, Right};
use twiza_client::store::alliances::Status;
use twiza_client::store::history::{Event, Item};
use twiza_client::store::motions::MotionState;
use twiza_client::{ClientError, Engine, os_random};
use twiza_crypto::Obstacle;
use twiza_crypto::alliance::Role;
use twiza_crypto::content::ContentKind;
use twiza_crypto::motion::Action;
use twiza_crypto::name::Name;
use twiza_crypto::recovery::RecoveryMailbox;
use twiza_crypto::rejoin::{Note, RebootCall};
use twiza_crypto::rules::{Allotment, Quorums, Rules, Succession};
use twiza_crypto::seal::seal_payload;
use twiza_protocol::{ExpiryDay, FrameSize, RelayAddress};
use twiza_tests::programs::{Person, RelayProcess};
use twiza_tests::world::person_in;
use twiza_tests::{World, admit, programs, texts};

/// Branches of an epoch.
const BRANCHES: usize = 16;

type Member = (Engine, AllianceNumber);

/// Ends every branch of the present epoch with junk that nobody vouches for.
async fn spoil(relay: &RelayAddress, (cheat, alliance): (&Engine, AllianceNumber)) -> Result<()> {
    let connection = HttpConnector::new(Arc::new(SystemClock)).connect(relay)?;
    for _ in 0..BRANCHES {
        cheat.sync(alliance).await?;
        let mailbox = cheat.insider(alliance).await?.keys.mailbox;
        let mut junk = vec![0; 1024];
        os_random().fill(&mut junk)?;
        connection.append(&mailbox, &junk, true).await?;
    }
    Ok(())
}

/// Amina and Zineb, who organise, Karim, and Eve: two organisations must agree, and Karim's may have one person.
struct Four {
    world: World,
    amina: Member,
    zineb: Member,
    karim: Member,
    eve: Member,
    rules: Rules,
    /// Karim's recovery mailbox, as fellow members know it.
    of_karim: RecoveryMailbox,
    /// What Amina's client has.
    insider: Insider,
}

impl Four {
    async fn stuck() -> Result<Self> {
        let world = World::new().await?;
        let amina = world.attentive("Amina", "Nour").await?;
        let alliance = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
        let mut others = Vec::new();
        for (name, organisation) in [("Zineb", "Ayt"), ("Karim", "Amal"), ("Eve", "Nobody")] {
            let engine = world.attentive(name, organisation).await?;
            let number = admit(&amina, alliance, &engine).await?;
            others.push((engine, number));
        }
        let [zineb, karim, eve] = <[Member; 3]>::try_from(others).ok().context("three others")?;
        amina.set_role(alliance, "Zineb", Role::Organiser).await?;
        let rules = Rules {
            quorums: Quorums::all(2),
            allotments: vec![Allotment { organisation: Name::new("Amal")?, seats: 1 }],
            succession: Some(Succession { silence_days: 30, waiting_days: 7, organisations: 2 }),
            ..Rules::default()
        };
        amina.set_rules(alliance, &rules).await?;
        for _ in 0..4 {
            for (engine, alliance) in [(&amina, alliance), (&zineb.0, zineb.1), (&karim.0, karim.1), (&eve.0, eve.1)] {
                engine.sync(alliance).await?;
            }
        }
        amina.send(alliance, "before").await?;
        let insider = amina.insider(alliance).await?;
        let leaf = amina.find_member(alliance, "Karim").await?.number;
        let of_karim = insider.group.recovery_mailbox(leaf)?;
        spoil(&world.address(), (&eve.0, eve.1)).await?;
        let four = Self { world, amina: (amina, alliance), zineb, karim, eve, rules, of_karim, insider };
        for member in [&four.amina, &four.zineb, &four.karim, &four.eve] {
            assert_eq!(status(member).await?, Status::Stuck);
        }
        Ok(four)
    }
}

async fn status((engine, alliance): &Member) -> Result<Status> {
    Ok(engine.sync(*alliance).await?.status)
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_and_roles_outlive_a_reboot_and_any_organiser_lets_back_in() -> Result<()> {
    let four = Four::stuck().await?;
    let ((amina, of_amina), (zineb, of_zineb)) = (&four.amina, &four.zineb);
    let (karim, of_karim) = &four.karim;
    let report = amina.reboot(*of_amina, &["Eve".to_owned()]).await?;
    assert_eq!((report.without, report.called), (vec!["Eve".to_owned()], 2));
    assert_eq!(amina.rules(*of_amina).await?, four.rules);
    // Alone in the new group, she decides nothing that two must.
    let alone = amina.set_rules(*of_amina, &Rules::default()).await;
    assert!(matches!(alone, Err(ClientError::NotPossible(Obstacle::ApprovalsMissing))), "{alone:?}");
    let alone = amina.remove(*of_amina, "Karim").await;
    assert!(matches!(alone, Err(ClientError::NotPossible(Obstacle::ApprovalsMissing))), "{alone:?}");
    assert_eq!(status(&four.zineb).await?, Status::Lost);
    amina.sync(*of_amina).await?;
    assert_eq!(status(&four.zineb).await?, Status::Active);
    let role = zineb.find_member(*of_zineb, "Zineb").await?.role;
    assert_eq!(role, Role::Organiser, "roles are kept");
    // From here on Amina is away: Zineb, who has come back herself, lets Karim in.
    assert_eq!(status(&four.karim).await?, Status::Lost);
    zineb.sync(*of_zineb).await?;
    assert_eq!(status(&four.karim).await?, Status::Active);
    let rename = zineb.propose(*of_zineb, Action::Rename(Name::new("Tiwizi")?)).await?;
    assert!(matches!(rename, Proposed::Open(_)), "{rename:?}");
    amina.sync(*of_amina).await?;
    let motion = amina.motions(*of_amina).await?.pop().context("no motion")?;
    assert_eq!((motion.organisations, motion.needed), (1, 2));
    assert_eq!(amina.approve_motion(*of_amina, motion.number).await?.state, MotionState::Enacted);
    karim.send(*of_karim, "as before").await?;
    for (engine, alliance) in [&four.amina, &four.zineb, &four.karim] {
        assert_eq!(texts(engine, *alliance).await?, ["before", "as before"]);
        assert_eq!(engine.rules(*alliance).await?, four.rules, "{}", engine.whoami().name);
        assert_eq!(engine.members(*alliance).await?.len(), 3);
    }
    assert_eq!(status(&four.eve).await?, Status::Stuck);
    drop(four.world);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reboot_is_no_way_around_a_quorum() -> Result<()> {
    let four = Four::stuck().await?;
    let (amina, of_amina) = &four.amina;
    let around = amina.reboot(*of_amina, &["Zineb".to_owned()]).await;
    assert!(matches!(around, Err(ClientError::NotPossible(Obstacle::QuorumUnreachable))), "{around:?}");
    // A changed client calls all the same: whoever saw the alliance get stuck does not follow, and is told.
    let key = &four.insider.identity;
    let call = RebootCall {
        alliance: four.insider.group.alliance().id,
        generation: 1,
        day: ExpiryDay(u32::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_secs() / 86_400)?),
        caller: key.identity(),
        without: vec![four.zineb.0.whoami().identity, four.eve.0.whoami().identity],
        mailbox: four.of_karim.clone(),
    };
    let sealed = Note::Call(call.sign(key)?).seal(&four.of_karim)?;
    let frames = seal_payload(
        &four.of_karim.frame_key()?,
        ContentKind::Recovery,
        &sealed,
        None,
        FrameSize::Kib16,
        &os_random(),
    )?;
    let connection = HttpConnector::new(Arc::new(SystemClock)).connect(&four.world.address())?;
    connection.open(&four.of_karim.mailbox(), Right::None).await?;
    for _ in 0..2 {
        for frame in &frames {
            connection.append(&four.of_karim.mailbox(), frame.as_bytes(), false).await?;
        }
        assert_eq!(status(&four.karim).await?, Status::Stuck);
    }
    let entries = four.karim.0.entries(four.karim.1, 0, false).await?;
    let told = entries.iter().filter(|entry| {
        matches!(&entry.item, Item::Event(Event::CallRefused { by, without }) if by.name == "Amina" && without.len() == 2)
    });
    assert_eq!(told.count(), 1);
    Ok(())
}

/// The alliance's life through the two programs; Eve alone has a changed one.
#[tokio::test(flavor = "multi_thread")]
async fn twiza_reboot_founds_a_spoilt_alliance_anew_and_history_is_kept() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("relay");
    RelayProcess::init(programs!(), &data, "127.0.0.1:0")?;
    let relay = RelayProcess::serve(programs!(), &data, &[])?;
    let [amina, karim] =
        ["amina", "karim"].map(|profile| Person::new(programs!(), &folder.path().join("home"), profile));
    let eagerly = |person: &Person, arguments: &[&str]| -> Result<(bool, String)> {
        let output = person.command(arguments).env("TWIZA_RECOVERY_SECONDS", "0").output()?;
        Ok((output.status.success(), String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?))
    };
    amina.types(&["init", "--name", "Amina", "--organisation", "Nour"])?;
    karim.types(&["init", "--name", "Karim", "--organisation", "Amal"])?;
    amina.types(&["alliance", "create", "Tawiza", "--relay", &relay.address])?;
    karim.types(&["join", &amina.types(&["invite"])?])?;
    amina.types(&["requests"])?;
    amina.types(&["approve", "1"])?;
    karim.types(&["read"])?;
    let eve = person_in(&folder.path().join("eve"), "Eve", "Nobody").await?;
    let of_eve = eve.join(&amina.types(&["invite"])?, None, None).await?;
    amina.types(&["requests"])?;
    amina.types(&["approve", "2"])?;
    eve.sync(of_eve).await?;
    amina.types(&["send", "before"])?;
    karim.types(&["read"])?;
    amina.is_refused(&["reboot", "--without", "Eve"])?;
    spoil(&relay.address.parse()?, (&eve, of_eve)).await?;
    for person in [&amina, &karim] {
        let (_, said) = eagerly(person, &["read"])?;
        assert!(said.contains("twiza reboot"), "{said}");
    }
    let (done, said) = eagerly(&amina, &["reboot", "--without", "Eve"])?;
    assert!(done && said.contains("without: Eve"), "{said}");
    for person in [&karim, &amina, &karim] {
        eagerly(person, &["read"])?;
    }
    karim.types(&["send", "after"])?;
    for person in [&amina, &karim] {
        let read = person.types(&["read", "--all"])?;
        let places = [read.find("before"), read.find("after")];
        assert!(places[0].is_some() && places[0] < places[1], "{read}");
        let members = person.types(&["members"])?;
        assert!(members.contains("Amina") && members.contains("Karim") && !members.contains("Eve"), "{members}");
    }
    assert_eq!(eve.sync(of_eve).await?.status, Status::Stuck);
    Ok(())
}
