//! The tour itself.

use crate::programs::Programs;
use crate::relay::Relay;
use crate::seizure;
use anyhow::{Context, ensure};
use std::path::Path;
use std::process::{Command, Output};

const PASSPHRASE: &str = "four words make one";

/// One person, with a profile and an encrypted store of its own.
struct Person<'a> {
    programs: &'a Programs,
    home: &'a Path,
    profile: &'static str,
    name: &'static str,
    language: &'static str,
}

impl Person<'_> {
    /// Types a command, shows it and what it answers.
    fn types(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.run(arguments)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        for line in text.lines().chain(talk.lines()) {
            println!("  {line}");
        }
        println!();
        ensure!(output.status.success(), "{}'s command failed: {arguments:?}", self.name);
        Ok(text)
    }

    /// Types a command that must be refused.
    fn is_refused(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let output = self.run(arguments)?;
        println!("  {}\n", String::from_utf8_lossy(&output.stderr).trim());
        ensure!(!output.status.success(), "{} was not refused: {arguments:?}", self.name);
        Ok(())
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let shown: Vec<String> = arguments.iter().map(|argument| quoted(argument)).collect();
        println!("{}$ twiza {}", self.name, shown.join(" "));
        let mut command = Command::new(&self.programs.client);
        command.args(["--profile", self.profile, "--lang", self.language]).args(arguments);
        command.env("TWIZA_HOME", self.home).env("TWIZA_PASSPHRASE", PASSPHRASE);
        command
            .env("TWIZA_PROXY", "none")
            .env_remove("TWIZA_ALLIANCE")
            .env_remove("TWIZA_RELAY")
            .env_remove("TWIZA_PROFILE");
        command.output().context("twiza cannot be run")
    }
}

fn quoted(argument: &str) -> String {
    if argument.starts_with("twiza:join:") {
        return "twiza:join:…".to_owned();
    }
    if argument.contains(' ') { format!("{argument:?}") } else { argument.to_owned() }
}

/// Walks through everything, and fails where a step does not do what it says.
pub(crate) fn run(programs: &Programs, folder: &Path) -> anyhow::Result<()> {
    let home = folder.join("home");
    let person = |profile, name, language| Person { programs, home: &home, profile, name, language };
    let amina = person("amina", "Amina", "en");
    let karim = person("karim", "Karim", "en");
    let zineb = person("zineb", "Zineb", "fr");

    say("1. Somebody hosts a relay. No domain name, no certificate authority, no account.");
    let relay = Relay::start(&programs.relay, &folder.join("relay"))?;

    say("2. Three people of three organisations make their profiles, each encrypted under a passphrase.");
    amina.types(&["init", "--name", "Amina", "--organisation", "Annour"])?;
    karim.types(&["init", "--name", "Karim", "--organisation", "Tadamun"])?;
    zineb.types(&["init", "--name", "Zineb", "--organisation", "Tifawin"])?;

    say("3. Amina founds an alliance and invites the two others.");
    amina.types(&["alliance", "create", "Tawiza", "--relay", &relay.address])?;
    for newcomer in [&karim, &zineb] {
        let invitation = amina.types(&["invite"])?;
        newcomer.types(&["join", invitation.trim()])?;
    }
    let requests = amina.types(&["requests"])?;
    ensure!(requests.contains("Karim (Tadamun)") && requests.contains("Zineb (Tifawin)"), "a request is missing");
    amina.types(&["approve", "1", "2"])?;
    for newcomer in [&karim, &zineb] {
        newcomer.types(&["read"])?;
    }

    say("4. Four languages.");
    let texts = ["The meeting is on Friday", "الاجتماع يوم الجمعة", "La réunion est vendredi", "ⴰⴳⵔⴰⵡ ⴰⵙⵙ ⵏ ⵙⵎⴹⵉⵙ"];
    amina.types(&["send", texts[0]])?;
    karim.types(&["send", texts[1]])?;
    zineb.types(&["send", texts[2]])?;
    zineb.types(&["send", texts[3]])?;
    let read = karim.types(&["read"])?;
    ensure!([0, 2, 3].iter().all(|place| read.contains(texts[*place])), "Karim misses a message");
    let read = amina.types(&["read"])?;
    ensure!(texts[1..].iter().all(|text| read.contains(text)), "Amina misses a message");

    say("5. One code for the whole room: everybody sees the same words and numbers.");
    let of_amina = amina.types(&["verify"])?;
    let of_karim = karim.types(&["verify"])?;
    ensure!(of_amina == of_karim, "the safety words differ");

    say("6. Amina removes Karim. From then on he can neither read nor find what follows.");
    amina.types(&["remove", "Karim"])?;
    let after = "Karim's seat is free again";
    amina.types(&["send", after])?;
    let read = karim.types(&["read"])?;
    ensure!(!read.contains(after), "a removed member reads on");
    karim.is_refused(&["send", "Am I still here?"])?;
    let read = zineb.types(&["read"])?;
    ensure!(read.contains(after), "a member misses a message");

    say("7. Zineb takes new keys.");
    zineb.types(&["rotate"])?;
    amina.types(&["members"])?;

    say("8. The relay is seized. This is what it holds:");
    relay.stop()?;
    let secrets = ["Amina", "Karim", "Zineb", "Annour", "Tadamun", "Tifawin", "Tawiza", texts[1], texts[3], after];
    seizure::show(&folder.join("relay"), &secrets)?;
    println!("\nThat was the tour: nothing was faked, and everything it made is deleted again.");
    Ok(())
}

fn say(text: &str) {
    println!("--- {text}\n");
}
