-- What a moderation service said of what a shopper gave, for brands whose policy asks one. One row per
-- job, so that a job which is taken up again is not asked about twice. The words and pictures themselves
-- are not here.
CREATE TABLE atelier.moderation (
    job_id uuid PRIMARY KEY REFERENCES atelier.job (id) ON DELETE CASCADE,
    -- 'unseen': nobody could look, and the brand's policy lets it go on. It alone may be changed.
    decision text NOT NULL CHECK (decision IN ('passed', 'flagged', 'unseen')),
    -- To what it objects, in the service's own words.
    categories text[] NOT NULL DEFAULT '{}',
    decided_at timestamptz NOT NULL
);
