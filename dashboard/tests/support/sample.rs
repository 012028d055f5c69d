//! Traffic of a small company: a support bot with retrieval, an order agent with tools, a summariser; some errors, one bad day.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use schema::{AlertTransition, Micros, MonitorState, NanoUsd, Score, Span, SpanId, Tenant, TraceId};
use store::Store;

const MINUTE_US: i64 = 60_000_000;
const HOUR_US: i64 = 60 * MINUTE_US;
const DAY_US: i64 = 24 * HOUR_US;

/// Rows ready to be appended.
#[derive(Default)]
pub struct Sample {
    pub spans: Vec<Span>,
    pub scores: Vec<Score>,
    pub states: Vec<MonitorState>,
    pub alerts: Vec<AlertTransition>,
}

impl Sample {
    /// Appends everything.
    pub async fn append(&self, store: &Store, tenant: &Tenant, now: Micros) {
        for spans in self.spans.chunks(5_000) {
            store.append(tenant, spans, now).await.unwrap();
        }
        store.append(tenant, &self.scores, now).await.unwrap();
        store.append(tenant, &self.states, now).await.unwrap();
        store.append(tenant, &self.alerts, now).await.unwrap();
        store.settle().await.unwrap();
    }
}

/// Makes `days` of traffic up to `now`, some `per_day` traces a day.
pub fn traffic(now: Micros, days: i64, per_day: i64, seed: u64) -> Sample {
    let mut maker = Maker { rng: StdRng::seed_from_u64(seed), sample: Sample::default(), bad_day: now.0 - 2 * DAY_US - 5 * HOUR_US };
    let mut at = now.0 - days * DAY_US;
    while at < now.0 - MINUTE_US {
        let hour = (at / HOUR_US).rem_euclid(24);
        let busy = if (8..18).contains(&hour) { 1.9 } else { 0.45 };
        let gap = (DAY_US as f64 / per_day as f64 / busy) * -(maker.rng.random::<f64>().max(1e-6)).ln();
        at += gap as i64;
        match maker.rng.random_range(0..10) {
            0..=5 => maker.support(at),
            6..=7 => maker.agent(at),
            _ => maker.summary(at),
        }
    }
    maker.sample.spans.retain(|span| span.start_time < now);
    maker.sample.scores.retain(|score| score.target_time < now);
    maker.monitors(now);
    maker.sample
}

struct Topic {
    question: &'static str,
    answer: &'static str,
    documents: [(&'static str, &'static str); 3],
}

const TOPICS: &[Topic] = &[
    Topic {
        question: "How do I reset the password of a colleague who has left the company?",
        answer: "Open **Admin → People**, choose the person and select *Deactivate*. That ends every session and revokes API keys. You do not need to reset the password first [1]. Files move to their manager after 30 days [2].",
        documents: [
            ("kb/offboarding.md", "Deactivating a person ends all sessions at once and revokes the API keys that they made."),
            ("kb/file-transfer.md", "Files of a deactivated person are moved to the manager after 30 days unless an admin moves them sooner."),
            ("kb/password-reset.md", "A person resets the own password from the login page; admins can send the link."),
        ],
    },
    Topic {
        question: "Why was my card charged twice this month?",
        answer: "One of the two lines is an authorisation, not a charge. It disappears within seven days [1]. If both are still there after that, reply here with the last four digits and we will look into it.",
        documents: [
            ("kb/billing-faq.md", "Banks show the authorisation and the charge as two lines. The authorisation drops off within seven days."),
            ("kb/refunds.md", "Refunds are made to the original payment method within five working days."),
            ("kb/invoices.md", "Invoices are issued on the first of the month, in the currency of the contract."),
        ],
    },
    Topic {
        question: "Can I export all tickets with their attachments as one file?",
        answer: "Yes. *Reports → Export* makes a ZIP with one JSON file a ticket and the attachments beside it [1]. Exports over 2 GB are split into parts.",
        documents: [
            ("kb/export.md", "An export is a ZIP. Each ticket is a JSON file, attachments lie in a folder of the same name. Parts are 2 GB."),
            ("kb/api-tickets.md", "GET /tickets returns 100 tickets a page. Attachments are links that expire after an hour."),
            ("kb/retention.md", "Closed tickets are kept for 24 months unless the workspace says otherwise."),
        ],
    },
    Topic {
        question: "Does the mobile app work offline on a plane?",
        answer: "You can read and draft offline; drafts are sent when the phone is online again [1]. Search needs a connection.",
        documents: [
            ("kb/mobile-offline.md", "Tickets of the last 14 days can be read offline. Drafts are kept and sent later. Search is online only."),
            ("kb/mobile-push.md", "Push notifications need a connection and the permission of the system."),
            ("kb/supported-devices.md", "iOS 17 and Android 12 or newer."),
        ],
    },
];

const ORDERS: &[(&str, &str, &str)] = &[
    (
        "Where is my order 84-1192? It was meant to come on Tuesday.",
        "84-1192",
        "Your order left our warehouse on Monday and is with the carrier in Leipzig. It should reach you tomorrow before 14:00.",
    ),
    (
        "Please change the address of order 84-2077 to Hauptstraße 12, 10827 Berlin.",
        "84-2077",
        "Done: order 84-2077 now goes to Hauptstraße 12, 10827 Berlin. It has not been packed yet, so nothing is delayed.",
    ),
    (
        "I want to return the blue jacket from order 84-0415.",
        "84-0415",
        "I have made a return label for the blue jacket and sent it to your e-mail. The refund of €79.00 follows when the parcel arrives.",
    ),
];

struct Maker {
    rng: StdRng,
    sample: Sample,
    bad_day: i64,
}

struct Call<'a> {
    model: &'static str,
    provider: &'static str,
    system: &'a str,
    input: String,
    output: String,
    input_text: &'a str,
    output_text: &'a str,
    input_tokens: i64,
    output_tokens: i64,
    duration_ms: i64,
    prompt: (&'static str, &'static str),
}

impl Maker {
    fn is_bad(&self, at: i64) -> bool {
        (self.bad_day..self.bad_day + 9 * HOUR_US).contains(&at)
    }

    fn span(&mut self, trace: TraceId, parent: Option<SpanId>, at: i64, duration_ms: i64, name: &str, service: &str) -> Span {
        let jitter_ns: i64 = self.rng.random_range(0..1_000_000);
        let start_time = Micros(at);
        Span {
            trace_id: trace,
            span_id: SpanId(self.rng.random()),
            parent_span_id: parent,
            start_time,
            start_unix_nano: at * 1_000,
            duration_ns: duration_ms * 1_000_000 + jitter_ns,
            ingested_at: Micros(at + duration_ms * 1_000 + 900_000),
            date: start_time.day(),
            service_name: Some(service.to_owned()),
            service_version: Some("2.4.1".to_owned()),
            environment: Some("production".to_owned()),
            name: name.to_owned(),
            kind: "internal".to_owned(),
            status: "unset".to_owned(),
            scope_name: Some("openinference.instrumentation.openai".to_owned()),
            scope_version: Some("0.1.41".to_owned()),
            attributes: Some(r#"{"deployment.region":"eu-central-1","http.route":"/v1/answer","server.address":"10.3.0.12"}"#.to_owned()),
            resource: Some(r#"{"host.name":"bot-7f9c","k8s.namespace.name":"support","service.instance.id":"bot-7f9c-2"}"#.to_owned()),
            ..Span::default()
        }
    }

    fn call(&mut self, base: Span, call: &Call<'_>) -> Span {
        let price = match call.model {
            "gpt-4o" => (2_500, 10_000),
            "claude-sonnet-4-5" => (3_000, 15_000),
            "text-embedding-3-small" => (20, 0),
            _ => (150, 600),
        };
        Span {
            kind: "client".to_owned(),
            dialect: Some("openinference".to_owned()),
            operation: Some(if call.model.starts_with("text-embedding") { "embeddings" } else { "chat" }.to_owned()),
            is_llm_call: true,
            provider: Some(call.provider.to_owned()),
            provider_raw: Some(call.provider.to_owned()),
            request_model: Some(call.model.to_owned()),
            response_model: Some(call.model.to_owned()),
            response_id: Some(format!("resp_{:016x}", self.rng.random::<u64>())),
            streaming: Some(true),
            ttft_ns: Some(call.duration_ms * 180_000),
            finish_reason: Some("stop".to_owned()),
            temperature: Some(0.2),
            max_tokens: Some(1_024),
            input_tokens: Some(call.input_tokens),
            output_tokens: Some(call.output_tokens),
            cache_read_tokens: Some(call.input_tokens / 3),
            cost_nanousd: Some(NanoUsd(call.input_tokens * price.0 + call.output_tokens * price.1)),
            cost_source: Some("priced".to_owned()),
            prompt_name: Some(call.prompt.0.to_owned()),
            prompt_version: Some(call.prompt.1.to_owned()),
            system_instructions: Some(serde_json::json!([{"type": "text", "content": call.system}]).to_string()),
            input_messages: Some(call.input.clone()),
            output_messages: Some(call.output.clone()),
            input_text: Some(call.input_text.to_owned()),
            output_text: Some(call.output_text.to_owned()),
            ..base
        }
    }

    fn score(&mut self, span: &Span, evaluator: &str, value: f64, threshold: f64, reason: &str) {
        let judge = evaluator == "groundedness";
        self.sample.scores.push(Score {
            id: format!("{:032x}", self.rng.random::<u128>()),
            time: Micros(span.start_time.0 + 30_000_000),
            date: Micros(span.start_time.0 + 30_000_000).day(),
            target_time: span.start_time,
            evaluator: evaluator.to_owned(),
            evaluator_version: "1".to_owned(),
            trace_id: Some(span.trace_id),
            span_id: Some(span.span_id),
            session_id: span.session_id.clone(),
            outcome: "value".to_owned(),
            value: Some(value),
            passed: Some(value >= threshold),
            reason: Some(reason.to_owned()),
            source: if judge { "judge" } else { "check" }.to_owned(),
            judge_model: judge.then(|| "llama-3.3-70b".to_owned()),
            ..Score::default()
        });
    }

    fn support(&mut self, at: i64) {
        let topic = &TOPICS[self.rng.random_range(0..TOPICS.len())];
        let trace = TraceId(self.rng.random());
        let bad = self.is_bad(at);
        let model = if self.rng.random_bool(0.7) { "gpt-4o-mini" } else { "gpt-4o" };
        let answer_ms = (900.0 * (0.6 + self.rng.random::<f64>() * 0.9) * if bad { 2.8 } else { 1.0 }) as i64;
        let search_ms = self.rng.random_range(40..160);
        let failed = self.rng.random_bool(if bad { 0.07 } else { 0.015 });
        let session = format!("sess-{:05}", self.rng.random_range(0..4_000));
        let user = format!("u{:04}", self.rng.random_range(0..900));

        let root = self.span(trace, None, at, answer_ms + search_ms + 25, "answer question", "support-bot");
        let mut root = Span {
            operation: Some("invoke_workflow".to_owned()),
            dialect: Some("openinference".to_owned()),
            input_text: Some(topic.question.to_owned()),
            output_text: (!failed).then(|| topic.answer.to_owned()),
            session_id: Some(session.clone()),
            user_id: Some(user.clone()),
            ..root
        };
        let documents: Vec<_> = topic
            .documents
            .iter()
            .enumerate()
            .map(|(i, (id, content))| serde_json::json!({"id": id, "score": 0.91 - i as f64 * 0.17, "content": content, "metadata": {"lang": "en", "updated": "2026-09-14"}}))
            .collect();
        let retrieval = self.span(trace, Some(root.span_id), at + 6_000, search_ms, "search knowledge base", "support-bot");
        let retrieval = Span {
            operation: Some("retrieval".to_owned()),
            dialect: Some("openinference".to_owned()),
            input_text: Some(topic.question.to_owned()),
            documents: Some(serde_json::Value::from(documents).to_string()),
            session_id: Some(session.clone()),
            ..retrieval
        };
        let base = self.span(trace, Some(retrieval.span_id), at + 8_000, search_ms / 3, "embed query", "support-bot");
        let embedding = self.call(
            base,
            &Call {
                model: "text-embedding-3-small",
                provider: "openai",
                system: "",
                input: String::new(),
                output: String::new(),
                input_text: topic.question,
                output_text: "",
                input_tokens: 14,
                output_tokens: 0,
                duration_ms: 20,
                prompt: ("", ""),
            },
        );
        let embedding = Span {
            system_instructions: None,
            input_messages: None,
            output_messages: None,
            output_text: None,
            prompt_name: None,
            prompt_version: None,
            ..embedding
        };
        let context = topic.documents.iter().enumerate().map(|(i, (id, text))| format!("[{}] {id}\n{text}", i + 1)).collect::<Vec<_>>().join("\n\n");
        let input = serde_json::json!([
            {"role": "user", "parts": [{"type": "text", "content": format!("Context:\n{context}\n\nQuestion: {}", topic.question)}]}
        ]);
        let output = serde_json::json!([{"role": "assistant", "finish_reason": "stop", "parts": [{"type": "text", "content": topic.answer}]}]);
        let base = self.span(trace, Some(root.span_id), at + (search_ms + 10) * 1_000, answer_ms, &format!("chat {model}"), "support-bot");
        let input_tokens = self.rng.random_range(520..980);
        let output_tokens = self.rng.random_range(48..140);
        let mut chat = self.call(
            base,
            &Call {
                model,
                provider: "openai",
                system: "You answer questions of customers. Use only the context, cite it as [n], and say so when it does not hold the answer.",
                input: input.to_string(),
                output: output.to_string(),
                input_text: topic.question,
                output_text: topic.answer,
                input_tokens,
                output_tokens,
                duration_ms: answer_ms,
                prompt: ("support-answer", if at > self.bad_day { "7" } else { "6" }),
            },
        );
        chat.session_id = Some(session);
        chat.user_id = Some(user);
        if failed {
            let (kind, message) = if bad {
                ("timeout", "Request timed out after 10.0 s")
            } else {
                ("RateLimitError", "Error code: 429 - Rate limit reached for gpt-4o in organization org-… on tokens per min (TPM): Limit 30000")
            };
            for span in [&mut root, &mut chat] {
                span.status = "error".to_owned();
                span.error_type = Some(kind.to_owned());
                span.status_message = Some(message.to_owned());
            }
            chat.output_messages = None;
            chat.output_text = None;
            chat.output_tokens = None;
            chat.finish_reason = None;
            chat.events = Some(
                serde_json::json!([{"name": "exception", "time_unix_nano": chat.start_unix_nano + chat.duration_ns, "attributes": {
                "exception.type": kind, "exception.message": message,
                "exception.stacktrace": "Traceback (most recent call last):\n  File \"/app/bot/answer.py\", line 81, in answer\n    reply = client.chat.completions.create(**request)"}}])
                .to_string(),
            );
        } else {
            if self.rng.random_bool(0.6) {
                let grounded = if bad { 0.55 } else { 0.9 } + self.rng.random::<f64>() * 0.1;
                self.score(
                    &chat,
                    "groundedness",
                    grounded,
                    0.7,
                    "Each sentence is supported by document [1] or [2]; the note about the manager stands in [2].",
                );
            }
            self.score(&chat, "answered", 1.0, 0.5, "the answer is not a refusal");
            let cites = if self.rng.random_bool(if bad { 0.75 } else { 0.94 }) { 1.0 } else { 0.0 };
            self.score(&chat, "cites_source", cites, 0.5, if cites > 0.5 { "found [1]" } else { "no [n] in the answer" });
        }
        self.sample.spans.extend([root, retrieval, embedding, chat]);
    }

    fn agent(&mut self, at: i64) {
        let (question, order, answer) = ORDERS[self.rng.random_range(0..ORDERS.len())];
        let trace = TraceId(self.rng.random());
        let model = "claude-sonnet-4-5";
        let (think_ms, tool_ms, write_ms): (i64, i64, i64) =
            (self.rng.random_range(700..1_500), self.rng.random_range(60..420), self.rng.random_range(800..2_400));
        let tool_failed = self.rng.random_bool(0.05);
        let session = format!("chat-{:05}", self.rng.random_range(0..2_000));
        let root = self.span(trace, None, at, think_ms + tool_ms + write_ms + 60, "invoke_agent order-agent", "order-agent");
        let root = Span {
            operation: Some("invoke_agent".to_owned()),
            dialect: Some("gen_ai".to_owned()),
            agent_name: Some("order-agent".to_owned()),
            input_text: Some(question.to_owned()),
            output_text: Some(answer.to_owned()),
            session_id: Some(session.clone()),
            input_tokens: Some(2_400),
            output_tokens: Some(220),
            ..root
        };
        let system =
            "You are the order assistant of Nordlicht Outfitters. Look orders up before you answer. Never promise a date that the tool did not give.";
        let arguments = serde_json::json!({"order_id": order, "include": ["status", "carrier", "items"]});
        let asked = serde_json::json!({"role": "user", "parts": [{"type": "text", "content": question}]});
        let calling = serde_json::json!({"role": "assistant", "finish_reason": "tool_call", "parts": [
            {"type": "reasoning", "content": "The customer names an order. I should look it up before saying anything about dates."},
            {"type": "tool_call", "id": "toolu_01A9", "name": "lookup_order", "arguments": arguments}]});
        let result = serde_json::json!({"order_id": order, "status": "in_transit", "carrier": {"name": "DHL", "last_scan": "Leipzig", "eta": "2026-11-21T14:00:00+01:00"}, "items": [{"sku": "NL-4410", "name": "Blue jacket", "price": 79.0}]});
        let answered = serde_json::json!({"role": "tool", "parts": [{"type": "tool_call_response", "id": "toolu_01A9", "response": result}]});
        let written = serde_json::json!([{"role": "assistant", "finish_reason": "stop", "parts": [{"type": "text", "content": answer}]}]);
        let tools = serde_json::json!([{"type": "function", "name": "lookup_order", "description": "Looks an order up by its number.", "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}}]);

        let base = self.span(trace, Some(root.span_id), at + 12_000, think_ms, &format!("chat {model}"), "order-agent");
        let mut first = self.call(
            base,
            &Call {
                model,
                provider: "anthropic",
                system,
                input: serde_json::json!([asked]).to_string(),
                output: serde_json::json!([calling]).to_string(),
                input_text: question,
                output_text: "",
                input_tokens: 1_150,
                output_tokens: 90,
                duration_ms: think_ms,
                prompt: ("order-agent", "3"),
            },
        );
        first.finish_reason = Some("tool_call".to_owned());
        first.tool_definitions = Some(tools.to_string());
        first.output_text = None;
        let tool = self.span(trace, Some(root.span_id), at + (think_ms + 20) * 1_000, tool_ms, "execute_tool lookup_order", "order-agent");
        let mut tool = Span {
            operation: Some("execute_tool".to_owned()),
            dialect: Some("gen_ai".to_owned()),
            tool_name: Some("lookup_order".to_owned()),
            tool_call_id: Some("toolu_01A9".to_owned()),
            tool_arguments: Some(arguments.to_string()),
            tool_result: Some(result.to_string()),
            session_id: Some(session.clone()),
            ..tool
        };
        let http = self.span(trace, Some(tool.span_id), at + (think_ms + 24) * 1_000, tool_ms - 10, "GET /orders/{id}", "order-api");
        let http = Span { kind: "client".to_owned(), scope_name: Some("opentelemetry.instrumentation.httpx".to_owned()), ..http };
        if tool_failed {
            tool.status = "error".to_owned();
            tool.error_type = Some("503".to_owned());
            tool.status_message = Some("order service unavailable".to_owned());
            tool.tool_result = Some(r#"{"error":"order service unavailable","retry_after_s":5}"#.to_owned());
        }
        let base = self.span(trace, Some(root.span_id), at + (think_ms + tool_ms + 40) * 1_000, write_ms, &format!("chat {model}"), "order-agent");
        let mut second = self.call(
            base,
            &Call {
                model,
                provider: "anthropic",
                system,
                input: serde_json::json!([asked, calling, answered]).to_string(),
                output: written.to_string(),
                input_text: question,
                output_text: answer,
                input_tokens: 1_420,
                output_tokens: 130,
                duration_ms: write_ms,
                prompt: ("order-agent", "3"),
            },
        );
        first.session_id = Some(session.clone());
        second.session_id = Some(session);
        self.score(&second, "answered", 1.0, 0.5, "the answer is not a refusal");
        self.sample.spans.extend([root, first, tool, http, second]);
    }

    fn summary(&mut self, at: i64) {
        let trace = TraceId(self.rng.random());
        let text = "Minutes of the weekly operations meeting. Present: Ana, Björn, Chidi. 1. The move of the Kassel warehouse is two days late because the racks came without bolts. 2. Returns fell from 7.1 % to 6.4 % …";
        let answer = "Kassel is two days late (missing bolts, new date Thursday). Returns fell to 6.4 %. Chidi talks to the carrier about Saturday pick-ups until Friday.";
        let long_ms = self.rng.random_range(1_200..3_800);
        let base = self.span(trace, None, at, long_ms, "summarise document", "summariser");
        let input_tokens = self.rng.random_range(1_800..6_200);
        let input = serde_json::json!([{"role": "user", "parts": [{"type": "text", "content": format!("Summarise in three sentences:\n\n{text}")}]}]);
        let output = serde_json::json!([{"role": "assistant", "finish_reason": "stop", "parts": [{"type": "text", "content": answer}]}]);
        let call = self.call(
            base,
            &Call {
                model: "gpt-4o-mini",
                provider: "azure.ai.openai",
                system: "You write short summaries for busy people. No adjectives that the text does not have.",
                input: input.to_string(),
                output: output.to_string(),
                input_text: text,
                output_text: answer,
                input_tokens,
                output_tokens: 82,
                duration_ms: long_ms,
                prompt: ("summary", "2"),
            },
        );
        self.score(&call, "answered", 1.0, 0.5, "the answer is not a refusal");
        self.sample.spans.push(call);
    }

    fn monitors(&mut self, now: Micros) {
        for (monitor, state) in
            [("groundedness-drift", "ALERT"), ("latency-p95", "WARN"), ("error-rate", "OK"), ("cost-per-trace", "OK"), ("silence", "OK")]
        {
            let time = Micros(now.0 - 4 * MINUTE_US);
            self.sample.states.push(MonitorState {
                time,
                date: time.day(),
                monitor: monitor.to_owned(),
                state: state.to_owned(),
                reason: "sample".to_owned(),
                n: 420,
                ..MonitorState::default()
            });
        }
        let fired = Micros(self.bad_day + 2 * HOUR_US);
        let example = self.sample.spans.iter().find(|span| span.start_time.0 > self.bad_day && span.service_name.as_deref() == Some("support-bot"));
        let details = example.map(|span| serde_json::json!({"traces": [span.trace_id.to_string()]}).to_string());
        for (state, time) in [("pending", Micros(fired.0 - HOUR_US)), ("firing", fired)] {
            self.sample.alerts.push(AlertTransition {
                id: "a1b2c3".to_owned(),
                time,
                date: time.day(),
                monitor: "groundedness-drift".to_owned(),
                slice: "service_name=support-bot".to_owned(),
                kind: "quality".to_owned(),
                state: state.to_owned(),
                severity: "page".to_owned(),
                summary: "Groundedness of support-bot fell from 0.95 to 0.60 over 6 hours against the same hours of past weeks; prompt version 7 began at the same time.".to_owned(),
                value: Some(0.60),
                baseline: Some(0.95),
                effect: Some(-0.35),
                p_value: Some(0.000_02),
                window_start: Some(Micros(self.bad_day)),
                window_end: Some(Micros(self.bad_day + 9 * HOUR_US)),
                runbook: Some("https://example.com/runbooks/groundedness".to_owned()),
                details: details.clone(),
                ..AlertTransition::default()
            });
        }
    }
}

/// Makes one trace of `n` spans: an agent that loops, each turn a call and three tools with a request below.
pub fn long_trace(id: TraceId, now: Micros, n: usize) -> Vec<Span> {
    let mut maker = Maker { rng: StdRng::seed_from_u64(7), sample: Sample::default(), bad_day: i64::MAX - DAY_US };
    let begin = now.0 - 3 * HOUR_US;
    let mut root = maker.span(id, None, begin, 12 * 60_000, "invoke_agent nightly-migration", "migration-agent");
    root.operation = Some("invoke_agent".to_owned());
    root.agent_name = Some("nightly-migration".to_owned());
    root.input_text = Some("Move every template of the old workspace to the new one and check each.".to_owned());
    let step_us = 12 * MINUTE_US / i64::try_from(n).unwrap();
    let mut spans = vec![root.clone()];
    let mut turn = root.span_id;
    let mut tool = root.span_id;
    while spans.len() < n {
        let i = spans.len();
        let at = begin + i64::try_from(i).unwrap() * step_us;
        let span = match i % 8 {
            1 => {
                let mut span = maker.span(id, Some(root.span_id), at, 8 * step_us / 1_000 - 1, &format!("turn {}", i / 8 + 1), "migration-agent");
                span.operation = Some("invoke_workflow".to_owned());
                turn = span.span_id;
                span
            }
            2 => {
                let base = maker.span(id, Some(turn), at, step_us / 1_100, "chat claude-sonnet-4-5", "migration-agent");
                maker.call(
                    base,
                    &Call {
                        model: "claude-sonnet-4-5",
                        provider: "anthropic",
                        system: "You move templates.",
                        input: serde_json::json!([{"role": "user", "parts": [{"type": "text", "content": format!("Template {i}")}]}]).to_string(),
                        output: serde_json::json!([{"role": "assistant", "parts": [{"type": "text", "content": "Moved."}]}]).to_string(),
                        input_text: "Template",
                        output_text: "Moved.",
                        input_tokens: 90,
                        output_tokens: 8,
                        duration_ms: step_us / 1_000,
                        prompt: ("migration", "1"),
                    },
                )
            }
            3 | 5 | 7 => {
                let mut span = maker.span(id, Some(turn), at, step_us / 1_050, "execute_tool write_template", "migration-agent");
                span.operation = Some("execute_tool".to_owned());
                span.tool_name = Some("write_template".to_owned());
                span.tool_arguments = Some(format!(r#"{{"id":{i},"body":"Dear {{{{name}}}}"}}"#));
                span.tool_result = Some(r#"{"ok":true}"#.to_owned());
                if i % 371 == 0 {
                    span.status = "error".to_owned();
                    span.error_type = Some("conflict".to_owned());
                }
                tool = span.span_id;
                span
            }
            _ => {
                let mut span = maker.span(id, Some(tool), at, step_us / 1_400, "PUT /templates/{id}", "template-api");
                span.kind = "client".to_owned();
                span
            }
        };
        spans.push(span);
    }
    spans
}
