//! The running stack: every part in its place, over real HTTP.

use crate::accounts::Accounts;
use crate::accounts_page::AccountsPages;
use crate::addresses::Addresses;
use crate::attached::start_emulator;
use crate::clock::OffsetClock;
use crate::control::Control;
use crate::data_folder::{DataFolder, DataFolderError, DataPlace};
use crate::database::{self, DatabaseError, patient};
use crate::event_bus::{BusOptions, EventBus};
use crate::listeners::{Loopback, PortError, Ports};
use crate::page::{Page, PageConfig, PageContent};
use crate::sam_settings;
use crate::schedule;
use crate::servers::Servers;
use crate::settings::{self, Authority, Bus, Database};
use crate::sweeper::Sweeper;
use crate::workers::Workers;
use entra_emulator::Emulator;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store_dynamodb::table::{self, TableError};
use wiring::{AwsClients, Environment, Time};

/// What to start, and how.
#[derive(Debug, Clone)]
pub struct StackOptions {
    pub ports: Ports,
    /// Another address of this machine, on which containers reach the emulator, the database and the event bus.
    pub bridge: Option<IpAddr>,
    pub data: DataPlace,
    /// Removes what an earlier run left in the data folder.
    pub reset: bool,
    /// Variables as a deployment would have them; what is missing gets a local value.
    pub environment: Environment,
    pub page: PageContent,
    /// Serves the control routes.
    pub control: bool,
    /// Time between two ticks of the schedule; `None` switches it off.
    pub tick: Option<Duration>,
    /// An event bus and a queue, through which ticks hand shards to workers. `None`: whoever gets the tick sweeps all
    /// shards, and events are logged. Left out when the environment names a bus.
    pub bus: Option<BusOptions>,
}

impl StackOptions {
    /// Free ports, nothing kept, no page, no schedule, no bus: for tests, which move the clock and sweep themselves.
    pub fn for_tests() -> Self {
        Self {
            ports: Ports::Free,
            bridge: None,
            data: DataPlace::Temporary,
            reset: false,
            environment: Environment::default(),
            page: PageContent::Absent("This stack was started without its page.".to_owned()),
            control: false,
            tick: None,
            bus: None,
        }
    }
}

/// Why a stack does not start.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    #[error(transparent)]
    Port(#[from] PortError),
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Emulator(#[from] entra_emulator::StartError),
    #[error(transparent)]
    Functions(#[from] wiring::StartError),
    #[error("{} cannot be written", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Everything on one machine: page, API, schedule and sweep, and, unless the environment names others, an emulator of
/// Entra ID and Graph and a DynamoDB-compatible server. Dropped without [`Stack::stop`] it ends at once.
pub struct Stack {
    addresses: Addresses,
    environment: Environment,
    clock: OffsetClock,
    sweeper: Sweeper,
    accounts: Accounts,
    emulator: Option<Emulator>,
    bus: Option<EventBus>,
    page: Page,
    removed: Vec<&'static str>,
    /// What the outside calls: page, API, page of accounts, control, schedule.
    front: Servers,
    /// What these call: emulator, database, event bus.
    back: Servers,
    // Last, so that the folder is freed after everything that uses it.
    folder: DataFolder,
}

impl Stack {
    /// Starts all parts and returns when each answers.
    pub async fn start(options: StackOptions) -> Result<Self, StackError> {
        let folder = DataFolder::open(&options.data)?;
        let removed = if options.reset { folder.reset()? } else { Vec::new() };
        let (authority, database) = (Authority::of(&options.environment), Database::of(&options.environment));
        let (ports, bridge) = (options.ports, options.bridge);
        let page_listeners = ports.bind(0, "the page").await?;
        let api_listeners = ports.bind(1, "the API").await?;
        let emulator_listeners = match authority {
            Authority::Own => Some(bind_for_containers(ports, 2, "the emulator", bridge).await?),
            Authority::Foreign => None,
        };
        let database_listeners = match database {
            Database::Own => Some(bind_for_containers(ports, 3, "DynamoDB", bridge).await?),
            Database::At(_) | Database::Amazon => None,
        };
        let control_listeners =
            if options.control { Some(ports.bind(4, "the control routes").await?) } else { None };
        let accounts_listeners = ports.bind(5, "the page of accounts").await?;
        let bus_options = options.bus.filter(|_| Bus::of(&options.environment) == Bus::Own);
        let bus_listeners = match bus_options {
            Some(_) => Some(bind_for_containers(ports, 6, "the event bus", bridge).await?),
            None => None,
        };
        let addresses = Addresses {
            page: page_listeners.url(),
            api: api_listeners.url(),
            accounts: accounts_listeners.url(),
            emulator: emulator_listeners.as_ref().map(Loopback::url),
            dynamodb: database_listeners.as_ref().map(Loopback::url),
            event_bus: bus_listeners.as_ref().map(Loopback::url),
            control: control_listeners.as_ref().map(Loopback::url),
        };
        let environment = settings::for_functions(&options.environment, &addresses, &folder.sealing_key()?);

        let clock = OffsetClock::default();
        let (mut front, mut back) = (Servers::new(), Servers::new());
        let (front_stop, back_stop) = (front.stop_signal(), back.stop_signal());
        if let Some(listeners) = database_listeners {
            database::serve(&folder.database(), listeners, &mut back.tasks, &back_stop)?;
        }
        let emulator = match emulator_listeners {
            Some(listeners) => {
                let emulator = start_emulator(&listeners.url(), &folder, &clock)?;
                listeners.serve(emulator.router(), &mut back.tasks, &back_stop);
                Some(emulator)
            }
            None => None,
        };

        let client = AwsClients::new(&environment).await.dynamodb;
        let time = Time::with_clock(Arc::new(clock.clone()));
        let table = environment.get("TABLE_NAME").unwrap_or_default().to_owned();
        prepare_table(&patient(&client), &table, &database).await?;
        let api = wiring::Api::start(&environment, time.clone()).await?;
        let services = wiring::sweep_services(&environment, time).await?;

        let sweeper = Sweeper::new(services.clone(), clock.clone());
        let pseudonyms = services.settings.pseudonyms.clone();
        let bus = bus_options.map(|options| EventBus::new(&options, clock.clone(), pseudonyms));
        let workers = bus.clone().map(|bus| Workers::new(bus, sweeper.clone()));
        if let (Some(workers), Some(listeners)) = (&workers, bus_listeners) {
            listeners.serve(workers.bus().router(), &mut back.tasks, &back_stop);
            front.tasks.spawn(workers.clone().run(front_stop.clone()));
        }
        let accounts = Accounts { services, client, table };
        let page = Page::new(options.page, PageConfig::new(&environment, &addresses));
        page_listeners.serve(page.router(), &mut front.tasks, &front_stop);
        api_listeners.serve(profile_api::router(api), &mut front.tasks, &front_stop);
        let accounts_page = AccountsPages::new(accounts.clone(), sweeper.clone(), &addresses.accounts);
        accounts_listeners.serve(accounts_page.router(), &mut front.tasks, &front_stop);
        if let Some(listeners) = control_listeners {
            let control = Control {
                sweeper: sweeper.clone(),
                workers,
                accounts: accounts.clone(),
                clock: clock.clone(),
            };
            listeners.serve(control.router(), &mut front.tasks, &front_stop);
        }
        if let Some(every) = options.tick {
            front.tasks.spawn(schedule::run(sweeper.clone(), every, front_stop));
        }
        tell_others(&addresses, &environment, &folder)?;
        Ok(Self {
            addresses,
            environment,
            clock,
            sweeper,
            accounts,
            emulator,
            bus,
            page,
            removed,
            front,
            back,
            folder,
        })
    }

    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// What the functions were started with.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The clock of the API, the sweep and the emulator.
    pub fn clock(&self) -> &OffsetClock {
        &self.clock
    }

    pub fn sweeper(&self) -> &Sweeper {
        &self.sweeper
    }

    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// The emulator, unless the environment names an authority.
    pub fn emulator(&self) -> Option<&Emulator> {
        self.emulator.as_ref()
    }

    /// The event bus, if the stack has one of its own.
    pub fn bus(&self) -> Option<&EventBus> {
        self.bus.as_ref()
    }

    /// The files that `reset` removed.
    pub fn removed(&self) -> &[&'static str] {
        &self.removed
    }

    pub fn data_folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Changes what the page's address shows.
    pub fn show_page(&self, content: PageContent) {
        self.page.show(content);
    }

    /// Lets requests under way finish, then frees ports and data folder.
    pub async fn stop(self) {
        // First who calls, then who is called.
        self.front.stop().await;
        self.back.stop().await;
    }
}

/// What the functions call, wherever they run.
async fn bind_for_containers(
    ports: Ports,
    place: u16,
    purpose: &'static str,
    bridge: Option<IpAddr>,
) -> Result<Loopback, PortError> {
    ports.bind(place, purpose).await?.also_on(bridge, purpose).await
}

/// Files by which other programs find the stack.
fn tell_others(
    addresses: &Addresses,
    environment: &Environment,
    folder: &DataFolder,
) -> Result<(), StackError> {
    let written =
        |path: PathBuf, result: io::Result<()>| result.map_err(|source| StackError::Write { path, source });
    let file = DataFolder::addresses_of(folder.path());
    let result = addresses.write(&file);
    written(file, result)?;
    let file = folder.sam_settings();
    let result = sam_settings::write(environment, &file);
    written(file, result)
}

/// Local tables are made as needed; one at Amazon is only checked, because there it belongs to a deployment.
async fn prepare_table(
    client: &aws_sdk_dynamodb::Client,
    name: &str,
    database: &Database,
) -> Result<(), TableError> {
    match database {
        Database::Own | Database::At(_) => table::create(client, name).await.map(|_| ()),
        Database::Amazon => {
            let faults = table::verify(client, name).await?;
            if faults.is_empty() {
                return Ok(());
            }
            Err(TableError::Misshapen { table: name.to_owned(), faults })
        }
    }
}
