-- A database of the customisation platform before personalisation: what 0002 carries along as it is.
-- Keys and secrets are made up.

INSERT INTO "Brand" ("id", "name", "slug", "description", "website", "status", "companyName", "vatNumber", "country",
    "plan", "limits", "aiCostLimitCents", "aiCostUsedCents", "settings", "createdAt", "updatedAt")
VALUES
    ('clq1brand0000maisondore', 'Maison Dorée', 'maison-doree', 'Bijoux gravés à la main', 'https://maison-doree.example',
     'VERIFIED', 'Maison Dorée SARL', 'FR40303265045', 'FR', 'professional', '{"products": 200}', 500000, 12850,
     '{"primaryColor": "#b8860b", "fontFamily": "EB Garamond", "loyalty": true}',
     '2024-02-11 09:30:00', '2025-11-30 17:04:12.345'),
    ('clq1brand0001tasseco', 'Tasse & Co', 'tasse-co', NULL, NULL,
     'PENDING_VERIFICATION', NULL, NULL, NULL, 'starter', NULL, 500000, 0, NULL,
     '2025-06-01 08:00:00', '2025-06-01 08:00:00'),
    ('clq1brand0002closed', 'Atelier Fermé', 'atelier-ferme', NULL, NULL,
     'SUSPENDED', NULL, NULL, 'CH', 'starter', NULL, 0, 0, '{}',
     '2023-01-05 12:00:00', '2024-08-19 10:11:12');

-- Plain-text keys, as that platform keeps them: one in use, one that ran out, one that was switched off.
INSERT INTO "ApiKey" ("id", "brandId", "name", "key", "secret", "scopes", "permissions", "rateLimit", "isActive",
    "lastUsedAt", "expiresAt", "createdAt", "updatedAt")
VALUES
    ('clq1key00000000000000001', 'clq1brand0000maisondore', 'Widget', 'sample_live_maison_doree_0001', NULL,
     '{generation:create,generation:read}', '{}', '{"perMinute": 60}', true,
     '2025-12-01 11:59:59.999', NULL, '2024-02-11 09:31:00', '2025-12-01 11:59:59.999'),
    ('clq1key00000000000000002', 'clq1brand0000maisondore', 'Fair 2024', 'sample_live_maison_doree_0002', 'unused',
     '{}', '{}', NULL, true, NULL, '2024-12-31 23:00:00', '2024-09-01 07:00:00', '2024-09-01 07:00:00'),
    ('clq1key00000000000000003', 'clq1brand0001tasseco', 'Test', 'sample_test_tasse_co_0001', NULL,
     NULL, NULL, NULL, false, NULL, NULL, '2025-06-01 08:05:00', '2025-06-02 08:05:00');
