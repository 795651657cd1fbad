//! The API, workers in other languages and the sweep take turns on one cache. What each of them asked for is the table in
//! `docs/interop.md`.

mod document;
mod dot_net;
mod program;
mod scene;

use crate::lab::ADELE;
use program::{Language, Programs};
use scene::Scene;
use std::collections::BTreeMap;

/// A guest in the tenant: the account at home is another than the one that the item is named for.
const NOOR: &str = "noor_harbour.example#EXT#@lakeside.example";
const USER_READ: &str = "https://graph.microsoft.com/User.Read";
const CALENDARS_READ: &str = "https://graph.microsoft.com/Calendars.Read";

/// What happens in a cell; which of its steps happen is what the cell says.
const ROWS: [&str; 6] =
    ["fresh", "expired", "strict rotation", "guest", "two scope sets", "after foreign write"];

#[tokio::test]
async fn each_library_goes_on_from_what_the_others_left_as_documented() {
    let Some(programs) = Programs::of_process() else { return };
    let mut libraries = BTreeMap::new();
    let mut cells = BTreeMap::new();
    for row in ROWS {
        for language in Language::WITH_PLUGIN {
            let mut scene = Scene::open(&programs, format!("{row}, {language:?}")).await;
            match row {
                "fresh" => fresh(&mut scene, language).await,
                "expired" => expired(&mut scene, language).await,
                "strict rotation" => strict_rotation(&mut scene, language).await,
                "guest" => guest(&mut scene, language).await,
                "two scope sets" => two_scope_sets(&mut scene, language).await,
                _ => after_foreign_write(&mut scene, language).await,
            }
            libraries.extend(scene.libraries());
            cells.insert((row, language), scene.seen());
        }
    }
    document::assert_up_to_date(document::PLUGINS, &document::table(&libraries, &ROWS, &cells));
}

/// The cached token serves the worker; what it leaves as it was serves the sweep.
async fn fresh(scene: &mut Scene<'_>, language: Language) {
    scene.user_visits(ADELE).await;
    scene.worker_uses_cache(language, USER_READ).await;
    scene.sweep_uses_cache().await;
    scene.time_passes();
    scene.sweep_refreshes().await;
}

async fn expired(scene: &mut Scene<'_>, language: Language) {
    scene.user_visits(ADELE).await;
    scene.time_passes();
    scene.worker_refreshes(language, USER_READ).await;
    scene.worker_uses_cache(language, USER_READ).await;
    scene.sweep_uses_cache().await;
    scene.time_passes();
    scene.sweep_refreshes().await;
    scene.worker_uses_cache(language, USER_READ).await;
}

/// The authority takes each refresh token once: whoever held on to an older one would be refused.
async fn strict_rotation(scene: &mut Scene<'_>, language: Language) {
    scene.refresh_tokens_are_good_once();
    scene.user_visits(ADELE).await;
    scene.worker_is_made_to_refresh(language, USER_READ).await;
    scene.worker_is_made_to_refresh(language, USER_READ).await;
    scene.time_passes();
    scene.sweep_refreshes().await;
    scene.time_passes();
    scene.worker_refreshes(language, USER_READ).await;
    scene.sweep_uses_cache().await;
}

async fn guest(scene: &mut Scene<'_>, language: Language) {
    scene.user_visits(NOOR).await;
    scene.worker_uses_cache(language, USER_READ).await;
    scene.time_passes();
    scene.worker_refreshes(language, USER_READ).await;
    scene.sweep_uses_cache().await;
    scene.time_passes();
    scene.sweep_refreshes().await;
}

/// One user's tokens for different work do not push each other out.
async fn two_scope_sets(scene: &mut Scene<'_>, language: Language) {
    scene.user_visits(ADELE).await;
    scene.worker_refreshes(language, CALENDARS_READ).await;
    scene.worker_uses_cache(language, USER_READ).await;
    scene.worker_uses_cache(language, CALENDARS_READ).await;
    scene.sweep_uses_cache().await;
    scene.time_passes();
    scene.sweep_refreshes().await;
    scene.worker_refreshes(language, CALENDARS_READ).await;
}

/// Strict rotation again, so that the order of three writers shows.
async fn after_foreign_write(scene: &mut Scene<'_>, language: Language) {
    let other = if language == Language::Python { Language::Node } else { Language::Python };
    scene.refresh_tokens_are_good_once();
    scene.user_visits(ADELE).await;
    scene.worker_is_made_to_refresh(other, USER_READ).await;
    scene.worker_uses_cache(language, USER_READ).await;
    scene.user_calls_again().await;
    scene.time_passes();
    scene.worker_refreshes(other, USER_READ).await;
    scene.worker_is_made_to_refresh(language, USER_READ).await;
    scene.sweep_uses_cache().await;
    scene.time_passes();
    scene.sweep_refreshes().await;
}
