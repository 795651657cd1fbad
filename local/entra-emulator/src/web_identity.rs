//! The AWS account of the local workload: `GetWebIdentityToken` of AWS STS, and the issuer of its tokens with its keys.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html>
//!
//! Requests must be signed, but with any key: the access key id is taken for the name of the caller's role, so that other
//! credentials are another role.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::emulator::{ControlError, Emulator, Shared, lock};
use crate::pages::escape;
use crate::parameters::Parameters;
use crate::request_log::LoggedRequest;
use crate::signing_keys::{SigningKeys, TokenKind};

/// The account that every role is in.
const ACCOUNT: &str = "000000000000";

/// STS's bounds and default of `DurationSeconds`.
const LIFETIME_SECONDS: std::ops::RangeInclusive<i64> = 60..=3_600;
const DEFAULT_LIFETIME_SECONDS: i64 = 300;

/// At most so many audiences in one token.
const MAX_AUDIENCES: usize = 10;

/// The ARN of the role that the holder of this access key id is: `sub` of its tokens.
pub(crate) fn role_arn(access_key_id: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{access_key_id}")
}

impl Emulator {
    /// `iss` of the tokens that the AWS account it plays issues for its roles.
    pub fn web_identity_issuer(&self) -> String {
        self.shared.web_identity_issuer()
    }

    /// What `AWS_ENDPOINT_URL_STS` should be.
    pub fn sts_url(&self) -> String {
        format!("{}/aws/sts", self.public_url())
    }
}

impl Shared {
    pub(crate) fn web_identity_issuer(&self) -> String {
        format!("{}/aws", self.base)
    }

    /// The issuer's keys, made when they are first needed: few starts do.
    fn with_web_identity_keys<T>(&self, read: impl FnOnce(&SigningKeys) -> T) -> Result<T, ControlError> {
        let mut keys = lock(&self.web_identity_keys);
        if keys.is_none() {
            *keys = Some(SigningKeys::generate(self.clock.now()).map_err(|_| ControlError::KeyGeneration)?);
        }
        keys.as_ref().map(read).ok_or(ControlError::KeyGeneration)
    }

    /// The claims of a token that this issuer signed; its times are not looked at.
    pub(crate) fn verified_web_identity(&self, token: &str) -> Result<Value, String> {
        let verified =
            self.with_web_identity_keys(|keys| keys.verify(token)).map_err(|error| error.to_string())?;
        verified.map_err(|fault| fault.to_string())
    }
}

/// GET `/aws/.well-known/openid-configuration`
pub(crate) async fn metadata(State(emulator): State<Emulator>) -> Json<Value> {
    let issuer = emulator.web_identity_issuer();
    Json(json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claims_supported": ["aud", "exp", "iat", "iss", "jti", "sub"],
    }))
}

/// GET `/aws/.well-known/jwks.json`
pub(crate) async fn keys(State(emulator): State<Emulator>) -> Result<Json<Value>, ControlError> {
    Ok(Json(emulator.shared.with_web_identity_keys(SigningKeys::plain_jwks)?))
}

/// An error of STS: HTTP status, code, message.
struct StsError(StatusCode, &'static str, String);

impl StsError {
    fn invalid(message: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, "ValidationError", message.into())
    }
}

/// POST `/aws/sts` in the query protocol of AWS.
pub(crate) async fn sts(State(emulator): State<Emulator>, headers: HeaderMap, body: Bytes) -> Response {
    let request_id = Uuid::new_v4();
    let shared = &emulator.shared;
    let (status, error, text) = match issue(shared, &headers, &Parameters::parse(&body)) {
        Ok((token, expires_at)) => {
            let result = format!(
                "<GetWebIdentityTokenResult><WebIdentityToken>{token}</WebIdentityToken>\
                 <Expiration>{}</Expiration></GetWebIdentityTokenResult>",
                expires_at.format(&Rfc3339).unwrap_or_default()
            );
            (StatusCode::OK, None, response("GetWebIdentityTokenResponse", &result, request_id))
        }
        Err(StsError(status, code, message)) => {
            let result = format!(
                "<Error><Type>Sender</Type><Code>{code}</Code><Message>{}</Message></Error>\
                 <RequestId>{request_id}</RequestId>",
                escape(&message)
            );
            let text = format!("<ErrorResponse xmlns=\"{NAMESPACE}\">{result}</ErrorResponse>");
            (status, Some(code.to_owned()), text)
        }
    };
    shared.log(LoggedRequest {
        number: 0,
        time: shared.clock.now(),
        kind: "aws.web_identity".to_owned(),
        user: None,
        client_id: None,
        status: status.as_u16(),
        error,
        ms: 0,
        scenario: false,
        client_request_id: None,
        throttle_priority: None,
    });
    (status, [(header::CONTENT_TYPE, "text/xml")], text).into_response()
}

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

fn response(name: &str, result: &str, request_id: Uuid) -> String {
    format!(
        "<{name} xmlns=\"{NAMESPACE}\">{result}<ResponseMetadata><RequestId>{request_id}</RequestId>\
         </ResponseMetadata></{name}>"
    )
}

fn issue(
    shared: &Shared,
    headers: &HeaderMap,
    form: &Parameters,
) -> Result<(String, OffsetDateTime), StsError> {
    if (form.first("Action"), form.first("Version")) != (Some("GetWebIdentityToken"), Some("2011-06-15")) {
        let message = "Only GetWebIdentityToken of version 2011-06-15 is offered here.";
        return Err(StsError(StatusCode::BAD_REQUEST, "InvalidAction", message.into()));
    }
    let (access_key_id, region) = caller(headers).ok_or_else(|| {
        let message = "Request is missing Authentication Token";
        StsError(StatusCode::FORBIDDEN, "MissingAuthenticationToken", message.into())
    })?;
    let audiences: Vec<&str> =
        (1..).map_while(|number| form.first(&format!("Audience.member.{number}"))).collect();
    if audiences.is_empty() || audiences.len() > MAX_AUDIENCES {
        return Err(StsError::invalid("'audience' must have 1 to 10 members"));
    }
    if form.first("SigningAlgorithm") != Some("RS256") {
        return Err(StsError::invalid("'signingAlgorithm' must be RS256, the only one offered here"));
    }
    let lifetime = match form.first("DurationSeconds") {
        None => Some(DEFAULT_LIFETIME_SECONDS),
        Some(text) => text.parse().ok().filter(|seconds| LIFETIME_SECONDS.contains(seconds)),
    };
    let lifetime = lifetime.ok_or_else(|| StsError::invalid("'durationSeconds' must be 60 to 3600"))?;
    let now = shared.clock.now();
    let expires_at = now + Duration::seconds(lifetime);
    let audience = match audiences[..] {
        [one] => json!(one),
        _ => json!(audiences),
    };
    let subject = role_arn(access_key_id);
    let claims = json!({
        "iss": shared.web_identity_issuer(),
        "sub": subject,
        "aud": audience,
        "iat": now.unix_timestamp(),
        "exp": expires_at.unix_timestamp(),
        "jti": Uuid::new_v4(),
        "https://sts.amazonaws.com/": {
            "aws_account": ACCOUNT,
            "source_region": region,
            "principal_id": subject,
        },
    });
    let token = shared.with_web_identity_keys(|keys| keys.sign(&claims, TokenKind::V2));
    let failed = |error: ControlError| {
        StsError(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", error.to_string())
    };
    Ok((token.map_err(failed)?, expires_at))
}

/// Access key id and region of a request signed with Signature Version 4. The signature itself says nothing here: any
/// secret will do.
fn caller(headers: &HeaderMap) -> Option<(&str, &str)> {
    let authorization = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let parameters = authorization.strip_prefix("AWS4-HMAC-SHA256 ")?;
    let scope = parameters.split(',').find_map(|one| one.trim().strip_prefix("Credential="))?;
    let [key_id, _date, region, "sts", "aws4_request"] = scope.split('/').collect::<Vec<_>>()[..] else {
        return None;
    };
    let is_name = !key_id.is_empty() && key_id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_name.then_some((key_id, region))
}
