//! The relay's program: parses, and calls the library.

use std::process::ExitCode;
use twiza_relay::cli;

fn main() -> ExitCode {
    cli::run(std::env::args_os())
}
