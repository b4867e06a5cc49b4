//! Events, written with their fact as the exact bytes that will be signed.

use chrono::{DateTime, Utc};
use domain::Event;

use crate::database::Transaction;
use crate::error::StoreError;

/// Writes events. One whose dedupe key is there already is the same event and is left alone.
pub(crate) async fn write(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    events: &[Event],
) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let mut events: Vec<&Event> = events.iter().collect();
    events.sort_by(|a, b| a.dedupe_key.cmp(&b.dedupe_key));
    sqlx::query!(
        r#"-- store::outbox::write
        INSERT INTO atelier.outbox (id, brand_id, kind, dedupe_key, body, created_at)
        SELECT u.id, u.brand_id, u.kind, u.dedupe_key, u.body, $6
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[])
            AS u (id, brand_id, kind, dedupe_key, body)
        ON CONFLICT (dedupe_key) DO NOTHING"#,
        &events.iter().map(|event| event.id).collect::<Vec<_>>(),
        &events
            .iter()
            .map(|event| event.brand.to_string())
            .collect::<Vec<_>>(),
        &events
            .iter()
            .map(|event| event.kind.type_name().to_owned())
            .collect::<Vec<_>>(),
        &events
            .iter()
            .map(|event| event.dedupe_key.clone())
            .collect::<Vec<_>>(),
        &events
            .iter()
            .map(|event| event.to_bytes())
            .collect::<Vec<_>>(),
        now
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
