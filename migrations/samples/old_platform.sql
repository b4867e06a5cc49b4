-- A platform that has run for years, before personalisation: what `atelier migrate up` must carry over
-- without losing a fact. 5 brands, 1,000 products with the names that people really type, 5,000 deliveries
-- over 40 addresses, 2,000 rows of log of which 300 point nowhere. Only on top of 0001; tests load it.

INSERT INTO "Brand" ("id", "name", "slug", "status", "settings", "createdAt", "updatedAt")
SELECT 'brand_' || n, 'Brand ' || n, 'brand-' || n, 'ACTIVE', s::jsonb,
    timestamp '2022-01-01' + n * interval '1 day', timestamp '2025-06-01' + n * interval '1 hour'
FROM (VALUES
    (1, '{"primaryColor": "#b8860b", "borderRadius": 12, "loyalty": {"points": 3}, "emailNotifications": false}'),
    (2, '{"primary_color": "#112233", "border_radius": "4px", "fontFamily": "EB Garamond", "webhookEnabled": "yes"}'),
    (3, '["not", "an", "object"]'),
    (4, NULL),
    (5, '{}')
) AS given (n, s);

INSERT INTO "Product" ("id", "brandId", "name", "sku", "price", "images", "createdAt", "updatedAt")
SELECT 'prod_' || lpad(((n * 7919) % 100003)::text, 6, '0'), 'brand_' || (1 + n % 3),
    CASE n % 20
        WHEN 0 THEN 'Bague dorée n°1'
        WHEN 1 THEN ''
        WHEN 2 THEN '   '
        WHEN 3 THEN '指輪 ' || (n % 5)
        WHEN 4 THEN 'Ring'
        WHEN 5 THEN 'ring-' || (n % 9)
        WHEN 6 THEN 'RING 2'
        WHEN 7 THEN repeat('très long ', 400)
        WHEN 8 THEN E'tab\tnew\nline \u00ad soft'
        WHEN 9 THEN '''; DROP TABLE "Product"; --'
        WHEN 10 THEN '💍 bague 💍'
        WHEN 11 THEN 'Кольцо «Щука» №' || (n % 4)
        WHEN 12 THEN 'مرحبا ' || (n % 3)
        WHEN 13 THEN 'Straße / ﬁne ½ Ⅷ'
        WHEN 14 THEN E'e\u0301te\u0301'
        WHEN 15 THEN '../../etc/passwd?x=%00#'
        WHEN 16 THEN '$1 \ ''quoted'' "double"'
        WHEN 17 THEN E'\u202eright to left'
        WHEN 18 THEN '-----'
        ELSE 'Produit ' || n
    END,
    CASE WHEN n % 3 = 0 THEN 'SKU-' || n END, (n % 500)::numeric / 4, CASE WHEN n % 2 = 0 THEN ARRAY['https://x.example/' || n] END,
    timestamp '2022-02-01' + (n % 250) * interval '1 hour', timestamp '2025-07-01' + n * interval '1 minute'
FROM generate_series(1, 1000) AS n;

-- 40 pairs of a brand and an address, one of them longer than an index entry may be, one empty, and the
-- same address with two brands.
INSERT INTO "Webhook" ("id", "brandId", "event", "url", "payload", "statusCode", "success", "error", "idempotencyKey",
    "timestamp", "createdAt")
SELECT 'hook_' || lpad(((n * 7907) % 100003)::text, 6, '0'), 'brand_' || (1 + n % 3 % 3),
    (ARRAY['order.created', 'generation.completed', 'GENERATION_FAILED', 'ar-view', 'product.updated'])[1 + n % 5],
    CASE u WHEN 0 THEN '' WHEN 1 THEN 'https://long.example/' || repeat('0123456789abcdef', 300)
        WHEN 2 THEN 'https://shared.example/hook' ELSE 'https://shop-' || u || '.example:8443/hooks?b=' || (n % 3) END,
    jsonb_build_object('n', n, 'text', 'délivrance ' || n), CASE WHEN n % 7 = 0 THEN NULL ELSE 200 + (n % 4) * 100 END,
    n % 4 = 0, CASE WHEN n % 4 = 3 THEN 'HTTP 500 — ' || n END, CASE WHEN n % 2 = 0 THEN 'idem-' || n END,
    CASE WHEN n % 5 <> 0 THEN timestamp '2024-01-01' + n * interval '37 minutes' END,
    timestamp '2024-01-01' + (n - n % 2) * interval '37 minutes'
FROM (SELECT n, CASE WHEN n % 3 = 0 THEN (n / 3) % 14 WHEN n % 3 = 1 THEN 2 + (n / 3) % 13 ELSE 14 + (n / 3) % 13 END AS u
    FROM generate_series(1, 5000) AS n) AS spread;

INSERT INTO "WebhookLog" ("id", "webhookId", "topic", "shopDomain", "payload", "status", "processedAt", "createdAt")
SELECT 'log_' || lpad(((n * 6007) % 100003)::text, 6, '0'),
    CASE WHEN n <= 300 THEN 'nowhere_' || n ELSE 'hook_' || lpad((((n * 2) * 7907) % 100003)::text, 6, '0') END,
    'orders/' || (n % 6), 'shop-' || (n % 11) || '.example', jsonb_build_object('log', n),
    CASE WHEN n % 3 = 0 THEN 'processed' ELSE 'received' END,
    CASE WHEN n % 3 = 0 THEN timestamp '2024-03-01' + n * interval '1 minute' END,
    timestamp '2024-03-01' + n * interval '1 minute'
FROM generate_series(1, 2000) AS n;

INSERT INTO "ApiKey" ("id", "brandId", "name", "key", "scopes", "updatedAt")
SELECT 'key_' || n, 'brand_' || n, 'Widget', 'sample_key_' || n, '{generation:create}', timestamp '2025-01-01'
FROM generate_series(1, 3) AS n;
