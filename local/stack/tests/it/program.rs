//! The program, with nothing of this process's environment but what finding programs needs.

use serde_json::Value;
use stack::{Addresses, Visitor};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

pub(crate) const ADELE: &str = "adele@lakeside.example";

/// A folder of its own for one test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("stack-test-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&path).unwrap();
        // So that a settings file of the workspace does not count.
        std::fs::write(path.join("settings"), "").unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// The options that make a command use this folder.
    pub(crate) fn place(&self) -> Vec<String> {
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        vec!["--data".into(), text(self.data()), "--env-file".into(), text(self.path("settings"))]
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn command(arguments: &[String], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.args(arguments).env_clear().envs(variables.iter().copied()).stdin(Stdio::null());
    for name in ["PATH", "HOME", "TMPDIR", "SystemRoot"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[String], variables: &[(&str, &str)]) -> Output {
    command(arguments, variables).output().unwrap()
}

pub(crate) fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// The program failed, and said so in words that hold all of these.
#[track_caller]
pub(crate) fn assert_refused(output: &Output, parts: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}{}", String::from_utf8_lossy(&output.stdout));
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

/// A running stack; ended with the test.
pub(crate) struct Running {
    child: Child,
    pub(crate) addresses: Addresses,
    /// What it printed until it was ready.
    pub(crate) greeting: String,
}

impl Running {
    /// Starts a stack on free ports, without its page, and waits until it is ready.
    pub(crate) fn start(scratch: &Scratch, more: &str) -> Self {
        let file = scratch.path("addresses.json");
        let _ = std::fs::remove_file(&file);
        let mut arguments = words(&format!("--port-base 0 --no-page --control {more}"));
        arguments.extend(["--addresses-file".to_owned(), file.to_str().unwrap().to_owned()]);
        if !more.contains("--ephemeral") {
            arguments.extend(scratch.place());
        }
        let mut child =
            command(&arguments, &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut greeting = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while !greeting.contains("Ctrl-C stops") {
            let Some(line) = lines.next() else {
                let mut text = String::new();
                child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
                panic!("the stack ended while it started: {greeting}{text}");
            };
            greeting.push_str(&line.unwrap());
            greeting.push('\n');
        }
        // Read on, or the program would wait for room in the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let addresses = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        Self { child, addresses, greeting }
    }

    /// Asks it to stop as a service manager does, and gives its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.ask_to_stop();
        self.child.wait().unwrap().code()
    }

    fn ask_to_stop(&self) {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(asked.success());
    }

    pub(crate) async fn visitor(&self) -> Visitor {
        Visitor::at(&self.addresses.page).await.unwrap()
    }

    /// Signs in and reads the profile, so that the account has tokens and activity.
    pub(crate) async fn visit(&self, user: &str) {
        let visitor = self.visitor().await;
        let signed_in = visitor.sign_in(user).await.unwrap();
        let request = visitor.http().get(format!("{}/api/profile", self.addresses.api));
        let answer = request.bearer_auth(&signed_in.access_token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.json::<Value>().await.unwrap()["userPrincipalName"], user);
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.addresses.control.as_ref().unwrap());
        let answer = self.visitor().await.http().post(url).json(body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
    }

    /// The accounts of the table, as the control routes tell.
    pub(crate) async fn accounts(&self) -> Vec<Value> {
        let url = format!("{}/state", self.addresses.control.as_ref().unwrap());
        let answer = self.visitor().await.http().get(url).send().await.unwrap();
        let state: Value = answer.json().await.unwrap();
        state["accounts"].as_array().unwrap().clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Asked rather than killed, so that it removes its temporary folder.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.ask_to_stop();
            let _ = self.child.wait();
        }
    }
}
