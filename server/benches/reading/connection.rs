//! One TLS connection that speaks just enough HTTP/1.1.

use crate::pinned;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use twiza_protocol::RelayKey;

pub(crate) struct Connection {
    stream: TlsStream<TcpStream>,
    read: Vec<u8>,
}

/// The last chunk of a body.
const END: &[u8] = b"\r\n0\r\n\r\n";

impl Connection {
    pub(crate) async fn to(server: SocketAddr, key: RelayKey) -> Self {
        let tls = TlsConnector::from(Arc::new(pinned::client_config(key, &["http/1.1"])));
        let stream = TcpStream::connect(server).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: tls.connect("localhost".try_into().unwrap(), stream).await.unwrap(), read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, head: &str, body: &[u8]) {
        let request = format!("{head}\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
        self.stream.write_all(&[request.as_bytes(), body].concat()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Reads an answer's head and so many octets after it, or more.
    pub(crate) async fn head_and(&mut self, octets: usize) {
        self.read.clear();
        loop {
            assert!(self.stream.read_buf(&mut self.read).await.unwrap() > 0, "hung up on");
            if let Some(head) = self.read.windows(4).position(|window| window == b"\r\n\r\n")
                && self.read.len() >= head + 4 + octets
            {
                assert!(self.read.starts_with(b"HTTP/1.1 20"), "{}", String::from_utf8_lossy(&self.read));
                return;
            }
        }
    }

    /// Reads an answer that is one flat JSON object.
    pub(crate) async fn object(&mut self) {
        self.read.clear();
        while !self.read.ends_with(b"}") {
            assert!(self.stream.read_buf(&mut self.read).await.unwrap() > 0, "hung up on");
        }
        assert!(self.read.starts_with(b"HTTP/1.1 20"), "{}", String::from_utf8_lossy(&self.read));
    }

    /// Reads exactly so many octets.
    pub(crate) async fn exactly(&mut self, octets: usize) {
        self.read.resize(octets, 0);
        self.stream.read_exact(&mut self.read).await.unwrap();
    }

    /// Reads an answer in chunks to its end, and gives its length.
    pub(crate) async fn whole(&mut self) -> usize {
        self.read.clear();
        while !self.read.ends_with(END) {
            assert!(self.stream.read_buf(&mut self.read).await.unwrap() > 0, "hung up on");
        }
        assert!(self.read.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&self.read));
        self.read.len()
    }
}
