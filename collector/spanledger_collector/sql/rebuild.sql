-- What rebuilding asks of the ledger: the journal as it came, and the calls as they are. /*columns*/ as in settling.sql.

-- name: journal
-- Observations in their order, each with the skeleton of its span (which may be gone: skeletons have a retention of their own).
SELECT o.seq, o.trace_hi, o.trace_lo, o.span, o.dialect, o.rule, o.role, o.provider, o.operation, o.request_model,
       o.response_model, o.response_id, o.usage_status, o.reading, o.scope_name, o.scope_version, o.attributes, o.resource,
       o.payload_hash, epoch_ns(o.received_at), s.name, s.kind, s.status, s.parent, epoch_ns(s.started_at), epoch_ns(s.ended_at)
FROM (SELECT * FROM store.observations WHERE seq > $after AND seq <= $until ORDER BY seq LIMIT $limit) o
LEFT JOIN store.spans s USING (trace_hi, trace_lo, span)
ORDER BY o.seq;

-- name: skeletons
-- Spans of the traces with several observations: the only ones whose ancestry matters.
SELECT /*columns*/
FROM store.spans SEMI JOIN (
    SELECT trace_hi, trace_lo FROM store.observations GROUP BY ALL HAVING count(*) > 1
) USING (trace_hi, trace_lo);

-- name: calls_from
SELECT /*columns*/
FROM calls WHERE call_id > $after ORDER BY call_id LIMIT $limit;

-- name: call
SELECT /*columns*/
FROM calls WHERE call_id = $call_id;

-- name: stored_readings
-- The rows of the batch, as they are stored.
SELECT seq, /*columns*/ FROM store.observations SEMI JOIN batch_store_observations USING (seq);

-- name: reread
UPDATE store.observations o SET dialect = b.dialect, rule = b.rule, role = b.role, provider = b.provider,
    operation = b.operation, request_model = b.request_model, response_model = b.response_model,
    response_id = b.response_id, usage_status = b.usage_status, reading = b.reading
FROM batch_store_observations b WHERE o.seq = b.seq;

-- name: index
SELECT /*columns*/ FROM store.settle_index WHERE seq > $after ORDER BY seq LIMIT $limit;

-- name: forget_index
DELETE FROM store.settle_index;

-- name: repeated_keys
SELECT DISTINCT id_key FROM store.repeated_keys;

-- name: forget_lost_charges
-- What belongs to no call as it is: someone deleted or changed the call.
DELETE FROM charge_rows WHERE NOT EXISTS (
    FROM calls c WHERE c.call_id = charge_rows.call_id AND c.revision = charge_rows.revision);

-- name: forget_lost_meters
DELETE FROM meter_rows WHERE NOT EXISTS (
    FROM calls c WHERE c.call_id = meter_rows.call_id AND c.revision = meter_rows.revision);

-- name: forget_lost_sources
DELETE FROM store.source_rows WHERE NOT EXISTS (
    FROM calls c WHERE c.call_id = source_rows.call_id AND c.revision = source_rows.revision);

-- name: all_set_aside
SELECT seq, reason FROM store.set_aside ORDER BY seq;

-- name: forget_set_aside
DELETE FROM store.set_aside;

-- name: set_aside
INSERT INTO store.set_aside
SELECT o.seq, o.trace_hi, o.trace_lo, o.span, $2, now() FROM store.observations o WHERE o.seq = $1;
