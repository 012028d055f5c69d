//! The real llama.cpp server, which guides decoding by schemas and gives log-probabilities: with random weights, so the verdicts mean nothing and
//! everything else does. `tests/services/llm.sh` builds it (minutes): with KARAT_SERVICE_TESTS=all alone.

use std::path::Path;

use serde_json::{Value, json};

use crate::recipes::{RUBRIC, row, suite};
use crate::workspace::root;

struct Llama {
    port: String,
    url: String,
}

impl Llama {
    fn start() -> Option<Self> {
        if std::env::var("KARAT_SERVICE_TESTS").ok().as_deref() != Some("all") {
            eprintln!("SKIPPED: needs tests/services/llm.sh; run with KARAT_SERVICE_TESTS=all (it builds llama.cpp)");
            return None;
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let said = service(&["start", &port]);
        let url = said.split_whitespace().find_map(|word| word.strip_prefix("OPENAI_BASE_URL=")).unwrap().to_owned();
        Some(Self { port, url })
    }
}

impl Drop for Llama {
    fn drop(&mut self) {
        service(&["clean", &self.port]);
    }
}

fn service(args: &[&str]) -> String {
    let script = root().join("tests/services/llm.sh");
    assert!(Path::new(&script).is_file());
    let output = std::process::Command::new("bash").arg(script).args(args).output().unwrap();
    assert!(output.status.success(), "llm.sh {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Every answer is one of the rubric's verdicts, because the server was given the schema and takes it; the same run again costs nothing and says the same.
#[tokio::test]
async fn a_real_server_is_guided_by_the_schema() {
    let Some(llama) = Llama::start() else { return };
    let rows: Vec<Value> = (0..12).map(|i| row(&format!("c{i}"), &format!("The answer number {i}."))).collect();
    for check in [RUBRIC.to_owned(), format!("{RUBRIC}, weighted: true")] {
        let mut workspace = suite(&llama.url, &rows, &check);
        workspace.edit("suite.yaml", "openai:chat:m\"", "openai:chat:random\", config: {max_tokens: 400}");
        (workspace.config.call_timeout_s, workspace.config.concurrency) = (120, 4);
        let first = workspace.eval("suite.yaml").await.report.unwrap();
        let labels: Vec<&str> = first.cases.iter().filter_map(|case| case.scores[0].label.as_deref()).collect();
        assert!(labels.iter().all(|label| ["relevant", "partly", "irrelevant", "unclear"].contains(label)), "{labels:?}");
        assert!(labels.len() >= 6, "a reason that runs into the limit of tokens is half a JSON, most are whole: {:?}", first.cases[0].scores[0]);
        if check.contains("weighted") {
            // The log-probabilities are the model's own, before the grammar: random weights spread them over all bytes.
            assert!(first.judges[0].weighed.is_some_and(|share| share < 0.5), "{:?}", first.judges[0]);
        }
        let second = workspace.eval("suite.yaml").await.report.unwrap();
        let values = |report: &evaluator::Report| json!(report.cases.iter().map(|case| case.scores[0].value).collect::<Vec<_>>());
        assert_eq!(values(&first), values(&second));
    }
}
