//! An old platform's database of any size.

use anyhow::Context;
use tokio_postgres::NoTls;

/// Makes the tables before personalisation and fills them.
pub(crate) async fn fill(
    url: &str,
    products: u32,
    deliveries: u32,
    logs: u32,
) -> anyhow::Result<()> {
    let baseline = store::migrate::MIGRATOR
        .iter()
        .next()
        .context("no migration")?
        .sql
        .as_str()
        .to_owned();
    let rows = format!(
        r##"
        INSERT INTO "Brand" (id, name, slug, settings, "updatedAt")
        SELECT 'brand_' || n, 'Brand ' || n, 'brand-' || n, '{{"primaryColor": "#b8860b"}}', now()
        FROM generate_series(0, 199) AS n;
        INSERT INTO "Product" (id, "brandId", name, price, images, "createdAt", "updatedAt")
        SELECT md5('p' || n), 'brand_' || n % 200,
            CASE n % 4 WHEN 0 THEN 'Bague dorée n°1' WHEN 1 THEN 'Tasse ' || n % 1000 ELSE 'Produit gravé ' || n END,
            10, ARRAY['https://shop.example/' || n], now() - n * interval '1 minute', now()
        FROM generate_series(1, {products}) AS n;
        INSERT INTO "Webhook" (id, "brandId", event, url, payload, "statusCode", success, "createdAt")
        SELECT md5('w' || n), 'brand_' || n % 200, 'order.created',
            'https://shop-' || n % 400 || '.example/hooks', jsonb_build_object('order', n, 'text', repeat('x', 120)),
            200, true, now() - n * interval '10 seconds'
        FROM generate_series(1, {deliveries}) AS n;
        INSERT INTO "WebhookLog" (id, "webhookId", topic, "shopDomain", payload)
        SELECT md5('l' || n), CASE n % 20 WHEN 0 THEN 'nowhere' ELSE md5('w' || 1 + n % {deliveries}) END, 'orders/create',
            'shop.example', jsonb_build_object('log', n)
        FROM generate_series(1, {logs}) AS n;
        "##
    );
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let work = async {
        client.batch_execute(&baseline).await?;
        client.batch_execute(&rows).await?;
        client.batch_execute("VACUUM ANALYZE").await
    };
    tokio::select! {
        done = work => done?,
        ended = connection => ended?,
    }
    Ok(())
}
