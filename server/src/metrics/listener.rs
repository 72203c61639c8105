//! Where metrics are told: a loopback address, over plain HTTP.

use super::readings::Readings;
use crate::relay::Relay;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

struct Told {
    relay: Arc<Relay>,
    data: PathBuf,
    registry: Registry,
    readings: Readings,
}

/// Tells a relay's metrics until `stop` is cancelled; gives the address at which it does.
///
/// # Errors
/// Where it cannot listen there.
pub(crate) async fn serve(
    relay: Arc<Relay>,
    data: PathBuf,
    listen: SocketAddr,
    stop: CancellationToken,
) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind(listen).await?;
    let bound = listener.local_addr()?;
    let (registry, readings) = relay.metrics.register();
    let told = Arc::new(Told { relay, data, registry, readings });
    let router = Router::new().route("/metrics", get(tell)).with_state(told);
    let serving = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    let task = tokio::spawn(async move { drop(serving.await) });
    Ok((bound, task))
}

async fn tell(State(told): State<Arc<Told>>) -> Response {
    told.readings.read(&told.relay, &told.data).await;
    let mut text = String::new();
    match encode(&mut text, &told.registry) {
        Ok(()) => ([(CONTENT_TYPE, MEDIA_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
