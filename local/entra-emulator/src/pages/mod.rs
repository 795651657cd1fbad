//! HTML: one frame for all pages, one style sheet, no inline script or style.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::directory::User;
use crate::emulator::Shared;
use crate::entra_error::{EntraError, TraceIds};
use crate::exchange::Note;

pub(crate) const STYLE: &str = include_str!("style.css");
pub(crate) const FORM_POST: &str = include_str!("form-post.js");
pub(crate) const CONTROL_SCRIPT: &str = include_str!("control.js");
pub(crate) const CONTROL_PAGE: &str = include_str!("control.html");

/// More users than this are not listed: a page of 100,000 would be of no use.
pub(crate) const LISTED_USERS: usize = 50;

/// Own files only, never in a frame. There is no `form-action`: browsers apply it to the redirect back to the
/// application as well.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// Text for HTML content and quoted attributes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// A hidden form field.
pub(crate) fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", escape(name), escape(value))
}

/// The HTML of all `items`, one after the other.
pub(crate) fn each<T>(items: impl IntoIterator<Item = T>, html: impl FnMut(T) -> String) -> String {
    items.into_iter().map(html).collect()
}

/// An entry of an account list: a button that posts `user=<object id>`.
pub(crate) fn account(shared: &Shared, user: &User, remarks: &[&str], focused: bool) -> String {
    let profile = shared.profile(user);
    let (name, address) = (profile.shown_name(), profile.sign_in_name());
    let initials: String = name.split_whitespace().filter_map(|word| word.chars().next()).take(2).collect();
    format!(
        "<li><button class=\"account\" name=\"user\" value=\"{id}\"{focus}>\
         <span class=\"initials\" aria-hidden=\"true\">{initials}</span><span class=\"who\">\
         <span class=\"name\">{name}</span> <span class=\"address\">{address}</span></span>{remarks}</button></li>",
        id = user.object_id,
        focus = if focused { " autofocus" } else { "" },
        initials = escape(&initials),
        name = escape(name),
        address = escape(address),
        remarks = each(remarks, |remark| format!(" <span class=\"badge\">{}</span>", escape(remark))),
    )
}

/// A sign-in page; `body` is HTML, the other two are text.
pub(crate) fn document(title: &str, tenant: &str, body: &str) -> String {
    let tenant =
        if tenant.is_empty() { String::new() } else { format!("<p class=\"tenant\">{}</p>", escape(tenant)) };
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\"><title>{}</title>\
         <link rel=\"stylesheet\" href=\"/emulator/assets/style.css\"></head><body class=\"sign-in\"><main class=\"card\">{tenant}{body}\
         </main><footer>Entra ID emulator: no passwords, invented people. <a href=\"/emulator\">Scenarios and request log</a></footer></body></html>",
        escape(title)
    )
}

/// An HTML answer.
pub(crate) fn html(status: StatusCode, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-cache")),
        (HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer")),
    ];
    (status, headers, body).into_response()
}

/// A static file of the emulator.
pub(crate) fn asset(media_type: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "no-cache")], text).into_response()
}

/// An error that must not be sent to the application, as a page.
pub(crate) fn error(note: &Note, error: &EntraError, ids: &TraceIds) -> Response {
    note.error(error.code);
    let body = format!(
        "<h1>Sorry, but we’re having trouble signing you in.</h1><p role=\"alert\" class=\"error\">AADSTS{}: {}</p>\
         <dl><dt>Trace ID</dt><dd>{}</dd><dt>Correlation ID</dt><dd>{}</dd><dt>Timestamp</dt><dd>{}</dd></dl>",
        error.code,
        escape(&error.message),
        escape(&ids.trace_id),
        escape(&ids.correlation_id),
        escape(&ids.timestamp),
    );
    html(StatusCode::BAD_REQUEST, document("Sign in to your account", "", &body))
}
