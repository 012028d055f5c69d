//! `derivedMetrics`: figures out of the sums of the metrics.

use std::collections::BTreeMap;

use crate::checks::Node;
use crate::report::{CaseReport, NamedSums};
use crate::spec::DerivedSpec;

/// The sums of the named metrics over the answers of one prompt and provider, and what is derived from them.
///
/// Scores count as often as they weigh, as in promptfoo; assertions without a metric of their own have no name.
pub(crate) fn named_sums(cases: &[(&CaseReport, &[Node])], derived: &[DerivedSpec]) -> Vec<NamedSums> {
    let mut columns: Vec<(NamedSums, usize)> = Vec::new();
    for (case, nodes) in cases {
        let prompt = case.prompt.clone().unwrap_or_default();
        let place = columns.iter().position(|(known, _)| known.prompt == prompt && known.provider == case.provider).unwrap_or_else(|| {
            columns.push((NamedSums { prompt, provider: case.provider.clone(), sums: BTreeMap::new() }, 0));
            columns.len() - 1
        });
        let (column, count) = &mut columns[place];
        *count += 1;
        for (metric, sum) in contributions(case, nodes) {
            *column.sums.entry(metric).or_default() += sum;
        }
    }
    let with_derived = |(mut column, count): (NamedSums, usize)| {
        let mut known = column.sums.clone();
        known.insert("__count".to_owned(), count as f64);
        for figure in derived {
            let text = figure.value.as_str().map_or_else(|| figure.value.to_string(), str::to_owned);
            if let Some(value) = evaluate(&text, &known) {
                known.insert(figure.name.clone(), value);
                column.sums.insert(figure.name.clone(), value);
            } else {
                column.sums.entry(figure.name.clone()).or_insert(0.0);
            }
        }
        column
    };
    columns.into_iter().map(with_derived).collect()
}

/// Weighted sums of the named metrics of one case; inside of a set an assertion weighs what the set does, too.
fn contributions(case: &CaseReport, nodes: &[Node]) -> BTreeMap<String, f64> {
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    let score_of = |id: &str| case.scores.iter().find(|score| score.assertion == id);
    let mut add = |metric: Option<&str>, id: &str, weight: f64| {
        if let (Some(metric), Some(score)) = (metric, score_of(id).and_then(|score| score.score.or(score.value))) {
            *sums.entry(metric.to_owned()).or_default() += weight * score;
        }
    };
    for node in nodes {
        let (factor, own) = match node {
            Node::One(_) => (1.0, None),
            Node::Set(set) => (set.weight, set.metric.as_deref()),
        };
        for assertion in node.assertions() {
            let metric = score_of(&assertion.id).map(|score| score.metric.as_str()).filter(|metric| *metric != assertion.name);
            if metric.is_some() && metric != own {
                add(metric, &assertion.id, factor * assertion.weight);
            }
        }
        if let Node::Set(set) = node {
            add(own, &set.id, set.weight);
        }
    }
    sums
}

/// Computes an expression of numbers, names, `+ - * / % ^`, brackets and a few functions; nothing where it is none.
pub(crate) fn evaluate(text: &str, names: &BTreeMap<String, f64>) -> Option<f64> {
    let mut parser = Parser { rest: text.trim_start(), names, depth: 0 };
    let value = parser.sum()?;
    (parser.rest.is_empty() && value.is_finite()).then_some(value)
}

struct Parser<'a> {
    rest: &'a str,
    names: &'a BTreeMap<String, f64>,
    depth: usize,
}

impl Parser<'_> {
    fn take(&mut self, symbol: char) -> bool {
        match self.rest.strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn sum(&mut self) -> Option<f64> {
        // Brackets inside of brackets end somewhere.
        self.depth += 1;
        if self.depth > 50 {
            return None;
        }
        let mut value = self.product()?;
        loop {
            if self.take('+') {
                value += self.product()?;
            } else if self.take('-') {
                value -= self.product()?;
            } else {
                self.depth -= 1;
                return Some(value);
            }
        }
    }

    fn product(&mut self) -> Option<f64> {
        let mut value = self.power()?;
        loop {
            if self.take('*') {
                value *= self.power()?;
            } else if self.take('/') {
                value /= self.power()?;
            } else if self.take('%') {
                value %= self.power()?;
            } else {
                return Some(value);
            }
        }
    }

    fn power(&mut self) -> Option<f64> {
        if self.take('-') {
            return Some(-self.power()?);
        }
        let base = self.atom()?;
        if self.take('^') { Some(base.powf(self.power()?)) } else { Some(base) }
    }

    fn atom(&mut self) -> Option<f64> {
        if self.take('(') {
            let value = self.sum()?;
            return self.take(')').then_some(value);
        }
        let is_number = self.rest.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || (is_number && c == '.'))).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        if is_number {
            return word.parse().ok();
        }
        if !self.take('(') {
            return match word {
                "pi" => Some(std::f64::consts::PI),
                "e" if !self.names.contains_key("e") => Some(std::f64::consts::E),
                name => self.names.get(name).copied(),
            };
        }
        let mut arguments = vec![self.sum()?];
        while self.take(',') {
            arguments.push(self.sum()?);
        }
        if self.take(')') { call(word, &arguments) } else { None }
    }
}

fn call(name: &str, arguments: &[f64]) -> Option<f64> {
    let one = arguments[0];
    Some(match (name, arguments) {
        ("min", _) => arguments.iter().copied().fold(f64::INFINITY, f64::min),
        ("max", _) => arguments.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        ("pow", [_, power]) => one.powf(*power),
        ("mean", _) => arguments.iter().sum::<f64>() / arguments.len() as f64,
        ("sqrt", [_]) => one.sqrt(),
        ("abs", [_]) => one.abs(),
        ("round", [_]) => (one + 0.5).floor(),
        ("floor", [_]) => one.floor(),
        ("ceil", [_]) => one.ceil(),
        ("exp", [_]) => one.exp(),
        ("log", [_]) => one.ln(),
        ("log10", [_]) => one.log10(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::evaluate;

    #[test]
    fn expressions_are_computed() {
        let names = [("a".to_owned(), 3.0), ("__count".to_owned(), 2.0)].into();
        let value = |text: &str| evaluate(text, &names);
        assert_eq!(value("2 * a / (a + 1)"), Some(1.5));
        assert_eq!(value("a / __count"), Some(1.5));
        assert_eq!(value("-2 ^ 2 + sqrt(16) % 3"), Some(-3.0));
        assert_eq!(value("max(a, 7, 1) - round(2.5)"), Some(4.0));
        for wrong in ["a +", "b", "1 / 0", "(a", "process.exit()", "a b"] {
            assert_eq!(value(wrong), None, "{wrong}");
        }
    }
}
