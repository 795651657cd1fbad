//! Servers that a step runs its tests against, on free ports of the loopback interface.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::install::{dynamodb_local_folder, need_program, python_tool};
use crate::process::Group;
use crate::run::{Run, Stop, fail_to, failed};

/// Longest time a server may take to answer; DynamoDB Local needs 5 s on an idle machine.
const START_LIMIT: Duration = Duration::from_mins(2);

/// A server in the background; it ends when this is dropped.
pub(crate) struct Service {
    name: &'static str,
    group: Group,
}

impl Service {
    /// Starts `command`, output to the step's log.
    pub(crate) fn start(run: &mut Run, name: &'static str, mut command: Command) -> Result<Self, Stop> {
        run.redirect(&mut command)?;
        let group = Group::start(command).map_err(fail_to(format!("start {name}")))?;
        Ok(Self { name, group })
    }

    /// Waits until `ready` says so.
    ///
    /// # Errors
    /// `Failed` when the server ends first or two minutes have passed.
    pub(crate) fn wait_until(&mut self, mut ready: impl FnMut() -> bool) -> Result<(), Stop> {
        let begin = Instant::now();
        while !ready() {
            if let Some(status) = self.group.poll().map_err(fail_to(format!("watch {}", self.name)))? {
                return Err(failed(format!("{} ended before it was ready: {status}", self.name)));
            }
            if begin.elapsed() > START_LIMIT {
                return Err(failed(format!("{} was not ready after {} s", self.name, START_LIMIT.as_secs())));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn wait_for_port(&mut self, port: u16) -> Result<(), Stop> {
        self.wait_until(|| TcpStream::connect(loopback(port)).is_ok())
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Ports below those that systems hand out by themselves (Linux from 32768 on, `ip(7)`; others higher). What the tests of
/// another step open meanwhile is never among them.
const PORTS: Range<u16> = 20_000..32_000;

/// A port that is free now, for servers that cannot choose one themselves and tell; another one at each call.
pub(crate) fn free_port() -> Result<u16, Stop> {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    // Processes that look at the same time begin in different places.
    let begin = std::process::id().wrapping_mul(97);
    for _ in PORTS {
        let place =
            begin.wrapping_add(CALLS.fetch_add(1, Ordering::Relaxed)) % u32::from(PORTS.end - PORTS.start);
        let port = PORTS.start + u16::try_from(place).map_err(fail_to("find a free port"))?;
        if TcpListener::bind(loopback(port)).is_ok() {
            return Ok(port);
        }
    }
    Err(failed(format!("no port from {} to {} is free", PORTS.start, PORTS.end)))
}

/// The whole local stack with a folder of its own, as the browser tests use it.
pub(crate) struct Stack {
    _service: Service,
    pub(crate) page: String,
    pub(crate) api: String,
    pub(crate) accounts: String,
    pub(crate) emulator: String,
    pub(crate) dynamodb: String,
    pub(crate) control: String,
}

/// Whether the stack serves the web page, which must have been built.
#[derive(Clone, Copy)]
pub(crate) enum Page {
    With,
    Without,
}

/// Starts `local` on free ports and waits until it has written where everything is.
pub(crate) fn stack(run: &mut Run, page: Page) -> Result<Stack, Stop> {
    let folder = run.scratch()?;
    let mut command = run.command(run.path("target/debug/local"));
    command.arg("--ephemeral");
    if matches!(page, Page::Without) {
        command.arg("--no-page");
    }
    start_stack(run, command, &folder)
}

/// The same, without the page, for containers in the network of this bridge too, and with its data in `data` below the step's own
/// folder.
pub(crate) fn stack_for_containers(run: &mut Run, folder: &Path, bridge: &str) -> Result<Stack, Stop> {
    let no_settings = folder.join("no-settings.env");
    fs::write(&no_settings, "").map_err(fail_to(format!("write {}", no_settings.display())))?;
    let mut command = run.command(run.path("target/debug/local"));
    command.args(["--no-page", "--bridge", bridge]);
    command.arg("--data").arg(folder.join("data")).arg("--env-file").arg(no_settings);
    start_stack(run, command, folder)
}

fn start_stack(run: &mut Run, mut command: Command, folder: &Path) -> Result<Stack, Stop> {
    let file = folder.join("addresses.json");
    command.args(["--port-base", "0", "--control", "--addresses-file"]).arg(&file);
    let mut service = Service::start(run, "the local stack", command)?;
    let mut addresses = serde_json::Value::Null;
    service.wait_until(|| {
        let text = fs::read_to_string(&file).unwrap_or_default();
        addresses = serde_json::from_str(&text).unwrap_or_default();
        addresses.is_object()
    })?;
    let address = |name: &str| {
        addresses[name]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| failed(format!("{} has no `{name}`: {addresses}", file.display())))
    };
    Ok(Stack {
        page: address("page")?,
        api: address("api")?,
        accounts: address("accounts")?,
        emulator: address("emulator")?,
        dynamodb: address("dynamodb")?,
        control: address("control")?,
        _service: service,
    })
}

/// The Entra ID emulator alone. Gives its base URL.
pub(crate) fn emulator(run: &mut Run) -> Result<(Service, String), Stop> {
    let port = free_port()?;
    let mut command = run.command(run.path("target/debug/entra-emulator"));
    command.args(["--port", &port.to_string()]);
    let mut service = Service::start(run, "the emulator", command)?;
    service.wait_for_port(port)?;
    Ok((service, format!("http://localhost:{port}")))
}

/// Amazon's DynamoDB Local, in memory. Gives its base URL.
pub(crate) fn dynamodb_local(run: &mut Run) -> Result<(Service, String), Stop> {
    let java = need_program("java", "install a Java runtime 17 or later")?;
    let (port, folder) = (free_port()?, dynamodb_local_folder(run));
    let mut command = run.command(java);
    // It leaves a file of its own in the folder in which it is started.
    command.current_dir(&folder);
    command.arg(format!("-Djava.library.path={}", folder.join("DynamoDBLocal_lib").display()));
    command.arg("-jar").arg(folder.join("DynamoDBLocal.jar"));
    command.args(["-inMemory", "-sharedDb", "-disableTelemetry", "-port", &port.to_string()]);
    let mut service = Service::start(run, "DynamoDB Local", command)?;
    service.wait_for_port(port)?;
    Ok((service, format!("http://127.0.0.1:{port}")))
}

/// moto, the AWS emulator for deployments. Gives its base URL.
pub(crate) fn moto(run: &mut Run) -> Result<(Service, String), Stop> {
    let port = free_port()?;
    let mut command = python_tool(run, "moto_server");
    command.args(["--port", &port.to_string()]);
    // Without the managed policies the role that `cargo lambda deploy` makes cannot be completed.
    command.env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true");
    let mut service = Service::start(run, "moto", command)?;
    service.wait_for_port(port)?;
    // moto finds an S3 bucket in the path only under this name, not under 127.0.0.1.
    Ok((service, format!("http://localhost:{port}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_differ_from_call_to_call_and_can_be_bound() {
        let ports = [free_port().unwrap(), free_port().unwrap()];
        assert_ne!(ports[0], ports[1]);
        for port in ports {
            assert!(PORTS.contains(&port), "{port}");
            TcpListener::bind(loopback(port)).unwrap();
        }
    }
}
