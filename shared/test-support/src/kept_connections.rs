//! An HTTP server that keeps connections, counts them, and gives them up as a test wants it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the server does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manner {
    /// Answers 200 with the body that the test gave.
    #[default]
    Answer,
    /// Answers 500.
    Fail,
    /// Never says anything.
    Hang,
    /// Answers, but closes a connection without a word that it has answered on before; then answers again. To the other side
    /// that is a connection that died while nobody looked.
    BreakOffOnce,
}

/// A request, as far as a test wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Counted from 1.
    pub connection: usize,
    pub method: String,
    pub path: String,
}

/// The server, on a port of its own. It ends with the test.
pub struct KeptConnections {
    pub url: String,
    state: Arc<Mutex<State>>,
    idle: watch::Sender<()>,
}

struct State {
    body: String,
    manner: Manner,
    accepted: usize,
    seen: Vec<Seen>,
}

impl KeptConnections {
    /// `body` is the JSON that every request but `HEAD` is answered with.
    ///
    /// # Panics
    /// If the machine has no port left.
    pub async fn start(body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it was bound"));
        let state = State { body: body.to_owned(), manner: Manner::default(), accepted: 0, seen: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let (idle, _) = watch::channel(());
        let (serving, given_up) = (state.clone(), idle.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = {
                    let mut state = lock(&serving);
                    state.accepted += 1;
                    state.accepted
                };
                tokio::spawn(serve(stream, connection, serving.clone(), given_up.subscribe()));
            }
        });
        Self { url, state, idle }
    }

    pub fn set(&self, manner: Manner) {
        lock(&self.state).manner = manner;
    }

    /// Closes every connection that no request is on.
    pub fn close_idle(&self) {
        self.idle.send_replace(());
    }

    /// Connections since the start.
    pub fn accepted(&self) -> usize {
        lock(&self.state).accepted
    }

    /// Requests since the last call of this.
    pub fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut lock(&self.state).seen)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    state: Arc<Mutex<State>>,
    mut idle: watch::Receiver<()>,
) {
    let mut answered = false;
    loop {
        let request = tokio::select! {
            request = read(&mut stream) => request,
            _ = idle.changed() => return,
        };
        let Some((method, path)) = request else { return };
        let answer = {
            let mut state = lock(&state);
            let without_body = method == "HEAD";
            state.seen.push(Seen { connection, method, path });
            match state.manner {
                Manner::Hang => None,
                Manner::Fail => Some(answer("500 Internal Server Error", "")),
                Manner::BreakOffOnce if answered => {
                    state.manner = Manner::Answer;
                    return;
                }
                Manner::Answer | Manner::BreakOffOnce => {
                    Some(answer("200 OK", if without_body { "" } else { &state.body }))
                }
            }
        };
        match answer {
            Some(answer) => {
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
            None => std::future::pending().await,
        }
        answered = true;
    }
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// A whole request; `None` when the other side closed the connection.
async fn read(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        if bytes.len() >= end + 4 + length.unwrap_or_default() {
            let mut words = head.split_whitespace().map(str::to_owned);
            return Some((words.next()?, words.next()?));
        }
    }
}
