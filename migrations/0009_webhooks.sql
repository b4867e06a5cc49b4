-- Webhooks that are sent: what an endpoint needs beyond "Webhook", who is to be told of which event, every
-- try, and repairs of many deliveries at once.

-- One row per row of "Webhook". "Webhook" alone says what it is called, where it is, whether it is active
-- and which of Prisma's events it wants, so that the older platform may go on writing it. Rows that it adds
-- are found within seconds and get a row here with the defaults below.
CREATE TABLE atelier.webhook_endpoint (
    webhook_id text PRIMARY KEY REFERENCES public."Webhook" (id) ON UPDATE CASCADE ON DELETE CASCADE,
    -- As in "Webhook", which has no index on it.
    brand_id text NOT NULL,
    -- 'request' stands for one host that requests of the brand name by `webhook_url`: it subscribes to
    -- nothing, each of its deliveries has its own address, and it signs with the brand's request secret.
    kind text NOT NULL DEFAULT 'endpoint' CHECK (kind IN ('endpoint', 'request')),
    -- The events wanted that Prisma's enum does not have: 'quota.threshold', ….
    operational text[] NOT NULL DEFAULT '{}',
    -- The default is what the older platform sends, because its rows are the ones that come without any.
    payload_format text NOT NULL DEFAULT 'origin' CHECK (payload_format IN ('standard', 'thin', 'origin')),
    -- Further headers, name to value; checked by domain::WebhookHeaders.
    headers jsonb NOT NULL DEFAULT '{}',
    max_in_flight smallint NOT NULL DEFAULT 4 CHECK (max_in_flight BETWEEN 1 AND 64),
    rate_per_s real CHECK (rate_per_s > 0),
    ordered boolean NOT NULL DEFAULT false,
    timeout_ms integer NOT NULL DEFAULT 15000 CHECK (timeout_ms BETWEEN 1000 AND 30000),
    -- Why we set "isActive" to false: 'gone' (it answered 410), 'failing' (no success for days). None where
    -- the brand did.
    disabled_reason text CHECK (disabled_reason IN ('gone', 'failing')),
    disabled_at timestamptz,
    -- Removed for the brand. The rows of its past go in batches, "Webhook" last.
    deleted_at timestamptz
);
CREATE INDEX webhook_endpoint_brand ON atelier.webhook_endpoint (brand_id);
CREATE INDEX webhook_endpoint_deleted ON atelier.webhook_endpoint (deleted_at) WHERE deleted_at IS NOT NULL;

-- The moving part of an endpoint, written by whoever holds its lease and never in the transaction of a
-- fact: settlements of one brand must not wait for each other here.
CREATE TABLE atelier.webhook_lane (
    webhook_id text PRIMARY KEY
        REFERENCES atelier.webhook_endpoint (webhook_id) ON UPDATE CASCADE ON DELETE CASCADE,
    -- When to look for due deliveries; none while nothing waits. Wakes (below) bring it forward.
    due_at timestamptz,
    lease_until timestamptz,
    token uuid,
    breaker text NOT NULL DEFAULT 'closed' CHECK (breaker IN ('closed', 'open', 'half_open')),
    breaker_until timestamptz,
    -- Failures since the last success.
    failures integer NOT NULL DEFAULT 0,
    -- The rate that answers asking for less have brought it down to; none where the endpoint's own holds.
    rate_per_s double precision CHECK (rate_per_s > 0),
    -- The token bucket of whichever rate holds.
    tokens double precision NOT NULL DEFAULT 0,
    tokens_at timestamptz,
    -- The first failure since the last success; auto-disable and its warnings count from here.
    first_failure_at timestamptz,
    first_exhausted_at timestamptz,
    last_exhausted_at timestamptz,
    warned_percent smallint NOT NULL DEFAULT 0
);
CREATE INDEX webhook_lane_due ON atelier.webhook_lane (due_at) WHERE due_at IS NOT NULL;

-- Secrets, sealed. The current one of a kind has no end; the one before it signs too until its end.
CREATE TABLE atelier.webhook_secret (
    id uuid PRIMARY KEY,
    brand_id text NOT NULL REFERENCES public."Brand" (id) ON UPDATE CASCADE ON DELETE CASCADE,
    -- None: the brand's secret for the addresses that requests name.
    webhook_id text REFERENCES atelier.webhook_endpoint (webhook_id) ON UPDATE CASCADE ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('hmac', 'ed25519')),
    sealed bytea NOT NULL,
    sealed_with text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz
);
CREATE UNIQUE INDEX webhook_secret_current ON atelier.webhook_secret
    (brand_id, COALESCE(webhook_id, ''), kind) WHERE expires_at IS NULL;
CREATE INDEX webhook_secret_endpoint ON atelier.webhook_secret (webhook_id);
CREATE INDEX webhook_secret_expiry ON atelier.webhook_secret (expires_at) WHERE expires_at IS NOT NULL;

-- Who is to be told of an event: written in the transaction of the fact. The bytes are those of
-- atelier.outbox, or follow from them (domain::webhook_body).
CREATE TABLE atelier.webhook_delivery (
    event_id uuid NOT NULL REFERENCES atelier.outbox (id),
    -- Deliberately no foreign key: it would lock the endpoint's row in every settlement. What is left of a
    -- removed endpoint goes by retention.
    webhook_id text NOT NULL,
    -- The order in which they were written; that of cause and effect within one generation.
    seq bigint GENERATED ALWAYS AS IDENTITY,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'exhausted', 'skipped')),
    -- Why it is due: its event, or who asked for it again.
    trigger text NOT NULL DEFAULT 'event'
        CHECK (trigger IN ('event', 'test', 'resend', 'recover', 'replay', 'replay_missing')),
    -- Another address than the endpoint's: that which the request named.
    url text,
    -- Tries on the current schedule, and of all time; a resend begins the schedule anew.
    attempt smallint NOT NULL DEFAULT 0,
    tries integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL,
    lease_until timestamptz,
    lease_token uuid,
    last_status_code integer,
    last_error text,
    created_at timestamptz NOT NULL,
    delivered_at timestamptz,
    PRIMARY KEY (event_id, webhook_id)
);
-- What a lane has to do, without what it has done.
CREATE INDEX webhook_delivery_due ON atelier.webhook_delivery (webhook_id, next_at, seq) WHERE status = 'pending';
-- Lists, and repairs that walk through an endpoint's past.
CREATE INDEX webhook_delivery_past ON atelier.webhook_delivery (webhook_id, created_at, seq);
-- Retention. What was not delivered is not in it, and stays.
CREATE INDEX webhook_delivery_done ON atelier.webhook_delivery (delivered_at) WHERE status = 'delivered';

-- Endpoints that got deliveries: inserted beside them, taken by whoever then brings the lane's due_at
-- forward. A list that is only added to, so facts do not wait for each other or for a lane.
CREATE TABLE atelier.webhook_wake (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id text NOT NULL
);

-- What "WebhookLog" has no column for; the row there is the try as the brand sees it.
CREATE TABLE atelier.webhook_attempt (
    log_id text PRIMARY KEY REFERENCES public."WebhookLog" (id) ON UPDATE CASCADE ON DELETE CASCADE,
    event_id uuid NOT NULL,
    webhook_id text NOT NULL,
    -- The how-manieth of all time, from 1.
    attempt integer NOT NULL,
    trigger text NOT NULL,
    url text NOT NULL,
    remote_ip text,
    -- A closed list of the dispatcher's: 'timeout', 'connect', 'dns', 'blocked_address', 'status', ….
    error_class text,
    response_truncated boolean NOT NULL DEFAULT false,
    response_headers jsonb,
    dns_ms integer,
    connect_ms integer,
    first_byte_ms integer,
    created_at timestamptz NOT NULL
);
CREATE INDEX webhook_attempt_delivery ON atelier.webhook_attempt (event_id, webhook_id, attempt);
CREATE INDEX webhook_attempt_age ON atelier.webhook_attempt (created_at);
CREATE INDEX webhook_attempt_endpoint ON atelier.webhook_attempt (webhook_id);

-- A repair of many deliveries of one endpoint. Each batch commits with the place it has reached, so a
-- restart goes on there.
CREATE TABLE atelier.bulk_job (
    id uuid PRIMARY KEY,
    brand_id text NOT NULL REFERENCES public."Brand" (id) ON UPDATE CASCADE ON DELETE CASCADE,
    webhook_id text NOT NULL
        REFERENCES atelier.webhook_endpoint (webhook_id) ON UPDATE CASCADE ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('recover', 'replay', 'replay_missing')),
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'canceled')),
    -- From and until when (not itself), and which types and states; empty lists mean all.
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    events text[] NOT NULL DEFAULT '{}',
    statuses text[] NOT NULL DEFAULT '{}',
    -- The last one looked at.
    cursor_at timestamptz,
    cursor_seq bigint,
    cursor_event uuid,
    looked_at bigint NOT NULL DEFAULT 0,
    queued bigint NOT NULL DEFAULT 0,
    cancel_requested boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX bulk_job_open ON atelier.bulk_job (updated_at) WHERE state IN ('queued', 'running');
CREATE INDEX bulk_job_brand ON atelier.bulk_job (brand_id, created_at);

-- The endpoint of kind 'request' that stands for the host of webhook_url.
ALTER TABLE atelier.request_option ADD COLUMN webhook_id text;

INSERT INTO atelier.webhook_endpoint (webhook_id, brand_id) SELECT id, "brandId" FROM public."Webhook";
INSERT INTO atelier.webhook_lane (webhook_id) SELECT webhook_id FROM atelier.webhook_endpoint;
