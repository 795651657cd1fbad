//! Which protocols are offered to a server that speaks TLS.

use tokio::net::TcpListener;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::server::Acceptor;

#[tokio::test]
async fn http2_is_offered_before_http1() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let request = outbound_http::client().unwrap().get(url).send();
    let greeted = async {
        let (connection, _) = listener.accept().await.unwrap();
        let greeting = LazyConfigAcceptor::new(Acceptor::default(), connection).await.unwrap();
        let offered = greeting.client_hello().alpn().into_iter().flatten();
        offered.map(|name| String::from_utf8_lossy(name).into_owned()).collect::<Vec<_>>()
    };
    // Nothing is answered, so that nothing comes of the request.
    let (outcome, offered) = tokio::join!(request, greeted);
    assert!(outcome.unwrap_err().is_connect());
    assert_eq!(offered, ["h2", "http/1.1"]);
}
