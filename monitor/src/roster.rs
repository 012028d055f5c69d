//! The monitors that look: the shipped ones, and those of a directory that is read again whenever it changes.
//!
//! A file that is edited into nonsense changes nothing: the monitor that it held goes on looking, and the fault is a row of `monitor_states` in
//! state ERROR under the name `file:NAME`, again every day until the file reads again.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use schema::{Micros, MonitorState, Tenant};

use crate::config::MonitorConfig;
use crate::error::Error;
use crate::rule::Duration;
use crate::shipped::{read, yaml_files};
use crate::state::State;
use crate::{Monitor, Notifier};

/// How often a fault is told again, in microseconds.
const TOLD_EVERY: i64 = Duration::DAY.0;

/// One file of the directory, as it was read last.
#[derive(Debug, Clone, Default)]
struct File {
    text: String,
    /// The last monitor that it held.
    monitor: Option<Monitor>,
    problem: Option<String>,
}

/// The loaded monitors, and what is wrong with their files.
#[derive(Debug, Clone)]
pub struct Roster {
    config: MonitorConfig,
    notifiers: Vec<String>,
    files: BTreeMap<String, File>,
    monitors: Vec<Monitor>,
    /// What is wrong now: file and fault.
    problems: BTreeMap<String, String>,
    /// What each tenant was told of it, and when.
    told: HashMap<Tenant, BTreeMap<String, (String, Micros)>>,
}

impl Roster {
    /// Loads the monitors for the first time; a file that cannot be read is a problem, not the end of the server.
    pub fn open(config: &MonitorConfig, notifiers: &[std::sync::Arc<dyn Notifier>]) -> Self {
        let notifiers = notifiers.iter().map(|notifier| notifier.name().to_owned()).collect();
        let mut roster =
            Self { config: config.clone(), notifiers, files: BTreeMap::new(), monitors: Vec::new(), problems: BTreeMap::new(), told: HashMap::new() };
        roster.refresh();
        roster
    }

    /// The monitors that look.
    pub fn monitors(&self) -> &[Monitor] {
        &self.monitors
    }

    /// What is wrong: file and fault.
    pub fn problems(&self) -> &BTreeMap<String, String> {
        &self.problems
    }

    /// Reads the directory again.
    pub fn refresh(&mut self) {
        let texts = match self.config.dir.as_deref().map(texts).transpose() {
            Ok(texts) => texts.unwrap_or_default(),
            // The directory is gone or cannot be read: what was loaded goes on.
            Err(error) => {
                self.problems.insert("monitors".to_owned(), format!("{error}; the monitors of before go on"));
                return;
            }
        };
        self.files.retain(|name, _| texts.contains_key(name));
        for (name, text) in texts {
            let file = self.files.entry(name.clone()).or_default();
            if file.text == text && (file.monitor.is_some() || file.problem.is_some()) {
                continue;
            }
            match read(&name, &text) {
                Ok(monitor) => (file.monitor, file.problem) = (Some(monitor), None),
                Err(error) => file.problem = Some(error.to_string()),
            }
            file.text = text;
        }
        self.assemble();
    }

    /// Brings the shipped monitors and those of the files together.
    fn assemble(&mut self) {
        let mut own: Vec<Monitor> = Vec::new();
        let mut problems: BTreeMap<String, String> = BTreeMap::new();
        for (name, file) in &self.files {
            let goes_on = if file.monitor.is_some() { "the monitor of before goes on" } else { "no monitor of it runs" };
            problems.extend(file.problem.as_ref().map(|problem| (name.clone(), format!("{problem}; {goes_on}"))));
            let Some(monitor) = &file.monitor else { continue };
            if let Some(other) = own.iter().find(|other| other.rule.name == monitor.rule.name) {
                let error = Error::Twice { name: monitor.rule.name.clone(), first: other.file.clone(), second: name.clone() };
                problems.insert(name.clone(), format!("{error}; the first one runs"));
                continue;
            }
            if let Some(unknown) = monitor.rule.notify.iter().find(|name| !self.notifiers.contains(name)) {
                let known = self.notifiers.join(", ");
                let error = Error::NoNotifier { monitor: monitor.rule.name.clone(), name: unknown.clone(), known };
                problems.insert(name.clone(), format!("{error}; it runs, and tells the others"));
            }
            own.push(monitor.clone());
        }
        let shipped = self.config.shipped_set();
        let replaced = |monitor: &Monitor| own.iter().any(|other| other.rule.name == monitor.rule.name);
        self.monitors = shipped.into_iter().filter(|monitor| !replaced(monitor)).collect();
        self.monitors.extend(own);
        self.monitors.iter_mut().for_each(|monitor| monitor.limits = self.config.limits);
        self.problems = problems;
    }

    /// The rows that tell a tenant what is wrong with the files, and what no longer is; nothing where that was told within a day, which is less
    /// than the dashboard and `/metrics` look back.
    pub fn news(&mut self, tenant: &Tenant, now: Micros) -> Vec<MonitorState> {
        let told = self.told.entry(tenant.clone()).or_default();
        let row = |file: &String, state: State, reason: String| MonitorState {
            time: now,
            date: now.day(),
            monitor: format!("file:{file}"),
            state: state.name().to_owned(),
            reason,
            evaluated_at: Some(now),
            ..MonitorState::default()
        };
        let mended: Vec<String> = told.keys().filter(|file| !self.problems.contains_key(*file)).cloned().collect();
        let is_known = |file: &String, problem: &String| told.get(file).is_some_and(|(known, at)| known == problem && now.0 - at.0 < TOLD_EVERY);
        let fresh: Vec<(&String, &String)> = self.problems.iter().filter(|(file, problem)| !is_known(file, problem)).collect();
        let mut rows: Vec<MonitorState> = fresh.iter().map(|(file, problem)| row(file, State::Error, (*problem).clone())).collect();
        let ended = |file: &String| if self.files.contains_key(file) || file == "monitors" { "reads again" } else { "the file is gone" };
        rows.extend(mended.iter().map(|file| row(file, State::Ok, ended(file).to_owned())));
        told.extend(fresh.into_iter().map(|(file, problem)| (file.clone(), (problem.clone(), now))));
        mended.iter().for_each(|file| {
            told.remove(file);
        });
        rows
    }
}

fn texts(dir: &Path) -> Result<BTreeMap<String, String>, Error> {
    let text = |path: &std::path::PathBuf| fs::read_to_string(path).map_err(|source| Error::Read { path: path.clone(), source });
    yaml_files(dir)?.iter().map(|path| Ok((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), text(path)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "{name: own, select: select 1, watch: threshold, above: 1, every: 1h, window: 6h}";

    // A typo in an editor must neither stop a monitor nor go unseen.
    #[test]
    fn nonsense_keeps_the_old_monitor_and_is_told_daily() {
        let dir = tempfile::tempdir().unwrap();
        let write = |text: &str| fs::write(dir.path().join("own.yaml"), text).unwrap();
        write(OWN);
        let config = MonitorConfig { dir: Some(dir.path().to_owned()), shipped: false, ..MonitorConfig::default() };
        let mut roster = Roster::open(&config, &[]);
        let (tenant, now) = (Tenant::default(), Micros(0));
        assert_eq!((roster.monitors().len(), roster.news(&tenant, now)), (1, vec![]));

        write(&OWN.replace("above", "abvoe"));
        roster.refresh();
        assert_eq!(roster.monitors()[0].rule.above, Some(1.0));
        let news = roster.news(&tenant, now);
        assert_eq!((news.len(), news[0].monitor.as_str(), news[0].state.as_str()), (1, "file:own.yaml", "ERROR"));
        assert!(news[0].reason.contains("the nearest one is \"above\""), "{}", news[0].reason);
        assert!(news[0].reason.ends_with("; the monitor of before goes on"), "{}", news[0].reason);
        roster.refresh();
        assert_eq!(roster.news(&tenant, Micros(Duration::DAY.0 - 1)), []);
        // A week later it must still be seen.
        assert_eq!(roster.news(&tenant, Micros(Duration::DAY.0))[0].state, "ERROR");
        assert_eq!(roster.news(&tenant, Micros(Duration::DAY.0 + 1)), []);

        write(&OWN.replace("above: 1", "above: 2"));
        roster.refresh();
        assert_eq!(roster.monitors()[0].rule.above, Some(2.0));
        assert_eq!(roster.news(&tenant, now)[0].state, "OK");

        fs::remove_file(dir.path().join("own.yaml")).unwrap();
        roster.refresh();
        assert!(roster.monitors().is_empty());
    }

    // Whoever reads the fault must know whether anything watches.
    #[test]
    fn a_file_that_never_read_says_that_nothing_runs() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("own.yaml"), "name: [").unwrap();
        let mut roster = Roster::open(&MonitorConfig { dir: Some(dir.path().to_owned()), shipped: false, ..MonitorConfig::default() }, &[]);
        let reason = |news: Vec<MonitorState>| news.into_iter().map(|row| row.reason).collect::<String>();
        let said = reason(roster.news(&Tenant::default(), Micros(0)));
        assert!(said.ends_with("; no monitor of it runs"), "{said}");
        fs::remove_file(dir.path().join("own.yaml")).unwrap();
        roster.refresh();
        assert_eq!(reason(roster.news(&Tenant::default(), Micros(1))), "the file is gone");
    }

    #[test]
    fn two_files_of_one_name_and_unknown_notifiers_are_told() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.yaml"), OWN).unwrap();
        fs::write(dir.path().join("b.yaml"), OWN).unwrap();
        fs::write(dir.path().join("c.yaml"), OWN.replace("name: own", "name: c, notify: [nobody]")).unwrap();
        let config = MonitorConfig { dir: Some(dir.path().to_owned()), shipped: false, ..MonitorConfig::default() };
        let roster = Roster::open(&config, &[]);
        assert_eq!(roster.monitors().len(), 2);
        assert!(roster.problems()["b.yaml"].contains("both named \"own\"") && roster.problems()["c.yaml"].contains("nobody"));
    }

    #[test]
    fn one_of_the_same_name_replaces_a_shipped_one() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("latency.yaml"), OWN.replace("name: own", "name: latency")).unwrap();
        let roster = Roster::open(&MonitorConfig { dir: Some(dir.path().to_owned()), ..MonitorConfig::default() }, &[]);
        let latency: Vec<&Monitor> = roster.monitors().iter().filter(|monitor| monitor.rule.name == "latency").collect();
        assert_eq!((latency.len(), latency[0].rule.above), (1, Some(1.0)));
        assert_eq!(roster.monitors().len(), crate::shipped_files().len());
        // The core alone, and none.
        for (shipped, n_monitors) in [(true, crate::shipped().len()), (false, 0)] {
            let config = MonitorConfig { shipped, extended: !shipped, ..MonitorConfig::default() };
            assert_eq!(Roster::open(&config, &[]).monitors().len(), n_monitors);
        }
    }
}
