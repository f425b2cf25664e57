-- Observations that settling failed with, each by itself: no call is counted on them until a rebuild settles them.

CREATE TABLE store.set_aside (
    seq BIGINT NOT NULL,               -- of the observation
    trace_hi UBIGINT NOT NULL,
    trace_lo UBIGINT NOT NULL,
    span UBIGINT NOT NULL,
    reason VARCHAR NOT NULL,           -- the error, in one line
    set_aside_at TIMESTAMP_NS NOT NULL
);

CREATE VIEW set_aside AS
SELECT printf('%016x%016x', trace_hi, trace_lo) AS trace_id, printf('%016x', span) AS span_id, reason, set_aside_at
FROM store.set_aside;
