-- What a brand has decided about content and about money that may be lost. A brand without a row has
-- decided nothing, and the defaults of domain::BrandPolicy hold, which are those below.
CREATE TABLE atelier.brand_policy (
    brand_id text PRIMARY KEY REFERENCES public."Brand" (id) ON DELETE CASCADE,
    -- One rule a line; domain::DenyList reads it.
    deny_list text NOT NULL DEFAULT '',
    moderation text NOT NULL DEFAULT 'off' CHECK (moderation IN ('off', 'openai')),
    moderation_failure text NOT NULL DEFAULT 'closed' CHECK (moderation_failure IN ('closed', 'open')),
    unknown_outcome text NOT NULL DEFAULT 'retry_once' CHECK (unknown_outcome IN ('retry_once', 'hold', 'fail')),
    updated_at timestamptz NOT NULL
);
