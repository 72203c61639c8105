//! The program's log. Only this crate's own events are logged: what libraries say can hold addresses and headers.
//!
//! A line tells its day and nothing finer: when exactly something happened at a relay is nobody's business later. What
//! keeps the log (journald, say) may add a time of its own, so nothing is logged that a single request causes while all is
//! well.

use crate::calendar;
use crate::clock::{Clock, SystemClock};
use crate::settings::{LogFormat, LogLevel};
use std::io::IsTerminal;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging to stderr. A second call does nothing.
pub(crate) fn start(format: LogFormat, level: LogLevel) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let ours = Targets::new().with_target("twiza_relay", level);
    let colours = std::io::stderr().is_terminal();
    let output = tracing_subscriber::fmt::layer()
        .with_timer(Day)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false);
    let registry = tracing_subscriber::registry().with(ours);
    let started = match format {
        LogFormat::Human => registry.with(output).try_init(),
        LogFormat::Json => registry.with(output.json()).try_init(),
    };
    drop(started);
}

struct Day;

impl FormatTime for Day {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        writer.write_str(&calendar::written(SystemClock.now().day()))
    }
}
