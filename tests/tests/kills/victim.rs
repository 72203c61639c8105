//! One command, and its end: its own, or by SIGKILL after some time.

use anyhow::{Context, Result, anyhow};
use serde_json::Value;
use std::io::{Read, Seek};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use twiza_tests::programs::Person;

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ending {
    /// Its exit code; `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    /// Whether it was killed before its end.
    pub(crate) killed: bool,
    /// Every whole line of JSON that it had printed by then.
    pub(crate) printed: Vec<Value>,
    /// The code of the error that it told.
    pub(crate) error: Option<String>,
    /// All that it told.
    pub(crate) talk: String,
    /// How long it ran.
    pub(crate) took: Duration,
}

impl Ending {
    /// The first that it printed.
    pub(crate) fn answer(&self) -> Option<&Value> {
        self.printed.first()
    }
}

/// Runs a command with `--json`; kills it after some time if it has not ended by then.
pub(crate) fn run(person: &Person, arguments: &[&str], kill_after: Option<Duration>) -> Result<Ending> {
    let mut errors = tempfile::tempfile()?;
    let mut command = person.command(&[&["--json"], arguments].concat());
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(errors.try_clone()?).spawn()?;
    let mut output = child.stdout.take().context("no output")?;
    let (told, tells) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut printed = Vec::new();
        let read = output.read_to_end(&mut printed);
        // Whoever waited has gone on by itself.
        let _ = told.send(());
        read.map(|_| printed)
    });
    match kill_after {
        // The delay is the fault that is injected; nothing waits for it to be long enough.
        Some(delay) if tells.recv_timeout(delay).is_err() => child.kill()?,
        _ => {}
    }
    let printed = reader.join().map_err(|_| anyhow!("the reader of a command's output panicked"))??;
    let status = child.wait()?;
    let mut talk = String::new();
    errors.rewind()?;
    errors.read_to_string(&mut talk)?;
    let printed = String::from_utf8_lossy(&printed);
    Ok(Ending {
        code: status.code(),
        killed: status.signal().is_some(),
        printed: printed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect(),
        error: talk.lines().last().and_then(error_code),
        talk,
        took: begun.elapsed(),
    })
}

fn error_code(line: &str) -> Option<String> {
    let value: Value = serde_json::from_str(line).ok()?;
    value["error"]["code"].as_str().map(str::to_owned)
}
