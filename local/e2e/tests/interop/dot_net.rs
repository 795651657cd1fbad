//! MSAL.NET by both of its calls, where it is to be had. It has no plugin: the worker opens and seals, and what MSAL.NET wrote
//! stays as it is for those who come after.

use super::document;
use super::program::{Language, Programs};
use super::scene::Scene;
use super::{USER_READ, expired, fresh, guest, strict_rotation, two_scope_sets};
use crate::lab::ADELE;
use std::collections::BTreeMap;

const ROWS: [&str; 8] = [
    "fresh",
    "expired",
    "strict rotation",
    "guest",
    "two scope sets",
    "after foreign write",
    "user is back",
    "the other call",
];

#[tokio::test]
async fn msal_net_goes_on_from_what_the_others_left_as_documented() {
    let Some(programs) = Programs::with_dot_net() else { return };
    let mut columns = BTreeMap::new();
    let mut cells = BTreeMap::new();
    for row in ROWS {
        for language in Language::DOT_NET {
            let mut scene = Scene::open(&programs, format!("{row}, {}", language.name())).await;
            match row {
                "fresh" => fresh(&mut scene, language).await,
                "expired" => expired(&mut scene, language).await,
                "strict rotation" => strict_rotation(&mut scene, language).await,
                "guest" => guest(&mut scene, language).await,
                "two scope sets" => two_scope_sets(&mut scene, language).await,
                "after foreign write" => after_foreign_write(&mut scene, language).await,
                "user is back" => user_is_back(&mut scene, language).await,
                _ => the_other_call(&mut scene, language).await,
            }
            columns.insert(language, format!("{}, {}", scene.libraries()[&language], call(language)));
            cells.insert((row, language), scene.seen());
        }
    }
    document::assert_up_to_date(document::DOT_NET, &document::table(&columns, &ROWS, &cells));
}

fn call(language: Language) -> &'static str {
    if language == Language::DotNetSilent {
        "`AcquireTokenSilent`"
    } else {
        "`AcquireTokenInLongRunningProcess`"
    }
}

/// Under strict rotation: .NET from what each of the others wrote, each of the others from what .NET wrote, then the sweep.
async fn after_foreign_write(scene: &mut Scene<'_>, language: Language) {
    scene.refresh_tokens_are_good_once();
    scene.user_visits(ADELE).await;
    scene.worker_is_made_to_refresh(Language::Python, USER_READ).await;
    scene.worker_uses_cache(language, USER_READ).await;
    scene.worker_is_made_to_refresh(language, USER_READ).await;
    scene.worker_is_made_to_refresh(Language::Node, USER_READ).await;
    scene.worker_uses_cache(language, USER_READ).await;
    scene.time_passes();
    scene.worker_refreshes(language, USER_READ).await;
    scene.worker_is_made_to_refresh(Language::Python, USER_READ).await;
    scene.sweep_uses_cache().await;
    scene.time_passes();
    scene.sweep_refreshes().await;
    scene.worker_uses_cache(language, USER_READ).await;
}

/// MSAL.NET drops the session's token for the one that it obtains. A plugin keeps it beside.
async fn user_is_back(scene: &mut Scene<'_>, language: Language) {
    scene.user_visits(ADELE).await;
    scene.user_calls_again().await;
    scene.worker_is_made_to_refresh(language, USER_READ).await;
    scene.user_calls_again_for_a_new_token().await;
    scene.worker_uses_cache(language, USER_READ).await;
}

/// What a silent refresh leaves has no session key, until somebody else writes.
async fn the_other_call(scene: &mut Scene<'_>, language: Language) {
    scene.user_visits(ADELE).await;
    scene.worker_is_made_to_refresh(language, USER_READ).await;
    if language == Language::DotNetLongRunning {
        scene.worker_uses_cache(Language::DotNetSilent, USER_READ).await;
        return;
    }
    let long_running = Language::DotNetLongRunning;
    scene.worker_is_refused(long_running, USER_READ, "obo_cache_key_not_in_cache_error").await;
    scene.sweep_uses_cache().await;
    scene.worker_is_refused(long_running, USER_READ, "obo_cache_key_not_in_cache_error").await;
    scene.time_passes();
    scene.sweep_refreshes().await;
    scene.worker_uses_cache(long_running, USER_READ).await;
}
