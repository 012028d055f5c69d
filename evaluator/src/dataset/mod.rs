//! Cases out of a file (JSONL, JSON, CSV, Parquet or Arrow) or of a SELECT, one row a case.

mod columnar;
mod export;
mod pick;
mod select;
mod swap;
mod text;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::keys::unknown;

pub(crate) use pick::{DatasetSpec, Source};
pub(crate) use select::select;

/// The columns of one case.
pub type Vars = serde_json::Map<String, Value>;

/// One case of a dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The case's own `id`, else a hash of its columns.
    pub id: String,
    /// Its columns.
    pub vars: Vars,
}

/// A dataset, read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The cases, in the file's order.
    pub cases: Vec<Case>,
    /// Every column that any case has.
    pub columns: BTreeSet<String>,
    /// SHA-256 of the file or of the rows, in hex.
    pub hash: String,
    /// Ids that more than one case bears.
    pub duplicates: Vec<String>,
    /// Whether nobody has asked for the rows yet, so that one case without columns stands for them all.
    pub(crate) is_unseen: bool,
}

impl Dataset {
    /// Reads a file of at most `bytes_max` bytes, also once its columns are unpacked; its name tells the format.
    pub fn read(path: &Path, bytes_max: u64) -> Result<Self, Error> {
        let file = |source| Error::File { action: "read", path: path.to_owned(), source };
        let size = std::fs::metadata(path).map_err(file)?.len();
        if size > bytes_max {
            let message = format!("{} has {size} bytes, more than dataset_bytes_max = {bytes_max}; split it", path.display());
            return Err(Error::config(message));
        }
        Self::parse(path, std::fs::read(path).map_err(file)?, bytes_max)
    }

    fn parse(path: &Path, bytes: Vec<u8>, bytes_max: u64) -> Result<Self, Error> {
        let hash = hex(&Sha256::digest(&bytes));
        let mut rows = match path.extension().and_then(|extension| extension.to_str()) {
            Some("jsonl" | "ndjson") => text::jsonl(path, &bytes)?,
            Some("json") => text::json(path, &bytes)?,
            Some("csv") => text::csv(path, &bytes)?,
            Some("parquet") => columnar::parquet(path, bytes.into(), bytes_max)?,
            Some("arrow" | "arrows" | "feather" | "ipc") => columnar::arrow(path, bytes, bytes_max)?,
            _ => return Err(Error::config(format!("{}: a dataset ends in .jsonl, .json, .csv, .parquet or .arrow", path.display()))),
        };
        if rows.is_empty() {
            return Err(Error::config(format!("{} holds no case", path.display())));
        }
        export::name_columns(&mut rows);
        Ok(Self::of(rows, hash))
    }

    /// Names the cases: by their own id, else by their content.
    pub(crate) fn of(rows: Vec<Vars>, hash: String) -> Self {
        let columns = rows.iter().flat_map(|row| row.keys().cloned()).collect();
        let mut seen: HashMap<String, usize> = HashMap::new();
        let mut duplicates = Vec::new();
        let mut cases = Vec::with_capacity(rows.len());
        for vars in rows {
            let own = vars.get("id").map(crate::template::show).filter(|id| !id.is_empty());
            let mut id = own.clone().unwrap_or_else(|| hash_of(&vars, &[]));
            let times = seen.entry(id.clone()).or_default();
            *times += 1;
            match (own.is_some(), *times) {
                (true, 2) => duplicates.push(id.clone()),
                // Cases without an id that are alike are numbered in order.
                (false, 2..) => id = format!("{id}-{times}"),
                _ => {}
            }
            cases.push(Case { id, vars });
        }
        Self { cases, columns, hash, duplicates, is_unseen: false }
    }

    /// The dataset of a SELECT that was not asked.
    pub(crate) fn unseen() -> Self {
        Self { is_unseen: true, ..Self::of(vec![Vars::new()], hex(&[0; 32])) }
    }

    /// Refuses a column that no case has, and names the nearest one; of rows that nobody has seen, any may be there.
    pub(crate) fn expect_column(&self, used_by: &str, column: &str) -> Result<(), Error> {
        if self.is_unseen || self.columns.contains(column) {
            return Ok(());
        }
        let known: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        Err(Error::config(format!("{used_by}: {}", unknown("column", column, &known))))
    }
}

/// Hash of a case's columns without some of them, 16 hex digits, whatever order the keys come in.
pub(crate) fn hash_of(vars: &Vars, without: &[&str]) -> String {
    let mut hash = Sha256::new();
    let mut keys: Vec<&String> = vars.keys().filter(|key| !without.contains(&key.as_str())).collect();
    keys.sort();
    for key in keys {
        hash.update(key.len().to_le_bytes());
        hash.update(key);
        digest(&vars[key], &mut hash);
    }
    hex(&hash.finalize())[..16].to_owned()
}

fn digest(value: &Value, hash: &mut Sha256) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            hash.update([b'{']);
            for key in keys {
                hash.update(key.len().to_le_bytes());
                hash.update(key);
                digest(&map[key], hash);
            }
            hash.update([b'}']);
        }
        Value::Array(items) => {
            hash.update([b'[']);
            items.iter().for_each(|item| digest(item, hash));
            hash.update([b']']);
        }
        scalar => {
            let text = scalar.to_string();
            hash.update(text.len().to_le_bytes());
            hash.update(text);
        }
    }
}

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str, text: &[u8]) -> Result<Dataset, Error> {
        Dataset::parse(Path::new(name), text.to_vec(), 1 << 20)
    }

    #[track_caller]
    fn refused(name: &str, text: &[u8], expect: &str) {
        assert_eq!(parse(name, text).unwrap_err().to_string(), expect);
    }

    #[test]
    fn both_formats_give_the_same_cases() {
        let jsonl = parse("a.jsonl", b"{\"id\":\"a\",\"q\":\"x\"}\n\n{\"id\":\"b\",\"q\":null}\n").unwrap();
        let csv = parse("a.csv", b"id,q\na,x\nb,\n").unwrap();
        assert_eq!(jsonl.cases, csv.cases);
    }

    #[test]
    fn a_line_separator_inside_a_string_is_text() {
        assert_eq!(parse("a.jsonl", "{\"q\":\"a\u{2028}b\"}".as_bytes()).unwrap().cases.len(), 1);
    }

    #[test]
    fn cases_without_an_id_are_named_by_their_content() {
        let found = parse("a.jsonl", b"{\"q\":1,\"r\":2}\n{\"r\":2,\"q\":1}\n").unwrap();
        assert_eq!(found.cases[1].id, format!("{}-2", found.cases[0].id));
        assert!(found.duplicates.is_empty());
        assert_eq!(parse("a.jsonl", b"{\"id\":1}\n{\"id\":\"1\"}").unwrap().duplicates, ["1"]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        refused("a.jsonl", b"{}\n[1]\n", "a.jsonl:2: a line of a dataset is a JSON object");
        refused("a.jsonl", b"{}\n{\"a\":\"\xff\"}\n", "a.jsonl:2: this is not UTF-8");
        refused("a.jsonl", b"", "a.jsonl holds no case");
        refused("a.json", b"{}", "a.json:1: a dataset in JSON is a list of objects, one a case");
        refused("a.csv", b"a,a\n1,2\n", "a.csv:1: column \"a\" stands there twice");
        refused("a.txt", b"x", "a.txt: a dataset ends in .jsonl, .json, .csv, .parquet or .arrow");
        assert!(parse("a.csv", b"a,b\n1\n").unwrap_err().to_string().starts_with("a.csv:2: "));
    }
}
