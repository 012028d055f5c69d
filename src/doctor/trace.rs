//! `karat doctor trace <id>`: at which stage a trace is.

use std::io::Write as _;

use schema::TraceId;
use serde::Serialize;
use store::Whereabouts;

use super::{DoctorArgs, Source, source};
use crate::cli::Usage;
use crate::config::Config;

/// How far a trace has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// No record and no row of it is here.
    Unknown,
    /// It could not be decoded, and was put aside.
    Quarantined,
    /// It is durable in the log, and these queries do not see it yet.
    Acked,
    /// Queries see it, and some of it is not in the tables yet.
    Visible,
    /// All of it that queries see is in the tables.
    Committed,
}

/// What queries see of a trace: those of the server, or of the data directory where no server was asked.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Seen {
    visible_spans: u64,
    visible_logs: u64,
    visible_scores: u64,
}

#[derive(Serialize)]
struct Report {
    trace_id: String,
    stage: Stage,
    #[serde(flatten)]
    seen: Seen,
    /// What the data directory has; nothing where it is on another machine.
    committed: Option<Whereabouts>,
    /// Whether a server that was not asked has rows that the directory does not.
    #[serde(skip)]
    beside_a_server: bool,
}

/// Prints at which stage the trace is.
pub async fn run(config: &Config, args: &DoctorArgs, source: &Source, trace_id: &str) -> anyhow::Result<u8> {
    let id = trace_id.parse::<TraceId>().map_err(|error| Usage(format!("{trace_id:?} is no trace id: {error}; it has 32 hex digits")))?;
    let report = look(config, args, source, id).await?;
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{}", text_of(&report))?;
    }
    Ok(u8::from(matches!(report.stage, Stage::Unknown | Stage::Quarantined)))
}

/// Looks for the trace. Beside a server the directory tells what is committed and what is in the log, and the server what is visible.
async fn look(config: &Config, args: &DoctorArgs, source: &Source, id: TraceId) -> anyhow::Result<Report> {
    let (seen, committed, beside_a_server) = match source {
        Source::Directory(store, tenant) => {
            let found = store.whereabouts(tenant, id).await?;
            let seen = Seen { visible_spans: found.visible_spans, visible_logs: found.visible_logs, visible_scores: found.scores };
            (seen, Some(found), store.notice().is_some())
        }
        Source::Server { .. } => {
            let tenant = source.look().await?.tenant;
            // A directory that no server holds is not the one of the server that was asked.
            let beside = source::open(config, args).await.ok().filter(|store| store.notice().is_some());
            let found = match beside {
                Some(store) => Some(store.whereabouts(&tenant, id).await?),
                None => None,
            };
            (seen_by(source, id).await?, found, false)
        }
    };
    Ok(Report { trace_id: id.to_string(), stage: stage_of(committed.as_ref(), seen), seen, committed, beside_a_server })
}

async fn seen_by(source: &Source, id: TraceId) -> anyhow::Result<Seen> {
    let counts = ["spans", "logs", "scores"].map(|table| format!("(select count(*) from {table} where trace_id = '{id}') as {table}"));
    let answer = source.ask(&format!("select {}", counts.join(", "))).await?;
    let [visible_spans, visible_logs, visible_scores] = match answer.rows::<(i64, i64, i64)>()?.first() {
        Some((spans, logs, scores)) => [*spans, *logs, *scores].map(i64::unsigned_abs),
        None => [0; 3],
    };
    Ok(Seen { visible_spans, visible_logs, visible_scores })
}

fn stage_of(found: Option<&Whereabouts>, seen: Seen) -> Stage {
    let is_visible = seen.visible_spans > 0 || seen.visible_logs > 0;
    match found {
        None if is_visible => Stage::Visible,
        None => Stage::Unknown,
        Some(found) if is_visible && (seen.visible_spans > found.visible_spans || seen.visible_logs > found.visible_logs) => Stage::Visible,
        Some(_) if is_visible => Stage::Committed,
        Some(found) if !found.quarantined.is_empty() => Stage::Quarantined,
        Some(found) if !found.log_records.is_empty() => Stage::Acked,
        Some(_) => Stage::Unknown,
    }
}

fn text_of(report: &Report) -> String {
    let (id, Seen { visible_spans, visible_logs, visible_scores }) = (&report.trace_id, report.seen);
    let seen = format!("{visible_spans} spans, {visible_logs} log records and {visible_scores} scores");
    let Some(Whereabouts { log_records, quarantined, visible_spans: committed, files, .. }) = &report.committed else {
        return match report.stage {
            Stage::Visible => format!("{id} is visible: {seen}; whether they are in the tables yet, `--data` tells on the server's machine"),
            _ => format!("{id} is not visible: no span and no log record of it; whether it was acked, `--data` tells on the server's machine"),
        };
    };
    match report.stage {
        Stage::Unknown => format!("{id} is not here: no record in the log, no row in the tables. Was it sent to this tenant, and acked?"),
        Stage::Quarantined => format!("{id} was acked and could not be decoded; it is kept in _wal/quarantine: {}", quarantined.join(", ")),
        Stage::Acked if report.beside_a_server => {
            format!("{id} is acked: it is in the log at {log_records:?}; the karat that runs here may show it already, `--url` asks it")
        }
        Stage::Acked => format!("{id} is acked: it is in the log at {log_records:?}, and its rows are not visible yet"),
        Stage::Visible => format!("{id} is visible: {seen}, {committed} of the spans in the tables; the others follow within seconds"),
        Stage::Committed => format!("{id} is committed: {seen}, in at most {} files of spans", files.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(spans: u64, log: &[u64]) -> Whereabouts {
        Whereabouts { visible_spans: spans, log_records: log.to_vec(), ..Whereabouts::default() }
    }

    fn seen(visible_spans: u64) -> Seen {
        Seen { visible_spans, ..Seen::default() }
    }

    #[test]
    fn stages_follow_each_other() {
        let stage = |found: Whereabouts, spans| stage_of(Some(&found), seen(spans));
        assert_eq!(stage(found(0, &[]), 0), Stage::Unknown);
        assert_eq!(stage(found(0, &[4]), 0), Stage::Acked);
        assert_eq!(stage(Whereabouts { quarantined: vec!["4".to_owned()], ..found(0, &[4]) }, 0), Stage::Quarantined);
        assert_eq!(stage(found(0, &[4]), 3), Stage::Visible);
        assert_eq!(stage(found(2, &[4]), 3), Stage::Visible);
        assert_eq!(stage(found(3, &[]), 3), Stage::Committed);
        assert_eq!(stage_of(None, seen(3)), Stage::Visible);
        assert_eq!(stage_of(None, seen(0)), Stage::Unknown);
    }

    /// The directory beside a server does not know what the server shows already.
    #[test]
    fn nothing_is_said_of_what_a_server_shows_that_was_not_asked() {
        let text = |beside_a_server| {
            let report = Report { trace_id: "7".to_owned(), stage: Stage::Acked, seen: seen(0), committed: Some(found(0, &[4])), beside_a_server };
            text_of(&report)
        };
        assert!(text(true).contains("may show it already") && !text(true).contains("not visible"));
        assert!(text(false).contains("not visible yet"));
    }
}
