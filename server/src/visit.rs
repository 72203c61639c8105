//! A visit to a relay, as a client pays it: connect, check who is there, ask what it is.
//!
//! For `doctor`, which wants to know why a relay cannot be reached: each step that fails has its own error.

use crate::pinned;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_platform_verifier::BuilderVerifierExt;
use serde::Deserialize;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use twiza_protocol::{AdmissionMode, RelayKey};

const TIME_MAX: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// How the connection is protected.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Protection {
    /// By the relay's own key.
    Pinned(RelayKey),
    /// By a certificate authority.
    WebPki,
    /// Not at all: a relay behind a proxy, from its own machine.
    None,
}

/// Why a visit came to nothing.
#[derive(Debug, Error)]
pub(crate) enum VisitError {
    /// The name has no address.
    #[error("the name is unknown ({0})")]
    Name(io::Error),
    /// A machine answered that nobody listens there.
    #[error("the connection was refused")]
    Refused,
    /// Nothing came back.
    #[error("nothing answers")]
    Silent,
    /// There was a connection, and it is not protected by what was asked for.
    #[error("somebody else answers ({0})")]
    Stranger(String),
    /// There was a connection, and no relay at its end.
    #[error("what answers is no relay")]
    NoRelay,
    /// Anything else.
    #[error("{0}")]
    Io(io::Error),
}

/// Where to go.
#[derive(Debug)]
pub(crate) struct Place {
    /// The host name or address to connect to.
    pub(crate) at: String,
    /// Its port.
    pub(crate) port: u16,
    /// The name to ask for there.
    pub(crate) name: String,
}

/// What a relay tells of itself, or an issuer: who it is.
#[derive(Debug, Deserialize)]
pub(crate) struct Introduction {
    #[serde(alias = "issuer_key")]
    pub(crate) relay_key: RelayKey,
    /// Who may open mailboxes; an issuer has none.
    pub(crate) admission: Option<AdmissionMode>,
}

/// Visits a relay or an issuer, and gives what it tells of itself.
pub(crate) fn visit(place: &Place, protection: Protection, path: &str) -> Result<Introduction, VisitError> {
    let addresses = (bare(&place.at), place.port).to_socket_addrs().map_err(VisitError::Name)?;
    let stream = connect(addresses)?;
    let name = &place.name;
    let answer = match protection {
        Protection::None => ask(stream, name, path)?,
        Protection::Pinned(key) => {
            let config = pinned::client_config(key, &["http/1.1"]).map_err(stranger)?;
            ask(encrypt(config, name, stream)?, name, path)?
        }
        Protection::WebPki => ask(encrypt(web_pki().map_err(stranger)?, name, stream)?, name, path)?,
    };
    let text = String::from_utf8(answer).map_err(|_| VisitError::NoRelay)?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or(VisitError::NoRelay)?;
    let status = head.split_whitespace().nth(1);
    if status != Some("200") {
        return Err(VisitError::NoRelay);
    }
    serde_json::from_str(body).map_err(|_| VisitError::NoRelay)
}

/// An IPv6 address without its brackets.
fn bare(host: &str) -> &str {
    host.trim_matches(['[', ']'])
}

/// The first address that takes the connection; else the last one's error.
fn connect(addresses: impl Iterator<Item = SocketAddr>) -> Result<TcpStream, VisitError> {
    let mut failure = VisitError::Name(io::ErrorKind::NotFound.into());
    for address in addresses {
        let connected = TcpStream::connect_timeout(&address, TIME_MAX).and_then(|stream| {
            stream.set_read_timeout(Some(TIME_MAX))?;
            stream.set_write_timeout(Some(TIME_MAX))?;
            Ok(stream)
        });
        match connected {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = io_failure(error),
        }
    }
    Err(failure)
}

fn encrypt(
    config: ClientConfig,
    host: &str,
    stream: TcpStream,
) -> Result<StreamOwned<ClientConnection, TcpStream>, VisitError> {
    let name = ServerName::try_from(bare(host).to_owned()).map_err(|error| VisitError::Stranger(error.to_string()))?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(stranger)?;
    Ok(StreamOwned::new(connection, stream))
}

fn web_pki() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_platform_verifier()?
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// HTTP/1.0, so that the answer ends with the connection and has no other framing.
fn ask(mut stream: impl Read + Write, host: &str, path: &str) -> Result<Vec<u8>, VisitError> {
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {host}\r\n\r\n").and_then(|()| stream.flush()).map_err(io_failure)?;
    let mut answer = Vec::new();
    match stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer) {
        // Some servers hang up without saying goodbye.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && !answer.is_empty() => Ok(answer),
        Err(error) => Err(io_failure(error)),
        Ok(_) => Ok(answer),
    }
}

fn stranger(error: rustls::Error) -> VisitError {
    VisitError::Stranger(error.to_string())
}

fn io_failure(error: io::Error) -> VisitError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => VisitError::Refused,
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock | io::ErrorKind::HostUnreachable => VisitError::Silent,
        // TLS speaks through the stream, and wraps its own errors so.
        io::ErrorKind::InvalidData => VisitError::Stranger(error.to_string()),
        _ => VisitError::Io(error),
    }
}
