use std::path::{Path, PathBuf};

use entra_emulator::{Crowd, Directory, Emulator, Settings, StartError, UserAction};
use reqwest::StatusCode;
use serde_json::json;
use tokio::net::TcpListener;
use url::Url;

use crate::lab::{ADELE, Lab};

const PUBLIC_URL: &str = "http://localhost:3002";

/// A folder of its own that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("entra-emulator-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn state_file(&self) -> PathBuf {
        self.0.join("entra.json")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn lab_on(path: &Path) -> Lab {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    Lab::on(listener, PUBLIC_URL, Directory::sample(), Some(path.to_owned()))
}

#[tokio::test]
async fn tokens_keys_and_user_states_survive() {
    let folder = Folder::new();
    let before = lab_on(&folder.state_file()).await;
    let assertion = before.sign_in(ADELE).await.text("access_token");
    let tokens = before.on_behalf_of(&assertion).await;
    let bruno = before.graph_tokens("bruno@lakeside.example").await.text("refresh_token");
    before.emulator.rotate_keys(false).unwrap();
    before.emulator.revoke("bruno@lakeside.example").unwrap();
    before.emulator.act_on_user("dana@lakeside.example", UserAction::Disable).unwrap();
    before.emulator.change_profile(ADELE, &json!({ "jobTitle": "Regional Manager" })).unwrap();

    let after = lab_on(&folder.state_file()).await;
    assert_eq!(after.emulator.key_ids(), before.emulator.key_ids());
    assert_eq!(after.emulator.users(), before.emulator.users());
    assert_eq!(after.refresh_as_api(&tokens.text("refresh_token"), &[]).await.status, 200);
    assert_eq!(after.on_behalf_of(&assertion).await.status, 200);
    assert_eq!(after.me(&tokens.text("access_token"), "").await.status(), StatusCode::OK);
    after.refresh_as_api(&bruno, &[]).await.assert_refused(400, "invalid_grant", 50_173);
}

#[cfg(unix)]
#[tokio::test]
async fn the_state_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let path = folder.0.join("made/when/missing/entra.json");
    let lab = lab_on(&path).await;
    lab.emulator.revoke(ADELE).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn an_unusable_state_file_or_address_is_told_apart() {
    let folder = Folder::new();
    let start = |settings: Settings| Emulator::start(settings).err().expect("must not start");
    let sample = || Settings::sample(Url::parse(PUBLIC_URL).unwrap());
    for text in ["", "{}", r#"{"version":9,"signing_keys":[],"sealing_key":"","users":{}}"#] {
        std::fs::write(folder.state_file(), text).unwrap();
        let error = start(Settings { state_file: Some(folder.state_file()), ..sample() });
        assert!(matches!(error, StartError::Damaged { .. }), "{error}");
    }
    let unreadable = folder.state_file().join("below-a-file.json");
    let error = start(Settings { state_file: Some(unreadable), ..sample() });
    assert!(matches!(error, StartError::Read { .. }), "{error}");
    if cfg!(target_os = "linux") {
        // Nobody, not even root, makes folders there.
        let unwritable = PathBuf::from("/proc/entra-emulator/entra.json");
        let error = start(Settings { state_file: Some(unwritable), ..sample() });
        assert!(matches!(error, StartError::Write { .. }), "{error}");
    }
    let error = start(Settings::sample(Url::parse("http://localhost:3002/sub").unwrap()));
    assert!(matches!(error, StartError::PublicUrl(_)), "{error}");
    let empty = Directory {
        tenants: vec![],
        applications: vec![],
        users: vec![],
        administrators: vec![],
        crowd: Crowd::NONE,
    };
    assert!(matches!(start(Settings { directory: empty, ..sample() }), StartError::NoTenant));
}
