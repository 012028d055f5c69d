//! The extended monitors, their SELECTs over a real store: a quiet month does not alert, and one planted change of each does.

use monitor::{Monitor, backtest, extended};
use schema::{Micros, NanoUsd, Score, Span, SpanId, Tenant, TraceId};
use store::Store;

use crate::traffic::rows::open;
use crate::traffic::{Call, DAY, Draw, HOUR, START, Weather, calls};

/// Three weeks, of which the last four days are planted in.
const DAYS: i64 = 21;
const PLANTED: i64 = START + 17 * DAY;

/// Draws all that the monitors ask for of one call; `bad` says whether something is planted at its time.
struct Maker {
    draw: Draw,
    plants: bool,
    spans: Vec<Span>,
    scores: Vec<Score>,
}

fn words(n: usize) -> String {
    "word ".repeat(n)
}

impl Maker {
    fn like(&mut self, mean: f64, sd: f64) -> f64 {
        mean * (sd * self.draw.normal()).exp()
    }

    fn span(&self, call: &Call, number: usize, nth: u64, operation: &str) -> Span {
        let mut trace = [9; 16];
        trace[8..].copy_from_slice(&(number as u64 + 1).to_be_bytes());
        let start = Micros(call.time + nth as i64);
        Span {
            trace_id: TraceId(trace),
            span_id: SpanId((10 * (number as u64 + 1) + nth).to_be_bytes()),
            start_time: start,
            start_unix_nano: start.0 * 1_000,
            duration_ns: 1_000_000_000,
            ingested_at: start,
            date: start.day(),
            service_name: Some(call.service.to_owned()),
            session_id: Some(call.session.to_string()),
            name: operation.to_owned(),
            operation: Some(operation.to_owned()),
            status: "ok".to_owned(),
            ..Span::default()
        }
    }

    fn add(&mut self, number: usize, call: &Call) {
        let bad = self.plants && call.time >= PLANTED;
        let more = |factor: f64| if bad { factor } else { 1.0 };
        let input = self.like(800.0 * more(3.0), 0.3);
        let cached = if bad { 0.1 } else { 0.6 } * self.draw.between(0.8, 1.2);
        let length = self.like(80.0 * more(3.0), 0.3);
        let ttft = self.like(0.4 * more(3.0), 0.3);
        let question = if bad && self.draw.unit() < 0.8 { "wie ist das" } else { "how is that" };
        let prompt = if bad && self.draw.unit() < 0.8 { "orders" } else { ["search", "help"][number % 2] };
        let environment = ["north", "south"][self.draw.below(2) as usize];
        let chat = Span {
            is_llm_call: true,
            duration_ns: (call.seconds * 1e9) as i64,
            environment: Some(environment.to_owned()),
            response_model: Some(call.model.to_owned()),
            streaming: Some(true),
            ttft_ns: Some((ttft * 1e9) as i64),
            input_tokens: Some(input as i64),
            output_tokens: Some((length * 1.3) as i64),
            cache_read_tokens: Some((input * cached) as i64),
            cost_nanousd: (!number.is_multiple_of(20)).then_some(NanoUsd((0.5 * more(8.0) * 1e9) as i64)),
            cost_source: Some("priced".to_owned()),
            prompt_name: Some(prompt.to_owned()),
            prompt_version: Some("1".to_owned()),
            input_text: Some(question.to_owned()),
            output_text: Some(words(length as usize)),
            ..self.span(call, number, 1, "chat")
        };
        self.spans.push(chat);
        self.tools(number, call, bad);
        let score = self.draw.between(0.6, 1.0) * more(0.7);
        let document = format!("[{{\"content\": \"a page\", \"score\": {score:.3}}}]");
        self.spans.push(Span { documents: Some(document), ..self.span(call, number, 2, "retrieval") });
        self.judge(number, call, bad, environment);
    }

    fn tools(&mut self, number: usize, call: &Call, bad: bool) {
        let fails = self.draw.unit() < if bad { 0.3 } else { 0.02 };
        let loops = self.draw.unit() < if bad { 0.4 } else { 0.03 };
        for nth in 0..2 {
            let arguments = if loops { "{}".to_owned() } else { format!("{{\"page\": {nth}}}") };
            let status = if fails { "error" } else { "ok" }.to_owned();
            let tool = self.span(call, number, 3 + nth, "execute_tool");
            self.spans.push(Span { tool_name: Some("search".to_owned()), tool_arguments: Some(arguments), status, ..tool });
        }
    }

    fn judge(&mut self, number: usize, call: &Call, bad: bool, environment: &str) {
        let answered = f64::from(u8::from(self.draw.unit() > if bad { 0.3 } else { 0.02 }));
        let polite = self.draw.between(0.0, 1.0) * if bad { 0.4 } else { 1.0 };
        let unfair = if bad && environment == "south" { 0.5 } else { 0.0 };
        let grounded = 0.9 - 0.1 * self.draw.unit() - unfair;
        let mut all = vec![("answered", answered), ("polite", polite), ("groundedness", grounded)];
        // The judge of style falls silent.
        if !bad {
            all.push(("style", self.draw.unit()));
        }
        let about = self.span(call, number, 1, "chat");
        for (evaluator, value) in all {
            self.scores.push(Score {
                id: format!("{evaluator}-{number}"),
                time: about.start_time,
                date: about.date,
                target_time: about.start_time,
                evaluator: evaluator.to_owned(),
                evaluator_version: "1".to_owned(),
                trace_id: Some(about.trace_id),
                span_id: Some(about.span_id),
                outcome: "value".to_owned(),
                value: Some(value),
                source: "check".to_owned(),
                ..Score::default()
            });
        }
    }
}

async fn fill(store: &Store, tenant: &Tenant, plants: bool) {
    let mut maker = Maker { draw: Draw::new("extended", 5), plants, spans: Vec::new(), scores: Vec::new() };
    for (number, call) in calls(21, DAYS, &Weather::CALM, None).iter().enumerate() {
        maker.add(number, call);
    }
    let now = Micros(START + DAYS * DAY);
    store.append(tenant, &maker.spans, now).await.unwrap();
    store.append(tenant, &maker.scores, now).await.unwrap();
    store.flush().await.unwrap();
}

/// The alerts of each monitor by itself: none stands in the shade of another.
async fn alerts(store: &Store, tenant: &Tenant, monitor: &Monitor) -> Vec<(String, String, i64)> {
    let (from, to) = (Micros(START + 10 * DAY), Micros(START + DAYS * DAY));
    let replayed = backtest(store, tenant, std::slice::from_ref(monitor), from, to, 0).await.unwrap().remove(0);
    assert_eq!(replayed.error, None, "{}", monitor.rule.name);
    replayed.fired().map(|alert| (alert.slice.clone(), alert.summary.clone(), alert.time.0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_finds_what_is_planted_and_nothing_in_a_quiet_month() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let (quiet, changed) = (Tenant::new("quiet").unwrap(), Tenant::new("changed").unwrap());
    fill(&store, &quiet, false).await;
    fill(&store, &changed, true).await;
    let mut monitors = extended();
    assert_eq!(monitors.len(), 14);
    // A busy machine is no fault of a monitor.
    monitors.iter_mut().for_each(|monitor| monitor.limits.query_seconds = 600);
    for monitor in &monitors {
        let name = &monitor.rule.name;
        let false_alarms = alerts(&store, &quiet, monitor).await;
        assert!(false_alarms.is_empty(), "{name} alerts where nothing changed: {false_alarms:#?}");
        let found = alerts(&store, &changed, monitor).await;
        let days = if name == "fairness" { 3 } else { 2 };
        assert_eq!(found.len(), 1, "{name}: {found:#?}");
        assert!((PLANTED..=PLANTED + days * DAY + HOUR).contains(&found[0].2), "{name}: {found:?}");
        if name == "judge-silence" {
            assert_eq!(found[0].0, "evaluator=style");
        }
    }
    store.close().await.unwrap();
}
