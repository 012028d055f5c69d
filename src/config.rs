//! Settings: defaults, over them karat.toml, over that the environment, over that the flags.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use schema::{Keys, Tenant};
use serde::{Deserialize, Serialize};

/// Everything that can be set, as karat.toml spells it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What this process is for: `all`, `query` to read tables that other nodes write, or with Kafka between several machines `gateway` or
    /// `ingester`. Default `all`.
    pub role: Role,
    /// Where the three servers listen.
    pub listen: Listen,
    /// Bearer tokens; none means that everybody who reaches the ports may write and read.
    pub keys: Vec<Key>,
    /// What goes to the log on stderr.
    pub log: Log,
    /// How often the background stages run.
    pub stages: Stages,
    /// Price table in LiteLLM's JSON form that goes over the shipped one; empty for the shipped one alone.
    pub prices: PathBuf,
    /// The tables and the write-ahead log.
    pub store: store::StoreConfig,
    /// The OTLP servers.
    pub collector: collector::CollectorConfig,
    /// Kafka, for the roles `gateway` and `ingester`.
    pub kafka: collector::kafka::KafkaConfig,
    /// Query nodes that share the work of a query, for the role `query`.
    pub cluster: Cluster,
    /// Scoring of landing spans.
    pub evaluator: evaluator::EvaluatorConfig,
    /// Monitors and alerts.
    pub monitor: monitor::MonitorConfig,
    /// Pages and API.
    pub dashboard: dashboard::DashboardConfig,
    /// Where karat's own traces go.
    pub telemetry: crate::telemetry::TelemetryConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            role: Role::All,
            listen: Listen::default(),
            keys: Vec::new(),
            log: Log::default(),
            stages: Stages::default(),
            prices: PathBuf::new(),
            store: store::StoreConfig::default(),
            collector: collector::CollectorConfig::default(),
            kafka: collector::kafka::KafkaConfig::default(),
            cluster: Cluster::default(),
            evaluator: evaluator::EvaluatorConfig::default(),
            monitor: monitor::MonitorConfig::default(),
            dashboard: dashboard::DashboardConfig::default(),
            telemetry: crate::telemetry::TelemetryConfig::default(),
        }
    }
}

/// What a process is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything on one machine, without Kafka.
    #[default]
    All,
    /// Takes OTLP and writes it to Kafka; has no tables.
    Gateway,
    /// Reads Kafka into the tables, beside everything that `all` does.
    Ingester,
    /// Answers queries over tables that other nodes write; takes nothing in.
    Query,
}

/// Where the servers listen. Loopback by default: nothing of karat's is reachable from outside unless told so.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// OTLP over gRPC.
    pub otlp_grpc: SocketAddr,
    /// OTLP over HTTP.
    pub otlp_http: SocketAddr,
    /// Dashboard and API.
    pub http: SocketAddr,
    /// Tasks of other query nodes, for the role `query`.
    pub cluster: SocketAddr,
}

impl Default for Listen {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self { otlp_grpc: loopback(4317), otlp_http: loopback(4318), http: loopback(4319), cluster: loopback(4320) }
    }
}

/// Query nodes that share the work of a query.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cluster {
    /// Addresses of all query nodes, this one among them, such as `http://10.0.0.5:4320`; empty where each node answers alone.
    pub nodes: Vec<String>,
    /// Bytes of files that are worth a task of their own: less network against more hands. Default 16 MiB.
    pub task_bytes: usize,
    /// Name of the environment variable that holds the secret which all nodes share.
    pub secret_env: String,
}

impl Default for Cluster {
    fn default() -> Self {
        let store::ClusterConfig { nodes, task_bytes } = store::ClusterConfig::default();
        Self { nodes, task_bytes, secret_env: "KARAT_CLUSTER_SECRET".to_owned() }
    }
}

/// One bearer token. The token itself stands in an environment variable, never in the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Name of the environment variable that holds the token.
    pub token_env: String,
    /// Tenant that the token stands for.
    #[serde(default = "default_tenant")]
    pub tenant: String,
}

fn default_tenant() -> String {
    Tenant::default().to_string()
}

/// What goes to the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// Filter in `tracing`'s syntax: `info`, `warn`, `info,store=debug`.
    pub filter: String,
    /// One JSON object a line instead of text.
    pub json: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".to_owned(), json: false }
    }
}

/// How often the background stages run. Shorter finds things sooner and costs more queries.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stages {
    /// Seconds between two passes over newly landed spans, which wait while ingest is short of memory; 0 turns scoring off.
    pub score_every_s: u64,
    /// Seconds between two looks at which monitors are due; 0 turns monitoring off.
    pub inspect_every_s: u64,
}

impl Default for Stages {
    fn default() -> Self {
        Self { score_every_s: 5, inspect_every_s: 60 }
    }
}

impl Config {
    /// Reads the settings: the file (or `karat.toml` in the working directory, if there is one), then `KARAT_...` variables.
    ///
    /// A variable is the key in capitals with `_` for the dots: `KARAT_LISTEN_HTTP`, `KARAT_STORE_FLUSH_INTERVAL_MS`. Returns the
    /// settings and the variables of that prefix that name no key, for a warning.
    pub fn read(file: Option<&Path>, variables: impl Iterator<Item = (String, String)>) -> anyhow::Result<(Self, Vec<String>)> {
        let mut table = match file {
            Some(path) => read_table(path)?,
            None if Path::new("karat.toml").exists() => read_table(Path::new("karat.toml"))?,
            None => toml::Table::new(),
        };
        let known = toml::Table::try_from(Self::default()).context("the default settings cannot be written as TOML")?;
        let mut unknown = Vec::new();
        for (name, value) in variables.filter(|(name, _)| name.starts_with("KARAT_") && !RESERVED.contains(&name.as_str())) {
            if !set(&mut table, &known, &name["KARAT_".len()..].to_lowercase(), &value) {
                unknown.push(name);
            }
        }
        let config: Self = table.try_into().context("a setting cannot be used")?;
        Ok((config, unknown))
    }

    /// Returns the directory of the tables and of the log.
    pub fn data(&self) -> &Path {
        &self.store.data
    }

    /// Resolves the password for Kafka from the environment.
    pub fn kafka_password(&self, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
        Some(&self.kafka.password_env).filter(|name| !name.is_empty()).and_then(|name| variable(name)).filter(|password| !password.is_empty())
    }

    /// Resolves the bearer tokens from the environment.
    pub fn keys(&self, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Keys> {
        let mut keys = Vec::new();
        for key in &self.keys {
            let Some(token) = variable(&key.token_env).filter(|token| !token.is_empty()) else {
                bail!("[[keys]] names the variable {}, which is not set; set it to the token or take the entry out", key.token_env);
            };
            keys.push((token, Tenant::new(&key.tenant)?));
        }
        Ok(Keys::new(keys))
    }
}

/// Variables that mean something else than a setting.
const RESERVED: &[&str] = &[
    "KARAT_CLUSTER_SECRET",
    "KARAT_CONFIG",
    "KARAT_FAILPOINT",
    "KARAT_DISK_FAULT",
    "KARAT_URL",
    "KARAT_TOKEN",
    "KARAT_DATA",
    "KARAT_OTLP_GRPC",
    "KARAT_OTLP_HTTP",
    "KARAT_HTTP",
    "KARAT_SERVICES",
    "KARAT_SERVICES_RUN",
    "KARAT_SERVICE_TESTS",
];

/// Settings without a default value, which the written defaults therefore lack.
const OPTIONAL: &[&str] = &["monitor_dir"];

fn read_table(path: &Path) -> anyhow::Result<toml::Table> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the settings in {}", path.display()))?;
    text.parse().with_context(|| format!("{} is not TOML", path.display()))
}

/// Sets the key that `name` means, `store_flush_interval_ms` for `store.flush_interval_ms`; returns whether there is one.
fn set(table: &mut toml::Table, known: &toml::Table, name: &str, value: &str) -> bool {
    if OPTIONAL.contains(&name)
        && let Some((section, key)) = name.split_once('_')
    {
        let inner = table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        let Some(inner) = inner.as_table_mut() else { return false };
        inner.insert(key.to_owned(), toml::Value::String(value.to_owned()));
        return true;
    }
    if known.contains_key(name) && !known[name].is_table() {
        let text = toml::Value::String(value.to_owned());
        let parsed = if known[name].is_str() {
            text
        } else {
            format!("v = {value}").parse::<toml::Table>().ok().and_then(|mut t| t.remove("v")).unwrap_or(text)
        };
        table.insert(name.to_owned(), parsed);
        return true;
    }
    let section = known.iter().find_map(|(key, value)| Some((key, value.as_table()?, name.strip_prefix(key.as_str())?.strip_prefix('_')?)));
    let Some((section, inner_known, rest)) = section else { return false };
    let inner = table.entry(section.clone()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
    inner.as_table_mut().is_some_and(|inner| set(inner, inner_known, rest, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> anyhow::Result<(Config, Vec<String>)> {
        Config::read(Some(Path::new("karat.toml")), variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn the_shipped_file_holds_every_default() {
        let shipped = read_table(Path::new("karat.toml")).unwrap();
        let defaults = toml::Table::try_from(Config::default()).unwrap();
        assert_eq!(toml::to_string(&sorted(&shipped)).unwrap(), toml::to_string(&sorted(&defaults)).unwrap());
    }

    fn sorted(table: &toml::Table) -> std::collections::BTreeMap<String, String> {
        fn walk(prefix: &str, table: &toml::Table, out: &mut std::collections::BTreeMap<String, String>) {
            for (key, value) in table {
                match value {
                    toml::Value::Table(inner) => walk(&format!("{prefix}{key}."), inner, out),
                    value => drop(out.insert(format!("{prefix}{key}"), value.to_string())),
                }
            }
        }
        let mut out = std::collections::BTreeMap::new();
        walk("", table, &mut out);
        out
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let (config, unknown) = read(&[
            ("KARAT_LISTEN_HTTP", "127.0.0.1:9"),
            ("KARAT_STORE_DATA", "x"),
            ("KARAT_LOG_JSON", "true"),
            ("KARAT_NONSENSE", "1"),
            ("HOME", "h"),
        ])
        .unwrap();
        assert_eq!(config.listen.http.port(), 9);
        assert_eq!(config.data(), Path::new("x"));
        assert!(config.log.json);
        assert_eq!(unknown, ["KARAT_NONSENSE"]);
    }

    #[test]
    fn a_wrong_value_is_named() {
        let error = format!("{:#}", read(&[("KARAT_LISTEN_HTTP", "nowhere")]).unwrap_err());
        assert!(error.contains("socket address"), "{error}");
    }

    #[test]
    fn a_token_that_is_not_set_is_named() {
        let config = Config { keys: vec![Key { token_env: "TEAM_TOKEN".to_owned(), tenant: "team".to_owned() }], ..Config::default() };
        assert!(config.keys(|_| None).unwrap_err().to_string().contains("TEAM_TOKEN"));
        assert!(!config.keys(|_| Some("t".to_owned())).unwrap().is_open());
    }
}
