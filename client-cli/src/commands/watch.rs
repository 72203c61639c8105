//! `twiza watch`: read what comes, as it comes, until Ctrl-C.

use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use crate::look_alike::Crowd;
use crate::output::Output;
use crate::{cause, render};
use serde_json::json;
use twiza_client::engine::WatchEvent;

pub(crate) async fn run(alliance: InAlliance, context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let number = context.alliance(&engine, &alliance).await?;
    let read = engine.entries(number, 0, false).await?;
    let unread = engine.entries(number, 0, true).await?;
    let after = unread.first().map_or_else(|| read.last().map_or(0, |entry| entry.id), |entry| entry.id - 1);
    context.talk("watch-start", &[]);
    let mut last = after;
    let mut crowd = Crowd::of(&[]);
    let watching = engine.watch(number, after, |event| {
        match &event {
            WatchEvent::Entry(entry) => last = entry.id,
            WatchEvent::Members(members) => crowd = Crowd::of(members),
            _ => {}
        }
        tell(context, &event, &crowd);
    });
    let ended = tokio::select! {
        ended = watching => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    engine.mark_read(number, last).await?;
    engine.close().await;
    Ok(ended?)
}

fn tell(context: &Context<'_>, event: &WatchEvent, crowd: &Crowd) {
    match event {
        WatchEvent::Entry(entry) => {
            context.output.people(
                || json!({ "entry": render::entry_json(entry, crowd) }),
                || render::entry(context.language, entry, crowd),
            );
        }
        WatchEvent::Members(_) => {}
        WatchEvent::Offline(error) => {
            Output::talk(&context.text("watch-offline", &[("cause", cause::of(error, context.language).into())]));
        }
        WatchEvent::Blocked(error) => {
            Output::talk(&context.text("talk-blocked", &[("cause", cause::of(error, context.language).into())]));
        }
        WatchEvent::Online => context.talk("talk-online", &[]),
        WatchEvent::Ended(status) => context.talk("read-status", &[("status", status.as_str().into())]),
    }
}
