//! cargo local: the whole product on one machine in one process. Never deployed.
//!
//! [`Stack::start`] starts it; the binary `local` is a command line around it, and the whole-system tests use it as it is.

mod accounts;
mod addresses;
mod cache;
mod clock;
mod control;
mod create_table;
mod data_folder;
mod database;
mod dot_env;
mod listeners;
mod page;
mod schedule;
mod servers;
mod settings;
mod smoke;
mod stack;
mod sweeper;
mod visitor;

pub use accounts::{AccountState, Accounts, AccountsError};
pub use addresses::Addresses;
pub use cache::{CacheCommandError, export_cache, import_cache};
pub use clock::{OffsetClock, RefusedStep};
pub use create_table::{CreateTableError, TableMade, create_table};
pub use data_folder::{DataFolderError, DataPlace};
pub use database::DatabaseError;
pub use dot_env::{DotEnvError, read_env_file};
pub use listeners::{PortError, Ports};
pub use page::PageContent;
pub use page::build::{BuildError, SinglePageApp};
pub use smoke::{SmokeError, SmokeReport, SmokeRow, smoke};
pub use stack::{Stack, StackError, StackOptions};
pub use sweeper::Sweeper;
pub use visitor::{SignInError, SignedIn, Visitor};
