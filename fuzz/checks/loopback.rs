//! One tiny HTTP/1.1 server on this machine, whose next answer a check decides, so that an adapter is tried whole.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use tokio::runtime::Runtime;

/// What comes back to every request until it is replaced.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// From 200 on: what is below it is not an answer yet.
    pub(crate) status: u16,
    /// Names of header fields, and values; bytes that no value may have are left out.
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

/// The server, and what its clients need: an HTTP client as the product has it, and a runtime to ask on.
pub(crate) struct Loopback {
    pub(crate) url: String,
    pub(crate) client: reqwest::Client,
    runtime: Runtime,
    state: Arc<Mutex<State>>,
    /// Held by the one check that scripts the answers.
    turn: Mutex<()>,
}

struct State {
    answer: Answer,
    requests: usize,
}

impl Loopback {
    /// # Panics
    /// When this machine has no loopback address.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on this machine");
        let url = format!("http://{}", listener.local_addr().expect("a bound address"));
        let answer = Answer { status: 503, headers: Vec::new(), body: Vec::new() };
        let state = Arc::new(Mutex::new(State { answer, requests: 0 }));
        let shared = state.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let state = shared.clone();
                thread::spawn(move || serve(connection, &state));
            }
        });
        // Without redirects, as the product has it. Nothing here speaks TLS.
        let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let client = builder.tls_certs_only([]).no_proxy().build().expect("an HTTP client");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { url, client, runtime, state, turn: Mutex::default() }
    }

    /// Answers so from now on. Nobody else can, until what is returned is dropped.
    pub(crate) fn script(&self, answer: Answer) -> Script<'_> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let script = Script { loopback: self, _turn: turn };
        script.answer(answer);
        script
    }
}

/// The right to say what is answered.
pub(crate) struct Script<'l> {
    loopback: &'l Loopback,
    _turn: MutexGuard<'l, ()>,
}

impl Script<'_> {
    pub(crate) fn answer(&self, answer: Answer) {
        lock(&self.loopback.state).answer = answer;
    }

    /// Requests since the server began.
    pub(crate) fn requests(&self) -> usize {
        lock(&self.loopback.state).requests
    }

    pub(crate) fn wait<T>(&self, asking: impl Future<Output = T>) -> T {
        self.loopback.runtime.block_on(asking)
    }
}

/// Answers one request after the other, until the client goes away.
fn serve(connection: TcpStream, state: &Mutex<State>) {
    let _ = connection.set_nodelay(true);
    let mut reader = BufReader::new(connection);
    while let Some(length) = content_length(&mut reader) {
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let answer = {
            let mut state = lock(state);
            state.requests += 1;
            state.answer.clone()
        };
        if reader.get_mut().write_all(&written(&answer)).is_err() {
            return;
        }
    }
}

/// Reads a request's head; `None` at the end of the connection.
fn content_length(reader: &mut BufReader<TcpStream>) -> Option<usize> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            return Some(length);
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
}

fn written(answer: &Answer) -> Vec<u8> {
    let status = answer.status.clamp(200, 599);
    // These two have no body (RFC 9110 §15.3.5, §15.4.5).
    let body = if matches!(status, 204 | 304) { &[] } else { answer.body.as_slice() };
    let mut text = format!("HTTP/1.1 {status} \r\n").into_bytes();
    for (name, value) in &answer.headers {
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b": ");
        text.extend(field_value(value));
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    text.extend_from_slice(body);
    text
}

/// Of any bytes, those that may stand in the value of a header field (RFC 9110 §5.5).
pub(crate) fn field_value(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().filter(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..)).collect()
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
