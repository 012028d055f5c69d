//! The support bot: question, embedding, search, answer, in sessions of some turns.

use std::fmt::Write as _;
use std::sync::Arc;

use schema::{Micros, TraceId};

use super::content::help::{ARTICLES, Article, CLOSINGS, OUT_OF_SCOPE, REFUSAL};
use super::content::prompts;
use super::dice::Dice;
use super::models::{GEMINI_FLASH, GPT_4O_MINI, Model};
use super::plan::Release;
use super::scene::{Scene, Weather};
use super::trace::{Chat, Document, Feedback, Message, Prompt, Step, Trace};

/// Most turns of a session.
const TURNS_MAX: u64 = 5;
/// Share of sessions that go on after a turn.
const GOES_ON: f64 = 0.5;
/// Share of questions that no article answers.
const OFF_TOPIC: f64 = 0.03;
/// Share of answers that a content filter stops.
const FILTERED: f64 = 0.002;
/// Share of answers that get a thumb.
const RATED: f64 = 0.07;
/// Turns of history that go with a question.
const HISTORY: usize = 2;

/// Plans a session that begins at `start`, all on one day.
pub(super) fn session(dice: &mut Dice, weather: Weather, release: Release, start: Micros) -> Vec<Trace> {
    let session = format!("chat-{}", dice.hex(12));
    let user = format!("cust-{:04}", dice.int(1, 60) * dice.int(1, 40));
    let model: &'static Model = if dice.chance(0.6) { &GPT_4O_MINI } else { &GEMINI_FLASH };
    let mut history: Vec<Message> = Vec::new();
    let mut traces = Vec::new();
    let mut clock = start;
    for _ in 0..TURNS_MAX {
        let mut trace = turn(dice, weather, release, model, &mut history, clock);
        clock = trace.spans.first().map_or(clock, |root| root.end);
        clock.0 += super::scene::micros(dice.skewed(70_000.0, 0.6));
        (trace.session, trace.user) = (Some(session.clone()), user.clone());
        traces.push(trace);
        if clock.day() != start.day() || !dice.chance(GOES_ON) {
            break;
        }
    }
    traces
}

/// Plans one question and its answer.
fn turn(dice: &mut Dice, weather: Weather, release: Release, model: &'static Model, history: &mut Vec<Message>, start: Micros) -> Trace {
    let id = TraceId(dice.bytes());
    let talk = Talk::draw(dice, weather);
    let mut scene = Scene::new(dice, weather, start);
    let root = scene.open(None, Step::Chain { question: talk.question.clone(), answer: None });
    let tokens = (talk.question.len() as u64).div_ceil(4);
    let embed = scene.open(Some(root), Step::Embed { text: talk.question.clone(), tokens });
    let took = scene.dice.skewed(60.0, 0.3) * weather.slowness;
    scene.pass_ms(took);
    scene.close(embed, None);
    let search = scene.open(Some(root), Step::Retrieve { question: talk.question.clone(), documents: talk.documents.clone() });
    let took = scene.dice.skewed(28.0, 0.4);
    scene.pass_ms(took);
    scene.close(search, None);

    let chat = ask(&mut scene, &talk, release, model, history);
    let outcome = scene.chat(Some(root), model, chat);
    scene.pass_ms(2.0);
    scene.close(root, outcome.err());
    let feedback = outcome.is_ok().then(|| talk.rate(&mut scene)).flatten();
    if let (Ok(()), Some(Step::Chain { answer, .. })) = (outcome, scene.spans.first_mut().map(|span| &mut span.step)) {
        *answer = Some(talk.answer.clone());
        history.extend([Message::User(talk.question), Message::Assistant(talk.answer)]);
        history.drain(..history.len().saturating_sub(2 * HISTORY));
    }
    let prompt = Prompt { name: "support-answer", version: release.support_prompt() };
    Trace { id, origin: release.origin(super::trace::App::Support), session: None, user: String::new(), prompt, spans: scene.spans, feedback }
}

fn ask(scene: &mut Scene<'_>, talk: &Talk, release: Release, model: &'static Model, history: &[Message]) -> Chat {
    let mut system = prompts::SUPPORT[usize::from(release.is_new)].to_owned();
    system.push_str("\n\nContext:");
    for document in talk.documents.iter() {
        let _ = write!(system, "\n[{}] {}", document.article.id, document.article.text());
    }
    let mut messages = history.to_vec();
    messages.push(Message::User(talk.question.clone()));
    let is_filtered = scene.dice.chance(FILTERED);
    let output = Message::Assistant(if is_filtered { "".into() } else { talk.answer.clone() });
    let tokens = scene.count(model, &system, "", &messages, &output);
    Chat {
        model: scene.route(model),
        system: system.into(),
        messages,
        output,
        finish_reason: if is_filtered { "content_filter" } else { "stop" },
        tokens,
        ttft_micros: Some(0),
        temperature: scene.weather.temperature,
        max_tokens: 400,
        response_id: format!("chatcmpl-{}", scene.dice.hex(24)),
    }
}

/// What is asked and answered in a turn.
struct Talk {
    question: Arc<str>,
    documents: Arc<[Document]>,
    answer: Arc<str>,
    is_sound: bool,
}

impl Talk {
    fn draw(dice: &mut Dice, weather: Weather) -> Self {
        if dice.chance(OFF_TOPIC) {
            let documents = (0..3).map(|_| Document { article: dice.pick_from(ARTICLES), score: score(dice, 0.2, 0.4) }).collect();
            return Self { question: dice.pick(OUT_OF_SCOPE).into(), documents, answer: REFUSAL.into(), is_sound: true };
        }
        let popular = dice.weighted((0..ARTICLES.len()).map(|rank| 1.0 / (rank + 3) as f64));
        let article = &ARTICLES[popular];
        let mut documents = vec![Document { article, score: score(dice, 0.78, 0.94) }];
        for ceiling in [0.6, 0.45] {
            let other = dice.pick_from(ARTICLES);
            if documents.iter().all(|document| document.article != other) {
                documents.push(Document { article: other, score: score(dice, ceiling - 0.15, ceiling) });
            }
        }
        let (answer, is_sound) = compose(dice, article, weather.invented);
        Self { question: dice.pick(article.questions).into(), documents: documents.into(), answer: answer.into(), is_sound }
    }

    /// Draws whether the customer gives a thumb; invented answers annoy.
    fn rate(&self, scene: &mut Scene<'_>) -> Option<Feedback> {
        let is_rated = scene.dice.chance(RATED);
        let is_good = scene.dice.chance(if self.is_sound { 0.93 } else { 0.4 });
        let later = super::scene::micros(scene.dice.between(3_000.0, 40_000.0));
        is_rated.then_some(Feedback { at: Micros(scene.clock.0 + later), is_good })
    }
}

/// Writes an answer of two to four claims, some of them invented; says whether none is.
fn compose(dice: &mut Dice, article: &Article, invented: f64) -> (String, bool) {
    let n_claims = 2 + dice.weighted([0.3, 0.5, 0.2].into_iter());
    let mut left: Vec<usize> = (0..article.facts.len()).collect();
    while left.len() > n_claims {
        left.remove(dice.index(left.len()));
    }
    let mut inventions = article.inventions.iter().cycle().skip(dice.index(article.inventions.len()));
    let mut is_sound = true;
    let mut claims = Vec::new();
    for fact in left {
        match inventions.next().filter(|_| dice.chance(invented)) {
            Some(invention) => {
                is_sound = false;
                claims.push(*invention);
            }
            None => claims.push(article.facts[fact].answer),
        }
    }
    (format!("{}{}", claims.join(" "), dice.pick(CLOSINGS)), is_sound)
}

/// Draws a similarity, to three digits.
fn score(dice: &mut Dice, low: f64, high: f64) -> f64 {
    (dice.between(low, high) * 1_000.0).round() / 1_000.0
}
