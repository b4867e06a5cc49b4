-- What the platform itself may have written after 0002 and before Atelier's own schema came: ids are its own (cuid),
-- so none of these generations has a job.

UPDATE "Brand" SET "subscriptionPlan" = 'PROFESSIONAL', "subscriptionStatus" = 'ACTIVE', "monthlyGenerations" = 2,
    "maxMonthlyGenerations" = 1000, "maxProducts" = 200, "arEnabled" = true
WHERE "id" = 'clq1brand0000maisondore';
UPDATE "Brand" SET "subscriptionStatus" = 'CANCELED', "deletedAt" = '2025-01-01 00:00:00'
WHERE "id" = 'clq1brand0002closed';

INSERT INTO "ClientSettings" ("id", "brandId", "primaryColor", "fontFamily", "defaultAiProvider", "updatedAt")
VALUES ('clq1settings0000000000001', 'clq1brand0000maisondore', '#b8860b', 'EB Garamond', 'synthetic',
    '2025-12-02 09:00:00');

INSERT INTO "Product" ("id", "brandId", "name", "slug", "price", "images", "baseImageUrl", "promptTemplate", "aiProvider",
    "outputWidth", "outputHeight", "status", "tags", "publishedAt", "createdAt", "updatedAt")
VALUES
    ('clq1product000000000001', 'clq1brand0000maisondore', 'Bague dorée n°1', 'bague-doree-n-1', 149.00, '{}',
     'https://maison-doree.example/bague.jpg', 'A fine ornament for a gold ring: {{ motif }}', 'synthetic',
     1024, 1024, 'ACTIVE', '{ring,gold}', '2025-12-02 09:10:00', '2025-12-02 09:00:00', '2025-12-02 09:10:00'),
    ('clq1product000000000002', 'clq1brand0000maisondore', 'Bague dorée n°1', 'bague-doree-n-1-2', 0.00, NULL,
     NULL, NULL, 'openai', 1024, 1024, 'DRAFT', NULL, NULL, '2025-12-02 09:20:00', '2025-12-02 09:20:00');

INSERT INTO "CustomizationZone" ("id", "productId", "name", "type", "positionX", "positionY", "width", "height",
    "rotation", "maxLength", "allowedChars", "allowedFonts", "allowedColors", "minSize", "maxSize", "defaultFont",
    "defaultColor", "renderStyle", "order", "required", "updatedAt")
VALUES
    ('clq1zone0000000000000001', 'clq1product000000000001', 'Gravure', 'TEXT', 300, 480, 424, 90, 0, 20, NULL,
     '{EB Garamond,Dancing Script}', '{#2b2b2b}', 18, 64, 'EB Garamond', '#2b2b2b', 'engraved', 0, true,
     '2025-12-02 09:00:00'),
    ('clq1zone0000000000000002', 'clq1product000000000001', 'Motif', 'PATTERN', 120, 120, 200, 200, 12.5, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, 'print', 1, false, '2025-12-02 09:00:00'),
    ('clq1zone0000000000000003', 'clq1product000000000001', 'Couleur', 'COLOR', 0, 0, 1024, 1024, 0, NULL, NULL,
     NULL, '{#d4af37,#c0c0c0}', NULL, NULL, NULL, '#d4af37', 'print', 2, false, '2025-12-02 09:00:00');

INSERT INTO "Template" ("id", "brandId", "productId", "name", "promptTemplate", "variables", "aiProvider", "isDefault",
    "updatedAt")
VALUES
    ('clq1template00000000001', 'clq1brand0000maisondore', 'clq1product000000000001', 'Fête des mères',
     'A tender motif of flowers: {{ motif }}', '{"motif": "text"}', 'synthetic', true, '2025-12-02 09:00:00'),
    ('clq1template00000000002', 'clq1brand0000maisondore', NULL, 'Neutral', 'A plain motif', '{}', 'synthetic', false,
     '2025-12-02 09:00:00');

INSERT INTO "Webhook" ("id", "brandId", "name", "url", "secret", "events", "updatedAt")
VALUES ('clq1hook0000000000000001', 'clq1brand0000maisondore', 'Orders', 'https://maison-doree.example/hooks',
    'whsec_c2FtcGxlLXNlY3JldC1vZi10aGlydHktdHdvLWJ5dGVz', '{GENERATION_COMPLETED,GENERATION_FAILED}',
    '2025-12-02 09:00:00');
INSERT INTO "WebhookLog" ("id", "webhookId", "event", "payload", "statusCode", "duration", "createdAt")
VALUES ('clq1log00000000000000001', 'clq1hook0000000000000001', 'generation.completed', '{"id": "clq1gen1"}', 200, 84,
    '2025-12-03 10:00:05');

INSERT INTO "Generation" ("id", "brandId", "productId", "publicId", "sessionId", "customizations", "userPrompt",
    "finalPrompt", "aiProvider", "model", "quality", "status", "outputUrl", "thumbnailUrl", "processingTime", "cost",
    "errorMessage", "errorCode", "createdAt", "completedAt")
VALUES
    ('clq1gen00000000000000001', 'clq1brand0000maisondore', 'clq1product000000000001', 'clq1public0000000000001',
     'sess_1', '{"clq1zone0000000000000001": {"text": "Zoë"}}', 'roses', 'A fine ornament for a gold ring: roses',
     'openai', 'dall-e-3', 'standard', 'COMPLETED', 'https://cdn.example/1.png', 'https://cdn.example/1t.jpg',
     8123, 0.040000, NULL, NULL, '2025-12-03 10:00:00', '2025-12-03 10:00:04'),
    ('clq1gen00000000000000002', 'clq1brand0000maisondore', 'clq1product000000000001', 'clq1public0000000000002',
     NULL, '{}', NULL, '', 'openai', 'dall-e-3', 'standard', 'FAILED', NULL, NULL, NULL, NULL, 'refused',
     'content_policy_violation', '2025-12-03 11:00:00', '2025-12-03 11:00:02');

INSERT INTO "UsageRecord" ("id", "brandId", "type", "count", "metadata", "recordedAt")
VALUES
    ('clq1usage000000000000001', 'clq1brand0000maisondore', 'generation', 1, '{"generationId": "clq1gen1"}',
     '2025-12-03 10:00:04'),
    ('clq1usage000000000000002', 'clq1brand0000maisondore', 'ar_view', 1, NULL, '2025-12-03 10:05:00'),
    -- A brand that is gone: there is no foreign key on purpose.
    ('clq1usage000000000000003', 'clq1brand0099deleted', 'generation', 1, NULL, '2024-12-03 10:05:00');

INSERT INTO "Invoice" ("id", "brandId", "stripeInvoiceId", "amount", "currency", "status", "periodStart", "periodEnd",
    "createdAt", "paidAt")
VALUES ('clq1invoice0000000000001', 'clq1brand0000maisondore', 'in_sample_0001', 99.00, 'eur', 'paid',
    '2025-11-01 00:00:00', '2025-12-01 00:00:00', '2025-12-01 00:10:00', '2025-12-01 00:12:00');
