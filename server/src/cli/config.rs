//! `twiza-relay config`: print the commented example settings file.

use super::print;
use crate::settings::EXAMPLE;

/// Arguments of `config`: none.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

pub(super) fn run(_arguments: &Arguments) -> anyhow::Result<()> {
    print(EXAMPLE.trim_end())
}
