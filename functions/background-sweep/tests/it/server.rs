//! An HTTP server that does as a rule says: answers, hangs up, breaks off, or asks the server behind it.

use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// As it came, with its names in lower case.
    head: String,
    pub(crate) body: String,
}

/// What becomes of it.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Json(u16, Value),
    Text(u16, &'static str),
    /// 429 or 503 with `Retry-After`, in seconds.
    Later(u16, u32),
    /// The connection is closed without a word.
    HangUp,
    /// The connection is closed in the middle of an answer.
    BreakOff,
    /// Whatever the server behind this one says.
    PassOn,
}

type Rule = Box<dyn FnMut(&Asked) -> Reply + Send>;

/// A server on a port of its own. Clones are the same server.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    rule: Arc<Mutex<Rule>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(known, _)| *known == name).map(|(_, value)| value.trim())
    }

    /// Whether somebody is there, which a start wants to know; it asks for nothing.
    fn is_a_look(&self) -> bool {
        self.head.starts_with("HEAD ")
    }

    /// The operation of a request to AWS.
    pub(crate) fn operation(&self) -> &str {
        self.header("x-amz-target").and_then(|target| target.rsplit('.').next()).unwrap_or_default()
    }

    /// The user whose token this is about, by their number; tokens are called `access-7-…` and `refresh-7-…`.
    pub(crate) fn user(&self) -> u32 {
        let text = format!("{} {}", self.header("authorization").unwrap_or_default(), self.body);
        let label = ["access-", "refresh-"].into_iter().find_map(|kind| text.split(kind).nth(1));
        label.and_then(|label| label.split('-').next()).unwrap().parse().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Server {
    /// `behind` is who [`Reply::PassOn`] asks.
    pub(crate) async fn start(
        behind: Option<String>,
        rule: impl FnMut(&Asked) -> Reply + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            rule: Arc::new(Mutex::new(Box::new(rule))),
            asked: Arc::default(),
        };
        let (serving, http) = (server.clone(), reqwest::Client::builder().no_proxy().build().unwrap());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (server, http, behind) = (serving.clone(), http.clone(), behind.clone());
                tokio::spawn(async move { server.serve(stream, &http, behind.as_deref()).await });
            }
        });
        server
    }

    /// From now on.
    pub(crate) fn rule(&self, rule: impl FnMut(&Asked) -> Reply + Send + 'static) {
        *self.rule.lock().unwrap() = Box::new(rule);
    }

    /// Requests since the last call of this.
    pub(crate) fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// One request, one answer, and the connection is over.
    async fn serve(&self, mut stream: TcpStream, http: &reqwest::Client, behind: Option<&str>) {
        let Some(asked) = read(&mut stream).await else { return };
        let reply = if asked.is_a_look() {
            Reply::Text(200, "")
        } else {
            self.asked.lock().unwrap().push(asked.clone());
            (self.rule.lock().unwrap())(&asked)
        };
        let (status, header, body) = match reply {
            Reply::HangUp => return,
            Reply::BreakOff => {
                let start = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4096\r\n\r\n{\"tok";
                let _ = stream.write_all(start).await;
                return;
            }
            Reply::Json(status, body) => (status, String::new(), body.to_string().into_bytes()),
            Reply::Text(status, body) => (status, String::new(), body.as_bytes().to_vec()),
            Reply::Later(status, seconds) => (status, format!("retry-after: {seconds}\r\n"), b"{}".to_vec()),
            Reply::PassOn => {
                let mut request = http.post(behind.unwrap()).body(asked.body.clone());
                for name in ["x-amz-target", "content-type", "authorization", "x-amz-date"] {
                    if let Some(value) = asked.header(name) {
                        request = request.header(name, value);
                    }
                }
                let answer = request.send().await.unwrap();
                (answer.status().as_u16(), String::new(), answer.bytes().await.unwrap().to_vec())
            }
        };
        let head = format!(
            "HTTP/1.1 {status} As Told\r\ncontent-type: application/json\r\n{header}content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        // Whoever has gone meanwhile does not want it.
        let _ = stream.write_all(&[head.into_bytes(), body].concat()).await;
    }
}

/// `None` for whoever goes before they have said everything.
async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = lower_names(std::str::from_utf8(&bytes[..end]).unwrap());
        let asked = Asked { head, body: String::new() };
        let length: usize = asked.header("content-length").map_or(0, |length| length.parse().unwrap());
        if bytes.len() >= end + 4 + length {
            let body = String::from_utf8(bytes[end + 4..].to_vec()).unwrap();
            return Some(Asked { body, ..asked });
        }
    }
}

fn lower_names(head: &str) -> String {
    let line = |line: &str| match line.split_once(':') {
        Some((name, value)) => format!("{}:{value}", name.to_ascii_lowercase()),
        None => line.to_owned(),
    };
    head.lines().map(line).collect::<Vec<_>>().join("\n")
}
