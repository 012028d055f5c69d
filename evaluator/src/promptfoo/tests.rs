//! Reads tests: inline, out of YAML, JSON, JSONL and CSV.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_yaml_ng::{Mapping, Value as Yaml};

use crate::error::Error;
use crate::files::Files;
use crate::keys::explain;
use crate::promptfoo::csv::test_of;
use crate::promptfoo::glob;
use crate::spec::{Many, TestSpec, TextOr};

/// Reads all tests of a suite, in promptfoo's order: as they are listed, files in the order of their names.
pub(crate) fn read(tests: &Many<TestSpec>, files: &Files) -> Result<Vec<TestSpec>, Error> {
    let mut read = Vec::new();
    for test in &tests.0 {
        match test {
            TextOr::Map(test) => read.push(with_vars(test.clone(), files)?),
            TextOr::Text(name) => {
                for test in from_files(name, files)? {
                    read.push(with_vars(test, files)?);
                }
            }
        }
    }
    Ok(read)
}

/// Reads the default test, which may stand in a file.
pub(crate) fn read_default(test: Option<&TextOr<TestSpec>>, files: &Files) -> Result<TestSpec, Error> {
    match test {
        None => Ok(TestSpec::default()),
        Some(TextOr::Map(test)) => with_vars(test.clone(), files),
        Some(TextOr::Text(name)) => with_vars(yaml(name, &files.read("defaultTest", name)?)?, files),
    }
}

fn from_files(name: &str, files: &Files) -> Result<Vec<TestSpec>, Error> {
    let pattern = name.strip_prefix("file://").unwrap_or(name);
    if pattern.contains("://") {
        return Err(Error::config(format!("tests: {name:?} lies in the network; save it beside the suite")));
    }
    let found = files.bases().iter().map(|base| glob::files(base, pattern)).find(|found| !found.is_empty());
    let found = found.ok_or_else(|| Error::config(format!("tests: there is no file {pattern:?} beside the suite or in a directory above it")))?;
    let mut tests = Vec::new();
    for path in found {
        tests.extend(from_file(&path, files)?);
    }
    Ok(tests)
}

fn from_file(path: &Path, files: &Files) -> Result<Vec<TestSpec>, Error> {
    let text = files.text(path)?;
    let shown = path.display().to_string();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => from_csv(&shown, &text),
        Some("yaml" | "yml" | "json") => one_or_more(&shown, &text),
        Some("jsonl") => {
            let line = |(index, line): (usize, &str)| yaml(&format!("{shown}:{}", index + 1), line);
            text.split('\n').enumerate().filter(|(_, line)| !line.trim().is_empty()).map(line).collect()
        }
        _ => Err(Error::config(format!("{shown}: tests are read from .yaml, .json, .jsonl or .csv; code does not run here"))),
    }
}

fn from_csv(shown: &str, text: &str) -> Result<Vec<TestSpec>, Error> {
    let at = |error: &dyn std::fmt::Display| Error::config(format!("{shown}: {error}"));
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| at(&error))?.clone();
    let mut tests = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| at(&error))?;
        let row: Vec<(String, String)> = header.iter().zip(record.iter()).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let mut test = test_of(&row).map_err(|error| at(&error))?;
        test.description.get_or_insert_with(|| format!("Row #{}", tests.len() + 1));
        tests.push(test);
    }
    Ok(tests)
}

fn one_or_more(shown: &str, text: &str) -> Result<Vec<TestSpec>, Error> {
    let many: Many<TestSpec> = yaml(shown, text)?;
    let inline = |test| match test {
        TextOr::Map(test) => Ok(test),
        TextOr::Text(name) => Err(Error::config(format!("{shown}: {name:?} is no test; a file of tests holds tests"))),
    };
    many.0.into_iter().map(inline).collect()
}

fn yaml<T: DeserializeOwned>(shown: &str, text: &str) -> Result<T, Error> {
    serde_yaml_ng::from_str(text).map_err(|error| Error::config(format!("{shown}: {}", explain(&error))))
}

/// Variables that stand in files are read; of several files the last one's values hold.
fn with_vars(mut test: TestSpec, files: &Files) -> Result<TestSpec, Error> {
    let names: Vec<String> = match &test.vars {
        Some(Yaml::String(name)) => vec![name.clone()],
        Some(Yaml::Sequence(names)) => names.iter().filter_map(Yaml::as_str).map(str::to_owned).collect(),
        None | Some(Yaml::Mapping(_) | Yaml::Null) => return Ok(test),
        Some(_) => return Err(Error::config("vars are a mapping, or the names of files with one")),
    };
    let mut vars = Mapping::new();
    for name in names {
        let found: Yaml = yaml(&name, &files.read("vars", &name)?)?;
        let Yaml::Mapping(found) = found else { return Err(Error::config(format!("{name}: a file of variables holds a mapping"))) };
        vars.extend(found);
    }
    test.vars = Some(Yaml::Mapping(vars));
    Ok(test)
}
