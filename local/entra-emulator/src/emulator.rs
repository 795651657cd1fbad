//! The running emulator: its settings, its state and the in-process form of the control API.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use time::{Duration, OffsetDateTime};
use url::Url;

use crate::authorize::code::AuthorizationCode;
use crate::clock::{Clock, ShiftedClock};
use crate::credentials::Credentials;
use crate::device::DeviceGrant;
use crate::directory::{Directory, DirectoryIndex, Profile, User};
use crate::identifiers::{ClientId, ObjectId};
use crate::registrations::Registry;
use crate::request_log::{Counter, LoggedRequest, RequestLog};
use crate::scenarios::Scenarios;
use crate::sealed::{Sealer, random_bytes};
use crate::secrets_seen::SecretsSeen;
use crate::signing_keys::SigningKeys;
use crate::state_file::{self, StartError};
use crate::user_state::{UserAction, UserState, UserSummary};

/// How to start an emulator.
#[derive(Clone)]
pub struct Settings {
    /// How browsers and services reach it, for example `http://localhost:3002`. Issuers begin with it.
    pub public_url: Url,
    /// Where keys and user states survive a restart; `None` forgets them. Its folder is made when missing.
    pub state_file: Option<PathBuf>,
    /// Tenants, applications and users.
    pub directory: Directory,
    /// The time to start from.
    pub clock: Arc<dyn Clock>,
}

impl Settings {
    /// The sample directory at `public_url` on the machine's clock, nothing kept.
    pub fn sample(public_url: Url) -> Self {
        Self {
            public_url,
            state_file: None,
            directory: Directory::sample(),
            clock: Arc::new(crate::clock::SystemClock),
        }
    }
}

/// An offline Entra ID with Microsoft Graph. Clones share everything.
#[derive(Clone)]
pub struct Emulator {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    /// Without a slash at its end.
    pub(crate) base: String,
    pub(crate) clock: ShiftedClock,
    pub(crate) directory: DirectoryIndex,
    pub(crate) sealer: Sealer,
    pub(crate) secrets_seen: SecretsSeen,
    pub(crate) codes: Mutex<HashMap<String, AuthorizationCode>>,
    pub(crate) devices: Mutex<HashMap<String, DeviceGrant>>,
    /// Refresh tokens used while strict rotation was on.
    pub(crate) redeemed: Mutex<HashSet<uuid::Uuid>>,
    /// By application, as they are now.
    pub(crate) credentials: Mutex<HashMap<ClientId, Credentials>>,
    /// Taken before the credentials where both are needed.
    pub(crate) registry: Mutex<Registry>,
    /// Of the AWS account's issuer; `None` until they are needed.
    pub(crate) web_identity_keys: Mutex<Option<SigningKeys>>,
    keys: Mutex<SigningKeys>,
    users: Mutex<BTreeMap<ObjectId, UserState>>,
    scenarios: Mutex<Scenarios>,
    log: Mutex<RequestLog>,
    state_file: Option<PathBuf>,
}

/// Why a control call was refused.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No user with that user principal name, mail address or object id.
    #[error("no user {0:?}; GET /emulator/api/users lists them")]
    UnknownUser(String),
    /// No application with that id.
    #[error("no application {0:?}; GET /emulator/api/applications lists them")]
    UnknownApplication(String),
    /// The application has no such certificate.
    #[error("no certificate with the thumbprint {0:?}; GET /emulator/api/applications lists them")]
    UnknownCertificate(String),
    /// The request does not make sense.
    #[error("{0}")]
    Invalid(String),
    /// The change was made but could not be written to the state file.
    #[error("the change is in force but could not be saved")]
    NotSaved(#[source] std::io::Error),
    /// The system could not make an RSA key.
    #[error("cannot generate a signing key")]
    KeyGeneration,
}

/// Locks also after a panic elsewhere: every change below is a single assignment, so nothing is half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Emulator {
    /// Loads the state file, or makes keys and writes it.
    ///
    /// # Errors
    /// An unusable state file or public address; each says what to do.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        let Settings { public_url, state_file, directory, clock } = settings;
        let base = public_url.as_str().trim_end_matches('/').to_owned();
        if !matches!(public_url.scheme(), "http" | "https")
            || public_url.path() != "/"
            || public_url.query().is_some()
            || public_url.fragment().is_some()
        {
            return Err(StartError::PublicUrl(public_url));
        }
        let credentials = Credentials::of(&directory, clock.now());
        let registry = Registry::of(&directory, clock.now());
        let directory = DirectoryIndex::new(directory);
        if directory.home_tenant().is_none() {
            return Err(StartError::NoTenant);
        }
        let clock = ShiftedClock::new(clock);
        let restored = state_file.as_deref().map(state_file::load).transpose()?.flatten();
        let is_new = restored.is_none();
        let (keys, sealing_key, users) = match restored {
            Some(restored) => (restored.keys, restored.sealing_key, restored.users),
            None => (
                SigningKeys::generate(clock.now()).map_err(|_| StartError::KeyGeneration)?,
                random_bytes(),
                BTreeMap::new(),
            ),
        };
        let shared = Shared {
            base,
            clock,
            directory,
            sealer: Sealer::new(sealing_key),
            secrets_seen: SecretsSeen::default(),
            codes: Mutex::default(),
            devices: Mutex::default(),
            redeemed: Mutex::default(),
            credentials: Mutex::new(credentials),
            registry: Mutex::new(registry),
            web_identity_keys: Mutex::default(),
            keys: Mutex::new(keys),
            users: Mutex::new(users),
            scenarios: Mutex::default(),
            log: Mutex::default(),
            state_file,
        };
        if let (true, Some(path)) = (is_new, &shared.state_file) {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            folder
                .map_or(Ok(()), std::fs::create_dir_all)
                .and_then(|()| shared.save())
                .map_err(|source| StartError::Write { path: path.clone(), source })?;
        }
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The address issuers begin with, without a slash at its end.
    pub fn public_url(&self) -> &str {
        &self.shared.base
    }

    /// What `GRAPH_BASE_URL` should be.
    pub fn graph_base_url(&self) -> String {
        format!("{}/graph/v1.0", self.shared.base)
    }

    /// The current time on the emulator's clock.
    pub fn now(&self) -> OffsetDateTime {
        self.shared.clock.now()
    }

    /// Adds to the emulator's clock and returns the sum of all additions.
    ///
    /// # Errors
    /// [`ControlError::Invalid`] beyond ten years.
    pub fn advance_clock(&self, step: Duration) -> Result<Duration, ControlError> {
        self.shared
            .clock
            .advance(step.whole_seconds())
            .map(Duration::seconds)
            .ok_or_else(|| ControlError::Invalid("the clock can be moved by at most ten years".into()))
    }

    /// Every user object of [`Directory::users`] with its state; the crowd is left out.
    pub fn users(&self) -> Vec<UserSummary> {
        let states = lock(&self.shared.users);
        let fresh = UserState::default();
        self.shared
            .directory
            .directory
            .users
            .iter()
            .map(|user| UserSummary::new(user, states.get(&user.object_id).unwrap_or(&fresh)))
            .collect()
    }

    /// Does something to the account of the user with this user principal name, mail address or object id.
    ///
    /// # Errors
    /// [`ControlError::UnknownUser`], [`ControlError::NotSaved`].
    pub fn act_on_user(&self, user: &str, action: UserAction) -> Result<UserSummary, ControlError> {
        let user = &*self.known_user(user)?;
        let now = self.shared.clock.now();
        self.shared.change_user(user, |state| state.apply(action, now)).map_err(ControlError::NotSaved)?;
        Ok(UserSummary::new(user, &self.shared.user_state(user.object_id)))
    }

    /// Does the same to many, and keeps it in one go.
    ///
    /// # Errors
    /// As [`Emulator::act_on_user`]; for an unknown one nothing is done to anybody.
    pub fn act_on_users(&self, users: &[&str], action: UserAction) -> Result<(), ControlError> {
        let users: Vec<_> = users.iter().map(|user| self.known_user(user)).collect::<Result<_, _>>()?;
        let now = self.shared.clock.now();
        let ids = users.iter().map(|user| user.object_id);
        self.shared.change_users(ids, |state| state.apply(action, now)).map_err(ControlError::NotSaved)
    }

    /// Revokes the user's sessions and refresh tokens: [`UserAction::Revoke`].
    ///
    /// # Errors
    /// As [`Emulator::act_on_user`].
    pub fn revoke(&self, user: &str) -> Result<UserSummary, ControlError> {
        self.act_on_user(user, UserAction::Revoke)
    }

    /// Changes profile properties, named as in Graph; `null` empties one. The user principal name stays.
    ///
    /// # Errors
    /// As [`Emulator::act_on_user`], and [`ControlError::Invalid`] for an unknown property or a wrong type.
    pub fn change_profile(&self, user: &str, changes: &Value) -> Result<Profile, ControlError> {
        let user = &*self.known_user(user)?;
        let Value::Object(changes) = changes else {
            return Err(ControlError::Invalid(
                "expected a JSON object such as {\"jobTitle\": \"Manager\"}".into(),
            ));
        };
        if changes.contains_key("userPrincipalName") {
            return Err(ControlError::Invalid("userPrincipalName cannot be changed here".into()));
        }
        let invalid = |error: serde_json::Error| ControlError::Invalid(error.to_string());
        let mut profile = serde_json::to_value(self.shared.profile(user)).map_err(invalid)?;
        for (name, value) in changes {
            let value = if name == "businessPhones" && value.is_null() {
                Value::Array(vec![])
            } else {
                value.clone()
            };
            profile[name] = value;
        }
        let profile: Profile = serde_json::from_value(profile).map_err(invalid)?;
        self.shared
            .change_user(user, |state| state.profile = Some(profile.clone()))
            .map_err(ControlError::NotSaved)?;
        Ok(profile)
    }

    /// What is switched on.
    pub fn scenarios(&self) -> Scenarios {
        lock(&self.shared.scenarios).clone()
    }

    /// Changes scenarios as `PUT /emulator/api/scenarios` does: [`Scenarios::changed`].
    ///
    /// # Errors
    /// [`ControlError::Invalid`].
    pub fn change_scenarios(&self, change: &Value) -> Result<Scenarios, ControlError> {
        let mut scenarios = lock(&self.shared.scenarios);
        *scenarios = scenarios.changed(change).map_err(ControlError::Invalid)?;
        Ok(scenarios.clone())
    }

    /// Switches everything off.
    pub fn reset_scenarios(&self) {
        *lock(&self.shared.scenarios) = Scenarios::default();
    }

    /// Signs with a new key from now on and returns the published key ids, newest first. One predecessor stays
    /// published, unless `drop_previous`.
    ///
    /// # Errors
    /// [`ControlError::KeyGeneration`], [`ControlError::NotSaved`].
    pub fn rotate_keys(&self, drop_previous: bool) -> Result<Vec<String>, ControlError> {
        let kids = {
            let mut keys = lock(&self.shared.keys);
            keys.rotate(self.shared.clock.now(), drop_previous).map_err(|_| ControlError::KeyGeneration)?;
            keys.kids()
        };
        self.shared.save().map_err(ControlError::NotSaved)?;
        Ok(kids)
    }

    /// The published key ids, newest first.
    pub fn key_ids(&self) -> Vec<String> {
        lock(&self.shared.keys).kids()
    }

    /// The newest `limit` requests, oldest first.
    pub fn requests(&self, limit: usize) -> Vec<LoggedRequest> {
        lock(&self.shared.log).latest(limit)
    }

    /// Requests per kind since the start or the last [`Emulator::reset_requests`].
    pub fn counters(&self) -> BTreeMap<String, Counter> {
        lock(&self.shared.log).counters()
    }

    /// Keeps what [`Emulator::secrets_seen`] tells from now on.
    pub fn keep_secrets_seen(&self) {
        self.shared.secrets_seen.keep();
    }

    /// Tokens and client credentials that passed through the token endpoint, each once.
    pub fn secrets_seen(&self) -> Vec<String> {
        self.shared.secrets_seen.all()
    }

    /// Forgets the request log and the counters.
    pub fn reset_requests(&self) {
        lock(&self.shared.log).clear();
    }

    pub(crate) fn known_user(&self, name: &str) -> Result<Cow<'_, User>, ControlError> {
        self.shared.directory.find_user(name).ok_or_else(|| ControlError::UnknownUser(name.to_owned()))
    }
}

impl Shared {
    pub(crate) fn user_state(&self, id: ObjectId) -> UserState {
        lock(&self.users).get(&id).cloned().unwrap_or_default()
    }

    pub(crate) fn profile(&self, user: &User) -> Profile {
        let changed = lock(&self.users).get(&user.object_id).and_then(|state| state.profile.clone());
        changed.unwrap_or_else(|| user.profile.clone())
    }

    pub(crate) fn change_user(
        &self,
        user: &User,
        change: impl FnOnce(&mut UserState),
    ) -> std::io::Result<()> {
        change(lock(&self.users).entry(user.object_id).or_default());
        self.save()
    }

    fn change_users(
        &self,
        ids: impl Iterator<Item = ObjectId>,
        change: impl Fn(&mut UserState),
    ) -> std::io::Result<()> {
        let mut users = lock(&self.users);
        for id in ids {
            change(users.entry(id).or_default());
        }
        drop(users);
        self.save()
    }

    pub(crate) fn with_keys<T>(&self, read: impl FnOnce(&SigningKeys) -> T) -> T {
        read(&lock(&self.keys))
    }

    pub(crate) fn with_scenarios<T>(&self, read: impl FnOnce(&mut Scenarios) -> T) -> T {
        read(&mut lock(&self.scenarios))
    }

    pub(crate) fn log(&self, entry: LoggedRequest) {
        lock(&self.log).add(entry);
    }

    fn save(&self) -> std::io::Result<()> {
        let Some(path) = &self.state_file else { return Ok(()) };
        // Keys before users, here and nowhere the other way round; held until the file is written, so that the
        // newest state is what ends in it.
        let keys = lock(&self.keys);
        let users = lock(&self.users);
        state_file::save(path, &keys, self.sealer.key_bytes(), &users)
    }
}
