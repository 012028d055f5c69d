//! What a person says to an alert: that somebody knows, or that it shall be quiet for a while. A row in `alerts`; nothing else changes.

use schema::{AlertTransition, Micros, Row as _};

use crate::app::{Params, Reader, run};
use crate::error::Error;

const LATEST: &str = include_str!("../queries/alert_latest.sql");
/// Characters of a name.
const ACTOR_MAX: usize = 100;
/// Longest mute, in minutes: thirty days.
const MINUTES_MAX: i64 = 43_200;
const MINUTE: i64 = 60_000_000;

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// Somebody knows.
    Acknowledge,
    /// Nothing is to be told for so many minutes; 0 ends that.
    Mute(i64),
}

/// Writes down what a person says to an alert that is open.
pub(crate) async fn say(reader: &Reader, id: &str, actor: &str, word: Word) -> Result<AlertTransition, Error> {
    let actor = actor.trim();
    if actor.is_empty() || actor.chars().count() > ACTOR_MAX || actor.chars().any(char::is_control) {
        return Err(Error::Input { message: "actor must be 1 to 100 characters".to_owned(), hint: "say who you are: {\"actor\": \"ann\"}" });
    }
    let now = reader.app.now();
    let alert = latest(reader, id).await?.ok_or_else(|| Error::NotFound { what: "alert", id: id.chars().take(200).collect() })?;
    if alert.state == "resolved" {
        return Err(Error::Input { message: format!("alert {id} is resolved"), hint: "nothing is told of it any more" });
    }
    let row = match word {
        Word::Acknowledge => alert.acknowledged(actor, now),
        Word::Mute(minutes) if (0..=MINUTES_MAX).contains(&minutes) => alert.muted(Micros(now.0 + minutes * MINUTE), actor, now),
        Word::Mute(_) => {
            return Err(Error::Input {
                message: "minutes must be 0 to 43200, which is thirty days".to_owned(),
                hint: "mute again when that is over",
            });
        }
    };
    reader.app.store.append(&reader.tenant, std::slice::from_ref(&row), now).await.map_err(Error::Store)?;
    Ok(row)
}

async fn latest(reader: &Reader, id: &str) -> Result<Option<AlertTransition>, Error> {
    let params = Params::new().text("id", id);
    let answer = run(&reader.app.store, &reader.tenant, LATEST, &params.options(1, reader.app.config.page_timeout())).await?;
    let rows = answer.batches.iter().map(AlertTransition::decode).collect::<Result<Vec<_>, _>>();
    let rows = rows.map_err(|error| Error::Write(error.to_string()))?;
    Ok(rows.into_iter().flatten().next())
}
