//! TLS towards a relay for tests and benchmarks.

use rustls::ClientConfig;
use twiza_protocol::RelayKey;

/// TLS 1.3 that ends at the holder of this key, and offers these protocols.
pub(crate) fn client_config(key: RelayKey, protocols: &[&str]) -> ClientConfig {
    twiza_relay::pinned::client_config(key, protocols).unwrap()
}
