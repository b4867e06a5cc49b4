-- Who pays for a call, with which key, why this provider, and how much of the brand's budget it holds.
-- Attempts of processes from before have no brand: they hold nothing of any budget.
ALTER TABLE atelier.attempt
    ADD COLUMN brand_id text,
    ADD COLUMN key_id text NOT NULL DEFAULT 'none',
    -- The most the call may cost. While the attempt's cost is not known this is taken from the budget,
    -- so a worker that dies gives nothing back by accident and keeps nothing for ever: what is reserved
    -- is the sum over open attempts and stands nowhere else.
    ADD COLUMN reserved_micros bigint NOT NULL DEFAULT 0,
    -- The candidates in their order, each with what was said of it.
    ADD COLUMN route jsonb;
CREATE INDEX attempt_reserved ON atelier.attempt (brand_id) INCLUDE (reserved_micros)
    WHERE state IN ('submitting', 'accepted', 'unknown') AND reserved_micros > 0;

-- What a brand has spent at providers in its period, in millionths of a US dollar. The limit itself stays
-- in "Brand"."aiCostLimitCents"; "aiCostUsedCents" follows in whole cents, see store::budgets.
CREATE TABLE atelier.budget (
    brand_id text PRIMARY KEY REFERENCES public."Brand" (id) ON DELETE CASCADE,
    -- "Brand"."aiCostResetAt" as it was when the period began: another value there is another period.
    resets_at timestamp NOT NULL,
    spent_micros bigint NOT NULL DEFAULT 0,
    -- How many cents of "aiCostUsedCents" are ours; the rest was spent by the older platform.
    mirrored_cents bigint NOT NULL DEFAULT 0,
    -- The highest share of the limit that was announced: 0, 80 or 100 percent.
    alerted_percent smallint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- Keys of accounts at providers, sealed. Without the master key a dump of this table opens nothing.
CREATE TABLE atelier.provider_key (
    id uuid PRIMARY KEY,
    -- NULL: the platform's own.
    brand_id text REFERENCES public."Brand" (id) ON DELETE CASCADE,
    provider text NOT NULL,
    name text NOT NULL,
    sealed bytea NOT NULL,
    -- Which master key it is sealed with.
    sealed_with text NOT NULL,
    last_four text NOT NULL,
    created_at timestamptz NOT NULL,
    removed_at timestamptz
);
CREATE UNIQUE INDEX provider_key_name ON atelier.provider_key (COALESCE(brand_id, ''), provider, name)
    WHERE removed_at IS NULL;

-- Where a brand's generations may go when their first choice cannot serve them: 'provider' or
-- 'provider/model', in order. A product's own list goes before the brand's.
CREATE TABLE atelier.brand_route (
    brand_id text PRIMARY KEY REFERENCES public."Brand" (id) ON DELETE CASCADE,
    fallback text[] NOT NULL
);

-- What a product asks of its provider beyond the columns of "Product".
CREATE TABLE atelier.product_option (
    product_id text PRIMARY KEY REFERENCES public."Product" (id) ON DELETE CASCADE,
    fallback text[],
    operation text NOT NULL DEFAULT 'generate' CHECK (operation IN ('generate', 'edit', 'remove-background')),
    -- What is edited: 'base', or the id of an IMAGE zone.
    input text,
    background text NOT NULL DEFAULT 'any' CHECK (background IN ('any', 'transparent', 'opaque'))
);
