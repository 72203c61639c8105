//! How many connections there may be at once: each costs memory and a file descriptor, whoever opened it.
//!
//! ```text
//! one more ─▶ is there room? ─▶ enter
//!               │ no
//!               └─▶ is there a stranger? ─▶ hang up on the oldest, take its place
//!                     │ no
//!                     └─▶ hang up, before the handshake, which costs next to nothing
//! ```

use crate::peer::{Peer, Strangers};
use crate::places::Places;
use axum::http::Request;
use axum_server::accept::Accept;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tower_service::Service;

/// Who was hung up on has left after so long: its task has only to be woken.
const LEAVING_TIME_MAX: Duration = Duration::from_secs(2);

/// Newcomers who wait for such a place at once. Each holds a file descriptor beside those of `connections_max`.
const WAITING_MAX: usize = 32;

/// Accepts as `inner` does, while there is room, or a stranger who makes it.
#[derive(Debug, Clone)]
pub(crate) struct Bounded<A> {
    inner: A,
    entrance: Entrance,
}

#[derive(Debug, Clone)]
struct Entrance {
    room: Places,
    strangers: Strangers,
    waiting: Places,
    /// Told in the log once, and not for every connection.
    was_told: Arc<AtomicBool>,
}

impl<A> Bounded<A> {
    pub(crate) fn new(inner: A, room: Places) -> Self {
        let (strangers, waiting) = (Strangers::default(), Places::new(WAITING_MAX));
        Self { inner, entrance: Entrance { room, strangers, waiting, was_told: Arc::default() } }
    }
}

impl Entrance {
    async fn enter(self) -> io::Result<(OwnedSemaphorePermit, Peer)> {
        let place = match self.room.take(1) {
            Some(place) => Some(place),
            None => self.make_room().await,
        };
        let place = place.ok_or(io::ErrorKind::ConnectionRefused)?;
        Ok((place, self.strangers.enter()))
    }

    async fn make_room(&self) -> Option<OwnedSemaphorePermit> {
        if !self.was_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "connections_max is reached: those that have proved no mailbox are hung up on, then new ones"
            );
        }
        let _waiting = self.waiting.take(1)?;
        if !self.strangers.hang_up_on_oldest() {
            return None;
        }
        tokio::time::timeout(LEAVING_TIME_MAX, self.room.wait()).await.ok().flatten()
    }
}

impl<A, S> Accept<TcpStream, S> for Bounded<A>
where
    A: Accept<TcpStream, S> + Clone + Send + 'static,
    A::Stream: Negotiated + 'static,
    A::Service: 'static,
    A::Future: Send + 'static,
    S: Send + 'static,
{
    type Stream = Hangable<A::Stream>;
    type Service = Counted<A::Service>;
    type Future = BoxFuture<'static, io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let Self { inner, entrance } = self.clone();
        async move {
            let (place, peer) = entrance.enter().await?;
            // A record of a watch goes out when it is there, and not when the one before was acknowledged.
            stream.set_nodelay(true)?;
            let accepting = peer.hang_up().run_until_cancelled_owned(inner.accept(stream, service)).await;
            let (stream, service) = accepting.ok_or(io::ErrorKind::ConnectionAborted)??;
            let hang_up = Some(Box::pin(peer.hang_up().cancelled_owned()));
            let is_silent = stream.is_http1();
            let stream = Hangable { stream, hang_up, is_silent };
            Ok((stream, Counted { service, peer, _place: Arc::new(place) }))
        }
        .boxed()
    }
}

/// A connection's service. Its place is free again when the connection has dropped it. Requests carry their [`Peer`].
#[derive(Debug, Clone)]
pub(crate) struct Counted<S> {
    service: S,
    peer: Peer,
    _place: Arc<OwnedSemaphorePermit>,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Counted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(self.peer.clone());
        self.service.call(request)
    }
}

/// A stream that may know which HTTP its peer speaks before the peer has spoken.
pub(crate) trait Negotiated {
    /// Whether it is HTTP/1.1, by agreement.
    fn is_http1(&self) -> bool;
}

impl Negotiated for TcpStream {
    fn is_http1(&self) -> bool {
        false
    }
}

impl<S> Negotiated for TlsStream<S> {
    fn is_http1(&self) -> bool {
        self.get_ref().1.alpn_protocol() == Some(b"http/1.1")
    }
}

/// A stream that fails once its peer is to be hung up on.
#[derive(Debug)]
pub(crate) struct Hangable<S> {
    stream: S,
    /// Until it has happened.
    hang_up: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    /// Says nothing when it is read first. The server would read some octets to tell the versions of HTTP apart, and takes
    /// silence for HTTP/1; octets that it has read itself make the connection's buffer twice as large, for good.
    is_silent: bool,
}

impl<S: Unpin> Hangable<S> {
    /// The stream, if it goes on.
    fn going_on(&mut self, context: &mut Context<'_>) -> io::Result<Pin<&mut S>> {
        let hang_up = self.hang_up.as_mut();
        if hang_up.is_none_or(|hang_up| hang_up.poll_unpin(context).is_ready()) {
            self.hang_up = None;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(Pin::new(&mut self.stream))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Hangable<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.is_silent) {
            return Poll::Ready(Ok(()));
        }
        self.going_on(context)?.poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Hangable<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.going_on(context)?.poll_write(context, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.going_on(context)?.poll_write_vectored(context, octets)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.going_on(context)?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.going_on(context)?.poll_shutdown(context)
    }
}
