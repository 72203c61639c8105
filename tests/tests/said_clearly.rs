//! What the terminal says where things are not as they should be: offline, in another language, to scripts, and where
//! somebody imitates.

use anyhow::{Context, Result};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::sync::Arc;
use tempfile::TempDir;
use twiza_protocol::AdmissionMode;
use twiza_relay::admission::GrantDigest;
use twiza_tests::World;
use twiza_tests::programs;
use twiza_tests::programs::{Person, RelayProcess};

/// A relay, and two people in one alliance who both organise it.
struct Scene {
    folder: TempDir,
    relay: RelayProcess,
    amina: Person,
    karim: Person,
}

impl Scene {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("relay");
        RelayProcess::init(programs!(), &data, "127.0.0.1:0")?;
        let relay = RelayProcess::serve(programs!(), &data, &[])?;
        let home = folder.path().join("home");
        let [amina, karim] = ["amina", "karim"].map(|profile| Person::new(programs!(), &home, profile));
        amina.types(&["init", "--name", "Amina", "--organisation", "Nour"])?;
        karim.types(&["init", "--name", "Karim", "--organisation", "Amal"])?;
        amina.types(&["alliance", "create", "Tawiza", "--relay", &relay.address])?;
        admit(&amina, "organiser", &karim)?;
        Ok(Self { folder, relay, amina, karim })
    }
}

fn admit(organiser: &Person, role: &str, newcomer: &Person) -> Result<()> {
    organiser.lets_in(newcomer, role, &[])?;
    newcomer.types(&["read"]).map(drop)
}

fn talk_in_french(person: &Person, arguments: &[&str]) -> Result<String> {
    Ok(String::from_utf8(person.tries(&[&["--lang", "fr"], arguments].concat())?.stderr)?)
}

/// Watches until it says that it is offline; gives what it printed by then.
fn watch_offline(person: &Person) -> Result<String> {
    let mut watching = person.command(&["watch"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let talk = BufReader::new(watching.stderr.take().context("no talk")?);
    let mut offline = talk.lines().map_while(Result::ok).filter(|line| line.contains("cannot be reached"));
    offline.next().context("it never said that it is offline")?;
    watching.kill()?;
    let mut printed = String::new();
    watching.stdout.take().context("no output")?.read_to_string(&mut printed)?;
    watching.wait()?;
    Ok(printed)
}

#[test]
fn a_change_that_waits_is_not_shown_as_done_and_what_is_stored_is_shown_offline() -> Result<()> {
    let Scene { folder, relay, amina, karim } = Scene::new()?;
    amina.types(&["send", "Salam"])?;
    karim.types(&["members"])?;
    let port = relay.address.rsplit_once('/').and_then(|(place, _)| place.rsplit_once(':')).context("a port")?.1;
    let listen = format!("127.0.0.1:{port}");
    relay.kill()?;
    assert_eq!(karim.is_refused(&["remove", "Amina"])?, (5, "error-waiting".to_owned()));
    let printed = watch_offline(&karim)?;
    assert!(printed.contains("Salam"), "what was stored, without waiting for the relay: {printed}");
    assert!(!printed.contains("removed"), "{printed}");
    assert!(!karim.types(&["read", "--all"])?.contains("removed"));
    let members = karim.asks(&["members"])?;
    assert_eq!(members["members"].as_array().map(Vec::len), Some(2), "she still is a member");

    let _again = RelayProcess::serve(programs!(), &folder.path().join("relay"), &["--listen", &listen])?;
    assert!(karim.types(&["read", "--all"])?.contains("Karim (Amal) removed Amina (Nour)."));
    assert_eq!(amina.asks(&["read"])?["alliance"]["status"], "removed");
    Ok(())
}

#[test]
fn a_french_message_has_no_english_cause() -> Result<()> {
    let Scene { folder, relay, amina, .. } = Scene::new()?;
    relay.kill()?;
    for arguments in [&["send", "Azul"][..], &["read"], &["invite"]] {
        let talk = talk_in_french(&amina, arguments)?;
        assert!(talk.contains("rien n'y répond"), "{arguments:?}: {talk}");
        for english in ["refused", "error", "reached", "the "] {
            assert!(!talk.contains(english), "{arguments:?}: {talk}");
        }
    }
    std::fs::write(folder.path().join("home/amina/vault"), b"torn")?;
    let talk = talk_in_french(&amina, &["whoami"])?;
    assert!(talk.contains("abîmé"), "{talk}");
    Ok(())
}

#[test]
fn roles_are_typed_as_they_are_shown() -> Result<()> {
    let scene = Scene::new()?;
    let Scene { amina, karim, .. } = &scene;
    let role_of_karim = || -> Result<Value> { Ok(amina.asks(&["members"])?["members"][1]["role"].clone()) };
    amina.types(&["--lang", "fr", "role", "Karim", "Observation"])?;
    assert_eq!(role_of_karim()?, "observer");
    assert!(karim.types(&["--lang", "fr", "members"])?.contains("Karim (Amal) : observation (vous)"));
    amina.types(&["role", "Karim", "member"])?;
    assert_eq!(role_of_karim()?, "member");
    amina.types(&["--lang", "fr", "role", "Karim", "organisatrice"])?;
    assert_eq!(role_of_karim()?, "organiser");
    assert_eq!(amina.is_refused(&["role", "Karim", "roi"])?, (2, "error-unknown-role".to_owned()));
    assert_eq!(amina.is_refused(&["invite", "--role", "king"])?, (2, "error-unknown-role".to_owned()));
    assert_eq!(role_of_karim()?, "organiser");
    // What nobody can take back themselves is asked about.
    assert_eq!(karim.is_refused(&["role", "@Karim", "member"])?, (2, "error-not-confirmed".to_owned()));
    assert_eq!(role_of_karim()?, "organiser");
    karim.types(&["role", "@Karim", "member", "--yes"])?;
    amina.types(&["read"])?;
    assert_eq!(role_of_karim()?, "member");
    Ok(())
}

#[test]
fn whose_passphrase_is_missing_is_told() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let amina = Person::new(programs!(), folder.path(), "amina");
    amina.types(&["init", "--name", "Amina", "--organisation", "Nour"])?;
    let kit = folder.path().join("amina.kit").display().to_string();
    assert_eq!(amina.is_refused(&["kit", "write", &kit])?.1, "error-no-kit-passphrase");
    let told = String::from_utf8(amina.tries(&["kit", "write", &kit])?.stderr)?;
    assert!(told.contains("TWIZA_KIT_PASSPHRASE"), "{told}");
    Ok(())
}

#[test]
fn scripts_are_told_in_json_that_they_were_mistyped() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let nobody = Person::new(programs!(), folder.path(), "nobody");
    let cases: [(&[&str], &str); 5] = [
        (&["fly"], "usage-command"),
        (&["send"], "usage-missing"),
        (&["send", "a", "--loud"], "usage-argument"),
        (&["send", "two", "words"], "usage-word"),
        (&["invite", "--days", "x"], "usage-value-number"),
    ];
    for (arguments, code) in cases {
        assert_eq!(nobody.is_refused(arguments)?, (2, code.to_owned()), "{arguments:?}");
        let plain = String::from_utf8(nobody.tries(arguments)?.stderr)?;
        assert!(plain.contains("--help") && !plain.contains('{'), "people are told in words: {plain}");
    }
    let text = String::from_utf8(nobody.tries(&["fly", "--", "--json"])?.stderr)?;
    assert!(!text.contains('{'), "after -- it is no option: {text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_is_wrong_and_none_at_all_are_told_apart() -> Result<()> {
    let world = World::with(Arc::new(twiza_relay::SystemClock), |settings| {
        settings.admission = AdmissionMode::Grant;
        settings.grants_sha256 = vec![GrantDigest::of("the right one")];
    })
    .await?;
    let address = world.address().to_string();
    tokio::task::spawn_blocking(move || -> Result<()> {
        let folder = tempfile::tempdir()?;
        let amina = Person::new(programs!(), folder.path(), "amina");
        amina.types(&["init", "--name", "Amina", "--organisation", "Nour"])?;
        let create = ["alliance", "create", "Tawiza", "--relay", &address];
        let with = |grant| [&create[..], &["--grant", grant]].concat();
        assert_eq!(amina.is_refused(&create)?, (5, "error-grant-required".to_owned()));
        assert_eq!(amina.is_refused(&with("another"))?, (5, "error-grant-refused".to_owned()));
        amina.types(&with("the right one")).map(drop)
    })
    .await??;
    world.stop().await?;
    Ok(())
}

#[test]
fn a_look_alike_is_pointed_out_where_it_speaks() -> Result<()> {
    let scene = Scene::new()?;
    let Scene { folder, amina, karim, .. } = &scene;
    // The first letter is Cyrillic.
    let imitator = Person::new(programs!(), &folder.path().join("home"), "imitator");
    imitator.types(&["init", "--name", "Кarim", "--organisation", "Amal"])?;
    amina.types(&["read"])?;
    amina.types(&["send", "Who is there?"])?;
    admit(amina, "member", &imitator)?;
    imitator.types(&["send", "I am Karim"])?;
    karim.types(&["send", "No, I am"])?;
    let warning = |number: u32, other: u32| format!("number {number} of `twiza members`, looks like number {other}.");
    let printed = amina.types(&["read", "--all"])?;
    let below = |text: &str| {
        let mut lines = printed.lines().skip_while(|line| !line.contains(text)).skip(1);
        lines.next().unwrap_or_default().to_owned()
    };
    assert!(below("I am Karim").contains(&warning(2, 1)), "{printed}");
    assert!(below("No, I am").contains(&warning(1, 2)), "{printed}");
    assert!(below("let Кarim").contains("looks like number 1."), "{printed}");
    assert!(!below("Who is there?").contains("looks like"), "{printed}");
    let read = amina.asks(&["read", "--all"])?;
    let entries = read["entries"].as_array().context("no entries")?;
    let of = |text: &str| entries.iter().find(|entry| entry["text"] == text).map(|entry| entry["looks_like"].clone());
    assert_eq!(of("I am Karim"), Some(Value::from(vec![1])));
    assert_eq!(of("Who is there?"), Some(Value::from(Vec::<u32>::new())));

    let mut watching = karim.command(&["watch", "--json"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let lines = BufReader::new(watching.stdout.take().context("no output")?).lines();
    let watched = lines.map_while(Result::ok).filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    let found = watched.map(|line| line["entry"].clone()).find(|entry| entry["text"] == "I am Karim");
    watching.kill()?;
    watching.wait()?;
    assert_eq!(found.context("not watched")?["looks_like"], Value::from(vec![1]));
    Ok(())
}
