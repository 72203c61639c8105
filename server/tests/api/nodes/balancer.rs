//! One address before several nodes: each connection goes to the next of them that can be reached.

use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// The address before these.
pub(crate) async fn balance(nodes: Vec<SocketAddr>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let nodes = Arc::new(nodes);
    tokio::spawn(async move {
        for count in 0.. {
            let (client, _) = listener.accept().await.unwrap();
            tokio::spawn(carry(client, nodes.clone(), count));
        }
    });
    address
}

async fn carry(mut client: TcpStream, nodes: Arc<Vec<SocketAddr>>, count: usize) {
    for turn in 0..nodes.len() {
        if let Ok(mut node) = TcpStream::connect(nodes[(count + turn) % nodes.len()]).await {
            // Either side may hang up as it likes.
            drop(copy_bidirectional(&mut client, &mut node).await);
            return;
        }
    }
}
