//! What happens in a round, drawn from its seed.

use crate::rotation::weather::{Faults, TableFault};
use serde_json::{Value, json};

const HOUR: i64 = 3600;

/// The requests that the authority's faults strike: those of the functions, and not the user's own.
const STRUCK: [&str; 2] = ["token.refresh", "token.on_behalf_of"];

/// One round: time that passes, faults, and what the environments do at once.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) away_seconds: i64,
    pub(crate) faults: Faults,
    /// The emulator's scenarios.
    pub(crate) scenarios: Option<Value>,
    /// Access tokens are too short-lived to be served from the cache, so that every turn redeems a refresh token, many of
    /// them within one second.
    pub(crate) hasty: bool,
    /// For how many real milliseconds the authority refuses connections.
    pub(crate) refused_ms: Option<u64>,
    pub(crate) actions: Vec<Action>,
}

/// Something that an environment is made to do, after a delay in real milliseconds.
#[derive(Debug, Clone)]
pub(crate) struct Action {
    pub(crate) kind: ActionKind,
    /// Which of the environments of the kind.
    pub(crate) environment: usize,
    pub(crate) delay_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ActionKind {
    /// `GET /api/profile` of a session; signed in anew when `renewed` or its token is too old.
    ReadProfile {
        session: usize,
        renewed: bool,
    },
    Tick,
    /// Direct invocation for the user.
    Invoke,
    /// Another program writes the token item, contents unchanged, so often.
    ForeignWrites {
        times: u32,
    },
}

impl ActionKind {
    fn is_sweep(self) -> bool {
        matches!(self, Self::Tick | Self::Invoke)
    }
}

impl Plan {
    /// `environments` and `sessions` are how many there are of each.
    pub(crate) fn draw(rng: &mut fastrand::Rng, environments: usize, sessions: usize) -> Self {
        let mut plan = Self {
            away_seconds: away(rng),
            faults: Faults { slowness_ms: rng.u64(0..=6), ..Faults::default() },
            scenarios: None,
            hasty: rng.f64() < 0.25,
            refused_ms: None,
            actions: Vec::new(),
        };
        if rng.f64() < 0.5 {
            plan.draw_authority_fault(rng);
        }
        if rng.f64() < 0.4 {
            plan.draw_table_fault(rng);
        }
        if rng.f64() < 0.4 {
            plan.faults.slow_writer_ms = rng.u64(5..=25);
        }
        plan.draw_actions(rng, environments, sessions);
        plan
    }

    /// Whether requests may fail in this round.
    pub(crate) fn is_calm(&self) -> bool {
        self.scenarios.is_none()
            && self.refused_ms.is_none()
            && self.faults.hang_ups == 0
            && self.faults.table.is_empty()
    }

    /// How many refresh requests the authority may grant: with tokens of the usual life the first turn's serves all others.
    pub(crate) fn most_refreshes(&self) -> u64 {
        let turns = self.actions.iter().filter(|action| action.kind.is_sweep()).count();
        if self.hasty { turns as u64 } else { 1 }
    }

    fn draw_authority_fault(&mut self, rng: &mut fastrand::Rng) {
        let count = rng.u32(1..=3);
        let entra = |fault: &str, mut settings: Value| {
            settings["count"] = count.into();
            Some(json!({ "entra": { fault: settings, "only": STRUCK } }))
        };
        match rng.u32(0..9) {
            0 | 1 => {
                self.scenarios = entra("throttle", json!({ "retryAfterSeconds": rng.u32(2..=90) }));
            }
            2 => self.scenarios = entra("throttle", json!({})),
            3 | 4 => self.scenarios = entra("fail", json!({ "status": 503 })),
            5 => {
                let retry_after = rng.u32(1..=30);
                self.scenarios = entra("fail", json!({ "status": 503, "retryAfterSeconds": retry_after }));
            }
            6 => self.faults.hang_ups = count,
            7 => self.refused_ms = Some(rng.u64(2..=20)),
            _ => self.scenarios = Some(json!({ "graph": { "fail": { "status": 503, "count": count } } })),
        }
    }

    fn draw_table_fault(&mut self, rng: &mut fastrand::Rng) {
        let errors = ["ProvisionedThroughputExceededException", "ThrottlingException"];
        let error = errors[rng.usize(0..2)];
        let write =
            ["put tokens", "put tokens", "claim turn", "finish turn", "record activity"][rng.usize(0..5)];
        // Three in a row are what the SDK tries by itself; the fourth is for the product's own patience.
        let fault = match rng.u32(0..6) {
            0 => (TableFault::Throttled(error), None, rng.u32(1..=3)),
            1 | 2 => (TableFault::Throttled(error), Some(write), rng.u32(1..=4)),
            3 => (TableFault::Failing, Some(write), rng.u32(1..=4)),
            _ => (TableFault::AnswerLost, Some(write), rng.u32(1..=2)),
        };
        self.faults.table.push(fault);
    }

    fn draw_actions(&mut self, rng: &mut fastrand::Rng, environments: usize, sessions: usize) {
        let mut kinds = Vec::new();
        for _ in 0..rng.usize(0..=3) {
            let renewed = rng.f64() < 0.3;
            kinds.push(ActionKind::ReadProfile { session: rng.usize(0..sessions), renewed });
        }
        for _ in 0..rng.usize(0..=2) {
            kinds.push(ActionKind::Tick);
        }
        for _ in 0..if self.hasty { rng.usize(2..=5) } else { rng.usize(0..=2) } {
            kinds.push(ActionKind::Invoke);
        }
        if rng.f64() < 0.25 {
            kinds.push(ActionKind::ForeignWrites { times: rng.u32(1..=4) });
        }
        if kinds.is_empty() {
            kinds.push(ActionKind::Tick);
        }
        self.actions = kinds
            .into_iter()
            .map(|kind| {
                // One turn after the other finds the account free only when they do not all come at once.
                let latest_ms = if self.hasty && kind.is_sweep() { 400 } else { 8 };
                Action { kind, environment: rng.usize(0..environments), delay_ms: rng.u64(0..=latest_ms) }
            })
            .collect();
    }
}

/// Within a token's life, into the time of suggested renewal, past the token's end, or for days.
fn away(rng: &mut fastrand::Rng) -> i64 {
    match rng.u32(0..20) {
        0 | 1 => rng.i64(0..30),
        2..=4 => rng.i64(40..600),
        5..=7 => rng.i64(13 * HOUR..23 * HOUR),
        8 => rng.i64(48 * HOUR..144 * HOUR),
        _ => rng.i64(25 * HOUR..40 * HOUR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_round_again() {
        let draw = |seed| format!("{:?}", Plan::draw(&mut fastrand::Rng::with_seed(seed), 2, 2));
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn every_scenario_that_is_drawn_is_one_of_the_emulators() {
        let mut rng = fastrand::Rng::with_seed(1);
        let scenarios = (0..500).filter_map(|_| Plan::draw(&mut rng, 2, 2).scenarios);
        let calm = entra_emulator::Scenarios::default();
        for change in scenarios {
            assert_ne!(calm.changed(&change).unwrap(), calm, "{change}");
        }
    }
}
