//! The rules of the simulated sweep, and the table of docs/scale.md.

use super::accounts;
use super::sweep::{Outcome, Settings, run};
use super::table::{self, SCENARIOS};

const FEW: Settings = Settings {
    accounts: 20_000,
    tenants: 3,
    shards: 16,
    workers: 8,
    concurrency: 32,
    timeout_every: 200,
    seed: 1,
};

/// Every account has its turn once, whatever is refused or not answered.
fn assert_conserved(settings: Settings, outcome: &Outcome) {
    assert_eq!((outcome.acted, outcome.twice, outcome.parked), (settings.accounts, 0, 0), "{settings:?}");
    assert_eq!(outcome.requests - outcome.refused, u64::from(settings.accounts), "{settings:?}");
    assert_eq!(outcome.renewals, u64::from(settings.accounts), "one first try each: {settings:?}");
}

#[test]
fn every_account_has_its_turn_once() {
    for seed in 1..=5 {
        for (tenants, workers) in [(1, 8), (3, 40), (500, 8), (20_000, 40)] {
            let settings = Settings { tenants, workers, seed, ..FEW };
            let outcome = run(settings);
            assert_conserved(settings, &outcome);
            assert!(outcome.cached > 0, "some were tried again: {settings:?}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_sweep_and_another_seed_another() {
    assert_eq!(run(FEW), run(FEW));
    assert_ne!(run(FEW), run(Settings { seed: 2, ..FEW }));
}

/// A window may be used up at its very beginning, so that the last of them takes no time.
#[test]
fn no_sweep_is_faster_than_graph_allows() {
    for (accounts, tenants) in [(40_000, 1), (40_000, 2), (40_000, 1_000), (400_000, 1_000)] {
        let settings = Settings {
            accounts,
            tenants,
            workers: 100,
            shards: 100,
            concurrency: 200,
            timeout_every: 0,
            seed: 3,
        };
        let outcome = run(settings);
        assert_conserved(settings, &outcome);
        let seconds = super::clock::in_seconds(outcome.time);
        let most = super::graph::most_per_second(tenants, settings.users_per_tenant());
        assert!(seconds + 20.0 >= f64::from(accounts) / most, "{accounts} of {tenants} in {seconds} s");
    }
}

#[test]
fn a_hot_partition_of_the_index_holds_the_sweep_to_500_turns_a_second() {
    let settings = Settings {
        accounts: 100_000,
        tenants: 1_000,
        shards: 1,
        workers: 1,
        concurrency: 200,
        timeout_every: 0,
        ..FEW
    };
    let outcome = run(settings);
    assert_conserved(settings, &outcome);
    let seconds = super::clock::in_seconds(outcome.time);
    assert!((199.0..=210.0).contains(&seconds), "{seconds} s");
    assert!(outcome.waits.index > 0);
}

/// One worker, one account at a time: 250 ms each, and 1,140 of them until the time of an invocation is over.
#[test]
fn a_worker_hands_on_when_its_time_is_over() {
    let settings = Settings {
        accounts: 2_000,
        tenants: 1,
        shards: 1,
        workers: 1,
        concurrency: 1,
        timeout_every: 0,
        seed: 1,
    };
    let outcome = run(settings);
    assert_conserved(settings, &outcome);
    let seconds = super::clock::in_seconds(outcome.time);
    assert!((490.0..=510.0).contains(&seconds), "{seconds} s");
    let ticks = 9;
    assert_eq!(outcome.tasks, ticks + 1, "a task for each tick, and the one that was handed on");
}

#[test]
fn timeouts_slow_a_sweep_down_and_nobody_is_lost() {
    let settings = Settings { accounts: 100_000, tenants: 1, timeout_every: 100, ..FEW };
    let faulty = run(settings);
    assert_conserved(settings, &faulty);
    let sound = run(Settings { timeout_every: 0, ..settings });
    assert!(faulty.time > sound.time && faulty.most_tries >= 3);
}

#[test]
fn numbers_of_accounts_are_read_as_people_write_them() {
    for (text, number) in
        [("7", 7), ("10k", 10_000), ("1M", 1_000_000), ("1_000", 1_000), ("200M", 200_000_000)]
    {
        assert_eq!(accounts(text), Ok(number));
    }
    for text in ["", "0", "k", "-1", "1.5M", "201M", "9999999M"] {
        assert!(accounts(text).is_err(), "{text}");
    }
}

/// `BLESS=1` writes the table anew.
#[test]
fn the_table_of_the_documentation_is_what_the_simulation_gives() {
    const BEGIN: &str =
        "<!-- simulation: cargo xtask simulate sweep; written by BLESS=1 cargo test -p xtask table_of -->\n";
    const END: &str = "<!-- end of simulation -->";
    let rows: Vec<String> = std::thread::scope(|scope| {
        let started: Vec<_> = SCENARIOS
            .iter()
            .map(|settings| {
                scope.spawn(move || {
                    let outcome = run(*settings);
                    assert_conserved(*settings, &outcome);
                    table::row(*settings, &outcome)
                })
            })
            .collect();
        started.into_iter().map(|row| row.join().unwrap()).collect()
    });
    let lines: Vec<String> = table::head().into_iter().chain(rows).collect();
    let measured = format!("{}\n", lines.join("\n"));

    let path = crate::workspace_root().join("docs/scale.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).expect("docs/scale.md has the marker of the table");
    let (present, after) = rest.split_once(END).expect("docs/scale.md has the end of the table");
    if std::env::vars().any(|(name, value)| name == "BLESS" && value == "1") {
        std::fs::write(&path, format!("{before}{BEGIN}{measured}{END}{after}")).unwrap();
        return;
    }
    assert!(present == measured, "docs/scale.md says otherwise (BLESS=1 writes it):\n{measured}");
}

/// The second and third of the table; the first is short, the fourth is large.
#[test]
fn settings_that_are_said_to_reach_the_floor_do_so_with_another_seed_too() {
    for settings in SCENARIOS[1..3].iter().map(|settings| Settings { seed: 2, ..*settings }) {
        let outcome = run(settings);
        let (ratio, refused) = (table::ratio(settings, &outcome), table::refused(&outcome));
        assert!(ratio <= table::REACHED && refused <= 0.05, "{ratio} {refused} {settings:?}");
    }
}
