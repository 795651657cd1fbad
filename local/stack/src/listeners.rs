//! Ports of this machine, bound before anything is started, so that a taken one is told at once.

use axum::Router;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Tries to find a port that is free on both loopback addresses.
const ATTEMPTS: u32 = 16;

/// A port on `127.0.0.1` and, where the machine has IPv6, on `[::1]`: browsers resolve `localhost` to either.
#[derive(Debug)]
pub(crate) struct Loopback {
    port: u16,
    listeners: Vec<TcpListener>,
}

/// A port cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    #[error(
        "port {port} is taken, and {purpose} needs it; stop what runs there (perhaps another `cargo local`), or choose \
         other ports with `--port-base {suggestion}`"
    )]
    Taken { port: u16, purpose: &'static str, suggestion: u16 },
    #[error("cannot listen on port {port} for {purpose}")]
    Refused {
        port: u16,
        purpose: &'static str,
        #[source]
        source: io::Error,
    },
    #[error(
        "cannot listen on {address}, port {port}, for {purpose}; `--bridge` takes an address that this machine has"
    )]
    Elsewhere {
        address: IpAddr,
        port: u16,
        purpose: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("--port-base {base} leaves no room: the seven ports from it on must be below 65536")]
    OutOfRange { base: u16 },
}

/// Which ports the parts of a stack get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// The page on this one; the API, the emulator, DynamoDB, the control routes, the page of accounts
    /// and the event bus on the next six.
    From(u16),
    /// Any that are free.
    Free,
}

impl Ports {
    /// `0` means free ones, as for a single port.
    pub fn from_base(base: u16) -> Self {
        if base == 0 { Self::Free } else { Self::From(base) }
    }

    pub(crate) async fn bind(self, place: u16, purpose: &'static str) -> Result<Loopback, PortError> {
        match self {
            Self::From(base) => {
                let out_of_range = || PortError::OutOfRange { base };
                base.checked_add(6).ok_or_else(out_of_range)?;
                let port = base.checked_add(place).ok_or_else(out_of_range)?;
                Loopback::bind(port).await.map_err(|source| {
                    if source.kind() == io::ErrorKind::AddrInUse {
                        let suggestion = if base <= 60_000 { base + 1_000 } else { 4_000 };
                        PortError::Taken { port, purpose, suggestion }
                    } else {
                        PortError::Refused { port, purpose, source }
                    }
                })
            }
            Self::Free => {
                Loopback::bind_free().await.map_err(|source| PortError::Refused { port: 0, purpose, source })
            }
        }
    }
}

impl Loopback {
    async fn bind(port: u16) -> io::Result<Self> {
        let first = TcpListener::bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)).await?;
        let port = first.local_addr()?.port();
        let mut listeners = vec![first];
        match TcpListener::bind(SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port)).await {
            Ok(second) => listeners.push(second),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            // No IPv6 here; `localhost` is 127.0.0.1 then.
            Err(_) => {}
        }
        Ok(Self { port, listeners })
    }

    /// A port that the system chose for IPv4 may be taken on IPv6.
    pub(crate) async fn bind_free() -> io::Result<Self> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            match Self::bind(0).await {
                Ok(bound) => return Ok(bound),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::from(io::ErrorKind::AddrInUse)))
    }

    /// The same port on another address of this machine.
    pub(crate) async fn also_on(
        mut self,
        address: Option<IpAddr>,
        purpose: &'static str,
    ) -> Result<Self, PortError> {
        let Some(address) = address else { return Ok(self) };
        let port = self.port;
        let listener = TcpListener::bind(SocketAddr::new(address, port)).await;
        self.listeners.push(listener.map_err(|source| PortError::Elsewhere {
            address,
            port,
            purpose,
            source,
        })?);
        Ok(self)
    }

    /// `http://localhost:<port>`.
    pub(crate) fn url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// Serves a router on all addresses until `stop` says so.
    pub(crate) fn serve(self, router: Router, tasks: &mut JoinSet<()>, stop: &watch::Receiver<bool>) {
        self.serve_each(tasks, stop, move |listener, stopped| {
            let router = router.clone();
            async move {
                if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
                    tracing::error!(event = "server.stopped", error = %error);
                }
            }
        });
    }

    /// Starts a server of one's own on each address.
    pub(crate) fn serve_each<S, F>(self, tasks: &mut JoinSet<()>, stop: &watch::Receiver<bool>, serve: S)
    where
        S: Fn(TcpListener, Stopped) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        for listener in self.listeners {
            tasks.spawn(serve(listener, stopped(stop.clone())));
        }
    }
}

/// Completes when a server should stop.
pub(crate) type Stopped = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

fn stopped(mut stop: watch::Receiver<bool>) -> Stopped {
    Box::pin(async move {
        // An error means that the stack was dropped, which is a stop too.
        let _ = stop.wait_for(|stop| *stop).await;
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_named_with_the_way_out() {
        let taken = Loopback::bind_free().await.unwrap();
        let error = Ports::From(taken.port).bind(0, "the page").await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("port {} is taken", taken.port)), "{text}");
        assert!(text.contains("the page") && text.contains("--port-base"), "{text}");
    }

    #[tokio::test]
    async fn containers_reach_the_same_port_on_the_address_of_their_bridge() {
        let bridge = IpAddr::V4(Ipv4Addr::new(127, 1, 2, 3));
        let bound = Loopback::bind_free().await.unwrap().also_on(Some(bridge), "the emulator").await.unwrap();
        tokio::net::TcpStream::connect((bridge, bound.port)).await.unwrap();
        // An address for documentation (RFC 5737), which no machine has.
        let foreign = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let error =
            Loopback::bind_free().await.unwrap().also_on(Some(foreign), "the emulator").await.unwrap_err();
        assert!(error.to_string().contains("192.0.2.1") && error.to_string().contains("--bridge"), "{error}");
    }

    #[tokio::test]
    async fn a_base_without_room_is_refused() {
        let error = Ports::From(65_530).bind(0, "the page").await.unwrap_err();
        assert!(matches!(error, PortError::OutOfRange { base: 65_530 }), "{error}");
    }

    #[test]
    fn base_zero_means_free_ports() {
        assert_eq!(Ports::from_base(0), Ports::Free);
        assert_eq!(Ports::from_base(3000), Ports::From(3000));
    }
}
