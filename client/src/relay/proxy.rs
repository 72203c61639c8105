//! A proxy of the user's on the way to relays, for those whom a relay must not see the address of.
//!
//! Only SOCKS 5 with names resolved at the proxy (`socks5h`). Everything else that is called a proxy is refused, because
//! it would betray what a proxy is to hide: `socks5` and `socks4` look the relay's name up from here, and an HTTP proxy
//! cannot be told to keep alliances apart. Proxies of the environment are never followed: what of them is not understood
//! would be passed over in silence, and the connection would be direct.

use data_encoding::BASE32_NOPAD;
use reqwest::Url;
use std::str::FromStr;
use thiserror::Error;
use twiza_crypto::{EntropyError, Random};

const SCHEME: &str = "socks5h";

/// Octets of a user name or of a password in SOCKS (RFC 1929, section 2).
const CREDENTIAL_BYTES_MAX: usize = 255;

/// Octets of randomness in a user name, and in a password, that keep one connection's circuit from another's.
const ISOLATION_BYTES: usize = 16;

/// A SOCKS 5 proxy: `socks5h://[user:password@]host:port`.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy(Url);

/// A text that is no proxy one could be hidden by. The user's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProxyError {
    /// Another kind of proxy, or none.
    #[error("a proxy's address starts with socks5h://")]
    Scheme,
    /// No host, no port, or something after them.
    #[error("a proxy's address ends with a host and a port")]
    Place,
    /// A user name without a password, or one of them too long.
    #[error("a proxy's user name and password come together, and are not longer than 255 octets each")]
    Credentials,
}

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        // Before parsing: a text that is no address at all should be told what one begins with.
        if !text.get(..SCHEME.len() + 3).is_some_and(|start| start.eq_ignore_ascii_case("socks5h://")) {
            return Err(ProxyError::Scheme);
        }
        let url = Url::parse(text).map_err(|_| ProxyError::Place)?;
        let has_place = url.host_str().is_some_and(|host| !host.is_empty()) && url.port().is_some_and(|port| port > 0);
        let has_more = !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some();
        if !has_place || has_more {
            return Err(ProxyError::Place);
        }
        let fits = |text: &str| (1..=CREDENTIAL_BYTES_MAX).contains(&text.len());
        match (url.username(), url.password()) {
            ("", None) => Ok(Self(url)),
            (user, Some(password)) if fits(user) && fits(password) => Ok(Self(url)),
            _ => Err(ProxyError::Credentials),
        }
    }
}

impl Proxy {
    /// The proxy's address for one connection. Where the user gave no credentials, it has random ones: Tor gives every
    /// pair of them a circuit of its own (`IsolateSOCKSAuth`), so that alliances do not meet in one.
    pub(super) fn for_one_connection(&self, random: &Random) -> Result<Url, EntropyError> {
        let mut url = self.0.clone();
        if url.username().is_empty() {
            let user = BASE32_NOPAD.encode(&random.array::<ISOLATION_BYTES>()?);
            let password = BASE32_NOPAD.encode(&random.array::<ISOLATION_BYTES>()?);
            // Both fail only for an address without a host, which this is not.
            url.set_username(&user).and_then(|()| url.set_password(Some(&password))).map_err(|()| EntropyError)?;
        }
        Ok(url)
    }
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(url) = self;
        write!(f, "Proxy({}:{})", url.host_str().unwrap_or_default(), url.port().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::{Proxy, ProxyError};
    use std::str::FromStr;

    #[test]
    fn only_a_proxy_that_resolves_names_itself_is_taken() {
        for good in
            ["socks5h://127.0.0.1:9050", "socks5h://[::1]:9050/", "socks5h://a:b@proxy.example:1080", "SOCKS5H://h:1"]
        {
            assert!(Proxy::from_str(good).is_ok(), "{good}");
        }
        let schemes =
            ["", "none", "socks5://127.0.0.1:9050", "socks://h:1", "socks4a://h:1", "tor://h:1", "http://h:1"];
        let schemes =
            schemes.into_iter().chain(["https://h:1", "127.0.0.1:9050", "socks5h:", "socks5h:/h:1", "ⴰⴰⴰⴰⴰⴰ"]);
        let places =
            ["socks5h://", "socks5h://h", "socks5h://:9050", "socks5h://h:0", "socks5h://h:99999", "socks5h://h:x"];
        let places =
            places.into_iter().chain(["socks5h://h:1/path", "socks5h://h:1?a", "socks5h://h:1#a", "socks5h://a b:1"]);
        let long = format!("socks5h://{}:b@h:1", "a".repeat(256));
        let credentials = ["socks5h://a@h:1", "socks5h://:b@h:1", "socks5h://a:@h:1", long.as_str()];
        let bad = schemes
            .map(|text| (text, ProxyError::Scheme))
            .chain(places.map(|text| (text, ProxyError::Place)))
            .chain(credentials.map(|text| (text, ProxyError::Credentials)));
        for (text, error) in bad {
            assert_eq!(Proxy::from_str(text), Err(error), "{text}");
        }
    }

    #[test]
    fn credentials_are_not_in_debug() {
        let proxy = Proxy::from_str("socks5h://amina:secret@proxy.example:1080").unwrap();
        assert_eq!(format!("{proxy:?}"), "Proxy(proxy.example:1080)");
    }
}
