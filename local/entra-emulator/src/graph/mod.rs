//! Microsoft Graph, as far as a signed-in user's own profile and app registrations go. Base address: `{public_url}/graph/v1.0`.
//! <https://learn.microsoft.com/graph/api/user-get>

mod bearer;
pub(crate) mod error;
pub(crate) mod objects;

use aws_lc_rs::digest;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::directory::User;
use crate::emulator::{Emulator, Shared};
use crate::exchange::Note;
use crate::parameters::Parameters;
use error::GraphError;

/// What comes without `$select`. Other properties come only when they are named.
const DEFAULT_PROPERTIES: [&str; 11] = [
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
];

/// Permissions of which one is needed to read the own profile.
const PROFILE_SCOPES: [&str; 4] = ["User.Read", "User.ReadWrite", "User.Read.All", "User.ReadBasic.All"];

/// `GET /graph/v1.0/me`
pub(crate) async fn me(
    State(emulator): State<Emulator>,
    Extension(note): Extension<Note>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, GraphError> {
    let shared = &emulator.shared;
    let caller = bearer::authenticate(shared, &headers, &note)?;
    if !caller.has_scope(&PROFILE_SCOPES) {
        return Err(GraphError::new(
            StatusCode::FORBIDDEN,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        ));
    }
    let query = Parameters::parse(query.unwrap_or_default().as_bytes());
    // Graph v1.0 takes the system query options with and without `$`.
    let select = query.first("$select").or(query.first("select"));
    let body = profile_body(shared, &caller.user, select)?;
    let text = body.to_string();
    let tag = STANDARD.encode(&digest::digest(&digest::SHA256, text.as_bytes()).as_ref()[..12]);
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static(
                "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8",
            ),
        ),
        (header::ETAG, HeaderValue::try_from(format!("W/\"{tag}\"")).expect("base64 fits into a header")),
        (HeaderName::from_static("odata-version"), HeaderValue::from_static("4.0")),
        (HeaderName::from_static("x-ms-resource-unit"), HeaderValue::from_static("1")),
    ];
    Ok((headers, text).into_response())
}

fn profile_body(shared: &Shared, user: &User, select: Option<&str>) -> Result<Value, GraphError> {
    let all = properties(shared, user);
    let metadata = format!("{}/graph/v1.0/$metadata#users", shared.base);
    let (context, names): (String, Vec<&str>) = match select {
        None => (format!("{metadata}/$entity"), DEFAULT_PROPERTIES.to_vec()),
        Some(select) => {
            let names: Vec<&str> = select.split(',').map(str::trim).collect();
            (format!("{metadata}({})/$entity", names.join(",")), names)
        }
    };
    let mut body = Map::new();
    body.insert("@odata.context".into(), json!(context));
    for name in names {
        let Some(value) = all.get(name) else {
            return Err(GraphError::new(
                StatusCode::BAD_REQUEST,
                "BadRequest",
                format!(
                    "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type \
                     'microsoft.graph.user'."
                ),
            ));
        };
        body.insert(name.to_owned(), value.clone());
    }
    Ok(Value::Object(body))
}

/// Every property the emulator knows, with its value.
fn properties(shared: &Shared, user: &User) -> Map<String, Value> {
    let profile = serde_json::to_value(shared.profile(user)).expect("a profile is plain JSON");
    let Value::Object(mut all) = profile else { return Map::new() };
    all.insert("id".into(), json!(user.object_id));
    all.insert("accountEnabled".into(), json!(!shared.user_state(user.object_id).disabled));
    all.insert("userType".into(), json!(if user.is_guest() { "Guest" } else { "Member" }));
    all
}

/// `GET /graph/oidc/userinfo` (OpenID Connect Core §5.3)
pub(crate) async fn userinfo(
    State(emulator): State<Emulator>,
    Extension(note): Extension<Note>,
    headers: HeaderMap,
) -> Result<Json<Value>, GraphError> {
    let shared = &emulator.shared;
    let caller = bearer::authenticate(shared, &headers, &note)?;
    if !caller.has_scope(&["openid"]) {
        return Err(GraphError::new(
            StatusCode::FORBIDDEN,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        ));
    }
    let profile = shared.profile(&caller.user);
    Ok(Json(json!({
        "sub": caller.claims["sub"],
        "name": profile.display_name,
        "given_name": profile.given_name,
        "family_name": profile.surname,
        "email": profile.mail,
    })))
}

/// Everything else under `/graph`.
pub(crate) async fn unknown(method: Method, uri: Uri) -> GraphError {
    other(&method, &uri)
}

fn other(method: &Method, uri: &Uri) -> GraphError {
    if uri.path().starts_with("/graph/v1.0/me") && *method != Method::GET && !uri.path().contains("/me/") {
        return GraphError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "Request_BadRequest",
            "Specified HTTP method is not allowed for the request target.",
        );
    }
    let segment: String = uri.path().rsplit('/').next().unwrap_or_default().chars().take(64).collect();
    GraphError::new(
        StatusCode::BAD_REQUEST,
        "BadRequest",
        format!("Resource not found for the segment '{segment}'."),
    )
}
