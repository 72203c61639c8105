//! The two programs, as a user starts them: a relay in a process of its own, and people who type commands.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

const PASSPHRASE: &str = "four words make one";

/// Where the programs are that this test was built with.
#[derive(Debug, Clone, Copy)]
pub struct Programs {
    /// `twiza-relay`.
    pub relay: &'static str,
    /// `twiza`.
    pub client: &'static str,
}

/// The programs of the test that says this.
#[macro_export]
macro_rules! programs {
    () => {
        $crate::programs::Programs {
            relay: env!("CARGO_BIN_EXE_relay-under-test"),
            client: env!("CARGO_BIN_EXE_twiza-under-test"),
        }
    };
}

/// A process. Killed when dropped.
#[derive(Debug)]
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Already gone, or gone now: there is nobody left to tell.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A place on loopback that nobody has now.
///
/// # Errors
/// Where there is none.
pub fn free_place() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// A running relay. Killed when dropped.
#[derive(Debug)]
pub struct RelayProcess {
    process: Process,
    /// What `serve` printed.
    pub address: String,
    /// What it says on standard error.
    pub log: PathBuf,
}

impl RelayProcess {
    /// Makes a relay's folder.
    ///
    /// # Errors
    /// What `twiza-relay init` says.
    pub fn init(programs: Programs, data: &Path, listen: &str) -> Result<()> {
        Self::make(programs, data, &["--listen", listen])
    }

    /// Makes a folder, of a relay or an issuer, with these arguments of `init`.
    ///
    /// # Errors
    /// What `twiza-relay init` says.
    pub fn make(programs: Programs, data: &Path, arguments: &[&str]) -> Result<()> {
        let mut init = Command::new(programs.relay);
        init.arg("init").arg("--data").arg(data).args(["--public-host", "127.0.0.1"]).args(arguments);
        let made = init.output()?;
        ensure!(made.status.success(), "init: {}", String::from_utf8_lossy(&made.stderr));
        Ok(())
    }

    /// What a command prints about a relay's folder.
    ///
    /// # Errors
    /// What the command says on standard error.
    pub fn tells(programs: Programs, data: &Path, command: &[&str]) -> Result<String> {
        let told = Command::new(programs.relay).args(command).arg("--data").arg(data).output()?;
        ensure!(told.status.success(), "{command:?}: {}", String::from_utf8_lossy(&told.stderr));
        Ok(String::from_utf8(told.stdout)?)
    }

    /// Starts the relay of a folder; returns once it listens. Its log is appended to `relay.log` beside the folder.
    ///
    /// # Errors
    /// Where it does not start.
    pub fn serve(programs: Programs, data: &Path, arguments: &[&str]) -> Result<Self> {
        let log = data.with_extension("log");
        let errors = File::options().create(true).append(true).open(&log)?;
        let mut serve = Command::new(programs.relay);
        serve.arg("serve").arg("--data").arg(data).args(arguments).stdout(Stdio::piped()).stderr(errors);
        let mut process = Process(serve.spawn()?);
        let output = process.0.stdout.take().context("no output of the relay")?;
        let mut address = String::new();
        BufReader::new(output).read_line(&mut address)?;
        let address = address.trim().to_owned();
        let relay = Self { process, address, log };
        ensure!(relay.address.contains("://"), "the relay did not start: {:?}", relay.log);
        Ok(relay)
    }

    /// The process's id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.0.id()
    }

    /// Ends it as a power cut would, without a word.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn kill(mut self) -> Result<()> {
        self.process.0.kill()?;
        self.process.0.wait()?;
        Ok(())
    }
}

/// Somebody at a terminal, with a profile.
#[derive(Debug, Clone)]
pub struct Person {
    client: &'static str,
    home: PathBuf,
    profile: String,
    /// What is typed where a passphrase is asked for.
    pub passphrase: String,
    /// By which way relays are reached: `--proxy`.
    pub proxy: String,
}

impl Person {
    /// Somebody whose profiles lie in this folder. The profile is not made yet.
    #[must_use]
    pub fn new(programs: Programs, home: &Path, profile: &str) -> Self {
        let passphrase = PASSPHRASE.to_owned();
        Self {
            client: programs.client,
            home: home.to_owned(),
            profile: profile.to_owned(),
            passphrase,
            proxy: "none".to_owned(),
        }
    }

    /// A command, ready to be started.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.client);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TWIZA_")) {
            command.env_remove(name);
        }
        command.env("TWIZA_HOME", &self.home).env("TWIZA_PASSPHRASE", &self.passphrase);
        command
            .env("TWIZA_LANG", "en")
            .env("TWIZA_PROXY", &self.proxy)
            .args(["--profile", &self.profile])
            .args(arguments);
        command.env_remove("COLUMNS").stdin(Stdio::null());
        command
    }

    /// Runs a command, and gives what came of it, good or bad.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn tries(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.command(arguments).output()?)
    }

    /// Runs a command that must succeed, and gives what it printed.
    ///
    /// # Errors
    /// What the command says on standard error.
    pub fn types(&self, arguments: &[&str]) -> Result<String> {
        let Output { status, stdout, stderr } = self.tries(arguments)?;
        ensure!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
        Ok(String::from_utf8(stdout)?.trim_end().to_owned())
    }

    /// As [`Person::types`], as a script does: with `--json`.
    ///
    /// # Errors
    /// As [`Person::types`], and where no JSON is printed.
    pub fn asks(&self, arguments: &[&str]) -> Result<Value> {
        let printed = self.types(&[&["--json"], arguments].concat())?;
        serde_json::from_str(&printed).with_context(|| format!("{arguments:?} printed no JSON: {printed}"))
    }

    /// Runs a command that must fail; gives its exit code and the error's code.
    ///
    /// # Errors
    /// Where it succeeds, or says nothing a script can read.
    pub fn is_refused(&self, arguments: &[&str]) -> Result<(i32, String)> {
        let Output { status, stderr, .. } = self.tries(&[&["--json"], arguments].concat())?;
        ensure!(!status.success(), "{arguments:?} was not refused");
        let talk = String::from_utf8(stderr)?;
        let error: Value = talk.lines().last().and_then(|line| serde_json::from_str(line).ok()).context(talk)?;
        let code = error["error"]["code"].as_str().context("no code")?.to_owned();
        Ok((status.code().context("ended by a signal")?, code))
    }

    /// Invites somebody into an alliance (which `alliance` names, where there are several) and approves; gives the invitation,
    /// by which the newcomer finds out.
    ///
    /// # Errors
    /// Whatever fails on the way.
    pub fn lets_in(&self, newcomer: &Self, role: &str, alliance: &[&str]) -> Result<String> {
        let link = self.asks(&[&["invite", "--role", role], alliance].concat())?["link"].clone();
        let link = link.as_str().context("no link")?.to_owned();
        newcomer.types(&["join", &link])?;
        let requests = self.asks(&[&["requests"], alliance].concat())?;
        self.types(&[&["approve", &requests["requests"][0]["number"].to_string()], alliance].concat())?;
        Ok(link)
    }
}
