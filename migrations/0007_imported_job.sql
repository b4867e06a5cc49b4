-- Jobs that came from another system's queue: what they were called there, and what stood there, so that a
-- second import finds them and a way back stays open. Kept when the job itself is long gone.
CREATE TABLE atelier.imported_job (
    -- Queue and id of the other system, such as bull:generation:42.
    source text NOT NULL,
    -- "Generation".id before it became a job's id.
    former_id text NOT NULL,
    job_id uuid NOT NULL,
    payload jsonb NOT NULL,
    imported_at timestamptz NOT NULL,
    -- The other system's ids begin again when its Redis is wiped; a generation's do not.
    PRIMARY KEY (source, former_id)
);
