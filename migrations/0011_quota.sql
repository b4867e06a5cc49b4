-- Quota of every metric: which thresholds a brand has crossed in a period. docs/adr/0036 has the reasons.

-- One row per threshold, written in the transaction that crosses it, together with the event that tells the
-- brand. The key is what makes it once: units that go back and are taken again cross it silently.
CREATE TABLE atelier.quota_alert (
    brand_id text NOT NULL,
    metric text NOT NULL CHECK (metric IN ('generation', 'ar_view', 'api_call', 'storage', 'webhook_delivery')),
    period_start timestamptz NOT NULL,
    threshold_percent smallint NOT NULL CHECK (threshold_percent IN (50, 75, 90, 100)),
    -- What was used and reserved, and of how much, when it was crossed.
    used_units bigint NOT NULL,
    of_units bigint NOT NULL,
    crossed_at timestamptz NOT NULL,
    PRIMARY KEY (brand_id, metric, period_start, threshold_percent)
);
