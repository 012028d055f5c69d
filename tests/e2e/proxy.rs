//! A proxy before an object store, which can be made to fail.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::objects::S3;

/// How a proxy before an object store behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Hands everything on.
    Kind,
    /// Answers 503 to everything.
    Busy,
    /// Hangs up.
    Away,
}

/// A proxy before an S3 server, whose mood can be changed; connections that are open then are closed.
pub struct Proxy {
    /// Where it listens.
    pub url: String,
    mood: watch::Sender<Mood>,
}

impl Proxy {
    /// Starts a proxy before a server.
    pub async fn start(s3: &S3, mood: Mood) -> Proxy {
        let endpoint = &s3.variables().iter().find(|(name, _)| name == "AWS_ENDPOINT_URL").unwrap().1;
        let to = endpoint.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (mood, seen) = watch::channel(mood);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (to, mut seen) = (to.clone(), seen.clone());
                tokio::spawn(async move {
                    let mood = *seen.borrow_and_update();
                    tokio::select! {
                        () = handle(stream, mood, &to) => {}
                        _ = seen.changed() => {}
                    }
                });
            }
        });
        Proxy { url, mood }
    }

    /// Changes its mood.
    pub fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }
}

/// Serves one connection; whatever goes wrong with it, its client is to bear.
async fn handle(mut stream: TcpStream, mood: Mood, to: &str) {
    match mood {
        Mood::Kind => {
            if let Ok(mut server) = TcpStream::connect(to).await {
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            }
        }
        Mood::Busy => {
            let mut bytes = vec![0; 64 * 1024];
            let _ = stream.read(&mut bytes).await;
            let _ = stream.write_all(b"HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
            // What the client still sends is read, so that it hears the answer before the connection ends.
            let _ = tokio::time::timeout(Duration::from_millis(200), async { while stream.read(&mut bytes).await.is_ok_and(|n| n > 0) {} }).await;
        }
        Mood::Away => {}
    }
}
