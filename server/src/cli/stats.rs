//! `twiza-relay stats`: how much there is, and how much there may be.

use super::{Data, existing_database, print};
use crate::calendar;
use crate::octets::spoken;
use crate::settings::Settings;
use crate::store::upkeep::Expiring;

/// Arguments of `stats`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    data: Data,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let settings = Settings::load(&arguments.data.folder())?;
    let expiring = existing_database(&settings)?.expiring()?;
    let total = |count: fn(&Expiring) -> u64| expiring.iter().map(count).sum::<u64>();
    let (mailboxes, closed) = (total(|day| day.mailboxes), total(|day| day.closed));
    let (frames, bytes) = (total(|day| day.frames), total(|day| day.frame_bytes));
    let (mailboxes_max, bytes_max) = (settings.mailboxes_max, settings.limits.relay_bytes_max);
    let (mailboxes_left, bytes_left) = (mailboxes_max.saturating_sub(mailboxes), bytes_max.saturating_sub(bytes));
    if arguments.json {
        let days: Vec<_> = expiring.iter().map(json).collect();
        let stats = serde_json::json!({
            "version": 1, "mailboxes": mailboxes, "mailboxes_closed": closed, "mailboxes_left": mailboxes_left,
            "frames": frames, "frame_bytes": bytes, "frame_bytes_left": bytes_left, "expiring": days,
        });
        return print(&stats.to_string());
    }
    print(&format!("mailboxes  {mailboxes}, {closed} of them closed; {mailboxes_left} more may be opened"))?;
    print(&format!("frames     {frames}, {}; {} more may be stored", spoken(bytes), spoken(bytes_left)))?;
    print("expiring after")?;
    for day in &expiring {
        let Expiring { mailboxes, frames, frame_bytes, .. } = day;
        let written = calendar::written(day.day);
        print(&format!("  {written}  {mailboxes} mailboxes, {frames} frames, {}", spoken(*frame_bytes)))?;
    }
    Ok(())
}

fn json(expiring: &Expiring) -> serde_json::Value {
    let Expiring { day, mailboxes, closed, frames, frame_bytes } = expiring;
    serde_json::json!({
        "day": calendar::written(*day), "mailboxes": mailboxes, "mailboxes_closed": closed, "frames": frames,
        "frame_bytes": frame_bytes,
    })
}
