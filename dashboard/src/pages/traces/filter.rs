//! What the address of the trace list says: the filters, and the place from which a page begins.

use schema::{Micros, TraceId};
use serde::Deserialize;

use crate::app::Params;
use crate::error::Error;
use crate::range::{Grid, Range};
use crate::url::address;

/// A trace that reaches over the edge of the range is seen whole where it reaches less than this.
const MARGIN_US: i64 = 3_600_000_000;

/// The parameters as they came. A form sends empty ones for fields that were left empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asking {
    range: Option<String>,
    from: Option<String>,
    to: Option<String>,
    q: Option<String>,
    service: Option<String>,
    model: Option<String>,
    status: Option<String>,
    session: Option<String>,
    older: Option<String>,
    newer: Option<String>,
}

impl Asking {
    pub(crate) fn range(&self) -> Option<&str> {
        filled(&self.range)
    }
    pub(crate) fn from(&self) -> Option<&str> {
        filled(&self.from)
    }
    pub(crate) fn to(&self) -> Option<&str> {
        filled(&self.to)
    }
}

/// A place in the list, between two traces: that of a trace itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// When the trace began.
    pub start: Micros,
    /// Which of those that began at that moment.
    pub trace_id: String,
}

impl Place {
    fn read(text: &str) -> Option<Self> {
        let (start, id) = text.split_once('.')?;
        Some(Self { start: Micros(start.parse().ok()?), trace_id: id.parse::<TraceId>().ok()?.to_string() })
    }

    fn write(&self) -> String {
        format!("{}.{}", self.start.0, self.trace_id)
    }
}

/// The filters of the trace list.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    /// When traces began.
    pub range: Range,
    /// Text in a prompt or an answer.
    pub text: Option<String>,
    /// A service that took part.
    pub service: Option<String>,
    /// A model that was called.
    pub model: Option<String>,
    /// `ok` or `error`.
    pub status: Option<&'static str>,
    /// The session.
    pub session: Option<String>,
    /// Where the page begins, and in which direction (`older` or `newer`) it goes.
    pub place: Option<(&'static str, Place)>,
}

impl Filter {
    /// Reads the filters; what cannot be understood is an error, so that no shared link quietly shows something else.
    pub(crate) fn read(asking: Asking, range: Range) -> Result<Self, Error> {
        let status = match filled(&asking.status) {
            None => None,
            Some("ok") => Some("ok"),
            Some("error") => Some("error"),
            Some(other) => return Err(bad(&format!("unknown status {other:?}"), "use status=ok or status=error")),
        };
        let place = match (filled(&asking.older), filled(&asking.newer)) {
            (Some(text), _) => Some(("older", text)),
            (None, Some(text)) => Some(("newer", text)),
            (None, None) => None,
        };
        let place = place
            .map(|(name, text)| Place::read(text).map(|place| (name, place)))
            .map(|place| place.ok_or_else(|| bad("the place of this page cannot be read", "begin at the first page again")));
        Ok(Self {
            range,
            status,
            place: place.transpose()?,
            text: owned(asking.q),
            service: owned(asking.service),
            model: owned(asking.model),
            session: owned(asking.session),
        })
    }

    /// A filter that lets everything in a range through.
    pub(crate) fn all(range: Range) -> Self {
        Self { range, text: None, service: None, model: None, status: None, session: None, place: None }
    }

    /// Writes the parameters of `matched.sql`.
    pub(crate) fn params(&self) -> Params {
        let params = Params::new()
            .time("from", self.range.from)
            .time("to", self.range.to)
            .time("seen_from", Micros(self.range.from.0.saturating_sub(MARGIN_US)))
            .time("seen_to", Micros(self.range.to.0.saturating_add(MARGIN_US)))
            .maybe("service", self.service.as_deref())
            .maybe("model", self.model.as_deref())
            .maybe("session", self.session.as_deref())
            .maybe("text", self.text.as_deref().map(pattern).as_deref());
        params.maybe_bool("failed", self.status.map(|status| status == "error"))
    }

    /// Writes the address of the first page with these filters.
    pub(crate) fn here(&self) -> String {
        self.address(&self.range.pairs().iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>(), None)
    }

    /// Writes the address with one filter taken away.
    pub(crate) fn without(&self, name: &str) -> String {
        self.address(&self.range.pairs().iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>(), Some(name))
    }

    /// Writes the address of a page that begins at a place.
    pub(crate) fn page_address(&self, direction: &'static str, place: &Place) -> String {
        let place = place.write();
        let range = self.range.pairs();
        let mut pairs: Vec<(&str, &str)> = range.iter().map(|(name, value)| (*name, value.as_str())).collect();
        pairs.push((direction, &place));
        self.address(&pairs, None)
    }

    /// Writes the address with these parameters, and the filters except one.
    pub(crate) fn address(&self, pairs: &[(&str, &str)], except: Option<&str>) -> String {
        let filters = [
            ("q", self.text.as_deref()),
            ("service", self.service.as_deref()),
            ("model", self.model.as_deref()),
            ("status", self.status),
            ("session", self.session.as_deref()),
        ];
        let filters = filters.into_iter().filter(|(name, _)| Some(*name) != except);
        address("/traces", pairs.iter().copied().chain(filters.filter_map(|(name, value)| Some((name, value?)))))
    }
}

impl Grid {
    /// Writes the parameters that lay a query's rows into buckets.
    pub(crate) fn params(&self, params: Params) -> Params {
        params.int("grid_start", self.start.0).int("grid_width", self.width_us)
    }
}

/// Makes a pattern of `ilike` that finds a text as it is.
fn pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

fn filled(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

fn owned(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn bad(message: &str, hint: &'static str) -> Error {
    Error::Input { message: message.to_owned(), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range() -> Range {
        Range::read(Some("24h"), None, None, "24h", Micros(1_700_000_000_000_000)).unwrap()
    }

    #[test]
    fn filters_survive_the_address() {
        let asking = Asking {
            q: Some(" 50% off_\\ ".into()),
            service: Some("shop".into()),
            status: Some("error".into()),
            session: Some("".into()),
            ..Asking::default()
        };
        let filter = Filter::read(asking, range()).unwrap();
        assert_eq!(filter.here(), "/traces?range=24h&q=50%25+off_%5C&service=shop&status=error");
        assert_eq!(filter.without("q"), "/traces?range=24h&service=shop&status=error");
        let place = Place { start: Micros(5), trace_id: "ab".repeat(16) };
        assert_eq!(Place::read(&place.write()), Some(place));
    }

    #[test]
    fn a_pattern_finds_the_text_as_it_is() {
        assert_eq!(pattern(r"100%_\"), r"%100\%\_\\%");
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        let read = |asking| Filter::read(asking, range());
        assert!(read(Asking { status: Some("broken".into()), ..Asking::default() }).is_err());
        assert!(read(Asking { older: Some("5.zz".into()), ..Asking::default() }).is_err());
        assert!(read(Asking { newer: Some("x".into()), ..Asking::default() }).is_err());
    }
}
