//! What somebody who takes the relay finds.

use anyhow::ensure;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use std::collections::BTreeMap;
use std::path::Path;

/// Prints everything that the relay's store says, and makes sure that none of these texts is in any of its files.
pub(crate) fn show(folder: &Path, secrets: &[&str]) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(print_store(&folder.join("relay.sqlite3")))?;
    for file in std::fs::read_dir(folder)? {
        let octets = std::fs::read(file?.path())?;
        for secret in secrets {
            let found = octets.windows(secret.len()).any(|window| window == secret.as_bytes());
            ensure!(!found, "the relay's files contain {secret:?}");
        }
    }
    println!("  Searched in every file of the relay, and found nowhere: {}", secrets.join(", "));
    Ok(())
}

async fn print_store(file: &Path) -> anyhow::Result<()> {
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(file)).await?;
    let mailboxes = sqlx::query("select address, closed, expires_day from mailbox").fetch_all(&pool).await?;
    println!("  {} mailboxes. An address is a public key, and none is related to another:", mailboxes.len());
    for mailbox in mailboxes.iter().take(3) {
        let address: Vec<u8> = mailbox.get("address");
        let hex: String = address.iter().take(8).map(|octet| format!("{octet:02x}")).collect();
        let state = if mailbox.get::<bool, _>("closed") { "closed" } else { "open" };
        println!("    {hex}…  {state}, may be deleted after day {}", mailbox.get::<i64, _>("expires_day"));
    }
    println!("    …");
    let frames = sqlx::query("select length(octets) as size from frame").fetch_all(&pool).await?;
    ensure!(!frames.is_empty() && !mailboxes.is_empty(), "the relay holds nothing: this tour showed nothing");
    let mut sizes = BTreeMap::<i64, usize>::new();
    for frame in &frames {
        *sizes.entry(frame.get("size")).or_default() += 1;
    }
    println!("  {} frames, in few sizes whatever is in them:", frames.len());
    for (size, count) in sizes {
        println!("    {count} of {} KiB", size / 1024);
    }
    pool.close().await;
    Ok(())
}
