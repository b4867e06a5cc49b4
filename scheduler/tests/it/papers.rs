//! Invoices of brand `a`.

use testkit::Paper;
use uuid::Uuid;

use crate::world::World;

impl World {
    /// Issues invoice `number` to brand `a`.
    pub async fn issue(&self, number: i64) -> Uuid {
        self.issue_as(&Paper::numbered(number)).await
    }

    /// Issues an invoice to brand `a`.
    pub async fn issue_as(&self, paper: &Paper) -> Uuid {
        let id = Uuid::now_v7();
        let rows = paper.issue_sql(id, "a", self.now()).unwrap();
        self.sql.batch_execute(&rows).await.unwrap();
        id
    }
}
