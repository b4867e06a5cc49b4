-- What becomes of calls that nobody can tell about, and of those that stay open after their job ended.
ALTER TABLE atelier.attempt
    -- Set when the attempt was given up although it may have been paid: the brand's policy that decided
    -- ('retry_once', 'fail'), or 'max_age'. Its state is then 'rejected' and its cost the whole reserve.
    -- A job is sent once more only while it has no such attempt.
    ADD COLUMN lost_by text CHECK (lost_by IN ('retry_once', 'fail', 'max_age')),
    -- How often the provider was asked about it after its job had ended. Each asking writes only while
    -- this is what it was when it began, so two at once do no harm.
    ADD COLUMN asks integer NOT NULL DEFAULT 0,
    -- Not asked about before; none until it was asked about once.
    ADD COLUMN ask_at timestamptz;
