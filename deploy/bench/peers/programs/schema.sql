CREATE TABLE events (
    id uuid PRIMARY KEY,
    source_id text NOT NULL,
    ts timestamptz NOT NULL,
    stored timestamptz NOT NULL DEFAULT now(),
    payload jsonb NOT NULL
);
CREATE INDEX events_of_a_source ON events (source_id, ts);
