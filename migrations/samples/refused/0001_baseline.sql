-- Rows of the old meaning, on which 0002 refuses to run and changes nothing. See ../../README.md.

INSERT INTO "Product" ("id", "brandId", "name", "sku", "price", "images", "isActive", "createdAt", "updatedAt")
VALUES
    ('clq1product000000000001', 'clq1brand0000maisondore', 'Bague dorée n°1', 'MD-1', 149.00,
     '{https://maison-doree.example/bague.jpg}', true, '2024-03-01 10:00:00', '2024-03-01 10:00:00'),
    ('clq1product000000000002', 'clq1brand0000maisondore', 'Bague dorée n°1', NULL, 0.00,
     NULL, false, '2024-03-02 10:00:00', '2024-03-02 10:00:00');

-- One row per delivery, and a log row whose delivery is gone.
INSERT INTO "Webhook" ("id", "brandId", "event", "url", "payload", "statusCode", "success", "idempotencyKey",
    "timestamp", "createdAt")
VALUES
    ('clq1hook0000000000000001', 'clq1brand0000maisondore', 'order.created', 'https://maison-doree.example/hooks',
     '{"order": 1}', 200, true, 'order-1', '2024-03-05 10:00:00', '2024-03-05 10:00:00'),
    ('clq1hook0000000000000002', 'clq1brand0000maisondore', 'order.created', 'https://maison-doree.example/hooks',
     '{"order": 2}', 503, false, 'order-2', '2024-03-06 10:00:00', '2024-03-06 10:00:00');
INSERT INTO "WebhookLog" ("id", "webhookId", "topic", "shopDomain", "payload", "status", "createdAt")
VALUES
    ('clq1log00000000000000001', 'clq1hook0000000000000001', 'orders/create', 'maison-doree.example', '{"id": 1}',
     'processed', '2024-03-05 10:00:01'),
    ('clq1log00000000000000002', 'clq1hook0000000000000099', 'orders/create', 'maison-doree.example', '{"id": 9}',
     'received', '2024-03-07 10:00:01');
