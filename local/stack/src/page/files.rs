//! Files of the built app, read from disk with each request, so that a rebuild shows at once.

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use std::path::{Component, Path, PathBuf};

const INDEX: &str = "index.html";
/// File names under this folder change with their contents.
const ASSETS: &str = "assets/";

/// The file at `path`, or the app itself for an address of its own.
pub(super) async fn answer(folder: PathBuf, path: String) -> Response {
    // Reading may wait for a disk.
    let read = tokio::task::spawn_blocking(move || find(&folder, &path)).await;
    match read {
        Ok(Some(file)) => {
            let cache = if file.name.starts_with(ASSETS) {
                "public, max-age=31536000, immutable"
            } else {
                "no-cache"
            };
            ([(CONTENT_TYPE, content_type(&file.name)), (CACHE_CONTROL, cache)], file.contents)
                .into_response()
        }
        Ok(None) => (StatusCode::NOT_FOUND, "There is no such file.").into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

struct Found {
    name: String,
    contents: Vec<u8>,
}

fn find(folder: &Path, path: &str) -> Option<Found> {
    let name = path.trim_start_matches('/');
    // The file names of a build need no percent-encoding, so that nothing is decoded here.
    let safe = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if safe
        && !name.is_empty()
        && let Ok(contents) = std::fs::read(folder.join(name))
    {
        return Some(Found { name: name.to_owned(), contents });
    }
    // An address without a file extension is one of the app's own routes.
    let last = name.rsplit('/').next().unwrap_or_default();
    if last.contains('.') {
        return None;
    }
    let contents = std::fs::read(folder.join(INDEX)).ok()?;
    Some(Found { name: INDEX.to_owned(), contents })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "ttf" => "font/ttf",
        "txt" => "text/plain; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Site(PathBuf);

    impl Site {
        fn new() -> Self {
            let outer = std::env::temp_dir().join(format!("page-files-{}", uuid::Uuid::new_v4()));
            let folder = outer.join("dist");
            std::fs::create_dir_all(folder.join("assets")).unwrap();
            std::fs::write(outer.join("secret.txt"), "outside").unwrap();
            std::fs::write(folder.join("index.html"), "the app").unwrap();
            std::fs::write(folder.join("assets/app-1a2b.js"), "code").unwrap();
            Self(folder)
        }

        fn get(&self, path: &str) -> Option<(String, String)> {
            let found = find(&self.0, path)?;
            Some((found.name, String::from_utf8(found.contents).unwrap()))
        }
    }

    impl Drop for Site {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(self.0.parent().unwrap());
        }
    }

    #[test]
    fn files_come_as_they_are_and_routes_as_the_app() {
        let site = Site::new();
        assert_eq!(site.get("/assets/app-1a2b.js"), Some(("assets/app-1a2b.js".into(), "code".into())));
        for route in ["/", "/claims", "/background", "/a/b"] {
            assert_eq!(site.get(route), Some(("index.html".into(), "the app".into())), "{route}");
        }
        assert_eq!(site.get("/assets/gone.js"), None);
        assert_eq!(site.get("/missing.json"), None);
    }

    #[test]
    fn nothing_outside_the_folder_is_served() {
        let site = Site::new();
        for path in [
            "/../secret.txt",
            "/assets/../../secret.txt",
            "//secret.txt",
            "/%2e%2e/secret.txt",
            "/./../secret.txt",
        ] {
            assert_eq!(site.get(path), None, "{path}");
        }
    }
}
