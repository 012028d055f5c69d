//! The floors of ARCHITECTURE.md hold: a crate names only crates of lower floors, and only `store` names the table engines. The files
//! that it names are there.

use std::collections::BTreeMap;
use std::path::Path;

const FLOORS: &[(&str, u8)] = &[
    ("karat-schema", 0),
    ("karat-measure", 0),
    ("karat-store", 1),
    ("karat-collector", 2),
    ("karat-evaluator", 2),
    ("karat-monitor", 2),
    ("karat-dashboard", 2),
    ("karat", 3),
];

/// Dependencies that only the named members may have.
const OWNED: &[(&str, &[&str])] = &[
    ("datafusion", &["karat-store"]),
    ("datafusion-functions-json", &["karat-store"]),
    ("deltalake-core", &["karat-store"]),
    ("object_store", &["karat-store"]),
    ("parquet", &["karat-store", "karat-evaluator"]),
    ("tonic", &["karat-collector", "karat-store", "karat"]),
    ("datafusion-distributed", &["karat-store"]),
    ("rdkafka", &["karat-collector"]),
    ("reqwest", &["karat-evaluator", "karat-monitor", "karat"]),
    ("lettre", &["karat-monitor"]),
    ("aws-config", &["karat-evaluator"]),
    ("aws-sdk-bedrock", &["karat-evaluator"]),
    ("aws-sdk-bedrockruntime", &["karat-evaluator"]),
    ("aws-sdk-s3", &["karat-evaluator"]),
    ("candle-core", &["karat-evaluator"]),
    ("tokenizers", &["karat-evaluator"]),
    ("anyhow", &["karat"]),
    ("clap", &["karat"]),
];

/// What floor 0 may not have: it is pure.
const IMPURE: &[&str] = &["tokio", "reqwest", "axum", "tonic", "futures"];

fn members() -> BTreeMap<String, toml::Table> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut members = BTreeMap::new();
    for (name, _) in FLOORS {
        let dir = name.strip_prefix("karat-").map_or(root.to_path_buf(), |dir| root.join(dir));
        let manifest: toml::Table = std::fs::read_to_string(dir.join("Cargo.toml")).unwrap().parse().unwrap();
        members.insert((*name).to_owned(), manifest);
    }
    members
}

fn dependencies(manifest: &toml::Table) -> Vec<String> {
    manifest.get("dependencies").and_then(toml::Value::as_table).map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

#[test]
fn every_crate_stands_on_lower_floors_only() {
    let floor: BTreeMap<&str, u8> = FLOORS.iter().copied().collect();
    for (name, manifest) in members() {
        for dependency in dependencies(&manifest) {
            if let Some(below) = floor.get(dependency.as_str()) {
                assert!(*below < floor[name.as_str()], "{name} names {dependency}, which does not stand below it");
            }
        }
    }
}

#[test]
fn every_member_of_the_workspace_has_a_floor() {
    let root: toml::Table = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap().parse().unwrap();
    let listed = root["workspace"]["members"].as_array().unwrap().len();
    assert_eq!(listed, FLOORS.len(), "a member of the workspace has no floor in this test");
}

#[test]
fn the_heavy_crates_have_one_owner() {
    for (name, manifest) in members() {
        for dependency in dependencies(&manifest) {
            if let Some((_, owners)) = OWNED.iter().find(|(owned, _)| *owned == dependency) {
                assert!(owners.contains(&name.as_str()), "{name} names {dependency}, which belongs to {owners:?}");
            }
        }
    }
}

/// Whoever follows ARCHITECTURE.md finds what it names.
#[test]
fn the_architecture_names_what_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let quoted = text.split('`').skip(1).step_by(2).flat_map(str::split_whitespace);
    let paths: Vec<&str> = quoted.filter(|word| word.split_once('/').is_some_and(|(top, _)| !top.is_empty() && root.join(top).is_dir())).collect();
    assert!(paths.len() > 20, "{paths:?}");
    let missing: Vec<_> = paths.iter().filter(|path| !root.join(path).exists()).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names {missing:?}, which are not there");
}

#[test]
fn floor_zero_is_pure() {
    for (name, manifest) in members().into_iter().filter(|(name, _)| FLOORS.iter().any(|(member, floor)| member == name && *floor == 0)) {
        let impure: Vec<_> = dependencies(&manifest).into_iter().filter(|dependency| IMPURE.contains(&dependency.as_str())).collect();
        assert!(impure.is_empty(), "{name} is to be pure and names {impure:?}");
    }
}
