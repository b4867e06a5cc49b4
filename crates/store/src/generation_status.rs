//! The older platform's status word, kept in step with the job's state.

use domain::GenerationId;
use uuid::Uuid;

use crate::database::Transaction;
use crate::error::StoreError;

/// Says PENDING again of jobs that went back to waiting.
pub(crate) async fn set_pending(tx: &mut Transaction, jobs: &[Uuid]) -> Result<(), StoreError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = jobs.iter().map(|id| GenerationId(*id).as_text()).collect();
    sqlx::query!(
        r#"-- store::generation_status::set_pending
        UPDATE "Generation" SET status = 'PENDING' WHERE id = ANY($1)"#,
        &ids
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
