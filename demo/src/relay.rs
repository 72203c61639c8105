//! The tour's relay: a process of its own, stopped at the end whatever happens.

use anyhow::{Context, ensure};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running relay.
pub(crate) struct Relay {
    process: Child,
    pub(crate) address: String,
}

impl Relay {
    /// Makes a relay in a folder and starts it on a free port of this machine.
    pub(crate) fn start(program: &Path, folder: &Path) -> anyhow::Result<Self> {
        println!("$ twiza-relay init --data relay --listen 127.0.0.1:0 --public-host 127.0.0.1");
        let mut init = Command::new(program);
        init.arg("init").arg("--data").arg(folder);
        init.args(["--listen", "127.0.0.1:0", "--public-host", "127.0.0.1"]);
        let made = init.output().context("twiza-relay cannot be run")?;
        ensure!(made.status.success(), "init failed: {}", String::from_utf8_lossy(&made.stderr));
        println!("$ twiza-relay serve --data relay");
        let mut serve = Command::new(program);
        serve.arg("serve").arg("--data").arg(folder).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = serve.spawn().context("twiza-relay cannot be run")?;
        let output = process.stdout.take().context("no output of the relay")?;
        let mut address = String::new();
        BufReader::new(output).read_line(&mut address)?;
        let address = address.trim().to_owned();
        let relay = Self { process, address };
        ensure!(relay.address.starts_with("twiza://"), "the relay did not start");
        println!("  {}\n", relay.address);
        Ok(relay)
    }

    /// Stops it.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // Already stopped, or stopped now: there is nobody left to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
