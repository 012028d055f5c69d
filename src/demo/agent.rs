//! The workshop agent: a request, rounds of tool calls, an answer.

use std::sync::Arc;

use schema::{Micros, TraceId};

use super::content::prompts;
use super::content::workshop::{JOBS, Job, PARTS, SLOTS, TOOL_ERRORS, TOWNS, Tool};
use super::dice::Dice;
use super::models::{Failure, GPT_5_MINI, HAIKU, Model};
use super::plan::Release;
use super::scene::{Scene, Weather};
use super::trace::{App, Chat, Message, Prompt, Step, Tokens, ToolCall, Trace};

/// Share of tool runs that fail.
const TOOL_FAILS: f64 = 0.025;
/// Share of runs whose prompt prefix is still in the provider's cache.
const IS_WARM: f64 = 0.7;
/// The staff.
const STAFF: u64 = 14;

/// Plans one run that begins at `start`.
pub(super) fn run(dice: &mut Dice, weather: Weather, release: Release, start: Micros) -> Vec<Trace> {
    let id = TraceId(dice.bytes());
    let user = format!("staff-{:02}", dice.int(1, STAFF));
    let session = format!("desk-{}", dice.hex(12));
    let model: &'static Model = if dice.chance(0.65) { &HAIKU } else { &GPT_5_MINI };
    let job = dice.pick_from(JOBS);
    let names = Names::draw(dice);
    let task: Arc<str> = names.fill(dice.pick(job.requests)).into();

    let mut scene = Scene::new(dice, weather, start);
    let root = scene.open(None, Step::Agent { task: task.clone(), answer: None, tokens: Tokens::default() });
    let (result, sum) = work(&mut scene, root, model, job, &names, task);
    scene.pass_ms(3.0);
    scene.close(root, result.as_ref().err().copied());
    if let Some(Step::Agent { answer, tokens, .. }) = scene.spans.first_mut().map(|span| &mut span.step) {
        (*answer, *tokens) = (result.ok(), sum);
    }
    let prompt = Prompt { name: "workshop-agent", version: "3" };
    vec![Trace { id, origin: release.origin(App::Workshop), session: Some(session), user, prompt, spans: scene.spans, feedback: None }]
}

/// Goes through the rounds; returns the answer, and the tokens of all calls.
fn work(scene: &mut Scene<'_>, root: usize, model: &'static Model, job: &Job, names: &Names, task: Arc<str>) -> (Result<Arc<str>, Failure>, Tokens) {
    let mut messages = vec![Message::User(task)];
    let mut sum = Tokens::default();
    let mut cache = Cache::new(model, scene.dice);
    for round in job.rounds {
        let calls: Vec<ToolCall> = round.iter().map(|tool| names.call(tool, scene.dice)).collect();
        let chat = ask(scene, model, &messages, Message::Calls(calls.clone()), &mut cache);
        sum += chat.tokens;
        if let Err(failure) = scene.chat(Some(root), model, chat) {
            return (Err(failure), sum);
        }
        messages.push(Message::Calls(calls.clone()));
        for (tool, call) in round.iter().zip(calls) {
            let content = run_tool(scene, root, tool, &call, names);
            messages.push(Message::Result { call_id: call.id, content });
        }
    }
    let answer: Arc<str> = names.fill(job.answer).into();
    let chat = ask(scene, model, &messages, Message::Assistant(answer.clone()), &mut cache);
    sum += chat.tokens;
    (scene.chat(Some(root), model, chat).map(|()| answer), sum)
}

fn ask(scene: &mut Scene<'_>, model: &'static Model, messages: &[Message], output: Message, cache: &mut Cache) -> Chat {
    let tokens = scene.count(model, prompts::WORKSHOP, prompts::TOOLS, messages, &output);
    let is_answer = matches!(output, Message::Assistant(_));
    Chat {
        model: scene.route(model),
        system: prompts::WORKSHOP.into(),
        messages: messages.to_vec(),
        output,
        finish_reason: if is_answer { "stop" } else { "tool_call" },
        tokens: cache.split(tokens),
        ttft_micros: is_answer.then_some(0),
        temperature: 0.0,
        max_tokens: 1_024,
        response_id: format!("{}{}", if model.provider == "anthropic" { "msg_" } else { "chatcmpl-" }, scene.dice.hex(24)),
    }
}

/// Runs a tool, once more when it fails; returns what the model gets to read.
fn run_tool(scene: &mut Scene<'_>, root: usize, tool: &Tool, call: &ToolCall, names: &Names) -> String {
    for is_last in [false, true] {
        let error = scene.dice.chance(TOOL_FAILS).then(|| scene.dice.pick(TOOL_ERRORS));
        let result = error.is_none().then(|| names.fill(tool.result));
        let step = Step::Tool { name: tool.name, call_id: call.id.clone(), arguments: call.arguments.clone(), result: result.clone() };
        let span = scene.open(Some(root), step);
        let took = scene.dice.skewed(85.0, 0.6);
        scene.pass_ms(took);
        scene.close(span, error.map(|(error_type, message)| Failure { error_type, message, http_status: None, after_ms: 0.0 }));
        match (result, error) {
            (Some(result), _) => return result,
            (None, Some((_, message))) if is_last => return format!(r#"{{"error":"{message}"}}"#),
            _ => {}
        }
    }
    String::new()
}

/// How much of the prompt the provider keeps from call to call.
struct Cache {
    writes: bool,
    is_warm: bool,
    prefix: u64,
}

impl Cache {
    fn new(model: &Model, dice: &mut Dice) -> Self {
        let prefix = ((prompts::WORKSHOP.len() + prompts::TOOLS.len()) as u64).div_ceil(4);
        Self { writes: model.provider == "anthropic", is_warm: dice.chance(IS_WARM), prefix }
    }

    /// Splits the input of the next call; only Anthropic bills what is written.
    fn split(&mut self, tokens: Tokens) -> Tokens {
        let cached = if self.is_warm { self.prefix.min(tokens.input) } else { 0 };
        let written = if self.writes && !self.is_warm { self.prefix.min(tokens.input) } else { 0 };
        self.is_warm = true;
        Tokens { cache_read: cached, cache_write: written, ..tokens }
    }
}

/// What is filled into the texts of a job.
struct Names {
    order: String,
    part: &'static str,
    town: &'static str,
    other: &'static str,
    slot: &'static str,
    count: u64,
    week: u64,
    pounds: u64,
}

impl Names {
    fn draw(dice: &mut Dice) -> Self {
        let town = dice.index(TOWNS.len());
        Self {
            order: format!("LC-{}", dice.int(40_000, 59_999)),
            part: dice.pick(PARTS),
            town: TOWNS[town],
            other: TOWNS[(town + 1) % TOWNS.len()],
            slot: dice.pick(SLOTS),
            count: dice.int(1, 24),
            week: dice.int(2, 51),
            pounds: dice.int(10, 180),
        }
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{order}", &self.order)
            .replace("{part}", self.part)
            .replace("{town}", self.town)
            .replace("{other}", self.other)
            .replace("{slot}", self.slot)
            .replace("{count}", &self.count.to_string())
            .replace("{week}", &self.week.to_string())
            .replace("{pounds}", &self.pounds.to_string())
    }

    fn call(&self, tool: &Tool, dice: &mut Dice) -> ToolCall {
        ToolCall { id: format!("call_{}", dice.hex(16)), name: tool.name, arguments: self.fill(tool.arguments) }
    }
}
