//! What idle TLS connections take where nothing else is there: the TLS library's own floor, with the runtime's tasks.
//!
//! This program once more, in a process of its own, with the relay's TLS settings.

use super::WATCHERS;
use super::bare_tls;
use super::connection::Connection;
use super::process::resident_kib_of;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Asks this program to be that server.
pub(crate) const ARGUMENT: &str = "--bare-tls";

/// Serves until it is killed: reads what connections say, and answers nothing.
pub(crate) fn serve() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (key, tls) = bare_tls::config();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{} {key}", listener.local_addr().unwrap());
        let acceptor = TlsAcceptor::from(tls);
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await.unwrap();
                let mut octet = [0];
                while stream.read(&mut octet).await.is_ok_and(|read| read > 0) {}
            });
        }
    });
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// KiB for each of as many connections as the relay had watchers.
pub(crate) async fn measure() -> f64 {
    let program = std::env::current_exe().unwrap();
    let mut server = Server(Command::new(program).arg(ARGUMENT).stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let (socket, key) = line.trim().split_once(' ').unwrap();
    let (socket, key): (SocketAddr, _) = (socket.parse().unwrap(), key.parse().unwrap());
    drop(Connection::to(socket, key).await);
    let idle = resident_kib_of(&server.0);
    let mut connections = Vec::new();
    for _ in 0..WATCHERS {
        connections.push(Connection::to(socket, key).await);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    (resident_kib_of(&server.0) - idle) as f64 / WATCHERS as f64
}
