//! A real broker, and the real binary in the roles that speak with it.

use std::path::Path;
use std::process::{Child, Command};

use crate::server::{Server, karat, service, spawn};

/// Commits at every opportunity, and looks for topics often. The table of properties is last, so that more can be added.
pub const SETTINGS: &str = "[store]\nflush_interval_ms = 20\ncommits_per_second = 200\ncompact_files = 3\ncheckpoint_commits = 5\nflush_bytes = 1000000\ncompact_bytes = 1000000\ningest_bytes_max = 280000000\n[kafka]\nmessage_bytes_max = 2000000\nprefetch_bytes_max = 4000000\nsession_timeout_ms = 6000\n[kafka.properties]\n\"topic.metadata.refresh.interval.ms\" = \"500\"\n";

/// A broker of tests/services/kafka.sh; ended, and its data deleted, when this is dropped.
pub struct Broker {
    ports: [String; 4],
    /// Where it takes everybody.
    pub bootstrap: String,
    /// Where it wants TLS and a password.
    pub sasl_ssl: String,
    /// Where it wants TLS alone.
    pub ssl: String,
    /// The file with the certificate to trust it by.
    pub ca: String,
    /// Who may come in there.
    pub username: String,
    /// With what.
    pub password: String,
}

impl Broker {
    /// Starts a broker; nothing where services are not to be started, or cannot be.
    pub fn start() -> Option<Broker> {
        if Command::new("mvn").arg("-v").output().is_err() || Command::new("java").arg("-version").output().is_err() {
            eprintln!("SKIPPED: needs tests/services/kafka.sh, which needs java and mvn");
            return None;
        }
        let listeners: Vec<_> = (0..4).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports = [0, 1, 2, 3].map(|index| listeners[index].local_addr().unwrap().port().to_string());
        drop(listeners);
        let said = service("kafka.sh", &["start", &ports[0], &ports[1], &ports[2], &ports[3]])?;
        let value = |name: &str| said.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('=')).unwrap().to_owned();
        let [bootstrap, sasl_ssl, ssl, ca] = ["BOOTSTRAP", "SASL_SSL", "SSL", "CA"].map(value);
        Some(Broker { bootstrap, sasl_ssl, ssl, ca, username: value("USERNAME"), password: value("PASSWORD"), ports })
    }

    /// Ends the broker, by `stop` or by `kill`, and starts it on what it left.
    pub fn restart(&self, how: &str) {
        let [port, sasl, controller, ssl] = &self.ports;
        service("kafka.sh", &[how, port, sasl, controller, ssl]);
        service("kafka.sh", &["start", port, sasl, controller, ssl]);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let [port, sasl, controller, ssl] = &self.ports;
        service("kafka.sh", &["clean", port, sasl, controller, ssl]);
    }
}

/// How nodes are started.
#[derive(Clone)]
pub struct Node<'a> {
    /// The broker that they speak with.
    pub broker: &'a Broker,
    /// Their settings.
    pub settings: &'a Path,
    /// Settings over those.
    pub variables: Vec<(&'a str, String)>,
}

impl Node<'_> {
    /// Starts the process without waiting for it. It kills itself at `moment`, where one is given.
    pub fn spawn(&self, role: &str, data: &Path, moment: Option<&str>) -> Child {
        let mut command = karat();
        command.env("KARAT_ROLE", role).env("KARAT_KAFKA_BROKERS", &self.broker.bootstrap).envs(moment.map(|moment| ("KARAT_FAILPOINT", moment)));
        command.env("KARAT_CONFIG", self.settings);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        spawn(command, data, None, &[0; 3])
    }

    /// Starts a node, which must come up.
    pub fn start(&self, role: &str, data: &Path) -> Server {
        Server::ready(self.spawn(role, data, None)).expect("a node comes up")
    }
}
