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
        let output = person.command(&[&["--lang", self.language], arguments].concat()).output()?;
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
        session.types(&amina, &["alliance", "forget", "Agraw", "--yes"])?;
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
    let commands: [&[&str]; 26] = [
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
        &["leave"],
        &["rotate"],
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
