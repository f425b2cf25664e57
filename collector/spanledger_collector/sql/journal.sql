-- name: end
-- The number of the next observation, and when the last span arrived: never before what is settled or sealed, whatever
-- retention took.
SELECT greatest((SELECT coalesce(max(seq), 0) FROM store.observations),
                coalesce(max(TRY_CAST(value AS BIGINT)) FILTER (key = 'settled_seq'), 0)) + 1,
       greatest((SELECT coalesce(epoch_ns(max(received_at)), 0) FROM store.spans),
                (SELECT coalesce(max(until_ns), 0) FROM store.key_runs),
                coalesce(max(TRY_CAST(value AS BIGINT)) FILTER (key = 'settled_spans_ns'), 0))
FROM meta;

-- name: known_spans
-- Spans of the batch that are already stored. The bounds of time let DuckDB skip most of a large table: a repeated span
-- started when its first copy did, unless it is a conflict.
SELECT s.trace_hi, s.trace_lo, s.span, s.payload_hash
FROM store.spans s SEMI JOIN batch_store_spans b USING (trace_hi, trace_lo, span)
WHERE s.started_at BETWEEN make_timestamp_ns(?) AND make_timestamp_ns(?)
  AND s.received_at > make_timestamp_ns(?) AND s.received_at <= make_timestamp_ns(?);

-- name: known_conflicts
-- Conflicts of the batch that are already on record.
SELECT c.trace_hi, c.trace_lo, c.span, c.payload_hash
FROM store.conflicts c SEMI JOIN batch_store_conflicts b USING (trace_hi, trace_lo, span, payload_hash);

-- name: position
-- Up to where the intake is in the journal.
SELECT coalesce(max(TRY_CAST(value AS BIGINT)) FILTER (key = 'intake_log'), 0),
       coalesce(max(TRY_CAST(value AS BIGINT)) FILTER (key = 'intake_frame'), 0)
FROM meta;

-- name: note_position
UPDATE meta SET value = CASE key WHEN 'intake_log' THEN $log ELSE $frame END
WHERE key IN ('intake_log', 'intake_frame');

-- name: note_first_position
INSERT INTO meta VALUES ('intake_log', $log), ('intake_frame', $frame);
