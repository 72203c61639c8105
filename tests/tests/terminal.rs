//! What people see: golden files of the terminal, in every complete language.
//!
//! `SNAPSHOTS=overwrite cargo test -p twiza-tests --test terminal` writes them anew; read the difference then.

use anyhow::{Context, Result};
use regex::Regex;
use snapbox::data::DataFormat;
use snapbox::{Assert, Data};
use std::fmt::Write;
use std::path::Path;
use twiza_tests::programs;
use twiza_tests::programs::{Person, RelayProcess};

/// What is typed where the passphrase of a recovery kit is asked for.
const KIT_PASSPHRASE: &str = "four other words here";

const LANGUAGES: [&str; 2] = ["en", "fr"];

/// A terminal session, as it would stand on the screen: what is typed, then data, then talk.
struct Session {
    language: &'static str,
    screen: String,
    /// What differs from run to run, and what stands in for it.
    changing: Vec<(Regex, &'static str)>,
}

impl Session {
    fn new(language: &'static str) -> Result<Self> {
        let words = Regex::new(r"[^ :\n]+( [^ :\n]+){7} \([0-9 ]{39}\)")?;
        let time = Regex::new(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2})?")?;
        Ok(Self { language, screen: String::new(), changing: vec![(words, "[WORDS]"), (time, "[TIME]")] })
    }

    fn hide(&mut self, text: &str, name: &'static str) -> Result<()> {
        self.changing.push((Regex::new(&regex::escape(text))?, name));
        Ok(())
    }

    /// Types a command; gives what it printed as data.
    fn types(&mut self, person: &Person, arguments: &[&str]) -> Result<String> {
        let mut command = person.command(&[&["--lang", self.language], arguments].concat());
        let output = command.env("TWIZA_RECOVERY_SECONDS", "0").env("TWIZA_KIT_PASSPHRASE", KIT_PASSPHRASE).output()?;
        let (data, talk) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
        writeln!(self.screen, "$ twiza {}\n{data}{talk}", arguments.join(" "))?;
        match output.status.code() {
            Some(0) => {}
            code => writeln!(self.screen, "(exit code {})\n", code.context("ended by a signal")?)?,
        }
        Ok(data.trim_end().to_owned())
    }

    fn compare_with(self, name: &str) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.{}.txt", self.language));
        let hide = |screen: String, (changing, name): &(Regex, &str)| changing.replace_all(&screen, *name).into_owned();
        let screen = self.changing.iter().fold(self.screen, hide);
        Assert::new().action_env("SNAPSHOTS").eq(screen, Data::read_from(&file, Some(DataFormat::Text)).raw());
    }
}

#[test]
fn a_life() -> Result<()> {
    for language in LANGUAGES {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("relay");
        RelayProcess::init(programs!(), &data, "127.0.0.1:0")?;
        let relay = RelayProcess::serve(programs!(), &data, &[])?;
        let [amina, karim] =
            ["amina", "karim"].map(|profile| Person::new(programs!(), &folder.path().join("home"), profile));
        let mut session = Session::new(language)?;
        session.hide(&relay.address, "[RELAY]")?;
        session.types(&amina, &["init", "--name", "Amina", "--organisation", "Nour"])?;
        session.types(&amina, &["relay", "check", &relay.address])?;
        session.types(&amina, &["alliance", "list"])?;
        session.types(&amina, &["alliance", "create", "Tawiza", "--relay", &relay.address])?;
        let link = session.types(&amina, &["invite"])?;
        session.hide(&link, "[INVITATION]")?;
        session.types(&karim, &["init", "--name", "كريم", "--organisation", "أمل"])?;
        session.types(&karim, &["whoami"])?;
        session.types(&karim, &["join", &link])?;
        session.types(&karim, &["send", "Am I in?"])?;
        session.types(&amina, &["requests"])?;
        session.types(&amina, &["approve", "1"])?;
        session.types(&karim, &["read"])?;
        session.types(&karim, &["send", "ⴰⵣⵓⵍ\u{202e}\u{1b}[31m"])?;
        session.types(&amina, &["read"])?;
        session.types(&amina, &["members"])?;
        session.types(&amina, &["verify"])?;
        session.types(&amina, &["role", "1", "organiser"])?;
        session.types(&amina, &["rotate"])?;
        session.types(&amina, &["alliance", "show"])?;
        session.types(&karim, &["remove", "Amina"])?;
        session.types(&amina, &["read"])?;
        session.types(&karim, &["leave"])?;
        session.compare_with("life");
    }
    Ok(())
}

#[test]
fn coming_back() -> Result<()> {
    for language in LANGUAGES {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("relay");
        RelayProcess::init(programs!(), &data, "127.0.0.1:0")?;
        let relay = RelayProcess::serve(programs!(), &data, &[])?;
        let [amina, karim, again] = ["amina", "karim", "new-device"]
            .map(|profile| Person::new(programs!(), &folder.path().join("home"), profile));
        let mut session = Session::new(language)?;
        session.hide(&relay.address, "[RELAY]")?;
        let kit = folder.path().join("karim.kit");
        let kit = kit.to_str().context("a path")?;
        session.hide(kit, "[KIT]")?;
        session.types(&amina, &["init", "--name", "Amina", "--organisation", "Nour"])?;
        session.types(&amina, &["alliance", "create", "Tawiza", "--relay", &relay.address])?;
        let link = session.types(&amina, &["invite"])?;
        session.hide(&link, "[INVITATION]")?;
        session.types(&karim, &["init", "--name", "Karim", "--organisation", "Amal"])?;
        session.types(&karim, &["join", &link])?;
        session.types(&amina, &["requests"])?;
        session.types(&amina, &["approve", "1"])?;
        session.types(&karim, &["read"])?;
        session.types(&karim, &["rejoin"])?;
        session.types(&karim, &["send", "Am I back?"])?;
        session.types(&amina, &["read"])?;
        session.types(&karim, &["read"])?;
        session.types(&karim, &["kit", "write", kit])?;
        session.types(&karim, &["kit", "write", kit])?;
        session.types(&again, &["kit", "restore", kit])?;
        session.types(&again, &["alliance", "list"])?;
        session.types(&again, &["read"])?;
        session.types(&amina, &["read"])?;
        session.types(&again, &["read"])?;
        session.types(&karim, &["read"])?;
        session.types(&amina, &["reboot", "--without", "Karim"])?;
        session.compare_with("recovery");
    }
    Ok(())
}

#[test]
fn deciding_together() -> Result<()> {
    for language in LANGUAGES {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("relay");
        RelayProcess::init(programs!(), &data, "127.0.0.1:0")?;
        let relay = RelayProcess::serve(programs!(), &data, &[])?;
        let home = folder.path().join("home");
        let [amina, karim, ziri] = ["amina", "karim", "ziri"].map(|profile| Person::new(programs!(), &home, profile));
        amina.types(&["init", "--name", "Amina", "--organisation", "Nour"])?;
        karim.types(&["init", "--name", "Karim", "--organisation", "Amal"])?;
        ziri.types(&["init", "--name", "Ziri", "--organisation", "Tafat"])?;
        amina.types(&["alliance", "create", "Tawiza", "--relay", &relay.address])?;
        let link = amina.types(&["invite"])?;
        karim.types(&["join", &link])?;
        amina.types(&["requests"])?;
        amina.types(&["approve", "1"])?;
        karim.types(&["read"])?;
        let mut session = Session::new(language)?;
        session.hide(&relay.address, "[RELAY]")?;
        session.types(&amina, &["rules", "show"])?;
        session.types(&amina, &["rules", "set", "--all", "2"])?;
        session.types(&amina, &["role", "Karim", "organiser"])?;
        session.types(&amina, &["rules", "set", "--all", "2", "--rules", "1"])?;
        session.types(&amina, &["rules", "set", "--all", "2", "--allot", "Nour=3", "--succession", "30,14,2"])?;
        let link = amina.types(&["invite"])?;
        ziri.types(&["join", &link])?;
        amina.types(&["requests"])?;
        session.types(&amina, &["approve", "2"])?;
        session.types(&amina, &["members"])?;
        session.types(&amina, &["motion", "list"])?;
        session.types(&karim, &["read"])?;
        session.types(&karim, &["motion", "approve", "7"])?;
        session.types(&karim, &["motion", "approve", "1"])?;
        session.types(&amina, &["read"])?;
        session.types(&ziri, &["read"])?;
        session.types(&amina, &["motion", "propose", "role", "Karim", "member"])?;
        session.types(&amina, &["remove", "Ziri"])?;
        session.types(&amina, &["motion", "withdraw", "2"])?;
        session.types(&karim, &["motion", "approve", "2"])?;
        session.types(&ziri, &["motion", "propose", "succession", "Ziri"])?;
        session.types(&karim, &["leave"])?;
        session.types(&karim, &["motion", "list"])?;
        session.compare_with("deciding");
        let motions = karim.asks(&["motion", "list"])?;
        assert_eq!((&motions["motions"][0]["state"], &motions["motions"][0]["needed"]), (&"enacted".into(), &0.into()));
        assert_eq!(karim.asks(&["rules", "show"])?["rules"]["allotments"][0]["seats"], 3);
        let proposed = karim.asks(&["motion", "propose", "name", "Tiwizi"])?;
        assert_eq!((&proposed["motion"], &proposed["state"]), (&3.into(), &"proposed".into()));
        assert_eq!(karim.is_refused(&["motion", "approve", "9"])?, (3, "error-unknown-motion".to_owned()));
    }
    Ok(())
}

#[test]
fn many_alliances() -> Result<()> {
    for language in LANGUAGES {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("relay");
        RelayProcess::init(programs!(), &data, "127.0.0.1:0")?;
        let relay = RelayProcess::serve(programs!(), &data, &[])?;
        let [amina, karim, imitator] = ["amina", "karim", "imitator"]
            .map(|profile| Person::new(programs!(), &folder.path().join("home"), profile));
        amina.types(&["init", "--name", "Amina", "--organisation", "Nour"])?;
        karim.types(&["init", "--name", "Karim", "--organisation", "Amal"])?;
        // The first letter is Cyrillic.
        imitator.types(&["init", "--name", "Кarim", "--organisation", "Amal"])?;
        for alliance in ["Tawiza", "Agraw"] {
            amina.types(&["alliance", "create", alliance, "--relay", &relay.address])?;
        }
        for (alliance, newcomer) in [("Tawiza", &karim), ("Agraw", &karim), ("Tawiza", &imitator)] {
            let link = amina.asks(&["invite", "--alliance", alliance])?["link"].clone();
            newcomer.types(&["join", link.as_str().context("no link")?])?;
            let number = amina.asks(&["requests", "--alliance", alliance])?["requests"][0]["number"].to_string();
            amina.types(&["approve", &number, "--alliance", alliance])?;
            newcomer.types(&["join", link.as_str().context("no link")?])?;
        }
        let mut session = Session::new(language)?;
        session.hide(&format!("127.0.0.1:{}", port(&relay.address)?), "[RELAY]")?;
        session.types(&imitator, &["send", "I am Karim"])?;
        session.types(&amina, &["read", "--alliance", "Tawiza"])?;
        session.types(&amina, &["rotate", "--all"])?;
        session.types(&amina, &["role", "@Karim", "king", "--alliance", "Tawiza"])?;
        session.types(&amina, &["remove", "1", "--everywhere"])?;
        session.types(&amina, &["remove", "@Karim", "--everywhere"])?;
        session.types(&amina, &["remove", "@Karim", "--everywhere", "--yes"])?;
        session.types(&karim, &["read", "--alliance", "Tawiza"])?;
        session.types(&karim, &["read", "--alliance", "Agraw"])?;
        session.types(&karim, &["alliance", "list"])?;
        session.types(&karim, &["alliance", "list", "--all"])?;
        session.types(&karim, &["alliance", "forget", "Agraw"])?;
        session.types(&karim, &["alliance", "forget", "Agraw", "--yes"])?;
        session.types(&amina, &["leave", "--alliance", "Agraw"])?;
        relay.kill()?;
        session.types(&amina, &["rotate", "--all"])?;
        session.compare_with("many");
    }
    Ok(())
}

/// The port in a relay's address.
fn port(address: &str) -> Result<&str> {
    let place = address.rsplit_once('/').context("an address without a key")?.0;
    Ok(place.rsplit_once(':').context("an address without a port")?.1)
}

#[test]
fn help() -> Result<()> {
    let commands: [&[&str]; 43] = [
        &[],
        &["init"],
        &["whoami"],
        &["relay"],
        &["relay", "check"],
        &["alliance"],
        &["alliance", "create"],
        &["alliance", "list"],
        &["alliance", "show"],
        &["alliance", "reopen"],
        &["alliance", "forget"],
        &["invite"],
        &["join"],
        &["requests"],
        &["approve"],
        &["decline"],
        &["send"],
        &["read"],
        &["watch"],
        &["members"],
        &["role"],
        &["remove"],
        &["motion"],
        &["motion", "propose"],
        &["motion", "propose", "remove"],
        &["motion", "propose", "role"],
        &["motion", "propose", "name"],
        &["motion", "propose", "succession"],
        &["motion", "list"],
        &["motion", "approve"],
        &["motion", "withdraw"],
        &["rules"],
        &["rules", "show"],
        &["rules", "set"],
        &["leave"],
        &["rotate"],
        &["rejoin"],
        &["reboot"],
        &["kit"],
        &["kit", "write"],
        &["kit", "restore"],
        &["verify"],
        &["fly"],
    ];
    for language in LANGUAGES {
        let folder = tempfile::tempdir()?;
        let nobody = Person::new(programs!(), folder.path(), "nobody");
        let mut session = Session::new(language)?;
        for command in commands {
            session.types(&nobody, &[command, &["--help"]].concat())?;
        }
        session.compare_with("help");
    }
    Ok(())
}
