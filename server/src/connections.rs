//! How many connections there may be at once: each costs memory and a file descriptor, whoever opened it.
//!
//! One too many is hung up on before its handshake, which costs next to nothing, and the peer comes back later.
//! Nothing here tells one peer from another: an address would be the only thing to tell by, and is not looked at.

use crate::places::Places;
use axum_server::accept::Accept;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tower_service::Service;

/// Accepts as `inner` does, while there is room.
#[derive(Debug, Clone)]
pub(crate) struct Bounded<A> {
    inner: A,
    room: Places,
    /// Told in the log once, and not for every connection.
    was_told: Arc<AtomicBool>,
}

impl<A> Bounded<A> {
    pub(crate) fn new(inner: A, room: Places) -> Self {
        Self { inner, room, was_told: Arc::default() }
    }

    fn enter(&self) -> io::Result<OwnedSemaphorePermit> {
        let permit = self.room.take(1);
        if permit.is_none() && !self.was_told.swap(true, Ordering::Relaxed) {
            tracing::warn!("connections_max is reached: more are hung up on");
        }
        permit.ok_or_else(|| io::ErrorKind::ConnectionRefused.into())
    }
}

impl<A, S> Accept<TcpStream, S> for Bounded<A>
where
    A: Accept<TcpStream, S>,
    A::Stream: 'static,
    A::Service: 'static,
    A::Future: Send + 'static,
{
    type Stream = A::Stream;
    type Service = Counted<A::Service>;
    type Future = BoxFuture<'static, io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let entered = self.enter().and_then(|permit| {
            // A record of a watch goes out when it is there, and not when the one before was acknowledged.
            stream.set_nodelay(true)?;
            Ok((self.inner.accept(stream, service), Arc::new(permit)))
        });
        async move {
            let (accepting, permit) = entered?;
            let (stream, service) = accepting.await?;
            Ok((stream, Counted { service, _permit: permit }))
        }
        .boxed()
    }
}

/// A connection's service. Its place is free again when the connection has dropped it.
#[derive(Debug, Clone)]
pub(crate) struct Counted<S> {
    service: S,
    _permit: Arc<OwnedSemaphorePermit>,
}

impl<S: Service<R>, R> Service<R> for Counted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.service.call(request)
    }
}
