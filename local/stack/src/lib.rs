//! cargo local: the whole product on one machine in one process. Never deployed.
//!
//! [`Stack::start`] starts it; the binary `local` is a command line around it, and the whole-system tests use it as it is.

mod accounts;
mod accounts_page;
mod addresses;
mod attached;
mod cache;
mod clock;
mod control;
mod create_table;
mod data_folder;
mod database;
mod event_bus;
mod listeners;
mod page;
mod sam_settings;
mod schedule;
mod seed;
mod servers;
mod settings;
mod smoke;
mod stack;
mod sweep_command;
mod sweeper;
mod visitor;
mod workers;

pub use accounts::{AccountState, Accounts, AccountsError, AccountsPage, PageStart};
pub use addresses::Addresses;
pub use attached::AttachError;
pub use cache::{CacheCommandError, export_cache, import_cache};
pub use clock::{OffsetClock, RefusedStep};
pub use create_table::{CreateTableError, TableMade, create_table};
pub use data_folder::{DataFolderError, DataPlace};
pub use database::DatabaseError;
pub use event_bus::{BusOptions, BusState, DeadLetter, EventBus, Faults};
pub use listeners::{PortError, Ports};
pub use page::PageContent;
pub use page::build::{BuildError, SinglePageApp};
pub use seed::{SeedError, SeedOptions, SeedReport, SeedStep, seed};
pub use smoke::{SmokeError, SmokeReport, SmokeRow, smoke};
pub use stack::{Stack, StackError, StackOptions};
pub use sweep_command::{SweepCommandError, SweepWish, sweep_now};
pub use sweeper::Sweeper;
pub use visitor::{SignInError, SignedIn, Visitor};
