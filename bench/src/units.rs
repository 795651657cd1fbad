//! What the table's server says that work consumed.

use crate::error::BenchError;
use serde::Serialize;
use table_door::{Consumed, Door};

/// Per piece of work.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "a bare number carries its unit")]
pub(crate) struct Units {
    pub(crate) requests: f64,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
}

/// Makes the next [`take`] begin now.
pub(crate) fn forget(door: &Door) {
    let (_, _) = (door.take_consumed(), door.take_counts());
}

/// What went through the door since this was last asked, per piece of work.
pub(crate) fn take(door: &Door, pieces: u32) -> Result<Units, BenchError> {
    let consumed = door.take_consumed();
    let all: u64 = door.take_counts().values().sum();
    let told = consumed.iter().filter(|one| one.units.is_some()).count() as u64;
    if told != all {
        let reason = format!("of {all} requests the table's server told what {told} consumed");
        return Err(BenchError::NotMeasured(reason));
    }
    let sum = |wanted: &dyn Fn(&&Consumed) -> bool| -> f64 {
        // Nothing sums up to a negative zero.
        consumed.iter().filter(wanted).filter_map(|one| one.units).sum::<f64>() + 0.0
    };
    let pieces = f64::from(pieces);
    Ok(Units {
        requests: crate::figures::as_f64(consumed.len()) / pieces,
        read_units: sum(&|one| one.is_read()) / pieces,
        write_units: sum(&|one| !one.is_read()) / pieces,
    })
}
