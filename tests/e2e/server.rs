//! The real binary as a child process, and the few calls that the tests make of it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// A running `karat serve`; killed when dropped.
pub struct Server {
    child: Child,
    /// OTLP over gRPC, as `host:port`.
    pub otlp_grpc: String,
    /// OTLP over HTTP, as `host:port`.
    pub otlp_http: String,
    /// Dashboard and API, as `host:port`.
    pub http: String,
}

/// The two tenants of a server with keys: token and name.
pub const TENANTS: [(&str, &str); 2] = [("token-of-a", "team-a"), ("token-of-b", "team-b")];

/// A command that runs the binary with the environment of the tests.
pub fn karat() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_karat"));
    command.env("TOKEN_A", TENANTS[0].0).env("TOKEN_B", TENANTS[1].0);
    command
}

/// Writes settings for two tenants, and others after them, and returns the file.
pub fn settings_for_two_tenants(dir: &Path, others: &str) -> PathBuf {
    let file = dir.join("karat.toml");
    let text = format!(
        "[[keys]]\ntoken_env = \"TOKEN_A\"\ntenant = \"{}\"\n[[keys]]\ntoken_env = \"TOKEN_B\"\ntenant = \"{}\"\n[dashboard]\nsql_rows_max = 10000000\nsql_timeout_ms_max = 300000\n[log]\nfilter = \"warn\"\n[stages]\nscore_every_s = 0\ninspect_every_s = 0\n{others}",
        TENANTS[0].1, TENANTS[1].1
    );
    std::fs::write(&file, text).unwrap();
    file
}

impl Server {
    /// Starts the server and waits for its ready line; `None` if it ended before.
    pub fn try_start(data: &Path, settings: Option<&Path>) -> Option<Self> {
        Self::ready(spawn(karat(), data, settings, &[0; 3]))
    }

    /// Starts the server, which must come up.
    pub fn start(data: &Path, settings: Option<&Path>) -> Self {
        Self::try_start(data, settings).expect("the server did not come up")
    }

    /// Starts the process on ports that are known before it says so: OTLP over gRPC, over HTTP, and the dashboard.
    pub fn spawn_at(data: &Path, settings: &Path, ports: &[u16; 3]) -> Child {
        spawn(karat(), data, Some(settings), ports)
    }

    /// Waits for the ready line of a process.
    pub fn ready(mut child: Child) -> Option<Self> {
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Ok(ready) = serde_json::from_str::<Value>(&line) else {
            let _ = child.wait();
            return None;
        };
        // A query node takes no spans in.
        let address = |key: &str| ready[key].as_str().unwrap_or_default().to_owned();
        Some(Self { otlp_grpc: address("otlp_grpc"), otlp_http: address("otlp_http"), http: address("http"), child })
    }

    /// Asks for a path of the dashboard's port, and returns the status.
    pub async fn status(&self, path: &str) -> u16 {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.get(format!("http://{}{path}", self.http)).send().await.unwrap().status().as_u16()
    }

    /// Returns the most memory that the process has had, in bytes, as the system counts it.
    pub fn rss_max(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Sends the process a signal, such as `STOP`.
    #[cfg(feature = "kafka")]
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Returns what the server says of its store.
    pub async fn store_status(&self) -> Value {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let status = client.get(format!("http://{}/api/v1/status", self.http)).send().await.unwrap().text().await.unwrap();
        serde_json::from_str::<Value>(&status).unwrap()["store"].take()
    }

    /// Returns whether the server is ready, and what it says of that.
    pub async fn readiness(&self) -> (bool, Value) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(format!("http://{}/ready", self.http)).send().await.unwrap();
        (answer.status().is_success(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    /// Waits until the server says of its readiness what is expected; two minutes are patience.
    pub async fn wait_until_ready_says(&self, what: &str, holds: impl Fn(bool, &Value) -> bool) {
        let started = std::time::Instant::now();
        loop {
            let (is_ready, said) = self.readiness().await;
            if holds(is_ready, &said) {
                return;
            }
            assert!(started.elapsed().as_secs() < 120, "{what}: {said}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    /// Tells whether the process has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Ends the server as a crash would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends the server as an operator would, and expects exit code 0.
    pub fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the server ended with {status}");
    }

    /// Runs a query over the API, and returns the rows as JSON objects.
    pub async fn sql(&self, token: Option<&str>, sql: &str) -> Vec<Value> {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let body = serde_json::json!({"sql": sql, "max_rows": 10_000_000, "timeout_ms": 120_000});
        let mut request = client.post(format!("http://{}/api/v1/sql?format=jsonl", self.http)).json(&body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{sql}\n{status}: {text}");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Sends a process a signal, such as `STOP`.
pub fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap().success());
}

/// Starts the process of a command with `serve` and its flags.
pub fn spawn(mut command: Command, data: &Path, settings: Option<&Path>, ports: &[u16; 3]) -> Child {
    if let Some(settings) = settings {
        command.arg("--config").arg(settings);
    }
    command.arg("serve").arg("--data").arg(data);
    for (flag, port) in ["--otlp-grpc", "--otlp-http", "--http"].iter().zip(ports) {
        command.arg(flag).arg(format!("127.0.0.1:{port}"));
    }
    command.stdout(Stdio::piped()).spawn().unwrap()
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `karat sql --data` and returns the rows.
pub fn sql_at_rest(data: &Path, tenant: &str, sql: &str) -> Vec<Value> {
    let output = karat()
        .args(["sql", "--format", "jsonl", "--max-rows", "10000000", "--timeout", "120", "--tenant", tenant, "--data"])
        .arg(data)
        .arg(sql)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs a script of `tests/services` that this machine may not have installed; `None`, with a line that says how, where it is absent.
pub fn service(script: &str, args: &[&str]) -> Option<String> {
    if std::env::var("KARAT_SERVICE_TESTS").is_err() {
        eprintln!("SKIPPED: needs tests/services/{script}; run with KARAT_SERVICE_TESTS=1 (it installs what is missing)");
        return None;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services").join(script);
    let output = Command::new("bash").arg(path).args(args).output().unwrap();
    assert!(output.status.success(), "{script} {args:?}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}
