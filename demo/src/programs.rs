//! Building and finding the two programs.

use anyhow::{Context, ensure};
use std::path::PathBuf;
use std::process::Command;

/// Where the programs are.
pub(crate) struct Programs {
    pub(crate) relay: PathBuf,
    pub(crate) client: PathBuf,
}

/// Builds both, as this program was built, beside it.
pub(crate) fn build() -> anyhow::Result<Programs> {
    let own = std::env::current_exe().context("this program's own place is unknown")?;
    let folder = own.parent().context("this program is in no folder")?.to_owned();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "-p", "demo", "-p", "twiza-relay", "-p", "twiza-cli"]);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    ensure!(command.status().context("cargo cannot be run")?.success(), "the programs do not build");
    let program = |name: &str| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let programs = Programs { relay: program("twiza-relay"), client: program("twiza") };
    ensure!(programs.relay.exists() && programs.client.exists(), "the programs were not built where this one is");
    Ok(programs)
}
