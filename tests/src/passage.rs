//! A way to a relay that a test holds in its hand: connections leave it from an address of the test's choice.
//!
//! ```text
//! client ──▶ 127.0.0.1:port ── passage ──▶ (from `origin`) relay, same port on another loopback address
//! ```

use std::net::{IpAddr, SocketAddr};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// A passage, open until dropped.
#[derive(Debug)]
pub struct Passage {
    entrance: SocketAddr,
    task: JoinHandle<()>,
}

impl Passage {
    /// Opens a passage to the relay that listens, or will, at `relay_host` and the passage's own port. Connections
    /// come to it from `origin`.
    ///
    /// # Errors
    /// Where this machine has no free port.
    pub async fn open(relay_host: IpAddr, origin: IpAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let entrance = listener.local_addr()?;
        let relay = SocketAddr::new(relay_host, entrance.port());
        let task = tokio::spawn(async move {
            while let Ok((inbound, _)) = listener.accept().await {
                // A connection that fails is the client's to notice.
                tokio::spawn(carry(inbound, relay, origin));
            }
        });
        Ok(Self { entrance, task })
    }

    /// Where clients enter.
    #[must_use]
    pub const fn entrance(&self) -> SocketAddr {
        self.entrance
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut inbound: TcpStream, relay: SocketAddr, origin: IpAddr) -> std::io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(origin, 0))?;
    let mut outbound = socket.connect(relay).await?;
    copy_bidirectional(&mut inbound, &mut outbound).await?;
    Ok(())
}
