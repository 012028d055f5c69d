//! Addresses that a notifier may not reach: a URL in a settings file must not be a way into the private network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Which hosts may be reached though their addresses are private.
#[derive(Debug, Clone, Default)]
pub(super) struct Allowed(Arc<[String]>);

impl Allowed {
    /// Takes the hosts as the settings name them: a name, or an address.
    pub fn new(hosts: &[String]) -> Self {
        Self(hosts.iter().map(|host| bare(host).to_ascii_lowercase()).collect())
    }

    /// Whether this host is named.
    pub fn names(&self, host: &str) -> bool {
        self.0.iter().any(|allowed| allowed.eq_ignore_ascii_case(bare(host)))
    }

    /// Refuses a URL whose host is a private address by itself; one that is a name is checked again whenever it is looked up.
    pub fn check(&self, url: &Url) -> Result<(), String> {
        let host = url.host_str().unwrap_or_default();
        match bare(host).parse::<IpAddr>() {
            Ok(address) if is_private(address) && !self.names(host) => Err(refusal(host)),
            _ if is_local_name(host) && !self.names(host) => Err(refusal(host)),
            _ => Ok(()),
        }
    }

    /// Looks a host up, and keeps only the addresses that may be reached.
    pub async fn lookup(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        let found = tokio::net::lookup_host((bare(host), port)).await.map_err(|error| format!("{host} has no address: {error}"))?;
        let allowed: Vec<SocketAddr> = found.filter(|address| self.names(host) || !is_private(address.ip())).collect();
        if allowed.is_empty() { Err(refusal(host)) } else { Ok(allowed) }
    }
}

/// The same check where a client looks a name up: the answer to the check and the address that is reached are one.
impl Resolve for Allowed {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.clone();
        Box::pin(async move {
            let addresses = allowed.lookup(name.as_str(), 0).await.map_err(std::io::Error::other)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn refusal(host: &str) -> String {
    format!("{host} is on a private network; add it to monitor.notify.private_hosts if it is meant")
}

fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.')
}

fn is_local_name(host: &str) -> bool {
    let host = bare(host).to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => address.to_ipv4().map_or_else(|| is_private_v6(address), is_private_v4),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let benchmark = a == 198 && (18..20).contains(&b);
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.is_multicast()
        || shared
        || benchmark
        || a == 0
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let first = address.segments()[0];
    let unique_local = first & 0xfe00 == 0xfc00;
    let link_local = first & 0xffc0 == 0xfe80;
    // 64:ff9b::/96 leads to an IPv4 address that this check does not see.
    let translated = first == 0x64 && address.segments()[1] == 0xff9b;
    address.is_loopback() || address.is_unspecified() || address.is_multicast() || unique_local || link_local || translated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, allowed: &[&str], passes: bool) {
        let hosts: Vec<String> = allowed.iter().map(|host| (*host).to_owned()).collect();
        assert_eq!(Allowed::new(&hosts).check(&Url::parse(url).unwrap()).is_ok(), passes, "{url} with {allowed:?}");
    }

    #[test]
    fn private_addresses_are_refused_however_they_are_written() {
        for host in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "[::1]",
            "[fd00::1]",
            "[fe80::1]",
            "[::ffff:10.0.0.1]",
            "[::ffff:7f00:1]",
            "2130706433",
            "0x7f.1",
            "127.1",
            "localhost",
            "a.localhost",
            "LOCALHOST.",
            "[64:ff9b::a00:1]",
        ] {
            check(&format!("http://{host}/hook"), &[], false);
        }
        for host in ["8.8.8.8", "hooks.example.com", "[2606:4700::1111]", "172.32.0.1"] {
            check(&format!("https://{host}/hook"), &[], true);
        }
    }

    #[test]
    fn a_host_that_is_meant_passes() {
        check("http://127.0.0.1:9093/", &["127.0.0.1"], true);
        check("http://[::1]:9093/", &["::1"], true);
        check("http://localhost:9093/", &["localhost"], true);
        check("http://127.0.0.2:9093/", &["127.0.0.1"], false);
    }

    // A public name that leads to a private address is the usual way around such a check.
    #[tokio::test]
    async fn a_name_is_checked_when_it_is_looked_up() {
        assert!(Allowed::default().lookup("localhost", 80).await.unwrap_err().contains("private_hosts"));
        assert!(!Allowed::new(&["localhost".to_owned()]).lookup("localhost", 80).await.unwrap().is_empty());
    }
}
