//! Where a relay is, and how a client knows that it is the right one.

use crate::{EncodingError, RelayKey};
use thiserror::Error;

/// The port of a relay whose address names none, for `twiza://`.
pub const DEFAULT_PORT: u16 = 7443;

/// Who vouches for the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// `twiza://`: the relay's self-signed certificate carries the pinned key itself.
    Pinned,
    /// `https://`: a certificate authority, for relays behind a domain; receipts are still by the pinned key.
    WebPki,
}

/// A relay's address: `twiza://host:port/<key>` or `https://host:port/<key>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RelayAddress {
    transport: Transport,
    host: String,
    port: u16,
    key: RelayKey,
}

/// A text that is no relay address. The user's fault: copy it again, whole.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RelayAddressError {
    /// Neither `twiza://` nor `https://`.
    #[error("a relay address starts with twiza:// or https://")]
    Scheme,
    /// The host is empty or has a character that no host name has.
    #[error("the host name is missing or has a character that host names do not have")]
    Host,
    /// The port is no number between 1 and 65535.
    #[error("the port is not a number between 1 and 65535")]
    Port,
    /// The key after the last slash is missing or damaged.
    #[error("the relay's key after the last slash is missing or damaged ({0})")]
    Key(#[source] EncodingError),
}

impl RelayAddress {
    /// Puts an address together.
    ///
    /// # Errors
    /// [`RelayAddressError::Host`] for a host that cannot be one, [`RelayAddressError::Port`] for port 0.
    pub fn new(transport: Transport, host: &str, port: u16, key: RelayKey) -> Result<Self, RelayAddressError> {
        if port == 0 {
            return Err(RelayAddressError::Port);
        }
        let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let valid = match inner {
            Some(ipv6) => ipv6.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                !host.is_empty()
                    && host.len() <= 253
                    && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
            }
        };
        if !valid {
            return Err(RelayAddressError::Host);
        }
        Ok(Self { transport, host: host.to_ascii_lowercase(), port, key })
    }

    /// Who vouches for the connection.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        self.transport
    }

    /// Host name or address; an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// TCP port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The relay's key.
    #[must_use]
    pub const fn key(&self) -> &RelayKey {
        &self.key
    }
}

impl std::fmt::Display for RelayAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = match self.transport {
            Transport::Pinned => "twiza",
            Transport::WebPki => "https",
        };
        write!(f, "{scheme}://{}:{}/{}", self.host, self.port, self.key)
    }
}

impl std::str::FromStr for RelayAddress {
    type Err = RelayAddressError;

    fn from_str(text: &str) -> Result<Self, RelayAddressError> {
        let text = text.trim();
        let (transport, default_port, rest) = if let Some(rest) = text.strip_prefix("twiza://") {
            (Transport::Pinned, DEFAULT_PORT, rest)
        } else if let Some(rest) = text.strip_prefix("https://") {
            (Transport::WebPki, 443, rest)
        } else {
            return Err(RelayAddressError::Scheme);
        };
        let (authority, key) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| RelayAddressError::Port)?),
            _ => (authority, default_port),
        };
        Self::new(transport, host, port, key.parse().map_err(RelayAddressError::Key)?)
    }
}

impl serde::Serialize for RelayAddress {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for RelayAddress {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
