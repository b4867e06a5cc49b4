//! A brand's webhooks.
//!
//! | module | owns |
//! |---|---|
//! | `endpoints` | making, reading, changing and removing endpoints |
//! | `secrets` | replacing what they sign with |
//! | `deliveries` | what they were told, and telling them once more |
//! | `repairs` | telling them many things once more |
//!
//! Secret keys only. What another brand has does not exist. A repeat after a lost answer does no harm
//! anywhere: endpoints and repairs are made once per `Idempotency-Key`, a resend is due once however often
//! it is asked for, and a secret that was replaced twice has two predecessors that sign.

pub(super) mod deliveries;
pub(super) mod endpoints;
pub(super) mod repairs;
pub(super) mod secrets;

use domain::BrandId;
use store::webhooks::endpoints::{Endpoint, find};
use uuid::Uuid;

use crate::app::App;
use crate::auth::Caller;
use crate::entropy::random;
use crate::problem::{Code, Problem};

/// What ids that follow from an idempotency key are derived in.
const IDS: Uuid = Uuid::from_u128(0x2d7f_3d0a_90b1_4c55_9d0c_6f1e_7b7a_5e21);

/// The endpoint, if the caller's brand has it.
async fn endpoint(app: &App, caller: &Caller, id: &str) -> Result<Endpoint, Problem> {
    let found = find(&app.database, caller.brand(), id).await?;
    found.ok_or_else(|| Code::NotFound.into())
}

/// The id of what a request makes: the same for each repeat with the same key, and for nothing else.
fn id_of_request(app: &App, caller: &Caller, what: &str, key: Option<&str>) -> Uuid {
    match key {
        Some(key) => id_of_key(caller.brand(), caller.key_id(), what, key),
        None => {
            let millis = u64::try_from(app.now().timestamp_millis()).unwrap_or(0);
            let random = random(app.entropy.as_ref());
            uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
        }
    }
}

fn id_of_key(brand: &BrandId, key_id: &str, what: &str, key: &str) -> Uuid {
    // None of the parts can hold a NUL.
    let name = [what, brand.as_str(), key_id, key].join("\0");
    Uuid::new_v5(&IDS, name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_one_thing_of_one_caller() {
        let id = |brand: &str, caller, what, key| id_of_key(&brand.into(), caller, what, key);
        let first = id("a", "k1", "webhook", "x");
        assert_eq!(first, id("a", "k1", "webhook", "x"));
        for other in [
            id("b", "k1", "webhook", "x"),
            id("a", "k2", "webhook", "x"),
            id("a", "k1", "job", "x"),
            id("a", "k1", "webhook", "y"),
        ] {
            assert_ne!(first, other);
        }
    }
}
