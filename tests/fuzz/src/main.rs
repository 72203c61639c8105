//! Makes the seeds anew. Needed when an encoding has changed: see the library.

fn main() -> anyhow::Result<()> {
    twiza_fuzz::seeds::make()
}
