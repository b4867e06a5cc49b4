-- A brand that has used half of what its plan includes.
INSERT INTO atelier.quota_alert (brand_id, metric, period_start, threshold_percent, used_units, of_units, crossed_at)
VALUES ('clq1brand0001tasseco', 'generation', '2026-02-10T00:00:00Z', 50, 10, 20, '2026-02-19T08:00:00Z');
