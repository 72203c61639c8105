//! `twiza-relay serve`: run the relay until it is told to stop.

use super::{Data, print};
use crate::clock::SystemClock;
use crate::descriptors;
use crate::folder::Folder;
use crate::issuer;
use crate::log;
use crate::run;
use crate::sandbox::{self, Reach};
use crate::settings::{LogFormat, LogLevel, Settings, TransportMode};
use crate::store::postgres::DatabaseUrl;
use anyhow::Context;
use sd_notify::NotifyState;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Arguments of `serve`: what is not given here or in the environment comes from the settings file.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    overrides: Overrides,
}

/// Settings by flag or environment. The settings file explains them.
#[derive(Debug, clap::Args)]
pub struct Overrides {
    /// The PostgreSQL database that this relay's nodes share. Others on this machine can see a password given here: use
    /// the variable, the settings file or ~/.pgpass
    #[arg(long, env = "TWIZA_RELAY_DATABASE", value_name = "URL", hide_env_values = true)]
    database: Option<DatabaseUrl>,
    /// Where to listen; with port 0, a free one
    #[arg(long, env = "TWIZA_RELAY_LISTEN", value_parser = super::listen)]
    listen: Option<SocketAddr>,
    /// The host that people reach the relay at
    #[arg(long, env = "TWIZA_RELAY_PUBLIC_HOST", value_name = "HOST")]
    public_host: Option<String>,
    /// The port that people reach the relay at
    #[arg(long, env = "TWIZA_RELAY_PUBLIC_PORT", value_name = "PORT")]
    public_port: Option<u16>,
    /// Who vouches for the connection
    #[arg(long, env = "TWIZA_RELAY_TRANSPORT")]
    transport: Option<TransportMode>,
    /// With webpki: the certificate chain, PEM
    #[arg(long, env = "TWIZA_RELAY_CERTIFICATE_FILE", value_name = "FILE")]
    certificate_file: Option<PathBuf>,
    /// With webpki: its private key, PEM
    #[arg(long, env = "TWIZA_RELAY_PRIVATE_KEY_FILE", value_name = "FILE")]
    private_key_file: Option<PathBuf>,
    /// Days that a mailbox is kept
    #[arg(long, env = "TWIZA_RELAY_RETENTION_DAYS", value_name = "DAYS")]
    retention_days: Option<u32>,
    /// How log lines look
    #[arg(long, env = "TWIZA_RELAY_LOG_FORMAT")]
    log_format: Option<LogFormat>,
    /// How much is logged
    #[arg(long, env = "TWIZA_RELAY_LOG_LEVEL")]
    log_level: Option<LogLevel>,
}

impl Overrides {
    pub(super) fn apply(self, settings: &mut Settings) {
        fn set<T>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        set(&mut settings.listen, self.listen);
        set(&mut settings.transport, self.transport);
        set(&mut settings.retention_days, self.retention_days);
        set(&mut settings.log_format, self.log_format);
        set(&mut settings.log_level, self.log_level);
        settings.database = self.database.or(settings.database.take());
        settings.public_host = self.public_host.or(settings.public_host.take());
        settings.public_port = self.public_port.or(settings.public_port);
        settings.certificate_file = self.certificate_file.or(settings.certificate_file.take());
        settings.private_key_file = self.private_key_file.or(settings.private_key_file.take());
    }
}

/// Loads a folder's settings under flags and environment.
pub(super) fn settings(data: &Data, overrides: Overrides) -> anyhow::Result<Settings> {
    let mut settings = Settings::load(&Folder::at(&data.folder))?;
    overrides.apply(&mut settings);
    settings.check()?;
    Ok(settings)
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let settings = settings(&arguments.data, arguments.overrides)?;
    log::start(settings.log_format, settings.log_level);
    descriptors::raise();
    // A second call, by a program that did it already, changes nothing.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let listener = bind(settings.listen)?;
    // What tells the number of processors is out of reach afterwards.
    let threads = std::thread::available_parallelism()?.get();
    if settings.database.is_none() {
        sandbox::enter(&reach(&settings));
    } else {
        tracing::info!("not confined from inside: the way to PostgreSQL takes files and sockets of this machine");
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(threads).enable_all().build().context("cannot start threads")?;
    runtime.block_on(serve(settings, listener))
}

/// What the relay touches once it serves.
fn reach(settings: &Settings) -> Reach {
    let certificate = settings.certificate_file.iter().chain(&settings.private_key_file).cloned();
    let is_acme = settings.transport == TransportMode::Acme;
    // Where names are looked up.
    let names = ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf"];
    let names = names.iter().filter(|_| is_acme).map(PathBuf::from).chain(settings.acme_root_file.clone());
    // SQLite's source of randomness.
    let reads = certificate.chain(names).chain(["/dev/urandom".into()]).collect();
    let binds = settings.metrics_listen.iter().map(SocketAddr::port).collect();
    Reach { folders: vec![settings.data.clone()], reads, binds, connects: is_acme }
}

async fn serve(settings: Settings, listener: TcpListener) -> anyhow::Result<()> {
    let shutdown = CancellationToken::new();
    stop_on_signals(shutdown.clone())?;
    if settings.folder().is_issuer() {
        let running = issuer::start(&settings, listener, Arc::new(SystemClock), shutdown)?;
        print(&running.address().to_string())?;
        tell_manager(NotifyState::Ready);
        return Ok(running.stopped().await?);
    }
    let running = run::start(settings, listener, Arc::new(SystemClock), shutdown).await?;
    print(&running.address().to_string())?;
    tell_manager(NotifyState::Ready);
    Ok(running.stopped().await?)
}

/// Where a service manager started this program, it waits for such words.
fn tell_manager(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

fn bind(listen: SocketAddr) -> anyhow::Result<TcpListener> {
    let port = listen.port();
    TcpListener::bind(listen).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "port {port} is in use: is the relay running already? Otherwise choose another port with --listen"
        ),
        std::io::ErrorKind::PermissionDenied => anyhow::anyhow!(
            "this user may not listen at port {port}: choose one above 1023 with --listen, or grant the capability \
             CAP_NET_BIND_SERVICE"
        ),
        std::io::ErrorKind::AddrNotAvailable => {
            anyhow::anyhow!("this machine does not have the address {}: choose another with --listen", listen.ip())
        }
        _ => anyhow::anyhow!("cannot listen at {listen}: {error}"),
    })
}

/// The first SIGTERM or SIGINT stops gracefully.
fn stop_on_signals(shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        tell_manager(NotifyState::Stopping);
        shutdown.cancel();
    });
    Ok(())
}
