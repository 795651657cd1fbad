//! The pages a person sees while signing in. No script, but for the automatic form of `response_mode=form_post`.

use url::Url;

use super::Exchange;
use super::request::SignInRequest;
use crate::directory::User;
use crate::pages::{document, escape, hidden};
use crate::scopes::Scopes;
use crate::token::SignIn;

/// More users than this are not listed but typed: a page for 100,000 would be of no use.
const LISTED_USERS: usize = 50;

pub(super) fn pick_account(
    exchange: &Exchange<'_>,
    wish: &SignInRequest<'_>,
    signed_in: &[(&User, SignIn)],
) -> String {
    let shared = exchange.shared;
    let authority = exchange.destination.authority;
    let users: Vec<&User> =
        shared.directory.directory.users.iter().filter(|user| authority.covers(user)).collect();
    let hinted = wish.login_hint.and_then(|hint| shared.directory.find_sign_in(hint, authority.tenant()));
    let mut items = String::new();
    let listed = hinted.into_iter().chain(
        users.iter().copied().filter(|user| hinted.is_none_or(|hinted| hinted.object_id != user.object_id)),
    );
    for user in listed.take(LISTED_USERS) {
        let profile = shared.profile(user);
        let state = shared.user_state(user.object_id);
        let mut remarks: Vec<&str> = Vec::new();
        if signed_in.iter().any(|(known, _)| known.object_id == user.object_id) {
            remarks.push("Signed in");
        }
        if user.is_guest() {
            remarks.push("Guest");
        }
        if state.disabled {
            remarks.push("Disabled");
        }
        if state.mfa_required {
            remarks.push("Approval needed");
        }
        let remarks: String =
            remarks.iter().map(|remark| format!("<span class=\"badge\">{remark}</span>")).collect();
        let focus =
            if hinted.is_some_and(|hinted| hinted.object_id == user.object_id) { " autofocus" } else { "" };
        items.push_str(&format!(
            "<li><button class=\"account\" name=\"user\" value=\"{value}\"{focus}><span class=\"initials\" aria-hidden=\"true\">{initials}</span>\
             <span class=\"who\"><span class=\"name\">{name}</span><span class=\"address\">{address}</span></span>{remarks}</button></li>",
            value = escape(&user.object_id.to_string()),
            initials = escape(&initials(profile.shown_name())),
            name = escape(profile.shown_name()),
            address = escape(profile.sign_in_name()),
        ));
    }
    let typed = if users.len() > LISTED_USERS {
        "<label for=\"typed\">Another account</label><div class=\"row\"><input id=\"typed\" name=\"user\" \
         autocomplete=\"username\" placeholder=\"name@lakeside.example\"><button class=\"primary\">Next</button></div>"
    } else {
        ""
    };
    let body = format!(
        "<h1>Pick an account</h1><p>to continue to <strong>{app}</strong></p>\
         <form method=\"post\" action=\"{action}\"><ul class=\"accounts\">{items}</ul></form>\
         {typed_form}\
         <form method=\"post\" action=\"{action}\"><button class=\"link\" name=\"action\" value=\"cancel\">Cancel</button></form>",
        app = escape(&exchange.destination.client.name),
        action = escape(&exchange.action),
        typed_form = if typed.is_empty() {
            String::new()
        } else {
            format!("<form method=\"post\" action=\"{}\">{typed}</form>", escape(&exchange.action))
        },
    );
    document("Sign in", &tenant_name(exchange), &body)
}

pub(super) fn approve(exchange: &Exchange<'_>, user: &User) -> String {
    step(
        exchange,
        user,
        "Approve sign-in",
        "<p>Your organisation asks for a second proof that it is you. There is no phone here: approving stands for it.</p>",
        &[("approve", "yes", "Approve")],
        "",
    )
}

pub(super) fn consent(
    exchange: &Exchange<'_>,
    wish: &SignInRequest<'_>,
    user: &User,
    approved: bool,
) -> String {
    let client = exchange.destination.client;
    let wanted = Scopes::parse(exchange.shared, client, wish.scope)
        .map(|scopes| {
            let mut names = scopes.granted(client);
            if scopes.offline_access {
                names.push("Maintain access to data you have given it access to".into());
            }
            names
        })
        .unwrap_or_default();
    let items: String = wanted.iter().map(|name| format!("<li>{}</li>", escape(name))).collect();
    let text = format!(
        "<p><strong>{}</strong> would like to:</p><ul class=\"permissions\">{items}</ul>",
        escape(&client.name)
    );
    let keep = if approved { hidden("approve", "yes") } else { String::new() };
    step(exchange, user, "Permissions requested", &text, &[("consent", "yes", "Accept")], &keep)
}

fn step(
    exchange: &Exchange<'_>,
    user: &User,
    title: &str,
    text: &str,
    buttons: &[(&str, &str, &str)],
    more: &str,
) -> String {
    let profile = exchange.shared.profile(user);
    let buttons: String = buttons
        .iter()
        .map(|(name, value, label)| {
            format!("<button class=\"primary\" name=\"{name}\" value=\"{value}\" autofocus>{label}</button>")
        })
        .collect();
    let body = format!(
        "<p class=\"address\">{address}</p><h1>{title}</h1>{text}\
         <form method=\"post\" action=\"{action}\">{user}{more}<div class=\"row\">{buttons}\
         <button name=\"action\" value=\"cancel\">Cancel</button></div></form>",
        address = escape(profile.sign_in_name()),
        action = escape(&exchange.action),
        user = hidden("user", &user.object_id.to_string()),
    );
    document(title, &tenant_name(exchange), &body)
}

/// A form that sends itself (OAuth 2.0 Form Post Response Mode); without script there is a button.
pub(super) fn form_post(uri: &Url, answer: &[(String, String)]) -> String {
    let fields: String = answer.iter().map(|(name, value)| hidden(name, value)).collect();
    let body = format!(
        "<h1>Signing in</h1><form method=\"post\" action=\"{}\" id=\"form-post\">{fields}<button class=\"primary\">Continue</button></form>\
         <script src=\"/emulator/assets/form-post.js\"></script>",
        escape(uri.as_str())
    );
    document("Signing in", "", &body)
}

pub(super) fn signed_out() -> String {
    document("Signed out", "", "<h1>You signed out of your account</h1><p>You can close this window.</p>")
}

fn tenant_name(exchange: &Exchange<'_>) -> String {
    let directory = &exchange.shared.directory;
    exchange
        .destination
        .authority
        .tenant()
        .and_then(|id| directory.tenant(id))
        .map_or_else(|| "Work or school account".to_owned(), |tenant| tenant.name.clone())
}

fn initials(name: &str) -> String {
    name.split_whitespace().filter_map(|word| word.chars().next()).take(2).collect()
}
