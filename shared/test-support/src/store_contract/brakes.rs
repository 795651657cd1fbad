//! The pause that Entra asked for, as every environment sees it.

use super::StoreFixture;
use crate::sample::{NOW, TENANT};
use domain::identity::TenantId;
use time::Duration;

pub async fn a_brake_holds_until_its_end_and_no_longer(fixture: StoreFixture) {
    let until = NOW + Duration::seconds(30);
    assert_eq!(fixture.store.brake(TENANT).await.unwrap(), None);
    fixture.store.set_brake(TENANT, until).await.unwrap();
    assert_eq!(fixture.store.brake(TENANT).await.unwrap(), Some(until));
    fixture.clock.set(until - Duration::SECOND);
    assert_eq!(fixture.store.brake(TENANT).await.unwrap(), Some(until));
    fixture.clock.set(until);
    assert_eq!(fixture.store.brake(TENANT).await.unwrap(), None);
}

pub async fn a_brake_is_never_shortened(fixture: StoreFixture) {
    let (long, short) = (NOW + Duration::seconds(90), NOW + Duration::seconds(5));
    fixture.store.set_brake(TENANT, long).await.unwrap();
    fixture.store.set_brake(TENANT, short).await.unwrap();
    assert_eq!(fixture.store.brake(TENANT).await.unwrap(), Some(long));
    let longer = long + Duration::milliseconds(1);
    fixture.store.set_brake(TENANT, longer).await.unwrap();
    assert_eq!(fixture.store.brake(TENANT).await.unwrap(), Some(long + Duration::SECOND), "rounded up");
}

pub async fn a_brake_concerns_its_own_tenant_only(fixture: StoreFixture) {
    fixture.store.set_brake(TENANT, NOW + Duration::MINUTE).await.unwrap();
    let other: TenantId = "7e4a0000-0000-4000-8000-0000000000ff".parse().unwrap();
    assert_eq!(fixture.store.brake(other).await.unwrap(), None);
}
