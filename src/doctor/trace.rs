//! `karat doctor trace <id>`: at which stage a trace is.

use std::io::Write as _;

use schema::{Tenant, TraceId};
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
    /// It is durable in the log, and queries do not see it yet.
    Acked,
    /// Queries see it, and some of it is not in the tables yet.
    Visible,
    /// All of it that queries see is in the tables.
    Committed,
}

#[derive(Serialize)]
struct Report {
    trace_id: String,
    stage: Stage,
    /// Spans that the server's queries see; those of the data directory, where no server was asked.
    visible_spans: u64,
    committed: Whereabouts,
}

/// Prints at which stage the trace is.
pub async fn run(config: &Config, args: &DoctorArgs, source: &Source, trace_id: &str) -> anyhow::Result<u8> {
    let id = trace_id.parse::<TraceId>().map_err(|error| Usage(format!("{trace_id:?} is no trace id: {error}; it has 32 hex digits")))?;
    // Beside a server the directory tells what is committed and what is in the log, and the server what is visible.
    let opened;
    let store = match source {
        Source::Directory(store) => store,
        Source::Server(_) => {
            opened = source::open(config, args).await?;
            &opened
        }
    };
    let committed = store.whereabouts(&Tenant::new(&args.tenant)?, id).await?;
    let visible_spans = match source {
        Source::Directory(_) => committed.visible_spans,
        Source::Server(_) => {
            let answer = source.ask(&args.tenant, &format!("select count(*) from spans where trace_id = '{id}'")).await?;
            answer.rows::<(i64,)>()?.first().map_or(0, |(n,)| n.unsigned_abs())
        }
    };
    let report = Report { trace_id: id.to_string(), stage: stage_of(&committed, visible_spans), visible_spans, committed };
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{}", text_of(&report))?;
    }
    Ok(u8::from(matches!(report.stage, Stage::Unknown | Stage::Quarantined)))
}

fn stage_of(found: &Whereabouts, visible_spans: u64) -> Stage {
    match (visible_spans, &found.log_records, &found.quarantined) {
        (0, records, aside) if records.is_empty() && aside.is_empty() && found.visible_logs == 0 => Stage::Unknown,
        (0, _, aside) if !aside.is_empty() => Stage::Quarantined,
        (0, _, _) if found.visible_logs == 0 => Stage::Acked,
        (visible, _, _) if visible > found.visible_spans => Stage::Visible,
        _ => Stage::Committed,
    }
}

fn text_of(report: &Report) -> String {
    let Whereabouts { log_records, quarantined, visible_spans: committed, visible_logs, scores, files } = &report.committed;
    let id = &report.trace_id;
    match report.stage {
        Stage::Unknown => format!("{id} is not here: no record in the log, no row in the tables. Was it sent to this tenant, and acked?"),
        Stage::Quarantined => format!("{id} was acked and could not be decoded; it is kept in _wal/quarantine: {}", quarantined.join(", ")),
        Stage::Acked => format!("{id} is acked: it is in the log at {log_records:?}, and its rows are not visible yet"),
        Stage::Visible => {
            format!("{id} is visible: {} spans, {committed} of them in the tables; the others follow within seconds", report.visible_spans)
        }
        Stage::Committed => {
            format!("{id} is committed: {committed} spans, {visible_logs} log records and {scores} scores, in at most {} files of spans", files.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_follow_each_other() {
        let found = |spans, log: &[u64]| Whereabouts { visible_spans: spans, log_records: log.to_vec(), ..Whereabouts::default() };
        assert_eq!(stage_of(&found(0, &[]), 0), Stage::Unknown);
        assert_eq!(stage_of(&found(0, &[4]), 0), Stage::Acked);
        assert_eq!(stage_of(&Whereabouts { quarantined: vec!["4".to_owned()], ..found(0, &[4]) }, 0), Stage::Quarantined);
        assert_eq!(stage_of(&found(0, &[4]), 3), Stage::Visible);
        assert_eq!(stage_of(&found(2, &[4]), 3), Stage::Visible);
        assert_eq!(stage_of(&found(3, &[]), 3), Stage::Committed);
    }
}
