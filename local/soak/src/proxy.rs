//! An HTTP proxy before a server, with a guard who may hold, refuse or drop each request and each answer, and a door that
//! can be shut so that connections are refused.

use crate::error::{SoakError, cannot};
use crate::exchange::Exchange;
use async_trait::async_trait;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// What becomes of a request or an answer.
#[derive(Debug)]
pub(crate) enum Verdict {
    Pass,
    /// The connection is closed without an answer.
    HangUp,
    /// This is answered in its place.
    Answer(Answer),
}

/// An answer as it goes over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Decides about each exchange of a proxy. May wait.
#[async_trait]
pub(crate) trait Guard: Send + Sync {
    /// Before the server sees the request.
    async fn before(&self, exchange: &Exchange) -> Verdict;

    /// After the server has answered, before the caller hears of it.
    async fn after(&self, exchange: &Exchange, answer: &Answer) -> Verdict;
}

/// A running proxy; it ends when this is dropped.
pub(crate) struct Proxy {
    url: String,
    wanted: watch::Sender<bool>,
    actual: watch::Receiver<bool>,
    task: AbortHandle,
    /// Bound, never listening: nobody else gets the port while the door is shut.
    _reserved: TcpSocket,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Takes a free port of this machine. Serving is a second step: an emulator must know under which address it is
    /// reached before it is started.
    pub(crate) fn bind() -> Result<BoundProxy, SoakError> {
        let reserved = socket(0)?;
        let address = reserved.local_addr().map_err(cannot("find a free port"))?;
        Ok(BoundProxy { reserved, address })
    }

    /// Base address, without a slash at its end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Closes all connections and refuses new ones from when this returns. To be called while nothing is under way.
    pub(crate) async fn shut(&self) {
        self.turn(false).await;
    }

    /// Accepts connections from when this returns.
    pub(crate) async fn open(&self) {
        self.turn(true).await;
    }

    async fn turn(&self, open: bool) {
        self.wanted.send_replace(open);
        let mut actual = self.actual.clone();
        // An error means that the proxy has ended, and with it the run.
        let _ = actual.wait_for(|actual| *actual == open).await;
    }
}

/// A proxy whose address is known, and that does not answer yet.
pub(crate) struct BoundProxy {
    reserved: TcpSocket,
    address: SocketAddr,
}

impl BoundProxy {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Passes requests on to the server at `upstream`, a base address.
    pub(crate) async fn serve(self, upstream: &str, guard: Arc<dyn Guard>) -> Result<Proxy, SoakError> {
        let url = self.url();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(cannot("set up an HTTP client"))?;
        let line = Arc::new(Line { upstream: upstream.trim_end_matches('/').to_owned(), http, guard });
        let (wanted, wanted_by_task) = watch::channel(true);
        let (told, actual) = watch::channel(false);
        let task = tokio::spawn(keep_door(self.address.port(), wanted_by_task, told, line)).abort_handle();
        let proxy = Proxy { url, wanted, actual, task, _reserved: self.reserved };
        proxy.open().await;
        Ok(proxy)
    }
}

/// A socket on this port (0: any) that shares it with other sockets of this program.
fn socket(port: u16) -> Result<TcpSocket, SoakError> {
    let socket = TcpSocket::new_v4().map_err(cannot("make a socket"))?;
    socket.set_reuseport(true).map_err(cannot("share a port"))?;
    socket.set_reuseaddr(true).map_err(cannot("share a port"))?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).map_err(cannot("bind a port"))?;
    Ok(socket)
}

fn listen(port: u16) -> Result<TcpListener, SoakError> {
    socket(port)?.listen(BACKLOG).map_err(cannot("listen"))
}

/// Opens and shuts the door as it is wanted, until the proxy is dropped.
async fn keep_door(port: u16, mut wanted: watch::Receiver<bool>, told: watch::Sender<bool>, line: Arc<Line>) {
    while wanted.wait_for(|open| *open).await.is_ok() {
        // The port is ours, so this does not fail; if it did, whoever waits for the door would be told by its end.
        let Ok(listener) = listen(port) else { return };
        told.send_replace(true);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        connections.spawn(serve_connection(stream, line.clone()));
                    }
                }
                Some(_) = connections.join_next() => {}
                shut = wanted.wait_for(|open| !*open) => {
                    if shut.is_err() {
                        return;
                    }
                    break;
                }
            }
        }
        drop(listener);
        connections.shutdown().await;
        told.send_replace(false);
    }
}

async fn serve_connection(stream: TcpStream, line: Arc<Line>) {
    let service = service_fn(move |request| {
        let line = line.clone();
        async move { line.answer(request).await }
    });
    // A caller that goes away, or is hung up on, ends the connection: nothing to tell anybody.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// From guard to server and back.
struct Line {
    upstream: String,
    http: reqwest::Client,
    guard: Arc<dyn Guard>,
}

/// Ends the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("hung up")]
struct HangUp;

impl Line {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, HangUp> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| HangUp)?.to_bytes();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let exchange = Exchange::new(&parts.method, &path, &parts.headers, body);
        match self.guard.before(&exchange).await {
            Verdict::Pass => {}
            Verdict::HangUp => return Err(HangUp),
            Verdict::Answer(answer) => return Ok(answer.into_response()),
        }
        let forwarded = self
            .http
            .request(parts.method, format!("{}{path}", self.upstream))
            .headers(end_to_end(parts.headers))
            .body(exchange.body.clone());
        let answer = forwarded.send().await.map_err(|_| HangUp)?;
        let (status, headers) = (answer.status(), end_to_end(answer.headers().clone()));
        let body = answer.bytes().await.map_err(|_| HangUp)?;
        let answer = Answer { status, headers, body };
        match self.guard.after(&exchange, &answer).await {
            Verdict::Pass => Ok(answer.into_response()),
            Verdict::HangUp => Err(HangUp),
            Verdict::Answer(other) => Ok(other.into_response()),
        }
    }
}

impl Answer {
    fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// Without the headers that belong to one connection.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::post;
    use std::sync::Mutex;

    /// Judges by the request's body.
    #[derive(Default)]
    struct ByBody {
        answered: Mutex<Vec<Bytes>>,
    }

    #[async_trait]
    impl Guard for ByBody {
        async fn before(&self, exchange: &Exchange) -> Verdict {
            if exchange.body == "never" { Verdict::HangUp } else { Verdict::Pass }
        }

        async fn after(&self, exchange: &Exchange, answer: &Answer) -> Verdict {
            self.answered.lock().unwrap().push(answer.body.clone());
            if exchange.body == "lost" { Verdict::HangUp } else { Verdict::Pass }
        }
    }

    async fn echo_behind(guard: Arc<ByBody>) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let upstream = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/echo", post(|body: Bytes| async move { body }));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Proxy::bind().unwrap().serve(&upstream, guard).await.unwrap()
    }

    async fn send(
        http: &reqwest::Client,
        proxy: &Proxy,
        text: &'static str,
    ) -> Result<String, reqwest::Error> {
        let answer = http.post(format!("{}/echo", proxy.url())).body(text).send().await?;
        answer.text().await
    }

    #[tokio::test]
    async fn a_lost_answer_was_given_and_a_refused_request_was_not() {
        let guard = Arc::new(ByBody::default());
        let proxy = echo_behind(guard.clone()).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        assert_eq!(send(&http, &proxy, "through").await.unwrap(), "through");
        assert!(send(&http, &proxy, "never").await.is_err());
        assert!(send(&http, &proxy, "lost").await.is_err());
        assert_eq!(*guard.answered.lock().unwrap(), ["through", "lost"]);
    }

    #[tokio::test]
    async fn a_shut_door_refuses_connections_and_opens_again() {
        let proxy = echo_behind(Arc::default()).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        for _ in 0..3 {
            assert_eq!(send(&http, &proxy, "open").await.unwrap(), "open");
            proxy.shut().await;
            assert!(send(&http, &proxy, "shut").await.unwrap_err().is_connect());
            proxy.open().await;
        }
    }
}
