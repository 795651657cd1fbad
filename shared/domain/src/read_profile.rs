//! Use case: a signed-in user reads their profile from Graph, on their own behalf.

use crate::caller::Caller;
use crate::error::{GraphError, StoreError};
use crate::obtain_token::{self, CacheUse, ObtainTokenError, ObtainedToken, TokenSource};
use crate::ports::{ActivityUpdate, FetchedProfile, Requester};
use crate::profile::Profile;
use crate::services::Services;
use crate::stage::Stage;
use crate::time_budget::TimeBudget;
use crate::token_cache::{CacheError, OpenedAccount, open_account};
use time::OffsetDateTime;

/// Why there is no profile to show.
#[derive(Debug, thiserror::Error)]
pub enum ReadProfileError {
    #[error(transparent)]
    Token(#[from] ObtainTokenError),
    #[error(transparent)]
    Graph(#[from] GraphError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CacheError> for ReadProfileError {
    fn from(error: CacheError) -> Self {
        Self::Token(ObtainTokenError::Cache(error))
    }
}

/// Reads the profile. Tokens are stored before they are used, and the account's activity is written before this returns,
/// because a frozen Lambda runs nothing afterwards.
///
/// `deadline` is when the host ends the request, where that is known.
pub async fn read_profile(
    services: &Services,
    caller: &Caller,
    deadline: Option<OffsetDateTime>,
) -> Result<Profile, ReadProfileError> {
    let budget = TimeBudget::new(services.clock.now(), deadline);
    let mut opened = open_account(services, &caller.account).await?;
    let mut obtained =
        obtain_token::for_caller(services, &mut opened, caller, budget, CacheUse::Allowed).await?;
    let (fetched, noted) = futures::join!(
        services.metrics.time(Stage::Graph, services.profiles.me(&obtained.token, Requester::User)),
        note_use(services, &opened, caller, &obtained, budget.begun_at),
    );
    noted?;
    let fetched = match fetched {
        // A cached token can be outdated by a password change or a sign-out, and Graph may want claims that it lacks: the
        // assertion is traded in once more.
        Err(GraphError::Unauthorized { claims })
            if claims.is_some() || obtained.source == TokenSource::Cache =>
        {
            let claims = claims.as_deref();
            obtained = obtain_token::for_caller(
                services,
                &mut opened,
                caller,
                budget,
                CacheUse::Bypassed { claims },
            )
            .await
            .map_err(|error| error.with_challenge(claims))?;
            note_use(services, &opened, caller, &obtained, budget.begun_at).await?;
            let again = services.profiles.me(&obtained.token, Requester::User);
            services.metrics.time(Stage::Graph, again).await?
        }
        other => other?,
    };
    let FetchedProfile { profile, .. } = fetched;
    tracing::info!(
        event = "profile.read",
        account = services.settings.pseudonyms.of(&caller.account),
        token_source = ?obtained.source,
    );
    Ok(profile)
}

/// Tokens and activity of a user who is here live on.
async fn note_use(
    services: &Services,
    opened: &OpenedAccount,
    caller: &Caller,
    obtained: &ObtainedToken,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    if obtained.source == TokenSource::Cache {
        opened.extend_life(services).await;
    }
    note_activity(services, opened, caller, obtained, now).await
}

/// Writes the activity when there is something new to say: no activity yet, a new sign-in, or the margin is over.
async fn note_activity(
    services: &Services,
    opened: &OpenedAccount,
    caller: &Caller,
    obtained: &ObtainedToken,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    if !obtained.kept {
        return Ok(());
    }
    let sweep = &services.settings.sweep;
    let returned = obtained.source == TokenSource::OnBehalfOf;
    let due = match &opened.record.activity {
        None => true,
        Some(_) if returned => true,
        Some(activity) => {
            if now - activity.last_activity < sweep.activity_margin() {
                return Ok(());
            }
            // Parked: tokens from before do not make the account sweepable again, a new sign-in does.
            activity.due_at.is_some()
        }
    };
    let update = ActivityUpdate {
        tenant_id: caller.tenant_id,
        object_id: caller.object_id,
        user_principal_name: caller.user_principal_name.clone(),
        last_activity: now,
        due_at: due.then(|| now + sweep.idle),
        returned,
        expires_at: opened.expires_at(services),
    };
    services.metrics.time(Stage::Store, services.store.record_activity(&caller.account, update)).await
}
