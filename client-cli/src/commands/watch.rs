//! `twiza watch`: read what comes, as it comes, until Ctrl-C.

use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;
use crate::render;
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
    let watching = engine.watch(number, after, |event| {
        if let WatchEvent::Entry(entry) = &event {
            last = entry.id;
        }
        tell(context, &event);
    });
    let ended = tokio::select! {
        ended = watching => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    engine.mark_read(number, last).await?;
    engine.close().await;
    Ok(ended?)
}

fn tell(context: &Context<'_>, event: &WatchEvent) {
    match event {
        WatchEvent::Entry(entry) => {
            context.output.people(|| json!({ "entry": entry }), || render::entry(context.language, entry));
        }
        WatchEvent::Offline(error) if context.output.is_json() => Output::talk(&render::line(&error.to_string())),
        WatchEvent::Offline(error) => {
            context.talk("talk-offline", &[("cause", render::line(&error.to_string()).into())]);
        }
        WatchEvent::Online => context.talk("talk-online", &[]),
        WatchEvent::Ended(status) => context.talk("read-status", &[("status", status.as_str().into())]),
    }
}
