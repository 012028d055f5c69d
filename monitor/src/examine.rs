//! Monitors in CI: every fault of every file with its line, the SELECT planned over empty tables.

use std::fs;
use std::path::Path;

use futures::future::BoxFuture;
use schema::{Micros, Tenant};
use store::Store;

use crate::Monitor;
use crate::config::Limits;
use crate::error::Error;
use crate::rule::Rule;
use crate::series::Series;
use crate::shipped::{extended, shipped, yaml_files};

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Name of the file.
    pub file: String,
    /// Line, counted from 1, where it can be told.
    pub line: Option<usize>,
    /// What is wrong, and what to write.
    pub problem: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.problem),
            None => write!(f, "{}: {}", self.file, self.problem),
        }
    }
}

/// Checks every monitor of a directory; `store` may be empty, it only knows the columns, and `notifiers` are the names of those that are configured.
/// Returns how many files there are, and their faults.
pub fn examine<'a>(store: &'a Store, dir: &'a Path, notifiers: &'a [String]) -> BoxFuture<'a, Result<(usize, Vec<Fault>), Error>> {
    Box::pin(async move {
        let paths = yaml_files(dir)?;
        let (mut faults, mut monitors): (Vec<Fault>, Vec<(Monitor, String)>) = (Vec::new(), Vec::new());
        for path in &paths {
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let text = fs::read_to_string(path).map_err(|source| Error::Read { path: path.clone(), source })?;
            let fault = |line: Option<usize>, problem: String| Fault { file: file.clone(), line, problem };
            let rule = match Rule::parse(&text) {
                Ok(rule) => rule,
                Err(error) => {
                    faults.push(fault(error.line(&text), error.to_string()));
                    continue;
                }
            };
            if let Some((other, _)) = monitors.iter().find(|(other, _)| other.rule.name == rule.name) {
                faults.push(fault(line_of(&text, "name"), format!("{} is named {:?} too", other.file, rule.name)));
            }
            if let Err(problem) = plan(store, &rule).await {
                faults.push(fault(line_of(&text, "select"), problem));
            }
            monitors.push((Monitor { rule, file, limits: Limits::default() }, text));
        }
        faults.extend(unknown_names(&monitors, notifiers));
        faults.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        Ok((paths.len(), faults))
    })
}

/// Names under `under` and `notify` that nothing bears.
fn unknown_names(monitors: &[(Monitor, String)], notifiers: &[String]) -> Vec<Fault> {
    let own = monitors.iter().map(|(monitor, _)| monitor.rule.name.clone());
    let known: Vec<String> = own.chain(shipped().into_iter().chain(extended()).map(|monitor| monitor.rule.name)).collect();
    let mut faults = Vec::new();
    for (monitor, text) in monitors {
        let mut check = |key: &str, names: &[String], known: &[String], what: &str| {
            for name in names.iter().filter(|name| !known.contains(name)) {
                let nearest = known.iter().max_by(|a, b| likeness(a, name).total_cmp(&likeness(b, name)));
                let problem = match nearest {
                    Some(nearest) => format!("{key}: there is no {what} {name:?}; the nearest one is {nearest:?}"),
                    None => format!("{key}: there is no {what} {name:?}, and no other"),
                };
                faults.push(Fault { file: monitor.file.clone(), line: line_of(text, key), problem });
            }
        };
        check("under", &monitor.rule.under, &known, "monitor");
        check("notify", &monitor.rule.notify, notifiers, "notifier");
    }
    faults
}

fn likeness(a: &str, b: &str) -> f64 {
    measure::text::jaro_winkler(a, b)
}

/// Runs the SELECT over no time at all: its columns and their types are checked, no row is read.
async fn plan(store: &Store, rule: &Rule) -> Result<(), String> {
    let series = Series::read(store, &Tenant::default(), rule, Micros(0), Micros(0), &Limits::default()).await;
    series.map(|_| ()).map_err(|error| error.to_string())
}

/// The first line that gives the key.
pub(crate) fn line_of(yaml: &str, key: &str) -> Option<usize> {
    let gives = |line: &str| {
        let code = line.split('#').next().unwrap_or_default();
        let names = |(at, _): (usize, &str)| {
            let before = code[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '-');
            before && code[at + key.len()..].trim_start().starts_with(':')
        };
        code.match_indices(key).any(names)
    };
    yaml.lines().position(gives).map(|index| index + 1)
}
