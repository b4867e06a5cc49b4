-- A budget that is partly used, a sealed key, a route, a product with options, and an open attempt.
INSERT INTO atelier.budget (brand_id, resets_at, spent_micros, mirrored_cents)
SELECT id, '2026-12-01T00:00:00', 1230000, 123 FROM "Brand" ORDER BY id LIMIT 1;
INSERT INTO atelier.provider_key (id, brand_id, provider, name, sealed, sealed_with, last_four, created_at)
VALUES ('0198f3a0-0000-7000-8000-000000000001', NULL, 'openai', 'default', '\x00', 'k1', 'abcd', '2026-11-01T00:00:00Z');
INSERT INTO atelier.brand_route (brand_id, fallback)
SELECT id, ARRAY['stability', 'replicate/black-forest-labs/flux-1.1-pro'] FROM "Brand" ORDER BY id LIMIT 1;
INSERT INTO atelier.product_option (product_id, operation, input, background)
SELECT id, 'edit', 'base', 'transparent' FROM "Product" ORDER BY id LIMIT 1;
