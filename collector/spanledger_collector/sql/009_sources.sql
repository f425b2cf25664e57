-- A call that has but one source is told by the span that it is counted on, and by no other (settle/calls.py): its row says so
-- already, and is not written twice. `store.call_sources` shows both kinds; `store.source_rows` holds those of the others.

DROP VIEW call_sources;
ALTER TABLE store.call_sources RENAME TO all_sources;

CREATE TABLE store.source_rows (
    call_id VARCHAR NOT NULL,
    revision INTEGER NOT NULL,
    trace_hi UBIGINT NOT NULL,
    trace_lo UBIGINT NOT NULL,
    span UBIGINT NOT NULL,
    part VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    started_at TIMESTAMP_NS
);
INSERT INTO store.source_rows
SELECT call_id, revision, trace_hi, trace_lo, span, part, reason, started_at
FROM store.all_sources SEMI JOIN (FROM calls WHERE sources <> 1) USING (call_id, revision);
DROP TABLE store.all_sources;

-- `main.calls`, so that it is found in a ledger that is attached, too.
CREATE VIEW store.call_sources AS
SELECT call_id, revision, trace_hi, trace_lo, span, part, reason, started_at FROM store.source_rows
UNION ALL
SELECT call_id, revision, CAST('0x' || trace_id[:16] AS UBIGINT), CAST('0x' || trace_id[17:] AS UBIGINT),
       CAST('0x' || span_id AS UBIGINT), 'usage', 'the only span of this call', started_at
FROM main.calls WHERE sources = 1;

CREATE VIEW call_sources AS
SELECT call_id, revision, printf('%016x%016x', trace_hi, trace_lo) AS trace_id, printf('%016x', span) AS span_id, part, reason
FROM store.source_rows
UNION ALL
SELECT call_id, revision, trace_id, span_id, 'usage', 'the only span of this call' FROM main.calls WHERE sources = 1;
