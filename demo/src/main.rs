//! A guided tour of Twiza's main job: one relay, three people, the real programs, the commands that anybody types.
//!
//! `cargo run --release -p demo` ends with exit code 0 only if every step did what it says.

mod programs;
mod relay;
mod seizure;
mod tour;

fn main() -> anyhow::Result<()> {
    println!("Building the two programs, `twiza-relay` and `twiza`. The first time takes some minutes.\n");
    let programs = programs::build()?;
    let folder = tempfile::Builder::new().prefix("twiza-tour-").tempdir()?;
    tour::run(&programs, folder.path())
}
