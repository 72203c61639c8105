//! Starting and stopping a relay, in the program and in tests alike.
//!
//! ```text
//! stop: accept no more ─▶ end watches, finish requests ─▶ drain the writer ─▶ fold the log ─▶ return
//! ```

use crate::acme::Acme;
use crate::answers::Answers;
use crate::bodies::Bodies;
use crate::certificate;
use crate::clock::Clock;
use crate::connections::Bounded;
use crate::descriptors;
use crate::folder::FolderError;
use crate::grants::GrantsError;
use crate::http;
use crate::hub::Hub;
use crate::metrics::{self, Metrics};
use crate::news;
use crate::places::Places;
use crate::relay::Relay;
use crate::settings::{Settings, SettingsError, TransportMode};
use crate::signer::ReceiptSigner;
use crate::store::{self, PostgresStore, SqliteStore, Store, StoreError};
use crate::sweep;
use crate::writer::{Writer, WriterSettings, WriterStatistics};
use aws_lc_rs::error::KeyRejected;
use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::{RustlsConfig, from_tcp_rustls};
use rustls::ServerConfig;
use std::convert::Infallible;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use twiza_protocol::{PassIssuer, RelayAddress, RelayAddressError, RelaySigningKey, TokenError, Transport};

/// A connection has so long for its first request, and for each request's headers; an idle one is closed after it.
const HEADERS_TIME_MAX: Duration = Duration::from_secs(60);
const PING_INTERVAL: Duration = Duration::from_secs(45);
const STREAMS_PER_CONNECTION_MAX: u32 = 128;
const HEADER_BYTES_MAX: u32 = 16 << 10;

/// A relay that does not start, or does not go on. Mostly the operator's to mend; the texts say how.
#[derive(Debug, Error)]
pub enum StartError {
    /// The settings make no sense.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The library that signs receipts does not take the relay's key.
    #[error("relay.key cannot be used: {0}")]
    Key(#[from] KeyRejected),
    /// An issuer's token key cannot be used.
    #[error("token.key cannot be used: {0}")]
    TokenKey(#[from] TokenError),
    /// The file of grants cannot be used.
    #[error(transparent)]
    Grants(#[from] GrantsError),
    /// TLS cannot be set up.
    #[error("{0}")]
    Tls(String),
    /// The database cannot be opened.
    #[error("the relay's database cannot be used: {}", store::chain(.0))]
    Store(#[from] StoreError),
    /// The public host or port cannot be told in an address.
    #[error("public_host or public_port cannot be part of an address: {0}")]
    Address(#[from] RelayAddressError),
    /// The operating system gives no thread.
    #[error("cannot start a thread ({0}): may this user have more of them?")]
    Thread(std::io::Error),
    /// The thread that writes has ended by itself. Ours.
    #[error(
        "the relay can store nothing more, by a fault of this program: start it again, and report what its log says"
    )]
    Writer,
    /// Metrics cannot be told.
    #[error("cannot tell metrics at {listen} ({source}): choose another metrics_listen")]
    Metrics {
        /// Where they were to be told.
        listen: SocketAddr,
        /// Why they cannot.
        source: std::io::Error,
    },
    /// The listener failed.
    #[error("cannot serve at this port: {0}")]
    Listener(#[from] std::io::Error),
}

/// A relay that serves.
#[derive(Debug)]
pub struct Running {
    address: RelayAddress,
    metrics_address: Option<SocketAddr>,
    relay: Arc<Relay>,
    served: JoinHandle<std::io::Result<()>>,
    background: Vec<JoinHandle<()>>,
    writer_stop: CancellationToken,
    /// Ends with the writer; true where that ended by itself.
    writing: JoinHandle<bool>,
    /// Of the data folder, where the mailboxes are in it.
    claim: Option<File>,
}

/// Serves until `shutdown` is cancelled.
///
/// # Errors
/// [`StartError`].
pub async fn run(
    settings: Settings,
    listener: TcpListener,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) -> Result<(), StartError> {
    start(settings, listener, clock, shutdown).await?.stopped().await
}

/// Starts a relay on a bound listener. Its data folder must have been made ([`crate::cli::init::create`]).
/// It serves when this returns, and stops once `shutdown` is cancelled: then wait for [`Running::stopped`].
///
/// # Errors
/// [`StartError`].
pub async fn start(
    settings: Settings,
    listener: TcpListener,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) -> Result<Running, StartError> {
    settings.check()?;
    let folder = settings.folder();
    // Where there is no relay, nothing is written.
    let key = folder.read_key()?.public();
    if let Some(url) = &settings.database {
        let store = Arc::new(PostgresStore::open(url, &key).await?);
        return start_on(store, settings, listener, clock, shutdown).await;
    }
    // What one process remembers of the database, another would make untrue.
    let claim = folder.claim()?;
    if !folder.database().exists() {
        tracing::info!("this relay has no mailboxes yet: a new database is made");
    }
    let store = Arc::new(SqliteStore::open(&folder.prepare_database()?).await?);
    let running = start_on(store, settings, listener, clock, shutdown).await?;
    Ok(Running { claim: Some(claim), ..running })
}

/// Starts a relay on a store of the caller's choice; apart from that as [`start`] does.
///
/// # Errors
/// [`StartError`].
pub async fn start_on(
    store: Arc<dyn Store>,
    settings: Settings,
    listener: TcpListener,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) -> Result<Running, StartError> {
    settings.check()?;
    let key = settings.folder().read_key()?;
    let admission = settings.admission()?;
    if admission.admits_nobody() {
        tracing::warn!("nobody can open a mailbox: admission is \"grant\", and there is no grant yet");
    }
    let mut tls = tls(&settings, &key)?;
    let address = address(&settings, listener.local_addr()?, &key)?;

    let hub = Arc::new(Hub::default());
    let metrics = Metrics::new();
    let writer_stop = CancellationToken::new();
    let writer_settings = writer_settings(&settings);
    let (writer, writing) =
        Writer::start(store.clone(), hub.clone(), clock.clone(), metrics.clone(), writer_settings, writer_stop.clone())
            .map_err(StartError::Thread)?;
    let writing = tokio::spawn(stop_without_writer(writing, writer_stop.clone(), shutdown.clone()));
    let interval = Duration::from_secs(settings.sweep_interval_seconds);
    let sweeping = tokio::spawn(sweep::sweep(store.clone(), clock.clone(), interval, shutdown.clone()));
    let following = tokio::spawn(news::follow(store.clone(), hub.clone(), clock.clone(), shutdown.clone()));

    let relay = Arc::new(Relay {
        public_key: key.public(),
        passes: PassIssuer::of(&key),
        signer: ReceiptSigner::new(&key)?,
        store,
        writer,
        hub,
        bodies: Bodies::new(settings.bodies_bytes_max),
        answers: Answers::new(),
        watched: Places::new(settings.watched_mailboxes_max),
        connections: Places::new(descriptors::connections(settings.connections_max)),
        metrics,
        clock,
        admission,
        limits: settings.limits.clone(),
        quotas: settings.quotas(),
        retention_days: settings.retention_days,
        heartbeat: Duration::from_secs(settings.heartbeat_seconds),
        stopping: shutdown.clone(),
    });
    let handle = Handle::new();
    let (metrics_address, telling) = tell_metrics(&settings, &relay, &shutdown).await?.unzip();
    let router = if telling.is_some() { http::counted(relay.clone()) } else { http::router(relay.clone()) };
    let certifying = tls.keep(shutdown.clone());
    let served = serve(router, listener, tls, relay.connections.clone(), handle.clone())?;
    let stopping = stop_gracefully(&settings, handle, shutdown);
    tracing::info!(port = address.port(), "listening");
    let background = [sweeping, following, stopping].into_iter().chain(telling).chain(certifying).collect();
    Ok(Running { address, metrics_address, relay, served, background, writer_stop, writing, claim: None })
}

impl Running {
    /// The address under which clients reach the relay.
    #[must_use]
    pub const fn address(&self) -> &RelayAddress {
        &self.address
    }

    /// Where metrics are told, if they are.
    #[must_use]
    pub const fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// All routes, for callers that bring their own requests and need no connection.
    pub fn router(&self) -> Router {
        http::router(self.relay.clone())
    }

    /// How well group commit works.
    #[must_use]
    pub fn writer_statistics(&self) -> WriterStatistics {
        self.relay.writer.statistics()
    }

    /// Waits for the relay to have stopped: everything acknowledged is in the database's main file.
    ///
    /// # Errors
    /// [`StartError::Listener`] where serving failed.
    pub async fn stopped(self) -> Result<(), StartError> {
        let served = self.served.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        // Where serving failed, nobody cancelled the shutdown token: do not wait for the others.
        if served.is_err() {
            self.background.iter().for_each(JoinHandle::abort);
        }
        for task in self.background {
            drop(task.await);
        }
        self.writer_stop.cancel();
        let broke_off = self.writing.await.unwrap_or(true);
        self.relay.store.close().await;
        drop(self.claim);
        tracing::info!("stopped");
        if broke_off { Err(StartError::Writer) } else { Ok(served?) }
    }
}

/// How connections are protected, and what sees to it.
pub(crate) struct Tls {
    config: Option<Arc<ServerConfig>>,
    acme: Option<Acme>,
}

impl Tls {
    /// What has to go on as long as connections are taken, if anything.
    pub(crate) fn keep(&mut self, stop: CancellationToken) -> Option<JoinHandle<()>> {
        self.acme.take().map(|acme| tokio::spawn(acme.keep(stop)))
    }
}

/// A relay that can write nothing more has no reason to go on. Gives whether that was so.
async fn stop_without_writer(
    writing: oneshot::Receiver<Infallible>,
    asked_to: CancellationToken,
    shutdown: CancellationToken,
) -> bool {
    drop(writing.await);
    let broke_off = !asked_to.is_cancelled();
    if broke_off {
        tracing::error!("the thread that writes has ended: the relay stops");
        shutdown.cancel();
    }
    broke_off
}

/// Once `shutdown` is cancelled, takes no more connections, and gives the requests of others their time.
pub(crate) fn stop_gracefully(
    settings: &Settings,
    handle: Handle<SocketAddr>,
    shutdown: CancellationToken,
) -> JoinHandle<()> {
    let grace = Duration::from_secs(settings.shutdown_seconds);
    tokio::spawn(async move {
        shutdown.cancelled().await;
        handle.graceful_shutdown(Some(grace));
    })
}

async fn tell_metrics(
    settings: &Settings,
    relay: &Arc<Relay>,
    stop: &CancellationToken,
) -> Result<Option<(SocketAddr, JoinHandle<()>)>, StartError> {
    let Some(listen) = settings.metrics_listen else { return Ok(None) };
    let told = metrics::serve(relay.clone(), settings.data.clone(), listen, stop.clone()).await;
    told.map(Some).map_err(|source| StartError::Metrics { listen, source })
}

fn writer_settings(settings: &Settings) -> WriterSettings {
    WriterSettings {
        batch_max: settings.batch_frames_max,
        queue_length_max: settings.queue_length_max,
        queue_bytes_max: settings.queue_bytes_max,
        retention_days: settings.retention_days,
        quotas: settings.quotas(),
    }
}

pub(crate) fn tls(settings: &Settings, key: &RelaySigningKey) -> Result<Tls, StartError> {
    let configured = match (settings.transport, &settings.certificate_file, &settings.private_key_file) {
        (TransportMode::Plain, ..) => return Ok(Tls { config: None, acme: None }),
        (TransportMode::Acme, ..) => {
            let prepared = Acme::prepare(settings).map_err(|error| StartError::Tls(error.to_string()));
            return prepared.map(|(config, acme)| Tls { config: Some(config), acme: Some(acme) });
        }
        (TransportMode::WebPki, Some(certificate), Some(private)) => certificate::web_pki(certificate, private),
        _ => certificate::pinned(key, &settings.folder().certificate()),
    };
    let config = configured.map_err(|error| StartError::Tls(error.to_string()))?;
    Ok(Tls { config: Some(config), acme: None })
}

/// The address that people are told of a relay that does not run: with port 0 to listen at, it has the default port.
pub(crate) fn address_at_rest(settings: &Settings, key: &RelaySigningKey) -> Result<RelayAddress, RelayAddressError> {
    let mut listen = settings.listen;
    if listen.port() == 0 {
        listen.set_port(twiza_protocol::relay_address::DEFAULT_PORT);
    }
    address(settings, listen, key)
}

/// The address that people are told.
pub(crate) fn address(
    settings: &Settings,
    bound: SocketAddr,
    key: &RelaySigningKey,
) -> Result<RelayAddress, RelayAddressError> {
    let transport = match settings.transport {
        TransportMode::Pinned => Transport::Pinned,
        TransportMode::WebPki | TransportMode::Acme | TransportMode::Plain => Transport::WebPki,
    };
    let host = match (&settings.public_host, bound) {
        (Some(host), _) => host.clone(),
        (None, bound) if bound.ip().is_unspecified() => "localhost".to_owned(),
        (None, SocketAddr::V4(v4)) => v4.ip().to_string(),
        (None, SocketAddr::V6(v6)) => format!("[{}]", v6.ip()),
    };
    RelayAddress::new(transport, &host, settings.public_port.unwrap_or(bound.port()), key.public())
}

pub(crate) fn serve(
    router: Router,
    listener: TcpListener,
    tls: Tls,
    connections: Places,
    handle: Handle<SocketAddr>,
) -> std::io::Result<JoinHandle<std::io::Result<()>>> {
    let service = router.into_make_service();
    Ok(match tls.config {
        Some(config) => {
            let mut server =
                from_tcp_rustls(listener, RustlsConfig::from_config(config))?.map(|tls| Bounded::new(tls, connections));
            bound_connections(server.http_builder());
            tokio::spawn(server.handle(handle).first_request_timeout(HEADERS_TIME_MAX).serve(service))
        }
        None => {
            let mut server = axum_server::from_tcp(listener)?.map(|plain| Bounded::new(plain, connections));
            bound_connections(server.http_builder());
            tokio::spawn(server.handle(handle).first_request_timeout(HEADERS_TIME_MAX).serve(service))
        }
    })
}

/// Bounds what a connection may cost, against peers that open many and say little.
fn bound_connections<E>(builder: &mut hyper_util::server::conn::auto::Builder<E>) {
    builder.http1().header_read_timeout(HEADERS_TIME_MAX);
    builder
        .http2()
        .keep_alive_interval(PING_INTERVAL)
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .max_header_list_size(HEADER_BYTES_MAX);
}
