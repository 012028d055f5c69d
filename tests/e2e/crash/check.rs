//! Holds what a source shows against what the clients were answered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::clients::Fate;
use super::request::{Request, SIGNALS};
use crate::server::{Server, TENANTS, service, sql_at_rest};

/// Counts rows by request on a running server, beside the load: a request is there as a whole or not at all, and what was answered
/// before the question is there as it was answered.
pub async fn by_request(server: &Server, fates: &BTreeMap<u64, Fate>) {
    let sql = union(|table| {
        let name = if table == "logs" { "event_name" } else { "name" };
        format!("select {name} as request, count(*) as n from {table} group by {name}")
    });
    let mut found = BTreeMap::new();
    for (token, _) in TENANTS {
        found.extend(server.sql(Some(token), &sql).await.iter().map(|row| (number_of(row), row["n"].as_u64().unwrap())));
    }
    for (number, n_rows) in &found {
        assert_eq!(*n_rows, Request { number: *number }.n_rows(), "rows of request {number}");
        assert_ne!(fates.get(number), Some(&Fate::Refused), "request {number} was refused, and is there");
    }
    let lost: Vec<_> = fates.iter().filter(|(number, fate)| **fate == Fate::Acked && !found.contains_key(number)).take(5).collect();
    assert!(lost.is_empty(), "acked and lost: {lost:?} of {} answered", fates.len());
}

fn number_of(row: &Value) -> u64 {
    row["request"].as_str().unwrap().strip_prefix("request ").unwrap().parse().unwrap()
}

/// The ids of the rows that must be there, by tenant; they are unique over all tables.
pub struct Expected([BTreeSet<u64>; 2]);

impl Expected {
    /// The rows of every acked request.
    pub fn of(fates: &BTreeMap<u64, Fate>) -> Expected {
        let mut expected: [BTreeSet<u64>; 2] = Default::default();
        for number in fates.iter().filter(|(_, fate)| **fate == Fate::Acked).map(|(number, _)| *number) {
            let request = Request { number };
            expected[request.tenant()].extend(request.rows());
        }
        Expected(expected)
    }

    /// How many rows there are.
    pub fn n_rows(&self) -> usize {
        self.0.iter().map(BTreeSet::len).sum()
    }

    /// Asks a running server for every row.
    pub async fn on_server(&self, server: &Server) {
        for (tenant, (token, _)) in TENANTS.iter().enumerate() {
            let rows = server.sql(Some(token), &union(|table| format!("select attributes->>'row' as row from {table}"))).await;
            self.check("on the server", tenant, &rows);
        }
    }

    /// Reads every row from the directory of a server that does not run.
    pub fn at_rest(&self, data: &Path, source: &str) {
        for (tenant, (_, name)) in TENANTS.iter().enumerate() {
            let rows = sql_at_rest(data, name, &union(|table| format!("select attributes->>'row' as row from {table}")));
            self.check(source, tenant, &rows);
        }
    }

    /// Reads every row with another program, after a clean stop.
    pub fn in_duckdb(&self, data: &Path) {
        for (tenant, (_, name)) in TENANTS.iter().enumerate() {
            let scan = |table: &str| format!("select attributes->>'$.row' as row from delta_scan('{}')", data.join(name).join(table).display());
            let Some(output) = service("lake.sh", &["duckdb", "lake_read.py", "sql", &union(scan)]) else { return };
            let rows: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            self.check("in DuckDB", tenant, &rows);
        }
    }

    /// Every expected row is there, and there once.
    #[track_caller]
    fn check(&self, source: &str, tenant: usize, rows: &[Value]) {
        let (expected, name) = (&self.0[tenant], TENANTS[tenant].1);
        let found: BTreeSet<u64> = rows.iter().map(|row| row["row"].as_str().unwrap()[1..].parse().unwrap()).collect();
        let lost: Vec<_> = expected.difference(&found).take(5).collect();
        assert!(lost.is_empty(), "{name} {source}: acked rows are lost, such as {lost:?} ({} of {} are there)", found.len(), expected.len());
        assert_eq!(rows.len(), expected.len(), "{name} {source}: rows against rows that were acked");
    }
}

/// One query over the tables of all signals.
fn union(select: impl Fn(&str) -> String) -> String {
    SIGNALS.map(|(_, table)| select(table)).join(" union all ")
}
