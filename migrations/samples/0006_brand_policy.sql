INSERT INTO atelier.brand_policy (brand_id, deny_list, moderation, unknown_outcome, updated_at)
VALUES ('clq1brand0001tasseco', E'fool\nrotten egg', 'openai', 'hold', '2026-02-01T09:00:00Z');
