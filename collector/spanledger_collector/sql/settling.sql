-- What settling asks of the ledger. Views named batch_... are the rows that it has loaded in its own cursor.
-- Bounds of time keep every question to a part of the ledger that does not grow with it. /*columns*/ stands for all columns
-- of the table in their order, times as nanoseconds.

-- name: settled
SELECT coalesce(max(TRY_CAST(value AS BIGINT)) FILTER (key = 'settled_seq'), 0) AS seq,
       coalesce(max(TRY_CAST(value AS BIGINT)) FILTER (key = 'settled_spans_ns'), 0) AS spans_ns
FROM meta;

-- name: pending
SELECT count(*) FROM store.observations
WHERE seq > coalesce((SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'settled_seq'), 0);

-- name: set_aside
-- Observations of the batch that cannot be settled.
INSERT INTO store.set_aside
SELECT b.seq, o.trace_hi, o.trace_lo, o.span, b.reason, make_timestamp_ns($now)
FROM batch_store_set_aside b JOIN store.observations o USING (seq);

-- name: count_set_aside
SELECT count(*) FROM store.set_aside;

-- name: next_readings
-- The numbers alone are sorted first: with the rows, all that is pending would be read and held in each pass.
SELECT seq, /*columns*/ FROM store.observations
WHERE seq > $seq AND seq <= (
    SELECT max(seq) FROM (SELECT seq FROM store.observations WHERE seq > $seq ORDER BY seq LIMIT $limit)
)
ORDER BY seq;

-- name: readings
SELECT /*columns*/ FROM store.observations SEMI JOIN batch_store_settle_index USING (seq)
WHERE seq BETWEEN $first AND $last;

-- name: neighbours
-- Observations that may tell of the same calls as those of the batch: with the same response id, with the same usage by
-- another emitter, or without counts and with the same model by another emitter; each at the same time. One may come several
-- times.
WITH near AS (
    SELECT * FROM store.settle_index
    WHERE started_at <= make_timestamp_ns($last) AND ended_at >= make_timestamp_ns($first)
)
SELECT /*columns*/ FROM near n SEMI JOIN batch_store_settle_index b ON n.id_key = b.id_key
    AND epoch_ns(n.started_at) <= b.ended_at AND epoch_ns(n.ended_at) >= b.started_at
UNION ALL
SELECT /*columns*/ FROM near n SEMI JOIN batch_store_settle_index b ON n.twin_key = b.twin_key AND n.dialect <> b.dialect
    AND epoch_ns(n.started_at) <= b.ended_at AND epoch_ns(n.ended_at) >= b.started_at
UNION ALL
SELECT /*columns*/ FROM (FROM near WHERE twin_key IS NULL AND model_key IS NOT NULL) n SEMI JOIN batch_store_settle_index b
    ON n.model_key >> 1 = b.model_key >> 1 AND n.dialect <> b.dialect
    AND epoch_ns(n.started_at) // $cell = b.started_at // $cell
    AND epoch_ns(n.started_at) <= b.ended_at + $handed_over AND epoch_ns(n.ended_at) >= b.started_at - $handed_over
    AND (n.trace_hi = b.trace_hi AND n.trace_lo = b.trace_lo OR (n.model_key | b.model_key) & 1 = 1);

-- name: in_traces
-- Observations in the traces of the batch, at the same time as others there.
SELECT /*columns*/
FROM store.settle_index n SEMI JOIN batch_store_settle_index b ON n.trace_hi = b.trace_hi AND n.trace_lo = b.trace_lo
    AND epoch_ns(n.started_at) <= b.ended_at + $slack AND epoch_ns(n.ended_at) >= b.started_at - $slack
WHERE started_at <= make_timestamp_ns($last) AND ended_at >= make_timestamp_ns($first);

-- name: neighbours_of_model
-- What else is compared because of its model (`settle.twins`): with what has no counts in the batch, and over the edge of a
-- cell of time. Over an edge, only in the first round, and where nothing else is there to be compared with; then two are
-- enough to show that it is not the only one.
WITH near AS (
    SELECT * FROM store.settle_index
    WHERE started_at <= make_timestamp_ns($last) AND ended_at >= make_timestamp_ns($first) AND model_key IS NOT NULL
), asking AS (
    SELECT seq AS asked_by, trace_hi AS hi, trace_lo AS lo, started_at AS first, ended_at AS last, twin_key AS counts,
           model_key AS model, dialect AS emitter
    FROM batch_store_settle_index WHERE model_key IS NOT NULL
), of_model AS (  -- in two parts, so that what has counts is not matched with all else that has
    FROM (FROM near WHERE twin_key IS NULL) n JOIN asking b ON n.model_key >> 1 = b.model >> 1
    UNION ALL
    FROM (FROM near WHERE twin_key IS NOT NULL) n JOIN (FROM asking WHERE counts IS NULL) b ON n.model_key >> 1 = b.model >> 1
), compared AS (
    SELECT *, epoch_ns(started_at) // $cell = first // $cell AS same_cell, abs(epoch_ns(started_at) - first) AS started_apart
    FROM of_model
    WHERE dialect <> emitter AND epoch_ns(started_at) <= last + $handed_over AND epoch_ns(ended_at) >= first - $handed_over
      AND (trace_hi = hi AND trace_lo = lo OR (model_key | model) & 1 = 1)
      AND (started_apart <= $apart OR (same_cell AND abs(epoch_ns(ended_at) - last) <= $apart))
)
SELECT /*columns*/ FROM (
    FROM compared QUALIFY $first_round OR same_cell
        OR (count(*) FILTER (same_cell) OVER (PARTITION BY asked_by) = 0 AND row_number() OVER (PARTITION BY asked_by) <= 2)
);

-- name: repeated_keys
-- Response ids of the batch that are known to have come at several times.
SELECT DISTINCT id_key FROM store.repeated_keys SEMI JOIN batch_store_settle_index USING (id_key);

-- name: owners
-- Of each of the ids, and of each of the counts that came with it, the earliest observation. Reads the whole index.
SELECT /*columns*/
FROM store.settle_index SEMI JOIN (SELECT unnest(CAST($keys AS UBIGINT[])) AS id_key) USING (id_key)
QUALIFY row_number() OVER (PARTITION BY id_key, answer_key ORDER BY started_at, trace_hi, trace_lo, span) = 1;

-- name: count_ids
SELECT count(id_key) FROM store.settle_index;

-- name: ids
SELECT id_key FROM store.settle_index WHERE id_key IS NOT NULL;

-- name: count_traces
SELECT approx_count_distinct(trace_lo) FROM store.settle_index;

-- name: traces
SELECT trace_lo FROM store.settle_index;

-- name: emitters
-- When the first observation of each emitter started, and the last one ended.
SELECT dialect, epoch_ns(min(started_at)), epoch_ns(max(ended_at)) FROM store.settle_index GROUP BY dialect;

-- name: seen_ids
-- Those of the ids that are in the index. Reads the whole index.
SELECT DISTINCT id_key FROM store.settle_index SEMI JOIN (SELECT unnest(CAST($keys AS UBIGINT[])) AS id_key) USING (id_key);

-- name: add_repeated_keys
INSERT INTO store.repeated_keys SELECT unnest(CAST($keys AS UBIGINT[]));

-- name: arrived
-- Spans that came since settling last looked.
SELECT epoch_ns(max(received_at)), epoch_ns(min(started_at)), epoch_ns(max(ended_at))
FROM store.spans WHERE received_at > make_timestamp_ns($since);

-- name: linked
-- Settled observations of traces in which spans arrived since that lie between others: what lies above them may be known
-- only now. A span without a parent or without children links nothing.
WITH between_others AS (
    SELECT a.trace_hi, a.trace_lo, a.started_at, a.ended_at
    FROM store.spans a SEMI JOIN store.spans c ON c.trace_hi = a.trace_hi AND c.trace_lo = a.trace_lo AND c.parent = a.span
        AND c.started_at <= make_timestamp_ns($last) AND c.ended_at >= make_timestamp_ns($first)
    WHERE a.received_at > make_timestamp_ns($since) AND a.parent IS NOT NULL
)
SELECT /*columns*/
FROM store.settle_index n SEMI JOIN between_others b ON n.trace_hi = b.trace_hi AND n.trace_lo = b.trace_lo
    AND epoch_ns(n.started_at) <= epoch_ns(b.ended_at) + $slack AND epoch_ns(n.ended_at) >= epoch_ns(b.started_at) - $slack
WHERE started_at <= make_timestamp_ns($last) AND ended_at >= make_timestamp_ns($first)
QUALIFY count(*) OVER (PARTITION BY trace_hi, trace_lo) > 1;

-- name: links
-- Spans that arrived since, in the traces of the batch, with a parent and with children.
SELECT a.trace_hi, a.trace_lo, a.span
FROM store.spans a SEMI JOIN batch_store_settle_index USING (trace_hi, trace_lo)
SEMI JOIN store.spans c ON c.trace_hi = a.trace_hi AND c.trace_lo = a.trace_lo AND c.parent = a.span
    AND c.started_at <= make_timestamp_ns($last) AND c.ended_at >= make_timestamp_ns($first)
WHERE a.received_at > make_timestamp_ns($since) AND a.parent IS NOT NULL;

-- name: ancestry
-- The spans in the traces of the batch, with their parents and times.
SELECT s.trace_hi, s.trace_lo, s.span, s.parent, epoch_ns(s.started_at), epoch_ns(s.ended_at)
FROM store.spans s SEMI JOIN batch_store_settle_index USING (trace_hi, trace_lo)
WHERE s.started_at <= make_timestamp_ns($last) AND s.ended_at >= make_timestamp_ns($first);

-- name: between
-- The spans that lie between observations of the batch, with their parents and times: those that something else has for its
-- parent and that are not in the batch themselves.
WITH near AS (
    SELECT s.trace_hi, s.trace_lo, s.span, s.parent, s.started_at, s.ended_at
    FROM store.spans s SEMI JOIN batch_store_settle_index USING (trace_hi, trace_lo)
    WHERE s.parent IS NOT NULL
      AND s.started_at <= make_timestamp_ns($last) AND s.ended_at >= make_timestamp_ns($first)
)
SELECT n.trace_hi, n.trace_lo, n.span, n.parent, epoch_ns(n.started_at), epoch_ns(n.ended_at)
FROM near n ANTI JOIN batch_store_settle_index USING (trace_hi, trace_lo, span)
SEMI JOIN near inner_span
    ON inner_span.trace_hi = n.trace_hi AND inner_span.trace_lo = n.trace_lo AND inner_span.parent = n.span;

-- name: calls
-- The calls that are counted on observations of the batch.
SELECT /*columns*/
FROM calls SEMI JOIN (
    SELECT printf('%016x%016x', trace_hi, trace_lo) AS trace_id, printf('%016x', span) AS span_id
    FROM batch_store_settle_index
) USING (trace_id, span_id)
WHERE started_at BETWEEN make_timestamp_ns($first) AND make_timestamp_ns($last);

-- name: charges
SELECT /*columns*/
FROM charges
WHERE started_at BETWEEN make_timestamp_ns($first) AND make_timestamp_ns($last) AND call_id IN (SELECT unnest($calls));

-- name: call_meters
SELECT /*columns*/
FROM call_meters
WHERE started_at BETWEEN make_timestamp_ns($first) AND make_timestamp_ns($last) AND call_id IN (SELECT unnest($calls));

-- name: call_sources
-- Of calls with several: the one of others follows from the call.
SELECT /*columns*/
FROM store.source_rows
WHERE started_at BETWEEN make_timestamp_ns($first) AND make_timestamp_ns($last) AND call_id IN (SELECT unnest($calls));

-- name: delete_calls
DELETE FROM calls
WHERE started_at BETWEEN make_timestamp_ns($first) AND make_timestamp_ns($last) AND call_id IN (SELECT unnest($calls));

-- name: delete_charges
DELETE FROM charge_rows
WHERE started_at BETWEEN make_timestamp_ns($first) AND make_timestamp_ns($last) AND call_id IN (SELECT unnest($calls));

-- name: delete_call_meters
DELETE FROM meter_rows
WHERE started_at BETWEEN make_timestamp_ns($first) AND make_timestamp_ns($last) AND call_id IN (SELECT unnest($calls));

-- name: delete_call_sources
DELETE FROM store.source_rows
WHERE started_at BETWEEN make_timestamp_ns($first) AND make_timestamp_ns($last) AND call_id IN (SELECT unnest($calls));

-- name: note
UPDATE meta SET value = CASE key WHEN 'settled_seq' THEN $seq ELSE $spans_ns END
WHERE key IN ('settled_seq', 'settled_spans_ns');

-- name: note_first
INSERT INTO meta VALUES ('settled_seq', $seq), ('settled_spans_ns', $spans_ns);

-- name: known_book
SELECT 1 FROM price_books WHERE price_book = $book;
