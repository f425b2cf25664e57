-- The journal tells by itself which spans it holds (journal/known.py). The index of the primary key did, but had to be in
-- memory whole. A table can only lose its key by being made again.

CREATE TABLE store.spans_without_key (
    trace_hi UBIGINT NOT NULL,
    trace_lo UBIGINT NOT NULL,
    span UBIGINT NOT NULL,
    parent UBIGINT,
    name VARCHAR NOT NULL,
    kind UTINYINT NOT NULL,
    service VARCHAR NOT NULL,
    scope VARCHAR NOT NULL,
    started_at TIMESTAMP_NS NOT NULL,
    ended_at TIMESTAMP_NS NOT NULL,
    status UTINYINT NOT NULL,
    peer_host VARCHAR,
    payload_hash UBIGINT NOT NULL,
    received_at TIMESTAMP_NS NOT NULL
);
INSERT INTO store.spans_without_key SELECT * FROM store.spans;
DROP TABLE store.spans;
ALTER TABLE store.spans_without_key RENAME TO spans;
