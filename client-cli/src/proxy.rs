//! Which way to relays: directly, or through the proxy of `--proxy` or `TWIZA_PROXY`.
//!
//! Proxies that other programs follow are neither followed nor passed over: somebody who set one may think to be hidden.

use crate::failure::Failure;
use std::ffi::OsString;
use twiza_client::relay::proxy::Proxy;

/// The setting for no proxy.
const NONE: &str = "none";

/// Variables by which other programs would go through a proxy to where relays are.
const VARIABLES_OF_OTHERS: [&str; 4] = ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"];

/// The proxy for this setting, in this environment.
pub(crate) fn choose(
    setting: Option<&str>,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<Proxy>, Failure> {
    match setting {
        Some(NONE) => Ok(None),
        Some(address) => Ok(Some(address.parse()?)),
        None => {
            let is_set = |variable: &&str| environment(variable).is_some_and(|value| !value.is_empty());
            match VARIABLES_OF_OTHERS.into_iter().find(is_set) {
                Some(variable) => Err(Failure::ProxyOfEnvironment(variable)),
                None => Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Failure, VARIABLES_OF_OTHERS, choose};
    use std::ffi::OsString;

    #[test]
    fn a_proxy_of_the_environment_is_neither_followed_nor_passed_over() {
        for set in VARIABLES_OF_OTHERS {
            for value in ["socks://127.0.0.1:9050", "tor://x", "http://[", "socks5h://127.0.0.1:9050"] {
                let environment = |name: &str| (name == set).then(|| value.into());
                let refused = choose(None, environment);
                assert!(matches!(refused, Err(Failure::ProxyOfEnvironment(name)) if name == set), "{refused:?}");
                assert!(matches!(choose(Some("none"), environment), Ok(None)));
                assert!(matches!(choose(Some("socks5h://127.0.0.1:9050"), environment), Ok(Some(_))));
            }
            assert!(matches!(choose(None, |name| (name == set).then(OsString::new)), Ok(None)), "empty is not set");
        }
        assert!(matches!(choose(None, |_| None), Ok(None)));
        assert!(matches!(choose(Some(""), |_| None), Err(Failure::Proxy(_))));
    }
}
