//! The environments of the run: two of the API, two of the sweep, and another program that writes the same item.

use crate::error::{SoakError, cannot};
use crate::proxy::Proxy;
use crate::quick_time::{QuickTimer, quick_time};
use crate::rotation::weather::{AuthorityGuard, TableGuard, Weather};
use crate::world::World;
use background_sweep::Summary;
use domain::identity::{HomeAccountId, TenantId};
use domain::ports::{Clock as _, TokenWrite};
use entra_emulator::TENANT_ID;
use serde_json::json;
use stack::{SignedIn, Sweeper};
use std::sync::Arc;
use time::OffsetDateTime;
use tokio::sync::Mutex;

const USER: &str = "adele@lakeside.example";

/// Browsers that the user is signed in with.
pub(crate) const SESSIONS: usize = 2;

/// How long a session uses its access token, which lives an hour.
const SESSION_TOKEN_LIFE: time::Duration = time::Duration::minutes(45);

const APIS: [&str; 2] = ["api 1", "api 2"];
const SWEEPS: [&str; 2] = ["sweep 1", "sweep 2"];

/// All environments, each with state of its own, and the user.
pub(crate) struct Environments {
    pub(crate) world: World,
    pub(crate) account: HomeAccountId,
    pub(crate) timer: Arc<QuickTimer>,
    tenant: TenantId,
    apis: Vec<String>,
    sweepers: Vec<Sweeper>,
    sessions: Vec<Mutex<Option<Session>>>,
    _tables: Vec<Proxy>,
}

struct Session {
    signed_in: SignedIn,
    since: OffsetDateTime,
}

impl Environments {
    /// Starts everything, turns strict rotation on, and lets the user sign in for the first time.
    pub(crate) async fn start(weather: &Arc<Weather>, seed: u64) -> Result<Self, SoakError> {
        let world = World::start(Arc::new(AuthorityGuard(weather.clone()))).await?;
        world
            .emulator
            .change_scenarios(&json!({ "strictRotation": true }))
            .map_err(cannot("turn strict rotation on"))?;
        let timer = Arc::new(QuickTimer::default());
        let mut tables = Vec::new();
        let mut apis = Vec::new();
        let mut sweepers = Vec::new();
        for (number, place) in (0_u64..).zip(APIS.into_iter().chain(SWEEPS)) {
            let guard = Arc::new(TableGuard { weather: weather.clone(), place });
            let table = Proxy::bind()?.serve(&world.database, guard).await?;
            let time = quick_time(&world.clock, &timer, seed.wrapping_add(number));
            if APIS.contains(&place) {
                apis.push(world.api(table.url(), time).await?);
            } else {
                sweepers.push(world.sweeper(table.url(), time).await?);
            }
            tables.push(table);
        }
        let account = world.account_of(USER)?;
        let tenant = TENANT_ID.parse().map_err(cannot("name the tenant"))?;
        let sessions = (0..SESSIONS).map(|_| Mutex::default()).collect();
        let environments = Self { world, account, timer, tenant, apis, sweepers, sessions, _tables: tables };
        match environments.read_profile(0, 0, true).await? {
            200 => Ok(environments),
            status => Err(SoakError::Broken(format!("the first sign-in: the API answered {status}"))),
        }
    }

    /// How many environments there are of each kind.
    pub(crate) fn of_each(&self) -> usize {
        self.apis.len()
    }

    /// Whether a pause that the authority asked for is still on.
    pub(crate) async fn is_braked(&self) -> Result<bool, SoakError> {
        let store = &self.world.inspector.services().store;
        Ok(store.brake(self.tenant).await.map_err(cannot("read the table"))?.is_some())
    }

    /// The status that the API answers.
    pub(crate) async fn read_profile(
        &self,
        environment: usize,
        session: usize,
        renewed: bool,
    ) -> Result<u16, SoakError> {
        let token = self.access_token(session, renewed).await?;
        let request = self.world.http().get(format!("{}/api/profile", self.apis[environment]));
        let answer = request.bearer_auth(token).send().await.map_err(cannot("call the API"))?;
        Ok(answer.status().as_u16())
    }

    async fn access_token(&self, session: usize, renewed: bool) -> Result<String, SoakError> {
        let mut session = self.sessions[session].lock().await;
        let now = self.world.clock.now();
        if let Some(present) = session.as_ref().filter(|session| now - session.since < SESSION_TOKEN_LIFE)
            && !renewed
        {
            return Ok(present.signed_in.access_token.clone());
        }
        let signed_in = self.world.sign_in(USER).await?;
        let token = signed_in.access_token.clone();
        *session = Some(Session { signed_in, since: now });
        Ok(token)
    }

    /// The browsers forget their tokens.
    pub(crate) async fn sign_out(&self) {
        for session in &self.sessions {
            *session.lock().await = None;
        }
    }

    /// How many accounts ended how; `None` when the index could not be read.
    pub(crate) async fn tick(&self, environment: usize) -> Option<Vec<(&'static str, u64)>> {
        self.sweepers[environment].tick().await.ok().map(outcomes)
    }

    /// Likewise, for the user alone, whether due or not.
    pub(crate) async fn invoke(&self, environment: usize) -> Option<Vec<(&'static str, u64)>> {
        let event = json!({ "account": self.account });
        let answer = self.sweepers[environment].invoke(event).await.ok()?;
        Some(outcomes(answer.into_summary()))
    }

    /// Writes the tokens that are there, sealed anew, under the next version. Returns how often nobody was faster.
    pub(crate) async fn write_as_another(&self, times: u32) -> Result<u64, SoakError> {
        let services = self.world.inspector.services();
        let address = services.store.token_item(&self.account);
        let mut written = 0;
        for _ in 0..times {
            let record = services.store.load(&self.account).await.map_err(cannot("read the table"))?;
            let Some(tokens) = record.tokens else { continue };
            let json =
                services.sealer.open(&address, &tokens.blob).await.map_err(cannot("open the tokens"))?;
            let write = TokenWrite {
                sealed: services.sealer.seal(&address, &json).await.map_err(cannot("seal the tokens"))?,
                expected_version: Some(tokens.version),
                begun_at: self.world.clock.now(),
                expires_at: tokens.expires_at,
            };
            // Refused when somebody else wrote meanwhile: they do not stand aside for this one either.
            if services.store.put_tokens(&self.account, write).await.is_ok() {
                written += 1;
            }
        }
        Ok(written)
    }
}

fn outcomes(summary: Summary) -> Vec<(&'static str, u64)> {
    summary.outcomes.into_iter().map(|(outcome, count)| (outcome.as_str(), count)).collect()
}
