//! Clients that send until they are told to stop, and the book of what they were answered. One of them speaks gRPC, the others HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::grpc;
use super::request::{Request, SIGNALS};
use crate::server::{Server, TENANTS};

const CLIENTS: usize = 4;
/// How long a client waits before it sends a request again.
const PAUSE: Duration = Duration::from_millis(5);
/// How long a client waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What a client makes of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusals {
    /// Nothing was kept, so a request may be given up.
    AreCertain,
    /// It may have been kept all the same, so a request is sent until it is acked.
    AreInDoubt,
}

/// How a request ended, as its client knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// All of its rows must be there.
    Acked,
    /// It was refused whenever it was sent, and given up: none of its rows may be there.
    Refused,
}

/// What was answered, by the number of the request.
#[derive(Debug, Default)]
pub struct Book {
    next: AtomicU64,
    fates: Mutex<BTreeMap<u64, Fate>>,
}

impl Book {
    /// Returns what is known at this moment; whatever is not in it is under way, or was never sent.
    pub fn fates(&self) -> BTreeMap<u64, Fate> {
        self.fates.lock().clone()
    }
}

/// Where the server is.
#[derive(Debug, Clone)]
pub struct Addresses {
    grpc: String,
    http: String,
}

/// How a request is sent.
enum Client {
    Http(reqwest::Client),
    Grpc(grpc::Client),
}

/// What came of sending a request once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It was taken.
    Acked,
    /// It is to be sent again later.
    Refused,
    /// It never left.
    Unsent,
    /// Whether it was taken is not known.
    Lost,
}

/// The clients, wherever the server is at the moment.
pub struct Clients {
    book: Arc<Book>,
    addresses: watch::Sender<Addresses>,
    finish: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Clients {
    /// Starts clients that have no server yet.
    pub fn start(refusals: Refusals) -> Clients {
        let nowhere = Addresses { grpc: "127.0.0.1:1".to_owned(), http: "127.0.0.1:1".to_owned() };
        let (addresses, server) = watch::channel(nowhere);
        let (book, finish) = (Arc::new(Book::default()), Arc::new(AtomicBool::new(false)));
        let mut tasks = JoinSet::new();
        for number in 0..CLIENTS {
            let (book, server, finish) = (Arc::clone(&book), server.clone(), Arc::clone(&finish));
            tasks.spawn(async move {
                let mut client = match number {
                    0 => Client::Grpc(grpc::Client::default()),
                    _ => Client::Http(reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().unwrap()),
                };
                while !finish.load(Ordering::Relaxed) {
                    let request = Request { number: book.next.fetch_add(1, Ordering::Relaxed) };
                    let fate = send(&mut client, &server, &request, refusals).await;
                    book.fates.lock().insert(request.number, fate);
                }
            });
        }
        Clients { book, addresses, finish, tasks }
    }

    /// What the clients were answered so far.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// Tells the clients where the server is now.
    pub fn announce(&self, server: &Server) {
        self.addresses.send_replace(Addresses { grpc: server.otlp_grpc.clone(), http: server.otlp_http.clone() });
    }

    /// Has every request that is under way answered, and returns what became of all of them.
    pub async fn finish(mut self) -> BTreeMap<u64, Fate> {
        self.finish.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        let fates = self.book.fates();
        assert_eq!(fates.len() as u64, self.book.next.load(Ordering::Relaxed), "every request was answered");
        fates
    }
}

/// Sends a request, and again, byte for byte, until it is acked. Some are given up when they were refused, as long as no answer
/// to them was lost: those were certainly not kept.
async fn send(client: &mut Client, server: &watch::Receiver<Addresses>, request: &Request, refusals: Refusals) -> Fate {
    let (body, mut is_in_doubt) = (request.body(), refusals == Refusals::AreInDoubt);
    loop {
        let Addresses { grpc, http } = server.borrow().clone();
        let answer = match client {
            Client::Http(client) => post(client, &http, request, body.clone()).await,
            Client::Grpc(client) => tokio::time::timeout(TIMEOUT, client.export(&grpc, request, &body)).await.unwrap_or(Answer::Lost),
        };
        match answer {
            Answer::Acked => return Fate::Acked,
            Answer::Refused if !is_in_doubt && request.number % 3 == 1 => return Fate::Refused,
            Answer::Refused | Answer::Unsent => {}
            Answer::Lost => is_in_doubt = true,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn post(client: &reqwest::Client, address: &str, request: &Request, body: Vec<u8>) -> Answer {
    let url = format!("http://{address}/v1/{}", SIGNALS[request.signal()].0);
    let token = TENANTS[request.tenant()].0;
    let sent = client.post(url).header("content-type", "application/x-protobuf").bearer_auth(token).body(body).send().await;
    match sent.map(|response| response.status().as_u16()) {
        Ok(200) => Answer::Acked,
        Ok(429 | 502 | 503 | 504) => Answer::Refused,
        Ok(status) => panic!("{status}: a client would drop this request"),
        Err(error) if error.is_connect() => Answer::Unsent,
        Err(_) => Answer::Lost,
    }
}
