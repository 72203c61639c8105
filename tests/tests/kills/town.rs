//! A relay that can be killed, and people. The first two organise and stay; the others come and go.

use crate::ledger::Ledger;
use crate::victim::{self, Ending};
use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use twiza_client::clock::SystemClock;
use twiza_client::engine::{Environment, ROTATE_AFTER_SECONDS};
use twiza_client::relay::http::HttpConnector;
use twiza_client::{Engine, os_random};
use twiza_crypto::name::Name;
use twiza_crypto::vault::VaultCost;
use twiza_tests::programs::{Person, Programs, RelayProcess};

/// The alliance, as everybody names it.
pub(crate) const ALLIANCE: &str = "Tawiza";

/// How many stay: they are organisers all the time.
pub(crate) const SETTLED: usize = 2;

const NAMES: [&str; 5] = ["Amina", "Karim", "Zahra", "Yanis", "Lina"];

/// An address of this machine from which nobody connects: no connection of another test can have taken the relay's
/// port while it is down.
const HOST: &str = "127.86.0.1";

/// A guess of a test's passphrase may be cheap: most of a command's time then goes into what must survive.
const COST: VaultCost = VaultCost { memory_kib: 64, passes: 1, lanes: 1 };

/// Exit codes that a fault of the network or of the moment can have. What remains is a broken promise: unforeseen (1),
/// wrongly typed (2), the passphrase (6), distrust (7).
const EXPECTED: [i32; 4] = [0, 3, 4, 5];

/// A relay's folder and the program that serves it.
pub(crate) struct House {
    programs: Programs,
    data: PathBuf,
    listen: String,
    process: Option<RelayProcess>,
}

impl House {
    fn new(programs: Programs, data: &Path) -> Result<Self> {
        RelayProcess::init(programs, data, &format!("{HOST}:0"))?;
        let process = RelayProcess::serve(programs, data, &["--public-host", HOST])?;
        let place = process.address.strip_prefix("twiza://").and_then(|address| address.split_once('/'));
        let listen = place.context("an address of another form")?.0.to_owned();
        Ok(Self { programs, data: data.to_owned(), listen, process: Some(process) })
    }

    fn address(&self) -> Result<&str> {
        Ok(&self.process.as_ref().context("the relay is down")?.address)
    }

    /// Kills the program, and starts it again.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if let Some(process) = self.process.take() {
            process.kill()?;
        }
        let arguments = ["--public-host", HOST, "--listen", &self.listen];
        self.process = Some(RelayProcess::serve(self.programs, &self.data, &arguments)?);
        Ok(())
    }
}

/// Somebody of the town.
#[derive(Debug)]
pub(crate) struct Inhabitant {
    pub(crate) number: usize,
    pub(crate) name: &'static str,
    person: Person,
}

impl Inhabitant {
    /// Whether this is one of those who stay.
    pub(crate) fn stays(&self) -> bool {
        self.number < SETTLED
    }

    /// Runs a command that may be killed, as the choice falls.
    pub(crate) fn dares(
        &self,
        ledger: &Ledger,
        rng: &mut Rng,
        what: &'static str,
        arguments: &[&str],
    ) -> Result<Ending> {
        let kill_after = rng.bool().then(|| ledger.usual(what).mul_f64(rng.f64()));
        self.run(ledger, what, arguments, kill_after)
    }

    /// Runs a command that is killed after some time if it has not ended.
    pub(crate) fn run(
        &self,
        ledger: &Ledger,
        what: &'static str,
        arguments: &[&str],
        kill_after: Option<Duration>,
    ) -> Result<Ending> {
        ledger.begins();
        let ending = victim::run(&self.person, arguments, kill_after)?;
        ledger.ends(what, &ending);
        let expected = ending.code.map_or(ending.killed, |code| EXPECTED.contains(&code));
        ensure!(expected, "{} {arguments:?} ended with {:?}: {}", self.name, ending.code, ending.talk);
        for entry in ending.printed.iter().flat_map(entries) {
            if let Some(text) = entry["text"].as_str().filter(|_| entry["kind"] == "text") {
                ledger.show(self.number, text);
            }
        }
        Ok(ending)
    }

    /// Runs a command in peace, which must succeed; gives what it answered.
    pub(crate) fn asks(&self, ledger: &Ledger, arguments: &[&str]) -> Result<Value> {
        let ending = self.run(ledger, "in peace", arguments, None)?;
        let answer = ending.answer().filter(|_| ending.code == Some(0)).cloned();
        answer.with_context(|| format!("{} {arguments:?} in peace: {}", self.name, ending.talk))
    }
}

/// What `read` and `watch` print of entries.
fn entries(printed: &Value) -> Vec<&Value> {
    let many = printed["entries"].as_array().into_iter().flatten();
    many.chain(printed.get("entry")).collect()
}

/// The relay and all people.
pub(crate) struct Town {
    folder: TempDir,
    pub(crate) relay: House,
    pub(crate) people: Vec<Inhabitant>,
}

impl Town {
    /// A town whose first inhabitant has founded the alliance; everybody is in it.
    pub(crate) fn new(programs: Programs) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let relay = House::new(programs, &folder.path().join("relay"))?;
        let home = folder.path().join("home");
        let inhabitant = |(number, name): (usize, &'static str)| {
            let person = Person::new(programs, &home, name);
            Inhabitant { number, name, person }
        };
        let people: Vec<_> = NAMES.into_iter().enumerate().map(inhabitant).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        for Inhabitant { name, person, .. } in &people {
            runtime.block_on(make_profile(&home.join(name), &person.passphrase, name))?;
        }
        let town = Self { folder, relay, people };
        let (founder, others) = town.people.split_first().context("nobody is there")?;
        founder.person.types(&["alliance", "create", ALLIANCE, "--relay", town.relay.address()?])?;
        for other in others {
            let role = if other.stays() { "organiser" } else { "member" };
            let link = founder.person.asks(&["invite", "--role", role])?["link"].clone();
            other.person.types(&["join", link.as_str().context("no link")?])?;
            let requests = founder.person.asks(&["requests"])?;
            founder.person.types(&["approve", &requests["requests"][0]["number"].to_string()])?;
            other.person.types(&["read"])?;
        }
        Ok(town)
    }

    /// Leaves everything where it is, for whoever looks for the fault.
    pub(crate) fn keep(self) -> PathBuf {
        drop(self.relay);
        self.folder.keep()
    }
}

async fn make_profile(folder: &Path, passphrase: &str, name: &str) -> Result<()> {
    let environment = Environment {
        connector: Arc::new(HttpConnector::new(Arc::new(SystemClock))),
        clock: Arc::new(SystemClock),
        random: os_random(),
        rotate_after_seconds: ROTATE_AFTER_SECONDS,
        look_back_after_seconds: 0,
        recovery_after_seconds: 0,
    };
    let (name, organisation) = (Name::new(name)?, Name::new("Nour")?);
    Engine::create(folder, passphrase, COST, &name, &organisation, environment).await?.close().await;
    Ok(())
}
