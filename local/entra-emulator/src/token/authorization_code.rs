//! `grant_type=authorization_code` with PKCE (RFC 7636).

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use url::Url;

use super::TokenRequest;
use super::issue::Issue;
use crate::directory::Platform;
use crate::emulator::lock;
use crate::entra_error::EntraError;
use crate::scopes::Scopes;

pub(super) fn redeem(request: &TokenRequest<'_>) -> Result<Value, EntraError> {
    let shared = request.shared;
    let presented = request.required("code")?;
    let redirect_uri = request.required("redirect_uri")?;
    let now = shared.clock.now();

    // Everything is checked before the code is used up, under one lock, so that of two requests one gets through.
    let mut codes = lock(&shared.codes);
    let code = codes
        .get_mut(presented)
        .filter(|code| code.client == request.client.client_id)
        .ok_or_else(|| EntraError::invalid_grant(70_000, "Provided grant is invalid or malformed."))?;
    let user = shared.directory.user(code.user).ok_or_else(|| {
        EntraError::invalid_grant(50_034, "The user account does not exist in the directory.")
    })?;
    request.note.user(&user.profile.user_principal_name);
    let single_page = code.platform == Platform::SinglePage;
    request.check_origin(single_page)?;
    if code.platform == Platform::Web && request.client.is_confidential() {
        request.proof.require()?;
    }
    if now >= code.expires_at {
        return Err(EntraError::invalid_grant(
            70_008,
            "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive \
             authorization request for this user and resource.",
        ));
    }
    if code.redeemed {
        return Err(EntraError::invalid_grant(
            54_005,
            "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing \
             refresh token.",
        ));
    }
    if Url::parse(redirect_uri).ok().as_ref() != Some(&code.redirect_uri) {
        return Err(EntraError::invalid_client(
            500_112,
            format!(
                "The reply address '{}' does not match the reply address '{}' provided when requesting Authorization \
                 code.",
                redirect_uri.chars().take(256).collect::<String>(),
                code.redirect_uri
            ),
        )
        .with_status(axum::http::StatusCode::BAD_REQUEST));
    }
    check_verifier(code.challenge.as_deref(), request.form.first("code_verifier"))?;
    let scope_text = request.form.first("scope").unwrap_or(&code.scope).to_owned();
    let scopes = Scopes::parse(shared, request.client, &scope_text)?;
    code.redeemed = true;
    let code = code.clone();
    drop(codes);

    shared.check_user(request.client, &user, code.sign_in, now, &scopes.resource)?;
    Ok(request.issue(&Issue {
        user: &user,
        scopes: &scopes,
        scope_text: &scope_text,
        sign_in: code.sign_in,
        single_page,
        refresh_ends_at: None,
        nonce: code.nonce.as_deref(),
        continuous: request.asks_continuous(code.claims.as_deref()),
    }))
}

fn check_verifier(challenge: Option<&str>, verifier: Option<&str>) -> Result<(), EntraError> {
    let matches = match (challenge, verifier) {
        (None, None) => true,
        (Some(challenge), Some(verifier)) => {
            URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes())) == challenge
        }
        _ => false,
    };
    if matches {
        return Ok(());
    }
    Err(EntraError::invalid_grant(
        501_481,
        "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
    ))
}

#[cfg(test)]
mod tests {
    use super::check_verifier;

    /// RFC 7636, appendix B.
    #[test]
    fn the_published_verifier_matches_its_challenge() {
        let challenge = Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(check_verifier(challenge, Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")).is_ok());
        assert_eq!(check_verifier(challenge, Some("another")).unwrap_err().code, 501_481);
        assert_eq!(check_verifier(challenge, None).unwrap_err().code, 501_481);
        assert_eq!(check_verifier(None, Some("unasked")).unwrap_err().code, 501_481);
    }
}
