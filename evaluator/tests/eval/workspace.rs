//! A directory with suites and datasets of a test's own.

use std::path::{Path, PathBuf};

use evaluator::suite::Compare;
use evaluator::{Archive, BatchFiles, CallsConfig, Control, Env, EvalArgs, EvalFormat, EvalOutcome, EvaluatorConfig, Part, Report, cli_eval};
use schema::Micros;
use serde_json::Value;
use tempfile::TempDir;

pub const NOW: Micros = Micros(1_795_000_000_000_000);

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub struct Workspace {
    dir: TempDir,
    /// Environment variables that a suite may name.
    pub env: Vec<(&'static str, String)>,
    pub config: EvaluatorConfig,
    pub control: Control<'static>,
    pub batch: BatchFiles,
    pub part: Part,
    pub outputs: Vec<PathBuf>,
}

impl Workspace {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let calls = CallsConfig { work_dir: dir.path().join(".karat"), ..CallsConfig::default() };
        let config = EvaluatorConfig { backoff_ms: 1, attempts_max: 4, call_timeout_s: 1, calls, ..EvaluatorConfig::default() };
        Self { dir, env: Vec::new(), config, control: Control::default(), batch: BatchFiles::default(), part: Part::default(), outputs: Vec::new() }
    }

    /// A copy of the shipped suite with everything that it names.
    pub fn of_rag() -> Self {
        let workspace = Self::new();
        for file in [
            "suites/rag.yaml",
            "suites/rag-judge.yaml",
            "suites/schemas/answer.json",
            "rubrics/relevancy.txt",
            "datasets/rag/questions.jsonl",
            "baselines/rag.json",
        ] {
            workspace.write(file, &std::fs::read_to_string(root().join(file)).unwrap());
        }
        workspace
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    pub fn write(&self, file: &str, text: &str) {
        std::fs::create_dir_all(self.path(file).parent().unwrap()).unwrap();
        std::fs::write(self.path(file), text).unwrap();
    }

    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap()
    }

    /// Replaces text in a file that must stand there.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let text = self.read(file);
        assert!(text.contains(from), "{file} has no {from:?}");
        self.write(file, &text.replace(from, to));
    }

    /// Changes the rows of a dataset; rows that become nothing are dropped.
    pub fn edit_rows(&self, file: &str, change: impl Fn(usize, Value) -> Option<Value>) {
        let rows = self.read(file);
        let rows = rows.lines().enumerate().filter_map(|(index, line)| change(index, serde_json::from_str(line).unwrap()));
        let text: Vec<String> = rows.map(|row| row.to_string()).collect();
        self.write(file, &(text.join("\n") + "\n"));
    }

    pub async fn eval(&self, suite: &str) -> EvalOutcome {
        self.eval_with(suite, Compare::Suite, false).await
    }

    pub async fn update_baseline(&self, suite: &str) -> EvalOutcome {
        self.eval_with(suite, Compare::Suite, true).await
    }

    /// Runs a suite and returns what was written in this form, as standard output and into a file.
    pub async fn eval_as(&self, suite: &str, compare: Compare, format: EvalFormat) -> String {
        let path = self.path("report.out");
        let args = |output: Option<PathBuf>| EvalArgs {
            compare: compare.clone(),
            format,
            outputs: output.into_iter().collect(),
            ..self.args(suite, &|_| None)
        };
        let shown = cli_eval(&args(None), NOW).await.text;
        cli_eval(&args(Some(path)), NOW).await;
        // Only the time that the run took may differ.
        let lines = |text: &str| {
            text.lines()
                .filter(|line| !["duration_ms", "<testsuite", " cases in "].iter().any(|part| line.contains(part)))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(lines(&shown), lines(&self.read("report.out")));
        shown
    }

    pub async fn eval_with(&self, suite: &str, compare: Compare, update_baseline: bool) -> EvalOutcome {
        let env = |name: &str| self.env_of(name);
        cli_eval(&EvalArgs { compare, update_baseline, ..self.args(suite, &env) }, NOW).await
    }

    /// Runs a suite whose runs are kept, and whose SELECTs are asked, here.
    pub async fn eval_over(&self, suite: &str, archive: Archive<'_>, now: Micros) -> EvalOutcome {
        let env = |name: &str| self.env_of(name);
        cli_eval(&EvalArgs { archive, ..self.args(suite, &env) }, now).await
    }

    fn env_of(&self, name: &str) -> Option<String> {
        self.env.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    }

    fn args<'a>(&self, suite: &str, env: Env<'a>) -> EvalArgs<'a> {
        EvalArgs {
            suite: self.path(suite),
            compare: Compare::Suite,
            update_baseline: false,
            format: EvalFormat::Text,
            outputs: self.outputs.clone(),
            part: self.part.clone(),
            config: self.config.clone(),
            env,
            archive: Archive::Nowhere,
            control: self.control,
            batch: self.batch.clone(),
        }
    }

    /// Runs a suite that must end with this exit code, and returns its report.
    #[track_caller]
    pub fn expect(outcome: EvalOutcome, exit_code: i32) -> Report {
        assert_eq!(outcome.exit_code, exit_code, "{}", outcome.text);
        outcome.report.unwrap()
    }
}
