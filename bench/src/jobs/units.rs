//! What each job costs in the table, by the account of the table's server.

use super::requests::{Tokens, send};
use super::subject::Subject;
use super::sweeps::{Kind, Workers};
use crate::error::{BenchError, cannot};
use crate::process::Process;
use crate::units::{self, Units};
use entra_emulator::Emulator;
use serde::Serialize;
use serde_json::Value;
use table_door::Door;

/// Per request, and per account.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct UnitsOfJobs {
    pub(crate) warm: Option<Units>,
    pub(crate) miss: Option<Units>,
    pub(crate) cached: Option<Units>,
    pub(crate) refreshed: Option<Units>,
}

/// Few in flight, so that the door is not what is measured.
const IN_FLIGHT: u32 = 8;

impl UnitsOfJobs {
    /// `fresh` are sessions of users that nothing is cached for.
    pub(crate) async fn of_requests(
        subject: &Subject,
        emulator: &Emulator,
        table_url: &str,
        fresh: &[Value],
    ) -> Result<Self, BenchError> {
        let door = door(table_url).await?;
        let mut api = Process::start(subject.at_table(door.url()).api()).await?;
        api.initialised().await?;
        // A start reads and keeps the signing keys.
        units::forget(&door);
        let requests = u32::try_from(fresh.len()).unwrap_or(u32::MAX);
        send(&mut api, emulator, fresh.iter(), Tokens::Exchanged).await?;
        let miss = units::take(&door, requests)?;
        send(&mut api, emulator, fresh.iter(), Tokens::Cached).await?;
        let warm = units::take(&door, requests)?;
        api.stop().await;
        Ok(Self { warm: Some(warm), miss: Some(miss), ..Self::default() })
    }

    /// The accounts' tokens must be such that the next turns refresh; the emulator issues such as make the turns after them of
    /// this kind.
    pub(crate) async fn add_sweep(
        &mut self,
        subject: &Subject,
        emulator: &Emulator,
        table_url: &str,
        kind: Kind,
    ) -> Result<(), BenchError> {
        let door = door(table_url).await?;
        let mut workers = Workers::start(&subject.at_table(door.url()), &[IN_FLIGHT]).await?;
        workers.sweep(emulator, Kind::Refreshed, IN_FLIGHT).await?;
        units::forget(&door);
        workers.sweep(emulator, kind, IN_FLIGHT).await?;
        let units = units::take(&door, subject.accounts)?;
        workers.stop().await;
        match kind {
            Kind::Cached => self.cached = Some(units),
            Kind::Refreshed => self.refreshed = Some(units),
        }
        Ok(())
    }
}

async fn door(table_url: &str) -> Result<Door, BenchError> {
    Door::before(table_url).await.map_err(cannot("stand before the table"))
}
