//! The summariser: an HTTP request, and under it one call of a model over a long transcript, answered in JSON.

use schema::{Micros, TraceId};

use super::content::calls::{CALLS, Call, FILLERS};
use super::content::prompts;
use super::dice::Dice;
use super::models::{GPT_41_MINI, HAIKU_BEDROCK, Model};
use super::plan::Release;
use super::scene::{Scene, Weather};
use super::trace::{App, Chat, Message, Prompt, Step, Trace};

/// Share of answers that stop at the limit of tokens, in the middle of the JSON.
const CUT: f64 = 0.008;

/// Plans one summary that is asked for at `start`.
pub(super) fn summary(dice: &mut Dice, weather: Weather, release: Release, start: Micros) -> Vec<Trace> {
    let id = TraceId(dice.bytes());
    let model: &'static Model = if dice.chance(0.5) { &HAIKU_BEDROCK } else { &GPT_41_MINI };
    let call = dice.pick_from(CALLS);
    let order = format!("LC-{}", dice.int(40_000, 59_999));
    let messages = vec![Message::User(transcript(dice, call, &order).into())];
    let is_cut = dice.chance(CUT);
    let mut json = answer(call, &order, dice);
    if is_cut {
        json.truncate(json.len() / 2);
    }
    let output = Message::Assistant(json.into());

    let mut scene = Scene::new(dice, weather, start);
    let root = scene.open(None, Step::Request { route: "/v1/digests" });
    scene.pass_ms(4.0);
    let tokens = scene.count(model, prompts::DIGEST, prompts::DIGEST_SCHEMA, &messages, &output);
    let chat = Chat {
        model: scene.route(model),
        system: prompts::DIGEST.into(),
        messages,
        output,
        finish_reason: if is_cut { "length" } else { "stop" },
        tokens,
        ttft_micros: None,
        temperature: 0.0,
        max_tokens: 300,
        response_id: format!("chatcmpl-{}", scene.dice.hex(24)),
    };
    let outcome = scene.chat(Some(root), model, chat);
    scene.pass_ms(2.0);
    scene.close(root, outcome.err());
    let prompt = Prompt { name: "call-digest", version: "2" };
    vec![Trace {
        id,
        origin: release.origin(App::Digest),
        session: None,
        user: "ticket-intake".to_owned(),
        prompt,
        spans: scene.spans,
        feedback: None,
    }]
}

/// Writes the talk of a caller and a clerk, with the small talk between.
fn transcript(dice: &mut Dice, call: &Call, order: &str) -> String {
    let mut lines = vec!["Clerk: Larkspur Cycles, good day, how can I help?".to_owned()];
    let mut clerk = call.clerk.iter();
    for (at, said) in call.caller.iter().enumerate() {
        lines.push(format!("Caller: {said}"));
        if at == 0 {
            lines.push("Clerk: May I have the number of the order?".to_owned());
            lines.push(format!("Caller: Yes, it is {order}."));
        }
        for _ in 0..dice.int(2, 9) {
            let who = if dice.chance(0.5) { "Caller" } else { "Clerk" };
            lines.push(format!("{who}: {}", dice.pick(FILLERS)));
        }
        lines.extend(clerk.next().map(|said| format!("Clerk: {said}")));
    }
    lines.push("Caller: Thank you, goodbye.".to_owned());
    lines.join("\n")
}

/// Writes the ticket, now and then without an action.
fn answer(call: &Call, order: &str, dice: &mut Dice) -> String {
    let n_actions = if dice.chance(0.2) { 1 } else { call.actions.len() };
    let actions: Vec<&str> = call.actions.iter().take(n_actions).copied().collect();
    let product = dice.pick(&["Haul", "Dash"]);
    serde_json::json!({ "title": call.title, "sentiment": call.sentiment, "product": product, "order": order, "actions": actions }).to_string()
}
