//! The directory objects of Graph that have to do with app registrations.
//! <https://learn.microsoft.com/graph/api/resources/applications-api-overview>

mod access;
mod applications;
mod credentials;
mod deleted_items;
mod grants;
mod query;
mod service_principals;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::{Map, Value, json};

use super::bearer;
use super::error::GraphError;
use crate::emulator::{Emulator, Shared};
use crate::exchange::Note;
use access::Access;
use query::Query;

/// One request, as far as its handler must see it.
struct Ask<'a> {
    shared: &'a Shared,
    access: Access<'a>,
    method: &'a Method,
    query: Query,
    body: &'a Bytes,
    /// `Prefer: create-if-missing`.
    upsert: bool,
}

/// What Graph answers with when nothing is wrong.
enum Answer {
    Entity(StatusCode, Value),
    /// A collection before its query options are applied.
    Collection(Vec<Value>),
    NoContent,
}

/// What a segment such as `applications(appId='…')` or the one after `applications` names an object by.
enum Key<'p> {
    Id(&'p str),
    Alternate(&'p str, &'p str),
}

/// Everything under `/graph` but the own profile.
pub(crate) async fn objects(
    State(emulator): State<Emulator>,
    Extension(note): Extension<Note>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, GraphError> {
    let path = uri.path().replace("%27", "'");
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let ["graph", "v1.0", collection, rest @ ..] = &segments[..] else {
        return Err(super::other(&method, &uri));
    };
    let (collection, key) = match collection.split_once('(') {
        None => (*collection, None),
        Some((name, key)) => (name, alternate_key(key)),
    };
    let (key, rest) = match (key, rest) {
        (Some(key), rest) => (Some(key), rest),
        (None, [id, rest @ ..]) => (Some(Key::Id(id)), rest),
        (None, []) => (None, rest),
    };
    if !["applications", "servicePrincipals", "oauth2PermissionGrants", "directory", "organization"]
        .contains(&collection)
    {
        return Err(super::other(&method, &uri));
    }
    let shared = &emulator.shared;
    shared.expire_deleted_items();
    let ask = Ask {
        shared,
        access: Access::of(shared, bearer::authenticate(shared, &headers, &note))?,
        method: &method,
        query: Query::parse(uri.query().unwrap_or_default())?,
        body: &body,
        upsert: headers.get("prefer").is_some_and(|value| value == "create-if-missing"),
    };
    let answer = match (collection, key, rest) {
        ("applications", None, []) => applications::all(&ask),
        ("applications", Some(key), rest) => applications::one(&ask, &key, rest),
        ("servicePrincipals", None, []) => service_principals::all(&ask),
        ("servicePrincipals", Some(key), []) => service_principals::one(&ask, &key),
        ("oauth2PermissionGrants", None, []) => grants::all(&ask),
        ("oauth2PermissionGrants", Some(Key::Id(id)), []) => grants::one(&ask, id),
        ("directory", Some(Key::Id("deletedItems")), rest) => deleted_items::answer(&ask, rest),
        ("organization", None, []) => organization(&ask),
        _ => Err(super::other(&method, &uri)),
    }?;
    respond(&ask, path.trim_end_matches('/'), collection, answer)
}

/// `name='value')` of an address.
fn alternate_key(text: &str) -> Option<Key<'_>> {
    let (name, value) = text.strip_suffix(')')?.split_once('=')?;
    Some(Key::Alternate(name, value.strip_prefix('\'')?.strip_suffix('\'')?))
}

fn respond(ask: &Ask<'_>, path: &str, collection: &str, answer: Answer) -> Result<Response, GraphError> {
    let metadata = format!("{}/graph/v1.0/$metadata#{collection}", ask.shared.base);
    let (status, body) = match answer {
        Answer::NoContent => return Ok(StatusCode::NO_CONTENT.into_response()),
        Answer::Entity(status, mut entity) => {
            ask.query.select(&mut entity)?;
            entity["@odata.context"] = json!(format!("{metadata}/$entity"));
            (status, entity)
        }
        Answer::Collection(all) => {
            let (page, next) = ask.query.page(all)?;
            let mut body = json!({ "@odata.context": metadata, "value": page });
            if let Some(query) = next {
                body["@odata.nextLink"] = json!(format!("{}{path}?{query}", ask.shared.base));
            }
            (StatusCode::OK, body)
        }
    };
    let media_type = "application/json;odata.metadata=minimal;charset=utf-8";
    Ok((status, [(header::CONTENT_TYPE, media_type)], Json(body)).into_response())
}

/// `GET /organization`
fn organization(ask: &Ask<'_>) -> Result<Answer, GraphError> {
    ask.only(&[Method::GET])?;
    ask.access.need(&["User.Read", "User.Read.All", "Application.Read.All", "Application.ReadWrite.All"])?;
    let tenant = ask.shared.directory.tenant(ask.access.tenant());
    let organization = |tenant: &crate::directory::Tenant| {
        json!({
            "id": tenant.id,
            "displayName": tenant.name,
            "verifiedDomains": [{ "name": tenant.domain, "isDefault": true, "isInitial": true }],
        })
    };
    Ok(Answer::Collection(tenant.map(organization).into_iter().collect()))
}

impl Ask<'_> {
    fn only(&self, methods: &[Method]) -> Result<(), GraphError> {
        if methods.contains(self.method) {
            return Ok(());
        }
        Err(GraphError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "Request_BadRequest",
            "Specified HTTP method is not allowed for the request target.",
        ))
    }

    /// The body, which must be a JSON object.
    fn object(&self) -> Result<Map<String, Value>, GraphError> {
        serde_json::from_slice(self.body).map_err(|_| {
            GraphError::new(
                StatusCode::BAD_REQUEST,
                "BadRequest",
                "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid \
                 JSON format.",
            )
        })
    }
}

impl Key<'_> {
    /// Whether an object with these names is meant.
    fn names(&self, id: &str, app_id: &str, unique_name: Option<&str>) -> bool {
        match self {
            Self::Id(named) => named.eq_ignore_ascii_case(id),
            Self::Alternate("appId", named) => named.eq_ignore_ascii_case(app_id),
            Self::Alternate("uniqueName", named) => unique_name == Some(*named),
            Self::Alternate(..) => false,
        }
    }

    fn not_found(&self) -> GraphError {
        let (Self::Id(named) | Self::Alternate(_, named)) = self;
        not_found(named)
    }
}

fn not_found(named: &str) -> GraphError {
    let named: String = named.chars().take(128).collect();
    GraphError::new(
        StatusCode::NOT_FOUND,
        "Request_ResourceNotFound",
        format!(
            "Resource '{named}' does not exist or one of its queried reference-property objects are not present."
        ),
    )
}

fn bad_request(message: impl Into<String>) -> GraphError {
    GraphError::new(StatusCode::BAD_REQUEST, "Request_BadRequest", message)
}

fn conflict(message: impl Into<String>) -> GraphError {
    GraphError::new(StatusCode::CONFLICT, "Request_MultipleObjectsWithSameKeyValue", message)
}

/// A time as Graph writes it.
fn moment(time: time::OffsetDateTime) -> String {
    time.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}
