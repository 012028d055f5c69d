//! A request to forget, as a file that waits to be carried out.

use std::path::{Path, PathBuf};

use schema::{Micros, Tenant};
use serde::{Deserialize, Serialize};

use crate::disk::{self, Durable};
use crate::error::Error;
use crate::place::names_in;

/// The directory of the requests that wait.
pub(crate) const DIR: &str = "_forget";

/// Whom or what to forget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// An end user, by `user_id`.
    User(String),
    /// A session or conversation, by `session_id`.
    Session(String),
}

impl Subject {
    /// Returns the id.
    pub(super) fn id(&self) -> &str {
        match self {
            Subject::User(id) | Subject::Session(id) => id,
        }
    }

    /// Returns the column that names the subject, in the tables that have one.
    pub(super) fn column(&self) -> &'static str {
        match self {
            Subject::User(_) => "user_id",
            Subject::Session(_) => "session_id",
        }
    }

    /// Returns the attributes that name the subject, where a table has no column for it.
    pub(super) fn attributes(&self) -> &'static [&'static str] {
        match self {
            Subject::User(_) => &["user.id", "user_id", "enduser.id", "user.account_uuid", "user.account_id"],
            Subject::Session(_) => &["session.id", "session_id", "gen_ai.conversation.id"],
        }
    }

    /// Returns what the id is of.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Subject::User(_) => "user",
            Subject::Session(_) => "session",
        }
    }
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub name: String,
    pub tenant: Tenant,
    pub subject: Subject,
    pub asked_at: Micros,
}

/// A request, as its file holds it.
#[derive(Serialize, Deserialize)]
struct Form {
    tenant: String,
    subject: Subject,
    asked_at_us: i64,
}

impl Request {
    pub(super) fn new(tenant: &Tenant, subject: Subject, now: Micros) -> Request {
        Request { name: format!("{}.json", uuid::Uuid::new_v4().simple()), tenant: tenant.clone(), subject, asked_at: now }
    }

    /// Writes the request down; it is carried out some time when this returns.
    pub(super) fn save(&self, data: &Path) -> Result<(), Error> {
        let form = Form { tenant: self.tenant.to_string(), subject: self.subject.clone(), asked_at_us: self.asked_at.0 };
        let text = serde_json::to_vec(&form).map_err(|error| unreadable(data, &error.to_string()))?;
        disk::create_dirs(data, &data.join(DIR))?;
        disk::replace(&data.join(DIR).join(&self.name), &text, Durable::Yes)
    }

    /// Forgets the request, which also names the person.
    pub(super) fn done(&self, data: &Path) -> Result<(), Error> {
        disk::remove(&data.join(DIR).join(&self.name))?;
        disk::sync_dir(&data.join(DIR))
    }
}

/// Reads the requests that wait.
pub(super) fn pending(data: &Path) -> Result<Vec<Request>, Error> {
    let names = names_in(&data.join(DIR))?;
    names.into_iter().filter(|name| name.ends_with(".json")).map(|name| read(data, name)).collect()
}

fn read(data: &Path, name: String) -> Result<Request, Error> {
    let path = data.join(DIR).join(&name);
    let text = std::fs::read(&path).map_err(|source| Error::io("read", &path, source))?;
    let form: Form = serde_json::from_slice(&text).map_err(|error| unreadable(&path, &error.to_string()))?;
    let tenant = Tenant::new(&form.tenant).map_err(|error| unreadable(&path, &error.to_string()))?;
    Ok(Request { name, tenant, subject: form.subject, asked_at: Micros(form.asked_at_us) })
}

fn unreadable(path: &Path, reason: &str) -> Error {
    Error::Table { path: PathBuf::from(path), reason: format!("a request to forget cannot be read: {reason}") }
}
