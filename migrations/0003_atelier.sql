-- Everything operational. Brand-facing tables stay in `public`; nothing of ours goes there.
CREATE SCHEMA IF NOT EXISTS atelier;

-- "Generation".id is text, because an older platform brings ids of its own (cuid). This is the job's id
-- for ours and NULL for theirs, so that joining never fails on a foreign id.
CREATE FUNCTION atelier.job_id(generation_id text) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN generation_id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
        THEN generation_id::uuid
    END;

-- One start of one worker process. Its lease is renewed by the database's clock (now()), never by the
-- worker's own, so that a machine with a wrong clock cannot keep a lease it has lost.
CREATE TABLE atelier.worker_session (
    id uuid PRIMARY KEY,
    host text NOT NULL,
    pid integer NOT NULL,
    slots integer NOT NULL CHECK (slots > 0),
    started_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX worker_session_open ON atelier.worker_session (expires_at) WHERE ended_at IS NULL;

-- One narrow row per generation; id = "Generation".id. Moves follow domain::JobState::after.
-- fillfactor leaves room for HOT updates: a job's row is rewritten about five times in its life.
CREATE TABLE atelier.job (
    id uuid PRIMARY KEY,
    brand_id text NOT NULL,
    product_id text NOT NULL,
    key_id text NOT NULL,
    lane text NOT NULL CHECK (lane IN ('retry', 'enterprise', 'professional', 'starter', 'free')),
    priority smallint NOT NULL DEFAULT 0,
    weight integer NOT NULL DEFAULT 1 CHECK (weight > 0),
    state text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed', 'canceled', 'expired', 'held')),
    run_at timestamptz NOT NULL,
    start_by timestamptz,
    deadline timestamptz,
    -- Raised by each claim; a later write names the fence it was claimed under.
    fence bigint NOT NULL DEFAULT 0,
    session_id uuid REFERENCES atelier.worker_session (id),
    -- Set while an entry for this job should stand in its lane's stream; NULL is the backlog.
    dispatched_at timestamptz,
    cancel_requested_at timestamptz,
    tries smallint NOT NULL DEFAULT 0,
    crashes smallint NOT NULL DEFAULT 0,
    -- The unit of quota taken at intake: kept when the job is done, returned otherwise, once.
    quota text NOT NULL DEFAULT 'reserved' CHECK (quota IN ('reserved', 'committed', 'released')),
    reason text,
    trace_parent text NOT NULL,
    created_at timestamptz NOT NULL,
    claimed_at timestamptz,
    ended_at timestamptz,
    CHECK ((state = 'running') = (session_id IS NOT NULL)),
    CHECK ((state IN ('done', 'failed', 'canceled', 'expired')) = (ended_at IS NOT NULL))
) WITH (fillfactor = 70);
CREATE INDEX job_backlog ON atelier.job (lane, brand_id, priority DESC, id) WHERE state = 'waiting' AND dispatched_at IS NULL;
CREATE INDEX job_dispatched ON atelier.job (dispatched_at) WHERE state = 'waiting' AND dispatched_at IS NOT NULL;
-- When the next retry is due, without walking those that are not.
CREATE INDEX job_retry_due ON atelier.job (run_at) WHERE lane = 'retry' AND state = 'waiting' AND dispatched_at IS NULL;
CREATE INDEX job_running ON atelier.job (session_id) WHERE state = 'running';
CREATE INDEX job_start_by ON atelier.job (start_by) WHERE state = 'waiting' AND start_by IS NOT NULL;
CREATE INDEX job_deadline ON atelier.job (deadline) WHERE state IN ('waiting', 'running') AND deadline IS NOT NULL;
CREATE INDEX job_by_brand ON atelier.job (brand_id, id DESC);

-- What a request may carry beyond the columns of "Generation"; a row only where something was given.
CREATE TABLE atelier.request_option (
    job_id uuid PRIMARY KEY REFERENCES atelier.job (id) ON DELETE CASCADE,
    template_id text,
    webhook_url text,
    metadata jsonb,
    widths integer[] NOT NULL DEFAULT '{}'
);

-- The provider ledger: an intent to pay is committed here before the first byte is sent.
CREATE TABLE atelier.attempt (
    id uuid PRIMARY KEY,
    job_id uuid NOT NULL REFERENCES atelier.job (id) ON DELETE CASCADE,
    fence bigint NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    state text NOT NULL CHECK (state IN ('submitting', 'accepted', 'unknown', 'fetched', 'settled', 'rejected')),
    provider_ref text,
    -- Where the raw answer was put, from 'fetched' on: a crash after it never pays again.
    raw_key text,
    cost_micros bigint NOT NULL DEFAULT 0,
    tokens integer,
    error_code text,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz
);
-- Invariant I2: at most one open attempt per job.
CREATE UNIQUE INDEX attempt_open ON atelier.attempt (job_id) WHERE state IN ('submitting', 'accepted', 'unknown', 'fetched');
CREATE INDEX attempt_by_job ON atelier.attempt (job_id, opened_at);

-- One row per stored picture of a generation.
CREATE TABLE atelier.asset (
    job_id uuid NOT NULL REFERENCES atelier.job (id) ON DELETE CASCADE,
    variant text NOT NULL,
    object_key text NOT NULL,
    content_type text NOT NULL,
    width_px integer NOT NULL,
    height_px integer NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 bytea NOT NULL,
    PRIMARY KEY (job_id, variant)
);

-- Events written with their fact, as the exact bytes that will be signed.
CREATE TABLE atelier.outbox (
    id uuid PRIMARY KEY,
    brand_id text NOT NULL,
    kind text NOT NULL,
    dedupe_key text NOT NULL UNIQUE,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL,
    relayed_at timestamptz
);
CREATE INDEX outbox_open ON atelier.outbox (created_at) WHERE relayed_at IS NULL;

CREATE TABLE atelier.idempotency_key (
    scope text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    job_id uuid NOT NULL,
    public_id text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_key_age ON atelier.idempotency_key (created_at);

-- Only a hash, a prefix and the last four characters: a dump of this table opens nothing.
CREATE TABLE atelier.api_key (
    id uuid PRIMARY KEY,
    brand_id text NOT NULL REFERENCES public."Brand" (id) ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('secret', 'publishable')),
    name text NOT NULL,
    hash bytea NOT NULL UNIQUE,
    prefix text NOT NULL,
    last_four text NOT NULL,
    origins text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX api_key_by_brand ON atelier.api_key (brand_id, created_at);

-- Plans and prices are data with a date. Money in millionths of the currency's unit.
CREATE TABLE atelier.plan (
    plan text NOT NULL,
    valid_from timestamptz NOT NULL,
    currency text NOT NULL,
    monthly_fee_micros bigint NOT NULL,
    included_generations integer NOT NULL,
    overage_unit_micros bigint NOT NULL,
    quota_policy text NOT NULL CHECK (quota_policy IN ('block', 'charge', 'charge_capped')),
    PRIMARY KEY (plan, valid_from)
);
INSERT INTO atelier.plan VALUES
    ('FREE', '2026-01-01T00:00:00Z', 'EUR', 0, 100, 0, 'block'),
    ('STARTER', '2026-01-01T00:00:00Z', 'EUR', 29000000, 20, 750000, 'charge'),
    ('PROFESSIONAL', '2026-01-01T00:00:00Z', 'EUR', 99000000, 100, 600000, 'charge'),
    ('ENTERPRISE', '2026-01-01T00:00:00Z', 'EUR', 999000000, 99999, 400000, 'charge');

-- A scheduler duty is done by the holder of its row. The term rises with each new holder.
CREATE TABLE atelier.duty_lease (
    duty text PRIMARY KEY,
    holder uuid NOT NULL,
    term bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    last_run_at timestamptz,
    last_outcome text,
    last_detail text
);

-- What Redis must say to be believed: when its epoch differs from this one, its streams were lost.
CREATE TABLE atelier.stream_epoch (
    shard integer PRIMARY KEY,
    epoch uuid NOT NULL,
    since timestamptz NOT NULL
);
