//! The relay's program: parses, and calls the library.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    twiza_relay::cli::run(twiza_relay::cli::Arguments::parse())
}
