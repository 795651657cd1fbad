//! The pages a person sees while signing in. No script, but for the automatic form of `response_mode=form_post`.

use std::borrow::Cow;

use url::Url;

use super::Exchange;
use super::request::SignInRequest;
use crate::directory::User;
use crate::pages::{LISTED_USERS, account, document, each, escape, hidden};
use crate::scopes::Scopes;
use crate::token::SignIn;

pub(super) fn pick_account(
    exchange: &Exchange<'_>,
    wish: &SignInRequest<'_>,
    signed_in: &[(Cow<'_, User>, SignIn)],
) -> String {
    let shared = exchange.shared;
    let authority = exchange.destination.authority;
    let users: Vec<&User> =
        shared.directory.directory.users.iter().filter(|user| authority.covers(user)).collect();
    let hinted = wish.login_hint.and_then(|hint| shared.directory.find_sign_in(hint, authority.tenant()));
    let hinted = hinted.as_deref();
    let listed = hinted.into_iter().chain(
        users.iter().copied().filter(|user| hinted.is_none_or(|hinted| hinted.object_id != user.object_id)),
    );
    let items = each(listed.take(LISTED_USERS), |user| {
        let state = shared.user_state(user.object_id);
        let known = signed_in.iter().any(|(known, _)| known.object_id == user.object_id);
        let remarks: Vec<&str> = [
            (known, "Signed in"),
            (user.is_guest(), "Guest"),
            (state.disabled, "Disabled"),
            (state.mfa_required, "Approval needed"),
        ]
        .into_iter()
        .filter_map(|(applies, remark)| applies.then_some(remark))
        .collect();
        account(shared, user, &remarks, hinted.is_some_and(|hinted| hinted.object_id == user.object_id))
    });
    let action = escape(&exchange.action);
    let typed = if users.len() > LISTED_USERS {
        format!(
            "<form method=\"post\" action=\"{action}\"><label for=\"typed\">Another account</label><div class=\"row\">\
             <input id=\"typed\" name=\"user\" autocomplete=\"username\" required><button class=\"primary\">Next</button>\
             </div></form>"
        )
    } else {
        String::new()
    };
    let body = format!(
        "<h1>Pick an account</h1><p>to continue to <strong>{app}</strong></p>\
         <form method=\"post\" action=\"{action}\"><ul class=\"accounts\">{items}</ul></form>{typed}\
         <form method=\"post\" action=\"{action}\"><button class=\"link\" name=\"action\" value=\"cancel\">Cancel\
         </button></form>",
        app = escape(&exchange.destination.client.name),
    );
    document("Sign in", &tenant_name(exchange), &body)
}

pub(super) fn approve(exchange: &Exchange<'_>, user: &User) -> String {
    let text = "<p>Your organisation asks for a second proof that it is you. There is no phone here: approving stands \
                for it.</p>";
    step(
        exchange,
        user,
        &Step { title: "Approve sign-in", text, button: "approve", label: "Approve", keep: "" },
    )
}

pub(super) fn consent(
    exchange: &Exchange<'_>,
    wish: &SignInRequest<'_>,
    user: &User,
    approved: bool,
) -> String {
    let client = &exchange.destination.client;
    let wanted = Scopes::parse(exchange.shared, client, wish.scope)
        .map(|scopes| {
            let mut names = scopes.granted(client);
            if scopes.offline_access {
                names.push("Maintain access to data you have given it access to".into());
            }
            names
        })
        .unwrap_or_default();
    let items = each(&wanted, |name| format!("<li>{}</li>", escape(name)));
    let text = format!(
        "<p><strong>{}</strong> would like to:</p><ul class=\"permissions\">{items}</ul>",
        escape(&client.name)
    );
    let keep = if approved { hidden("approve", "yes") } else { String::new() };
    let step_to_take =
        Step { title: "Permissions requested", text: &text, button: "consent", label: "Accept", keep: &keep };
    step(exchange, user, &step_to_take)
}

/// A page that asks one thing; `text` and `keep` are HTML.
struct Step<'a> {
    title: &'a str,
    text: &'a str,
    button: &'a str,
    label: &'a str,
    keep: &'a str,
}

fn step(exchange: &Exchange<'_>, user: &User, step: &Step<'_>) -> String {
    let Step { title, text, button, label, keep } = step;
    let profile = exchange.shared.profile(user);
    let body = format!(
        "<p class=\"address\">{address}</p><h1>{title}</h1>{text}\
         <form method=\"post\" action=\"{action}\">{user}{keep}<div class=\"row\">\
         <button class=\"primary\" name=\"{button}\" value=\"yes\" autofocus>{label}</button>\
         <button name=\"action\" value=\"cancel\">Cancel</button></div></form>",
        address = escape(profile.sign_in_name()),
        action = escape(&exchange.action),
        user = hidden("user", &user.object_id.to_string()),
    );
    document(title, &tenant_name(exchange), &body)
}

/// A form that sends itself (OAuth 2.0 Form Post Response Mode); without script there is a button.
pub(super) fn form_post(uri: &Url, answer: &[(String, String)]) -> String {
    let fields = each(answer, |(name, value)| hidden(name, value));
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
