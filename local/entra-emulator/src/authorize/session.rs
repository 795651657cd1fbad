//! Who is signed in to this browser: a sealed cookie, nothing stored.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::directory::User;
use crate::emulator::Shared;
use crate::identifiers::ObjectId;
use crate::sealed::Purpose;
use crate::token::SignIn;

const COOKIE: &str = "ESTSAUTH";

/// The browser's session. Several accounts can be signed in.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Session {
    accounts: Vec<SignedIn>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct SignedIn {
    user: ObjectId,
    sign_in: SignIn,
}

impl Session {
    pub(super) fn read(shared: &Shared, headers: &HeaderMap) -> Self {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == COOKIE)
            .find_map(|(_, value)| shared.sealer.open(Purpose::Session, value))
            .unwrap_or_default()
    }

    /// The users whose sign-in still holds.
    pub(super) fn users<'a>(&self, shared: &'a Shared) -> Vec<(Cow<'a, User>, SignIn)> {
        self.accounts
            .iter()
            .filter_map(|account| Some((shared.directory.user(account.user)?, account.sign_in)))
            .filter(|(user, sign_in)| {
                let state = shared.user_state(user.object_id);
                !state.disabled && sign_in.generation >= state.session_generation
            })
            .collect()
    }

    pub(super) fn add(&mut self, user: &User, sign_in: SignIn) {
        self.accounts.retain(|account| account.user != user.object_id);
        self.accounts.push(SignedIn { user: user.object_id, sign_in });
    }

    /// The `Set-Cookie` value. `SameSite=Lax` reaches hidden frames too: ports of one host are one site.
    pub(super) fn cookie(&self, shared: &Shared) -> HeaderValue {
        let value = shared.sealer.seal(Purpose::Session, self);
        cookie(shared, &value, "")
    }
}

/// The `Set-Cookie` value that ends every session of the browser.
pub(super) fn ended(shared: &Shared) -> HeaderValue {
    cookie(shared, "", "; Max-Age=0")
}

fn cookie(shared: &Shared, value: &str, more: &str) -> HeaderValue {
    let secure = if shared.base.starts_with("https:") { "; Secure" } else { "" };
    HeaderValue::try_from(format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}"))
        .expect("base64url text and fixed words fit into a header")
}

/// A new sign-in, now.
pub(crate) fn new_sign_in(shared: &Shared, user: &User, mfa: bool) -> SignIn {
    SignIn {
        generation: shared.user_state(user.object_id).session_generation,
        mfa,
        session: Uuid::new_v4(),
        authenticated_at: shared.clock.now().unix_timestamp(),
    }
}
