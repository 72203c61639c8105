//! What somebody learns who takes a relay: its files, its log, and the memory of the running process.
//!
//! A whole alliance's life goes through the relay first. Then everything that its members know is searched for, and
//! what is there instead is printed, by the relay's own `seizure`: `cargo test -p twiza-tests --test seizure -- --nocapture`.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use std::collections::HashSet;
use std::io::Write;
use std::net::IpAddr;
use std::path::Path;
use twiza_client::Engine;
use twiza_crypto::alliance::Role;
use twiza_crypto::name::Name;
use twiza_protocol::RelayAddress;
use twiza_tests::passage::Passage;
use twiza_tests::programs::RelayProcess;
use twiza_tests::search::{self, Secret};
use twiza_tests::{admit, programs, texts, world};

/// Where the members' connections come from, as the relay sees it.
const ORIGIN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 77, 41));
const RELAY_HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

const PEOPLE: [(&str, &str); 4] = [
    ("Amina Tazi", "Jamaiyat Annour"),
    ("Karim Haddad", "Shabakat al Amal"),
    ("Zineb n Ayt Ali", "Tamesmunt Tifawin"),
    ("Samir Khoury", "Ensemble demain"),
];
const ALLIANCE: &str = "Tawiza n Tudert";
const TEXTS: [&str; 4] =
    ["The meeting is on Friday", "الاجتماع يوم الجمعة", "La réunion est vendredi", "ⴰⴳⵔⴰⵡ ⴰⵙⵙ ⵏ ⵙⵎⴹⵉⵙ"];

#[tokio::test(flavor = "multi_thread")]
async fn a_seized_relay_tells_nothing_of_an_alliance() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("relay");
    let passage = Passage::open(RELAY_HOST, ORIGIN).await?;
    let port = passage.entrance().port();
    RelayProcess::init(programs!(), &data, &format!("{RELAY_HOST}:{port}"))?;
    let relay = RelayProcess::serve(programs!(), &data, &["--log-level", "debug", "--log-format", "json"])?;

    let secrets = live(&folder.path().join("people"), &relay.address.parse()?).await?;

    let known = one_address(&data).await?;
    if cfg!(target_os = "linux") {
        let control = search::memory(relay.id(), std::slice::from_ref(&known))?;
        ensure!(!control.found.is_empty(), "this test does not see the relay's memory");
        let memory = search::memory(relay.id(), &secrets)?;
        println!("searched: {} KiB of memory", memory.searched >> 10);
        assert_eq!(memory.found, Vec::<String>::new(), "in the memory");
    } else {
        // Past the test runner, which shows nothing of a test that passes.
        writeln!(std::io::stderr(), "SKIPPED: the relay's memory is searched on Linux only; run this test there")?;
    }
    relay.kill()?;
    let files = search::files(&data, &secrets)?;
    let log = std::fs::read(data.with_extension("log"))?;
    ensure!(
        !log.is_empty() && !search::files(&data, &[known])?.found.is_empty(),
        "this test sees neither log nor files"
    );

    report(&data).await?;
    println!("searched: {} KiB of files", files.searched >> 10);
    assert_eq!(files.found, Vec::<String>::new(), "in the files");
    let log = search::files(&data.with_extension("log"), &secrets)?;
    assert_eq!(log.found, Vec::<String>::new(), "in the log");
    Ok(())
}

/// An alliance's life; gives all that its members know and the relay may not.
async fn live(folder: &Path, relay: &RelayAddress) -> Result<Vec<Secret>> {
    let mut people = Vec::new();
    for (name, organisation) in PEOPLE {
        people.push(world::person_in(&folder.join(name), name, organisation).await?);
    }
    let [amina, karim, zineb, samir] = &people[..] else { unreachable!("four people") };
    let alliance = amina.found(&Name::new(ALLIANCE)?, relay, None).await?;
    let of_karim = admit(amina, alliance, karim).await?;
    let of_zineb = admit(amina, alliance, zineb).await?;
    let unused = amina.invite(alliance, Role::Observer, 7).await?;
    let of_samir = admit(amina, alliance, samir).await?;
    amina.set_role(alliance, PEOPLE[2].0, Role::Organiser).await?;
    amina.send(alliance, TEXTS[0]).await?;
    karim.send(of_karim, TEXTS[1]).await?;
    zineb.send(of_zineb, TEXTS[2]).await?;
    zineb.send(of_zineb, TEXTS[3]).await?;
    let large = TEXTS[3].repeat(20_000);
    samir.send(of_samir, &large).await?;
    zineb.sync(of_zineb).await?;
    zineb.remove(of_zineb, PEOPLE[1].0).await?;
    samir.leave(of_samir).await?;
    amina.sync(alliance).await?;
    amina.rotate(alliance).await?;
    let heard = texts(zineb, of_zineb).await?;
    ensure!(heard.len() == 5 && zineb.members(of_zineb).await?.len() == 2, "a life with everything in it");

    let mut secrets: Vec<Secret> =
        [ALLIANCE, "127.0.77.41", &unused.link].iter().map(|text| Secret::text(text)).collect();
    secrets.extend(TEXTS.iter().map(|text| Secret::text(text)));
    for (engine, (name, organisation)) in people.iter().zip(PEOPLE) {
        secrets.extend([Secret::text(name), Secret::text(organisation)]);
        let identity = engine.whoami().identity;
        secrets.push(Secret::octets(&format!("{name}'s identity"), identity.as_bytes()));
    }
    secrets.push(Secret::octets("the alliance's identifier", amina.identifier(alliance).await?.as_bytes()));
    let Some((_, secret)) = unused.link.rsplit_once(':') else { unreachable!("a link has parts") };
    secrets.push(Secret::text(secret));
    for engine in people {
        Engine::close(engine).await;
    }
    Ok(secrets)
}

/// Something that the relay must know: it shows that the search would find what is there.
async fn one_address(data: &Path) -> Result<Secret> {
    let mut store = store(data).await?;
    let address: Vec<u8> = sqlx::query_scalar("select address from mailbox limit 1").fetch_one(&mut store).await?;
    Ok(Secret::octets("an address", &address))
}

async fn store(data: &Path) -> Result<SqliteConnection> {
    Ok(SqliteConnectOptions::new().filename(data.join("relay.sqlite3")).connect().await?)
}

/// Prints what the relay's own command tells of its folder; fails where that is more than the threat model says.
async fn report(data: &Path) -> Result<()> {
    let seizure = |more: &[&str]| RelayProcess::tells(programs!(), data, &[&["seizure"], more].concat());
    println!("{}", seizure(&[])?);
    let told: Value = serde_json::from_str(&seizure(&["--json"])?)?;
    let told = &told["report"];
    let tables: Vec<_> = told["tables"].as_array().context("tables")?.iter().map(|table| &table["name"]).collect();
    assert_eq!(
        tables,
        ["frame", "known", "mailbox", "spent_token", "total"],
        "the relay keeps something else than docs/threat-model.md says"
    );
    for explained in [&told["tables"], &told["files"]] {
        let unexplained = |one: &&Value| one["tells"].as_str().is_none_or(|tells| tells.starts_with("not the relay's"));
        assert_eq!(explained.as_array().context("a list")?.iter().find(unexplained), None);
    }
    let days = told["expiring"].as_array().context("days")?;
    assert_eq!(days.len(), 1, "all of this happened on one day, and nothing finer is told");

    let frames: Vec<Vec<u8>> =
        sqlx::query_scalar("select octets from frame").fetch_all(&mut store(data).await?).await?;
    let mut blocks = HashSet::new();
    for block in frames.iter().flat_map(|frame| frame.chunks_exact(16)) {
        assert!(blocks.insert(block), "two stored frames share a block: they could be told to belong together");
    }
    assert!(frames.len() > 20, "too little to say anything");
    assert_eq!(days[0]["frames"], frames.len());
    Ok(())
}
