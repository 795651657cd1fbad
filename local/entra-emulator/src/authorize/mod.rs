//! The authorize endpoint and its pages, and sign-out.
//!
//! A POST to the same address (query included) with `user=<name>` signs that user in. Where a second step is needed,
//! the page that comes back has the buttons `approve=yes` or `consent=yes`; a client may send them at once.

pub(crate) mod code;
mod page;
mod request;
pub(crate) mod session;

use std::borrow::Cow;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use url::Url;

use crate::directory::User;
use crate::emulator::{Emulator, Shared, lock};
use crate::entra_error::{EntraError, TraceIds};
use crate::exchange::Note;
use crate::pages;
use crate::parameters::{Parameters, with_fragment, with_query};
use crate::token::SignIn;
use crate::token::issue::client_info;
use code::AuthorizationCode;
use request::{Destination, Prompt, ResponseMode, SignInRequest};
use session::{Session, new_sign_in};

/// Everything one authorize exchange works with.
struct Exchange<'a> {
    shared: &'a Shared,
    destination: Destination,
    note: &'a Note,
    ids: &'a TraceIds,
    /// The address of this exchange, which the pages post to.
    action: String,
}

pub(crate) async fn show(
    State(emulator): State<Emulator>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
    Extension(note): Extension<Note>,
    Extension(ids): Extension<TraceIds>,
    headers: HeaderMap,
) -> Response {
    authorize(&emulator.shared, &tenant, &query.unwrap_or_default(), None, &headers, &note, &ids)
}

pub(crate) async fn submit(
    State(emulator): State<Emulator>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
    Extension(note): Extension<Note>,
    Extension(ids): Extension<TraceIds>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Parameters::parse(&body);
    authorize(&emulator.shared, &tenant, &query.unwrap_or_default(), Some(&form), &headers, &note, &ids)
}

fn authorize(
    shared: &Shared,
    tenant: &str,
    query: &str,
    form: Option<&Parameters>,
    headers: &HeaderMap,
    note: &Note,
    ids: &TraceIds,
) -> Response {
    let parameters = Parameters::parse(query.as_bytes());
    let destination = match Destination::parse(shared, tenant, &parameters) {
        Ok(destination) => destination,
        Err(error) => return pages::error(note, &error, ids),
    };
    note.client(destination.client.client_id);
    let action = format!("{}/{tenant}/oauth2/v2.0/authorize?{query}", shared.base);
    let exchange = Exchange { shared, destination, note, ids, action };
    let wish = match SignInRequest::parse(shared, &exchange.destination, &parameters) {
        Ok(wish) => wish,
        Err(error) => return exchange.refuse(&error),
    };
    let mut session = Session::read(shared, headers);
    match form {
        None => exchange.begin(&wish, &mut session),
        Some(form) => exchange.decide(&wish, &mut session, form),
    }
}

impl Exchange<'_> {
    /// GET: go on silently where the session allows, else show the page.
    fn begin(&self, wish: &SignInRequest<'_>, session: &mut Session) -> Response {
        let silent = self.silent_user(wish, session);
        match (wish.prompt, silent) {
            (Prompt::None, None) => self.refuse(&EntraError::new(
                "login_required",
                50_058,
                "A silent sign-in request was sent but no user is signed in.",
            )),
            (Prompt::None | Prompt::Automatic, Some((user, sign_in))) => {
                let user = &*user;
                self.note.user(&user.profile.user_principal_name);
                if self.needs_mfa(wish, user, sign_in.mfa) {
                    if wish.prompt == Prompt::None {
                        return self.refuse(&interaction(EntraError::mfa_required("this application")));
                    }
                    return page_answer(page::approve(self, user));
                }
                if self.needs_consent(wish, user) {
                    if wish.prompt == Prompt::None {
                        let client = &self.destination.client;
                        return self.refuse(&interaction(EntraError::consent_required(
                            client.client_id,
                            &client.name,
                        )));
                    }
                    return page_answer(page::consent(self, wish, user, false));
                }
                self.complete(wish, session, user, sign_in)
            }
            _ => page_answer(page::pick_account(self, wish, &session.users(self.shared))),
        }
    }

    /// POST: a button of a page was pressed.
    fn decide(&self, wish: &SignInRequest<'_>, session: &mut Session, form: &Parameters) -> Response {
        if form.first("action") == Some("cancel") {
            return self.refuse(&EntraError::new(
                "access_denied",
                65_004,
                "User declined to consent to access the app.",
            ));
        }
        let authority = self.destination.authority;
        let found =
            form.first("user").and_then(|name| self.shared.directory.find_sign_in(name, authority.tenant()));
        let Some(user) = found.filter(|user| authority.covers(user)) else {
            let error = EntraError::invalid_request(
                50_020,
                "User account does not exist in this tenant and cannot access the application. The account needs to \
                 be added as an external user in the tenant first.",
            );
            return pages::error(self.note, &error, self.ids);
        };
        let user = &*user;
        self.note.user(&user.profile.user_principal_name);
        if self.shared.user_state(user.object_id).disabled {
            return pages::error(self.note, &EntraError::disabled(), self.ids);
        }
        let approved = form.first("approve") == Some("yes");
        let earlier_mfa = wish.prompt != Prompt::Login
            && session
                .users(self.shared)
                .iter()
                .any(|(known, sign_in)| known.object_id == user.object_id && sign_in.mfa);
        if self.needs_mfa(wish, user, approved || earlier_mfa) {
            return page_answer(page::approve(self, user));
        }
        if self.needs_consent(wish, user) && form.first("consent") != Some("yes") {
            return page_answer(page::consent(self, wish, user, approved));
        }
        if form.first("consent") == Some("yes") && self.shared.user_state(user.object_id).consent_withdrawn {
            let saved = self.shared.change_user(user, |state| state.consent_withdrawn = false);
            if let Err(error) = saved {
                tracing::warn!(%error, "the consent is in force but could not be saved");
            }
        }
        let sign_in = new_sign_in(self.shared, user, approved || earlier_mfa);
        self.complete(wish, session, user, sign_in)
    }

    /// The signed-in user to go on with without asking: the one hinted at, or the only one.
    fn silent_user(&self, wish: &SignInRequest<'_>, session: &Session) -> Option<(Cow<'_, User>, SignIn)> {
        let authority = self.destination.authority;
        let users: Vec<_> =
            session.users(self.shared).into_iter().filter(|(user, _)| authority.covers(user)).collect();
        if let Some(hint) = wish.login_hint {
            let hinted = self.shared.directory.find_sign_in(hint, authority.tenant())?;
            return users.into_iter().find(|(user, _)| user.object_id == hinted.object_id);
        }
        if let Some(hint) = wish.session_hint {
            return users.into_iter().find(|(_, sign_in)| sign_in.session.to_string() == hint);
        }
        let [only] = <[_; 1]>::try_from(users).ok()?;
        Some(only)
    }

    fn needs_mfa(&self, wish: &SignInRequest<'_>, user: &User, satisfied: bool) -> bool {
        !satisfied && (wish.asks_mfa() || self.shared.user_state(user.object_id).mfa_required)
    }

    fn needs_consent(&self, wish: &SignInRequest<'_>, user: &User) -> bool {
        wish.prompt == Prompt::Consent || self.shared.user_state(user.object_id).consent_withdrawn
    }

    fn complete(
        &self,
        wish: &SignInRequest<'_>,
        session: &mut Session,
        user: &User,
        sign_in: SignIn,
    ) -> Response {
        let shared = self.shared;
        let now = shared.clock.now();
        let code = AuthorizationCode {
            client: self.destination.client.client_id,
            user: user.object_id,
            redirect_uri: self.destination.redirect_uri.clone(),
            platform: self.destination.platform,
            scope: wish.scope.to_owned(),
            challenge: wish.challenge.map(str::to_owned),
            nonce: wish.nonce.map(str::to_owned),
            claims: wish.claims.map(str::to_owned),
            sign_in,
            expires_at: AuthorizationCode::expiry(now),
            redeemed: false,
        }
        .store(&mut lock(&shared.codes), now);
        let mut answer = vec![("code".to_owned(), code)];
        if wish.client_info {
            answer.push(("client_info".into(), client_info(user)));
        }
        answer.push(("session_state".into(), sign_in.session.to_string()));
        session.add(user, sign_in);
        let mut response = self.send(answer);
        response.headers_mut().append(header::SET_COOKIE, session.cookie(shared));
        response
    }

    fn refuse(&self, error: &EntraError) -> Response {
        self.note.error(error.code);
        let mut answer = vec![
            ("error".to_owned(), error.error.to_owned()),
            ("error_description".into(), error.description(self.ids)),
            ("error_uri".into(), format!("{}/error?code={}", self.shared.base, error.code)),
        ];
        if let Some(suberror) = error.suberror {
            answer.push(("suberror".into(), suberror.into()));
        }
        if let Some(claims) = &error.claims {
            answer.push(("claims".into(), claims.clone()));
        }
        self.send(answer)
    }

    fn send(&self, mut answer: Vec<(String, String)>) -> Response {
        if let Some(state) = &self.destination.state {
            answer.push(("state".into(), state.clone()));
        }
        let uri = &self.destination.redirect_uri;
        match self.destination.mode {
            ResponseMode::Query => found(&with_query(uri, &answer)),
            ResponseMode::Fragment => found(&with_fragment(uri, &answer)),
            ResponseMode::FormPost => page_answer(page::form_post(uri, &answer)),
        }
    }
}

fn page_answer(body: String) -> Response {
    pages::html(StatusCode::OK, body)
}

/// `prompt=none` cannot show anything: the application must ask again with a page.
fn interaction(error: EntraError) -> EntraError {
    EntraError { error: "interaction_required", ..error }
}

fn found(location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(location) => (StatusCode::FOUND, [(header::LOCATION, location)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// `/{tenant}/oauth2/v2.0/logout`: ends the browser's session; goes on to a registered
/// `post_logout_redirect_uri`, or says that it is done.
pub(crate) async fn logout(
    State(emulator): State<Emulator>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
    Extension(note): Extension<Note>,
    Extension(ids): Extension<TraceIds>,
) -> Response {
    let shared = &emulator.shared;
    if let Err(error) = crate::authority::Authority::resolve(shared, &tenant) {
        return pages::error(&note, &error, &ids);
    }
    let parameters = Parameters::parse(query.unwrap_or_default().as_bytes());
    let requested = parameters.first("post_logout_redirect_uri").and_then(|uri| Url::parse(uri).ok());
    let registered = requested.filter(|uri| {
        shared.applications().iter().any(|application| application.redirect_uri(uri).is_some())
    });
    let mut response = match registered {
        Some(uri) => {
            let state = parameters.first("state").map(|state| ("state".to_owned(), state.to_owned()));
            found(&state.map_or_else(|| uri.to_string(), |state| with_query(&uri, &[state])))
        }
        None => pages::html(StatusCode::OK, page::signed_out()),
    };
    response.headers_mut().append(header::SET_COOKIE, session::ended(shared));
    response
}
