//! Whatever a test does, no token and no secret gets out: into no line of the log at its most talkative, no answer of the
//! API and no event. Every lab is watched, and looked through when it ends.

use entra_emulator::Emulator;
use std::collections::HashSet;
use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tracing_subscriber::fmt::MakeWriter;

/// So many characters of a secret give it away. Whatever is twice as long holds such a block as a whole.
const BLOCK: usize = 16;

/// Everything that this process logged and was told, from its first lab on.
static SAID: OnceLock<Said> = OnceLock::new();

#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    fn with<T>(&self, read: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        read(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.with(|said| said.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Said {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Begins to listen to what the process logs and to its panics.
fn listen() -> Said {
    let listened = SAID.get_or_init(|| {
        let said = Said::default();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(said.clone())
            .init();
        let (panics, show) = (said.clone(), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |panic| {
            panics.with(|said| said.extend_from_slice(panic.to_string().as_bytes()));
            show(panic);
        }));
        said
    });
    listened.clone()
}

/// One lab under watch. Dropping it fails the test if a secret was said since it began.
pub(crate) struct Watch {
    said: Said,
    begun_at: usize,
    emulator: Emulator,
    secrets: Mutex<Vec<(String, &'static str)>>,
}

impl Watch {
    pub(crate) fn over(emulator: &Emulator) -> Self {
        emulator.keep_secrets_seen();
        let said = listen();
        let begun_at = said.with(|said| said.len());
        Self { said, begun_at, emulator: emulator.clone(), secrets: Mutex::default() }
    }

    /// Something else that must not be said.
    pub(crate) fn secret(&self, what: &'static str, secret: &str) {
        assert!(secret.len() >= BLOCK, "{what} is too short to look for");
        self.secrets.lock().unwrap().push((secret.to_owned(), what));
    }

    /// What the system under test says otherwise than in its log.
    pub(crate) fn hears(&self, text: &str) {
        self.said.with(|said| said.extend_from_slice(text.as_bytes()));
    }

    /// What was logged and told since the watch began.
    pub(crate) fn heard(&self) -> String {
        self.said.with(|said| String::from_utf8_lossy(&said[self.begun_at..]).into_owned())
    }

    /// How many secrets there are to look for.
    pub(crate) fn known(&self) -> usize {
        self.emulator.secrets_seen().len() + self.secrets.lock().unwrap().len()
    }

    /// The first line that holds a secret, or a part of one, with the secret's end cut off.
    pub(crate) fn leak(&self) -> Option<String> {
        let blocks = blocks_of(&self.emulator.secrets_seen(), &self.secrets.lock().unwrap());
        self.said.with(|said| first_of(&blocks, &said[self.begun_at..]))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !std::thread::panicking()
            && let Some(leak) = self.leak()
        {
            panic!("a secret was said, after: {leak}");
        }
    }
}

fn blocks_of(seen: &[String], others: &[(String, &'static str)]) -> HashSet<[u8; BLOCK]> {
    let seen = seen.iter().flat_map(|secret| {
        // The header of a signed token is no secret; its claims and its signature are.
        secret.split('.').skip(usize::from(secret.starts_with("eyJ")))
    });
    let others = others.iter().map(|(secret, _)| secret.as_str());
    seen.chain(others)
        .flat_map(|part| {
            part.as_bytes().chunks_exact(BLOCK).chain(part.as_bytes().rchunks_exact(BLOCK).take(1))
        })
        .map(|block| block.try_into().unwrap())
        .collect()
}

fn first_of(blocks: &HashSet<[u8; BLOCK]>, said: &[u8]) -> Option<String> {
    let in_secrets =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+' | b'/' | b'=' | b'~');
    for run in said.split(|byte| !in_secrets(byte)) {
        if let Some(at) = run.windows(BLOCK).position(|window| blocks.contains(window)) {
            let end = run.as_ptr() as usize - said.as_ptr() as usize + at;
            let line = said[..end].rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
            return Some(String::from_utf8_lossy(&line[line.len().saturating_sub(400)..]).into_owned());
        }
    }
    None
}
