//! Offline Microsoft Entra ID and Microsoft Graph for local runs and tests. Never deployed.
//!
//! It speaks the protocol from its own reading of it and shares no code with the product, so that a misreading does
//! not hide on both sides. Start one with [`Emulator::start`], serve [`Emulator::router`] or call [`serve`].

mod authority;
mod authorize;
mod certificate;
mod clock;
mod control;
mod credentials;
mod crowd;
mod der;
mod device;
mod directory;
mod discovery;
mod emulator;
mod entra_error;
mod exchange;
mod graph;
mod identifiers;
mod pages;
mod parameters;
mod registrations;
mod request_log;
mod sample;
mod scenarios;
mod scopes;
mod sealed;
mod secrets_seen;
mod server;
mod signing_keys;
mod state_file;
mod token;
mod user_state;
mod web_identity;

pub use clock::{Clock, ManualClock, SystemClock};
pub use credentials::{ApplicationSummary, CertificateSummary, FederatedCredential};
pub use crowd::{Crowd, CrowdMember};
pub use directory::{
    Application, ClientSecret, Directory, HomeAccount, Permission, Platform, Profile, RedirectUri, Tenant,
    User,
};
pub use emulator::{ControlError, Emulator, Settings};
pub use identifiers::{ClientId, ObjectId, TenantId};
pub use pages::escape as escape_html;
pub use request_log::{Counter, LoggedRequest};
pub use sample::{
    API_CLIENT_ID, API_CLIENT_SECRET, API_ROLE_ARN, CLI_CLIENT_ID, GRAPH_TOOLS_CLIENT_ID,
    OTHER_SPA_CLIENT_ID, PARTNER_TENANT_ID, SPA_CLIENT_ID, TENANT_ID,
};
pub use scenarios::{Counted, Fail, Faults, Rate, Scenarios, Throttle, TokenSizes};
pub use server::serve;
pub use state_file::StartError;
pub use user_state::{UserAction, UserSummary};
