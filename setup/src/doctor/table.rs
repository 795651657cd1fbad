//! The table: its shape, what protects it, and whether the functions' actions are allowed.

use super::finding::Finding;
use crate::causes::with_causes;
use domain::error::StoreError;
use store_dynamodb::probe::{Access, access, upkeep};
use store_dynamodb::table::{TableError, verify};
use wiring::Probe;

const TABLE: &str = "table";
const BILLING: &str = "table-billing";
const PROTECTION: &str = "table-deletion";
const RECOVERY: &str = "table-recovery";
const INDEXES: &str = "table-indexes";
const ACCESS: &str = "table-access";
const INDEX_ACCESS: &str = "index-access";

const NOT_ALLOWED: &str = "AccessDeniedException";
const REACH: &str = "are there AWS credentials and a region, and is TABLE_NAME of that account and region?";

/// Keys, indexes and time to live.
pub(super) async fn check_shape(probe: &Probe) -> Vec<Finding> {
    let name = &probe.config().table_name;
    let fix = "deploy template.yaml, whose table has the right shape; keys and indexes of one that is there cannot be \
               changed (docs/data-model.md)";
    vec![match verify(&probe.aws().dynamodb, name).await {
        Ok(faults) if faults.is_empty() => {
            Finding::ok(TABLE, format!("{name:?} has its keys, indexes and time to live"))
        }
        Ok(faults) => Finding::failed(TABLE, format!("{name:?}: {}", faults.join("; ")), fix),
        // The functions may not look at it either, and need not.
        Err(TableError::Store(StoreError::Rejected { reason, .. })) if reason.starts_with(NOT_ALLOWED) => {
            Finding::skipped(
                TABLE,
                "whoever runs this may not describe it (dynamodb:DescribeTable, DescribeTimeToLive)",
            )
        }
        Err(error) => Finding::failed(TABLE, with_causes(&error), REACH),
    }]
}

/// Warnings only: the functions work without any of it.
pub(super) async fn check_care(probe: &Probe) -> Vec<Finding> {
    let found = match upkeep(&probe.aws().dynamodb, &probe.config().table_name).await {
        Ok(Some(found)) => found,
        Ok(None) | Err(TableError::Store(StoreError::Rejected { .. })) => {
            return vec![Finding::skipped(BILLING, "the table cannot be looked at")];
        }
        Err(error) => return vec![Finding::skipped(BILLING, with_causes(&error))],
    };
    let judged = |check, good, well: &str, ill: &str, fix: &str| {
        if good { Finding::ok(check, well) } else { Finding::warning(check, ill, fix) }
    };
    let mut findings = vec![
        judged(
            BILLING,
            found.on_demand,
            "billed by request",
            "has a fixed capacity, beyond which requests are throttled",
            "set BillingMode to PAY_PER_REQUEST, as template.yaml does",
        ),
        judged(
            PROTECTION,
            found.deletion_protected,
            "cannot be deleted by accident",
            "can be deleted by accident",
            "turn deletion protection on (DeletionProtection of template.yaml)",
        ),
        judged(
            INDEXES,
            found.wide_indexes.is_empty(),
            "hold keys only",
            &format!("more than keys is copied into {}", found.wide_indexes.join(", ")),
            "make the index anew with projection KEYS_ONLY: it costs less and spreads less",
        ),
    ];
    findings.push(match found.recoverable {
        Ok(good) => judged(
            RECOVERY,
            good,
            "can be restored to any second of the last weeks",
            "cannot be restored to an earlier moment",
            "turn point-in-time recovery on, as template.yaml does",
        ),
        Err(error) => Finding::skipped(RECOVERY, format!("the server does not tell: {error}")),
    });
    findings
}

/// The actions of both functions, and those of the sweep alone.
pub(super) async fn check_access(probe: &Probe) -> Vec<Finding> {
    let tried = access(&probe.aws().dynamodb, &probe.config().table_name).await;
    let (indexes, items): (Vec<Access>, Vec<Access>) =
        tried.into_iter().partition(|access| access.action.contains("index"));
    vec![
        judge(
            ACCESS,
            &items,
            "allow these actions to the function's role, as template.yaml does; run this with that role's credentials",
        ),
        judge(
            INDEX_ACCESS,
            &indexes,
            "allow dynamodb:Query on both indexes to the sweep's role, as template.yaml does; the API's does without",
        ),
    ]
}

fn judge(check: &'static str, tried: &[Access], fix: &str) -> Finding {
    let refused: Vec<String> = tried
        .iter()
        .filter_map(|access| {
            let error = access.result.as_ref().err()?;
            Some(format!("{}: {error}", access.action))
        })
        .collect();
    if refused.is_empty() {
        let actions: Vec<&str> = tried.iter().map(|access| access.action).collect();
        Finding::ok(check, format!("allowed: {}", actions.join(", ")))
    } else {
        Finding::failed(check, refused.join("; "), fix)
    }
}
