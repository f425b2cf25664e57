-- What retention asks of the ledger and takes out of it. Age is the time since a span arrived: clocks of senders may be wrong.

-- name: progress
-- How far earlier runs came, so that nothing is looked at twice.
SELECT coalesce(max(TRY_CAST(value AS BIGINT)) FILTER (key = 'kept_skeletons_ns'), 0) AS skeletons_ns,
       coalesce(max(TRY_CAST(value AS BIGINT)) FILTER (key = 'stripped_seq'), 0) AS stripped_seq,
       coalesce(max(TRY_CAST(value AS BIGINT)) FILTER (key = 'settled_seq'), 0) AS settled_seq
FROM meta;

-- name: note
INSERT INTO meta VALUES ($key, $value) ON CONFLICT (key) DO UPDATE SET value = excluded.value;

-- name: prepare
CREATE OR REPLACE TEMP TABLE retention_family (trace_hi UBIGINT, trace_lo UBIGINT, span UBIGINT, parent UBIGINT);
CREATE OR REPLACE TEMP TABLE retention_old (seq BIGINT, trace_hi UBIGINT, trace_lo UBIGINT, span UBIGINT);
CREATE OR REPLACE TEMP TABLE retention_keys (seq BIGINT, key UBIGINT);
CREATE OR REPLACE TEMP TABLE retention_kept (seq BIGINT, round INTEGER);
CREATE OR REPLACE TEMP TABLE retention_calls (call_id VARCHAR);

-- name: forget
DROP TABLE IF EXISTS retention_family;
DROP TABLE IF EXISTS retention_old;
DROP TABLE IF EXISTS retention_keys;
DROP TABLE IF EXISTS retention_kept;
DROP TABLE IF EXISTS retention_calls;

-- name: slice_end
-- When the last of the next spans arrived, in the order of arrival.
SELECT epoch_ns(max(received_at)) FROM (
    SELECT received_at FROM store.spans
    WHERE received_at > make_timestamp_ns($after) AND received_at < make_timestamp_ns($before)
    ORDER BY received_at LIMIT $limit);

-- name: family
-- The spans of those traces of the slice in which something was observed: only there ancestry matters.
INSERT INTO retention_family
SELECT trace_hi, trace_lo, span, parent
FROM store.spans SEMI JOIN (
    SELECT trace_hi, trace_lo
    FROM (SELECT DISTINCT trace_hi, trace_lo FROM store.spans
          WHERE received_at > make_timestamp_ns($after) AND received_at <= make_timestamp_ns($until))
    SEMI JOIN store.observations USING (trace_hi, trace_lo)
) USING (trace_hi, trace_lo);

-- name: drop_skeletons
-- Of the slice all but the observed spans and what lies above them.
DELETE FROM store.spans
WHERE received_at > make_timestamp_ns($after) AND received_at <= make_timestamp_ns($until)
  AND (trace_hi, trace_lo, span) NOT IN (
    WITH RECURSIVE needed AS (
        SELECT f.* FROM retention_family f SEMI JOIN store.observations USING (trace_hi, trace_lo, span)
        UNION
        SELECT f.* FROM retention_family f JOIN needed n
        ON f.trace_hi = n.trace_hi AND f.trace_lo = n.trace_lo AND f.span = n.parent
    )
    SELECT (trace_hi, trace_lo, span) FROM needed);

-- name: drop_skeleton_conflicts
-- Of the same time what came under an identity that nobody was charged for, unless it tells of a call itself.
DELETE FROM store.conflicts
WHERE received_at > make_timestamp_ns($after) AND received_at <= make_timestamp_ns($until) AND attributes = '{}'
  AND (trace_hi, trace_lo, span) NOT IN (SELECT (trace_hi, trace_lo, span) FROM store.observations);

-- name: strip_until
-- The last observation that is settled and old enough, at most so many after the last that was stripped.
SELECT max(seq) FROM (
    SELECT seq, received_at FROM store.observations
    WHERE seq > $after AND seq <= $settled ORDER BY seq LIMIT $limit)
WHERE received_at < make_timestamp_ns($before);

-- name: strip_observations
UPDATE store.observations SET attributes = '{}', resource = '{}' WHERE seq > $after AND seq <= $until;

-- name: strip_conflicts
UPDATE store.conflicts SET attributes = '{}' WHERE received_at < make_timestamp_ns($before) AND attributes <> '{}';

-- name: old
-- Not what settling failed with: it is not counted yet.
INSERT INTO retention_old
SELECT seq, trace_hi, trace_lo, span FROM store.observations ANTI JOIN store.set_aside USING (seq)
WHERE received_at < make_timestamp_ns($before) AND seq <= $settled;

-- name: keys
-- By what old observations hang together: they form a call, are in one trace, or have a response id that came again (an
-- answer from a cache costs nothing only as long as it is known what it repeats). The one source of a call hangs together with no
-- other by it.
INSERT INTO retention_keys
SELECT seq, hash('call', call_id) FROM retention_old JOIN store.source_rows USING (trace_hi, trace_lo, span)
UNION ALL
SELECT seq, hash('trace', trace_hi, trace_lo) FROM retention_old
UNION ALL
SELECT seq, hash('id', id_key) FROM store.settle_index SEMI JOIN retention_old USING (seq)
SEMI JOIN store.repeated_keys USING (id_key);

-- name: keep_with_young
-- Old observations that hang together with one that is not old.
INSERT INTO retention_kept
SELECT DISTINCT seq, 0 FROM retention_keys SEMI JOIN (
    SELECT hash('call', call_id) AS key FROM store.source_rows
    ANTI JOIN retention_old USING (trace_hi, trace_lo, span)
    UNION ALL
    SELECT hash('trace', trace_hi, trace_lo) FROM store.observations ANTI JOIN retention_old USING (seq)
    UNION ALL
    SELECT hash('id', id_key) FROM store.settle_index ANTI JOIN retention_old USING (seq)
    SEMI JOIN store.repeated_keys USING (id_key)
) USING (key);

-- name: keep_with_kept
-- And those that hang together with these: one step further.
INSERT INTO retention_kept
SELECT DISTINCT seq, $round FROM retention_keys SEMI JOIN (
    SELECT key FROM retention_keys SEMI JOIN (SELECT seq FROM retention_kept WHERE round = $round - 1) USING (seq)
) USING (key)
ANTI JOIN retention_kept USING (seq);

-- name: forget_kept
DELETE FROM retention_old WHERE seq IN (SELECT seq FROM retention_kept);

-- name: doomed_calls
INSERT INTO retention_calls
SELECT call_id FROM store.source_rows SEMI JOIN retention_old USING (trace_hi, trace_lo, span)
UNION
SELECT call_id FROM calls SEMI JOIN (
    SELECT printf('%016x%016x', trace_hi, trace_lo) AS trace_id, printf('%016x', span) AS span_id FROM retention_old
) USING (trace_id, span_id)
WHERE sources = 1;

-- name: drop_calls
DELETE FROM calls WHERE call_id IN (FROM retention_calls);

-- name: drop_charges
DELETE FROM charge_rows WHERE call_id IN (FROM retention_calls);

-- name: drop_call_meters
DELETE FROM meter_rows WHERE call_id IN (FROM retention_calls);

-- name: drop_call_sources
DELETE FROM store.source_rows WHERE call_id IN (FROM retention_calls);

-- name: drop_history
-- Of these calls, and of what turned out long ago to be another call.
DELETE FROM call_history
WHERE call_id IN (FROM retention_calls)
   OR (superseded_at < make_timestamp_ns($before) AND call_id NOT IN (SELECT call_id FROM calls));

-- name: drop_price_history
DELETE FROM price_history WHERE call_id IN (FROM retention_calls);

-- name: drop_charge_history
DELETE FROM charge_history WHERE call_id IN (FROM retention_calls);

-- name: drop_index
DELETE FROM store.settle_index WHERE seq IN (SELECT seq FROM retention_old);

-- name: drop_observations
DELETE FROM store.observations WHERE seq IN (SELECT seq FROM retention_old);

-- name: drop_observed_spans
DELETE FROM store.spans
WHERE received_at < make_timestamp_ns($before)
  AND (trace_hi, trace_lo) IN (SELECT (trace_hi, trace_lo) FROM retention_old);

-- name: drop_conflicts
DELETE FROM store.conflicts WHERE received_at < make_timestamp_ns($before);
