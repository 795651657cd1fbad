//! An address at which nobody answers.

use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpSocket;

/// Refuses every connection. The port is held without listening, because one that was only free a moment ago may by now be
/// another test's.
pub struct NobodyThere {
    pub url: String,
    _held: TcpSocket,
}

impl NobodyThere {
    /// # Panics
    /// If the machine has no port left.
    pub fn new() -> Self {
        let held = TcpSocket::new_v4().expect("a socket can be had");
        held.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a port is free");
        let url = format!("http://{}", held.local_addr().expect("it was bound"));
        Self { url, _held: held }
    }
}

impl Default for NobodyThere {
    fn default() -> Self {
        Self::new()
    }
}
