//! The `twiza` binary.

fn main() {
    twiza_cli::exit(twiza_cli::run(std::env::args_os()))
}
