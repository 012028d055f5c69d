//! The monitors that come with the binary, and those of a directory.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Monitor;
use crate::config::Limits;
use crate::error::Error;
use crate::rule::Rule;

/// The first five are the core: they run also where `monitor.extended` is off.
const N_CORE: usize = 5;
const SHIPPED: &[(&str, &str)] = &[
    ("latency.yaml", include_str!("../../monitors/latency.yaml")),
    ("errors.yaml", include_str!("../../monitors/errors.yaml")),
    ("cost.yaml", include_str!("../../monitors/cost.yaml")),
    ("groundedness.yaml", include_str!("../../monitors/groundedness.yaml")),
    ("silence.yaml", include_str!("../../monitors/silence.yaml")),
    ("ttft.yaml", include_str!("../../monitors/ttft.yaml")),
    ("tokens.yaml", include_str!("../../monitors/tokens.yaml")),
    ("budget.yaml", include_str!("../../monitors/budget.yaml")),
    ("refusals.yaml", include_str!("../../monitors/refusals.yaml")),
    ("answer-length.yaml", include_str!("../../monitors/answer-length.yaml")),
    ("cache-hits.yaml", include_str!("../../monitors/cache-hits.yaml")),
    ("tools.yaml", include_str!("../../monitors/tools.yaml")),
    ("loops.yaml", include_str!("../../monitors/loops.yaml")),
    ("scores.yaml", include_str!("../../monitors/scores.yaml")),
    ("retrieval.yaml", include_str!("../../monitors/retrieval.yaml")),
    ("languages.yaml", include_str!("../../monitors/languages.yaml")),
    ("topics.yaml", include_str!("../../monitors/topics.yaml")),
    ("fairness.yaml", include_str!("../../monitors/fairness.yaml")),
    ("judge-silence.yaml", include_str!("../../monitors/judge-silence.yaml")),
];

/// Returns the core of the shipped monitors: latency, errors, cost, groundedness, silence.
pub fn shipped() -> Vec<Monitor> {
    parsed(&SHIPPED[..N_CORE])
}

/// Returns the other monitors that come with the binary, which run unless `monitor.extended` is off.
pub fn extended() -> Vec<Monitor> {
    parsed(&SHIPPED[N_CORE..])
}

fn parsed(files: &[(&str, &str)]) -> Vec<Monitor> {
    // A shipped file that does not read is caught by the test below; it must not stop a server.
    files.iter().filter_map(|(file, yaml)| read(file, yaml).ok()).collect()
}

/// Returns the files of the shipped monitors: name and text.
pub fn shipped_files() -> &'static [(&'static str, &'static str)] {
    SHIPPED
}

/// Lists every `*.yaml` and `*.yml` of a directory, in the order of their names.
pub fn yaml_files(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Read { path: dir.to_owned(), source };
    let entries = fs::read_dir(dir).map_err(failed)?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"));
    paths.sort();
    Ok(paths)
}

/// Loads the monitors of a directory, in the order of their files' names.
pub fn load(dir: &Path) -> Result<Vec<Monitor>, Error> {
    let failed = |path: &Path, source| Error::Read { path: path.to_owned(), source };
    let paths = yaml_files(dir)?;
    let mut monitors: Vec<Monitor> = Vec::with_capacity(paths.len());
    for path in paths {
        let yaml = fs::read_to_string(&path).map_err(|source| failed(&path, source))?;
        let monitor = read(&path.file_name().unwrap_or_default().to_string_lossy(), &yaml)?;
        if let Some(other) = monitors.iter().find(|other| other.rule.name == monitor.rule.name) {
            return Err(Error::Twice { name: monitor.rule.name, first: other.file.clone(), second: monitor.file });
        }
        monitors.push(monitor);
    }
    Ok(monitors)
}

/// Reads one file.
pub(crate) fn read(file: &str, yaml: &str) -> Result<Monitor, Error> {
    let rule = Rule::parse(yaml).map_err(|problem| Error::Rule { file: file.to_owned(), problem })?;
    Ok(Monitor { rule, file: file.to_owned(), limits: Limits::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_monitor_reads_and_bears_the_name_of_its_file() {
        let mut n_files = 0;
        for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../monitors")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(SHIPPED.iter().any(|(file, _)| *file == name), "{name} is not in the list of shipped monitors");
            n_files += 1;
        }
        assert_eq!(n_files, SHIPPED.len());
        for (file, yaml) in SHIPPED {
            let monitor = read(file, yaml).unwrap();
            assert_eq!(format!("{}.yaml", monitor.rule.name), *file);
        }
        assert_eq!(shipped().len() + extended().len(), SHIPPED.len());
    }

    #[test]
    fn a_directory_is_read_in_order_and_its_faults_name_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let write = |file: &str, yaml: &str| fs::write(dir.path().join(file), yaml).unwrap();
        write("b.yaml", SHIPPED[0].1);
        write("a.yml", SHIPPED[1].1);
        write("notes.txt", "not a monitor");
        let names: Vec<String> = load(dir.path()).unwrap().into_iter().map(|monitor| monitor.rule.name).collect();
        assert_eq!(names, ["errors", "latency"]);

        write("c.yaml", SHIPPED[0].1);
        assert_eq!(load(dir.path()).unwrap_err().to_string(), "monitors b.yaml and c.yaml are both named \"latency\"; give one of them another name");
        write("c.yaml", "nmae: x");
        assert_eq!(load(dir.path()).unwrap_err().to_string(), "monitor c.yaml: unknown key \"nmae\"; the nearest one is \"name\"");
        assert!(load(&dir.path().join("missing")).unwrap_err().to_string().starts_with("cannot read monitors from"));
    }
}
