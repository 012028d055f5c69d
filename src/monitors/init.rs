//! `karat monitors init`: a starting set for the services that are seen.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use schema::Micros;
use serde::Deserialize;
use store::{Param, QueryOptions};

use super::{DataArgs, open};
use crate::clock;
use crate::config::Config;

const DAY: i64 = 86_400_000_000;
/// How far back services are looked for.
const LOOKBACK: i64 = 30 * DAY;
/// A budget is this many times the dearest day that was seen.
const ROOM: f64 = 2.0;

/// Flags of `karat monitors init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Directory that the files go to.
    #[arg(default_value = "monitors", value_name = "DIR")]
    pub dir: PathBuf,
    /// Which tables.
    #[command(flatten)]
    pub data: DataArgs,
}

/// What is seen of a service.
#[derive(Debug, Clone, Deserialize)]
struct Service {
    service_name: String,
    n_calls: i64,
    dearest_day_usd: Option<f64>,
    latency_p99_s: Option<f64>,
}

/// Writes the shipped monitors, and a budget and a limit of latency for each service.
pub(super) async fn run(config: &Config, args: &InitArgs) -> anyhow::Result<u8> {
    let (store, tenant) = open(config, &args.data).await?;
    let options = QueryOptions { params: vec![("since".to_owned(), Param::Time(Micros(clock::now().0 - LOOKBACK)))], ..store.query_options() };
    let services: Vec<Service> = store.query(&tenant, include_str!("services.sql"), &options).await?.rows()?;
    std::fs::create_dir_all(&args.dir).with_context(|| format!("cannot make {}", args.dir.display()))?;
    let mut written = Vec::new();
    for (file, text) in monitor::shipped_files() {
        written.extend(write_new(&args.dir, file, text)?);
    }
    for (service, slug) in services.iter().zip(slugs(&services)) {
        for (file, text) in files_of(service, &slug) {
            written.extend(write_new(&args.dir, &file, &text)?);
        }
    }
    let mut out = std::io::stdout().lock();
    for service in &services {
        writeln!(out, "{}: {} calls in 30 days", service.service_name, service.n_calls)?;
    }
    writeln!(out, "wrote {} files to {}; those that were there stay as they were", written.len(), args.dir.display())?;
    writeln!(out, "next: [monitor] dir = {:?} in karat.toml, and karat monitors backtest --dir {}", args.dir, args.dir.display())?;
    Ok(0)
}

/// Writes a file unless it is there; returns its name.
fn write_new(dir: &Path, file: &str, text: &str) -> anyhow::Result<Option<String>> {
    let path = dir.join(file);
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
    match opened {
        Ok(mut opened) => {
            opened.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
            Ok(Some(file.to_owned()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot write {}", path.display())),
    }
}

/// The files for one service. Its name comes from traces, so it is quoted wherever it goes; the SELECTs are those of all services, which
/// share their reading.
fn files_of(service: &Service, slug: &str) -> Vec<(String, String)> {
    let name = &service.service_name;
    let mut files = Vec::new();
    if let Some(day) = service.dearest_day_usd.filter(|day| *day > 0.0) {
        let text = include_str!("budget.yaml").replace("{limit}", &((ROOM * day * 100.0).ceil() / 100.0).to_string());
        files.push((format!("budget-{slug}.yaml"), text));
    }
    if let Some(p99) = service.latency_p99_s.filter(|p99| *p99 > 0.0) {
        let text = include_str!("slow.yaml").replace("{limit}", &((ROOM * p99 * 10.0).ceil() / 10.0).to_string());
        files.push((format!("slow-{slug}.yaml"), text));
    }
    files.into_iter().map(|(file, text)| (file, filled(&text, slug, name))).collect()
}

/// Fills the places of a file, which come in this order; what is filled in is not searched again.
fn filled(text: &str, slug: &str, service: &str) -> String {
    let text = text.replace("{slug}", slug);
    let (head, rest) = text.split_once("{title}").unwrap_or((&text, ""));
    let (middle, tail) = rest.split_once("{service}").unwrap_or((rest, ""));
    format!("{head}{}{middle}{}{tail}", quoted(&format!("service {service}")), quoted(service))
}

/// A name for the files and monitors of each service: two that come out alike are counted, so that neither goes without.
fn slugs(services: &[Service]) -> Vec<String> {
    let mut slugs: Vec<String> = Vec::with_capacity(services.len());
    for service in services {
        let plain = slug(&service.service_name);
        let numbered = (2..).map(|nth| format!("{plain}-{nth}"));
        let free = std::iter::once(plain.clone()).chain(numbered).find(|slug| !slugs.contains(slug));
        slugs.push(free.unwrap_or(plain));
    }
    slugs
}

/// A name for files and monitors.
fn slug(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let slug: String = name.chars().map(plain).take(40).collect();
    let slug = slug.trim_matches('-').to_owned();
    if slug.is_empty() { "service".to_owned() } else { slug }
}

/// A YAML string in double quotes, which JSON's are.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_whose_names_come_out_alike_have_files_each() {
        let of = |name: &str| Service { service_name: name.to_owned(), n_calls: 1, dearest_day_usd: None, latency_p99_s: None };
        assert_eq!(slugs(&["日本", "shop a", "中国", "shop-a", "Shop A"].map(of)), ["service", "shop-a", "service-2", "shop-a-2", "shop-a-3"]);
    }

    // A service may call itself anything.
    #[test]
    fn every_name_gives_files_that_read() {
        for name in ["shop", "It's \"odd\": {no} #1\n- x", "", "日本", "{service} {title}", "a'); drop table spans; --"] {
            let service = Service { service_name: name.to_owned(), n_calls: 1, dearest_day_usd: Some(1.234), latency_p99_s: Some(0.5) };
            let files = files_of(&service, &slug(name));
            assert_eq!(files.len(), 2);
            for (file, text) in files {
                let rule = monitor::Rule::parse(&text).unwrap_or_else(|error| panic!("{name:?} {error}\n{text}"));
                assert_eq!(format!("{}.yaml", rule.name), file);
                assert_eq!(rule.only["service_name"], name);
            }
        }
    }
}
