//! The `twiza` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    twiza_cli::run(std::env::args_os())
}
