-- What people ask the ledger. Times leave as nanoseconds since the epoch (epoch_ns) in columns that end in _at.
-- A comment /*like_this*/ stands where `ledger.queries` puts columns, conditions or an order from its own tables of names;
-- whatever people type is always a parameter.

-- name: freshness
-- `pending` counts the observations that no call can show yet.
SELECT (SELECT epoch_ns(max(settled_at)) FROM calls) AS settled_at,
       (SELECT count(*) FROM store.observations
        WHERE seq > coalesce((SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'settled_seq'), 0)) AS pending;

-- name: usage
SELECT /*dimensions*/
       count(*) AS calls,
       sum(input_tokens) AS input_tokens, sum(cache_read_tokens) AS cache_read_tokens,
       sum(cache_write_tokens) AS cache_write_tokens, sum(output_tokens) AS output_tokens,
       sum(reasoning_tokens) AS reasoning_tokens, sum(total_tokens) AS total_tokens,
       sum(cost_usd) AS cost_usd,
       count(*) FILTER (price_status NOT IN ('priced', 'free')) AS unpriced_calls,
       count(*) FILTER (usage_status = 'unmetered') AS unmetered_calls,
       count(*) FILTER (usage_status = 'estimated') AS estimated_calls,
       count(*) FILTER (error_type IS NOT NULL) AS failed_calls
FROM calls
WHERE /*conditions*/
GROUP BY ALL
ORDER BY /*order*/
LIMIT $limit;

-- name: calls
SELECT call_id, trace_id, span_id, epoch_ns(started_at) AS started_at, epoch_ns(ended_at) AS ended_at,
       service, provider, operation, request_model, response_model, coalesce(response_model, request_model) AS model,
       response_id, service_tier, error_type, usage_status, usage_evidence, price_status, price_reasons,
       input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, total_tokens,
       cost_usd, cost_low_usd, cost_high_usd, reported_cost_usd, emitter_cost_usd,
       user_id AS user, org_id AS org, session_id AS session, workflow, feature, dimensions,
       dialect, sources, flags, revision, price_book, epoch_ns(settled_at) AS settled_at
FROM calls
WHERE /*conditions*/
ORDER BY started_at DESC, call_id
LIMIT $limit;

-- name: unpriced
SELECT provider, coalesce(response_model, request_model) AS model, price_reasons AS reasons,
       count(*) AS calls, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
       sum(total_tokens) AS total_tokens, count(*) FILTER (usage_status = 'unmetered') AS unmetered_calls,
       sum(cost_low_usd) AS cost_low_usd, if(count(cost_high_usd) = count(*), sum(cost_high_usd), NULL) AS cost_high_usd,
       epoch_ns(min(started_at)) AS first_at, epoch_ns(max(started_at)) AS last_at,
       list_slice(list(DISTINCT {tier: service_tier, conditions: conditions}), 1, 20) AS situations
FROM calls
WHERE /*conditions*/
GROUP BY ALL
ORDER BY calls DESC, provider, model, reasons
LIMIT $limit;

-- name: unpriced_meters
-- What was counted (a count of zero needs no price) and has no price, for the groups of `unpriced`.
WITH chosen AS (
    SELECT call_id, revision, provider, coalesce(response_model, request_model) AS model, price_reasons AS reasons
    FROM calls WHERE /*conditions*/
)
SELECT provider, model, reasons, meter, sum(quantity) AS quantity
FROM chosen JOIN call_meters USING (call_id, revision) ANTI JOIN charges USING (call_id, revision, meter)
WHERE quantity <> 0
GROUP BY ALL
ORDER BY meter;

-- name: trace_ids
SELECT DISTINCT printf('%016x%016x', trace_hi, trace_lo) AS id
FROM store.spans WHERE trace_hi BETWEEN $hi_low AND $hi_high AND trace_lo BETWEEN $lo_low AND $lo_high
UNION
SELECT trace_id FROM calls WHERE starts_with(trace_id, $prefix)
ORDER BY id LIMIT $limit;

-- name: trace_spans
SELECT printf('%016x', span) AS span_id, printf('%016x', parent) AS parent_span_id, name,
       (['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'])[kind + 1] AS kind,
       service, epoch_ns(started_at) AS started_at, epoch_ns(ended_at) AS ended_at,
       (['unset', 'ok', 'error'])[status + 1] AS status, peer_host
FROM store.spans
WHERE trace_hi = $hi AND trace_lo = $lo
ORDER BY started_at, span_id;

-- name: trace_sources
-- Spans of the trace that belong to a call which is counted on another span, here or in another trace.
SELECT printf('%016x', s.span) AS span_id, s.call_id, c.trace_id AS call_trace_id, c.span_id AS call_span_id, s.part, s.reason
FROM store.source_rows s JOIN calls c USING (call_id, revision)
WHERE s.trace_hi = $hi AND s.trace_lo = $lo AND NOT (c.trace_id = $trace_id AND c.span_id = printf('%016x', s.span))
ORDER BY span_id, s.call_id;

-- name: call_ids
-- Calls whose own id, or one of whose spans' ids, opens with the prefix. $span_low > $span_high: it can be no span id.
SELECT call_id AS id FROM calls WHERE starts_with(call_id, $prefix) OR (sources = 1 AND starts_with(span_id, $prefix))
UNION
SELECT s.call_id FROM store.source_rows s JOIN calls c USING (call_id, revision)
WHERE s.span BETWEEN $span_low AND $span_high
ORDER BY id LIMIT $limit;

-- name: spans_known
SELECT printf('%016x', s.span) AS span_id, s.name, o.role, o.dialect
FROM store.spans s LEFT JOIN store.observations o USING (trace_hi, trace_lo, span)
WHERE s.span BETWEEN $span_low AND $span_high
ORDER BY span_id LIMIT $limit;

-- name: call_charges
-- The parts of a call carry its time, by which DuckDB finds them without reading whole tables.
SELECT h.meter, h.quantity, h.unit, h.unit_price_usd, h.amount_usd, h.price_entry_id,
       e.per, e.price_usd, e.provider AS entry_provider, e.model AS entry_model, e.conditions, e.source,
       epoch_ns(e.effective_from) AS effective_from_at, epoch_ns(e.effective_to) AS effective_to_at,
       b.name AS price_book_name, b.layer
FROM charges h
LEFT JOIN price_entries e ON e.price_entry_id = h.price_entry_id AND e.price_book = $price_book
LEFT JOIN price_books b ON b.price_book = $price_book
WHERE h.call_id = $call_id AND h.revision = $revision AND h.started_at = CAST($started_at AS TIMESTAMP_NS)
ORDER BY h.meter, h.price_entry_id;

-- name: call_adjustments
SELECT epoch_ns(booked_at) AS booked_at, period, old_cost_usd, new_cost_usd, amount_usd, price_book, booked_by, reason
FROM adjustments WHERE call_id = $call_id ORDER BY booked_at;

-- name: call_inputs
-- Everything that the price of a call depends on.
SELECT call_id, epoch_ns(started_at), epoch_ns(ended_at), provider, request_model, response_model, usage_status, service_tier,
       conditions, flags, reported_cost_usd,
       (SELECT list(meter ORDER BY meter) FROM call_meters m WHERE m.call_id = c.call_id AND m.revision = c.revision),
       (SELECT list(quantity ORDER BY meter) FROM call_meters m WHERE m.call_id = c.call_id AND m.revision = c.revision)
FROM calls c WHERE call_id = $call_id;

-- name: call_meters_without_price
SELECT meter, quantity
FROM call_meters ANTI JOIN charges USING (call_id, revision, started_at, meter)
WHERE call_id = $call_id AND revision = $revision AND started_at = CAST($started_at AS TIMESTAMP_NS) AND quantity <> 0
ORDER BY meter;

-- name: call_sources
SELECT printf('%016x%016x', s.trace_hi, s.trace_lo) AS trace_id, printf('%016x', s.span) AS span_id, s.part, s.reason,
       o.dialect, o.rule, o.role, o.provider, o.operation, o.request_model, o.response_model, o.response_id,
       o.usage_status, o.scope_name, o.scope_version, p.name, p.service, p.peer_host,
       (['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'])[p.kind + 1] AS kind,
       printf('%016x%016x', s.trace_hi, s.trace_lo) = (SELECT trace_id FROM calls WHERE call_id = $call_id) AS same_trace,
       epoch_ns(p.started_at) AS started_at, epoch_ns(o.received_at) AS received_at, o.reading
FROM store.call_sources s
LEFT JOIN store.observations o USING (trace_hi, trace_lo, span)
LEFT JOIN store.spans p USING (trace_hi, trace_lo, span)
WHERE s.call_id = $call_id AND s.revision = $revision AND s.started_at = CAST($started_at AS TIMESTAMP_NS)
ORDER BY (['usage', 'merged', 'check']).list_position(s.part), s.trace_hi, s.trace_lo, s.span;

-- name: call_history
-- What settling superseded is kept whole; of what a reprice superseded, the price.
SELECT revision, epoch_ns(superseded_at) AS superseded_at, reason, body
FROM call_history WHERE call_id = $call_id
UNION ALL
SELECT p.revision, epoch_ns(p.superseded_at), p.reason, CAST(to_json({
           cost_usd: CAST(p.cost_usd AS VARCHAR), cost_low_usd: CAST(p.cost_low_usd AS VARCHAR),
           cost_high_usd: CAST(p.cost_high_usd AS VARCHAR), price_status: p.price_status, price_reasons: p.price_reasons,
           flags: p.flags, price_book: p.price_book,
           charges: (SELECT coalesce(list({
                         meter: h.meter, quantity: CAST(h.quantity AS VARCHAR), unit: h.unit,
                         unit_price_usd: CAST(h.unit_price_usd AS VARCHAR), amount_usd: CAST(h.amount_usd AS VARCHAR),
                         price_entry_id: h.price_entry_id} ORDER BY h.meter), [])
                     FROM charge_history h WHERE h.call_id = $call_id AND h.revision = p.revision)}) AS VARCHAR)
FROM price_history p WHERE p.call_id = $call_id
ORDER BY revision DESC;

-- name: counts
-- One row of each table, joined: as nine subqueries in one SELECT, planning them alone took 20 ms.
SELECT spans, observations, calls, conflicts, set_aside, received_at, observed_at, schema_version, read_by
FROM (SELECT count(*) AS spans, epoch_ns(max(received_at)) AS received_at FROM store.spans),
     (SELECT count(*) AS observations, epoch_ns(max(received_at)) AS observed_at FROM store.observations),
     (SELECT count(*) AS calls FROM calls),
     (SELECT count(*) AS conflicts FROM store.conflicts),
     (SELECT count(*) AS set_aside FROM store.set_aside),
     (SELECT any_value(value) FILTER (key = 'schema_version') AS schema_version,
             any_value(value) FILTER (key = 'read_by') AS read_by FROM meta);

-- name: progress
-- How far the ledger is behind the journal, and its file. Nothing is pending: no time.
SELECT (SELECT epoch_ns(min(received_at)) FROM store.observations
        WHERE seq > coalesce((SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'settled_seq'), 0)) AS oldest_pending_ns,
       free_blocks * block_size AS free_bytes, (SELECT path FROM duckdb_databases() d WHERE d.database_name = current_database()) AS path
FROM pragma_database_size() WHERE database_name = current_database();

-- name: calls_by_status
SELECT usage_status, price_status, count(*) AS calls FROM calls GROUP BY ALL ORDER BY ALL;

-- name: observations_by_dialect
SELECT dialect, count(*) AS observations FROM store.observations GROUP BY ALL ORDER BY observations DESC, dialect;

-- name: gauges
-- For /metrics; the rarest series are left to `others`, so that a made-up model name cannot fill a monitoring system.
WITH grouped AS (
    SELECT provider, coalesce(response_model, request_model, '') AS model, usage_status, price_status,
           count(*) AS calls, sum(cost_usd) AS cost_usd, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens
    FROM calls GROUP BY ALL
), ranked AS (
    SELECT *, row_number() OVER (ORDER BY calls DESC, provider, model, usage_status, price_status) <= $limit AS shown FROM grouped
)
SELECT if(shown, provider, 'others') AS provider, if(shown, model, 'others') AS model, usage_status, price_status,
       CAST(sum(calls) AS BIGINT) AS calls, sum(cost_usd) AS cost_usd,
       CAST(sum(input_tokens) AS BIGINT) AS input_tokens, CAST(sum(output_tokens) AS BIGINT) AS output_tokens
FROM ranked GROUP BY ALL ORDER BY ALL;

-- name: periods
-- `late_calls` were counted or changed after the closing, because spans came late; they are in `calls_now` and `cost_usd_now`.
SELECT p.period, epoch_ns(p.start_at) AS start_at, epoch_ns(p.end_at) AS end_at, epoch_ns(p.closed_at) AS closed_at,
       p.closed_by, p.reason, p.calls, p.cost_usd, p.unpriced_calls, p.unmetered_calls,
       n.calls AS calls_now, n.cost_usd AS cost_usd_now, n.late AS late_calls, a.calls AS adjusted_calls,
       a.amount_usd AS adjusted_usd, epoch_ns(p.reopened_at) AS reopened_at, p.reopened_by, p.reopen_reason
FROM periods p,
LATERAL (SELECT count(*) AS calls, sum(c.cost_usd) AS cost_usd, count(*) FILTER (c.settled_at > p.closed_at) AS late
         FROM calls c WHERE c.started_at >= p.start_at AND c.started_at < p.end_at) n,
LATERAL (SELECT count(DISTINCT x.call_id) AS calls, sum(x.amount_usd) AS amount_usd FROM adjustments x WHERE x.period = p.period) a
ORDER BY p.start_at, p.closed_at;

-- name: adjustments
-- What was booked in the time asked about, for calls of closed periods that are chosen otherwise.
SELECT count(*) AS count, coalesce(sum(amount_usd), 0) AS amount_usd
FROM (SELECT calls.* REPLACE (a.booked_at AS started_at), a.amount_usd FROM adjustments a JOIN calls USING (call_id))
WHERE /*conditions*/;

-- name: coverage
-- Requests to models, seen as HTTP client spans, and whether a call of the ledger tells of them: one whose span lies above or
-- below the request, else one beside it that has no request of its own. Groups with something that no call with usage tells
-- of come first.
WITH RECURSIVE sent AS MATERIALIZED (
    SELECT o.trace_hi, o.trace_lo, o.span, s.parent, s.service, s.peer_host AS host, o.provider, o.operation AS request,
           s.started_at, s.ended_at, json_extract_string(o.reading, '$.error_type') IS NOT NULL AS failed,
           coalesce(json_extract_string(o.attributes, '$."code.function.name"'),
                    json_extract_string(o.attributes, '$."code.function"')) AS code_function,
           coalesce(json_extract_string(o.attributes, '$."code.file.path"'),
                    json_extract_string(o.attributes, '$."code.filepath"')) AS code_file,
           coalesce(json_extract_string(o.attributes, '$."code.line.number"'),
                    json_extract_string(o.attributes, '$."code.lineno"')) AS code_line
    FROM store.observations o JOIN store.spans s USING (trace_hi, trace_lo, span)
    WHERE o.dialect = 'http-client' AND /*conditions*/
), near AS MATERIALIZED (
    SELECT trace_hi, trace_lo, span, parent, name FROM store.spans SEMI JOIN sent USING (trace_hi, trace_lo)
), meanwhile AS (
    SELECT *, usage_status <> 'unmetered' AS metered FROM calls
    WHERE started_at <= (SELECT max(ended_at) FROM sent) AND ended_at >= (SELECT min(started_at) FROM sent)
), told AS MATERIALIZED (  -- not from store.call_sources, which would look up each call that has one source once more
    SELECT t.trace_hi, t.trace_lo, t.span, c.call_id, c.metered, c.service, c.provider, c.started_at, c.ended_at
    FROM store.source_rows t JOIN meanwhile c USING (call_id, revision) WHERE t.part <> 'check'
    UNION ALL
    SELECT CAST('0x' || trace_id[:16] AS UBIGINT), CAST('0x' || trace_id[17:] AS UBIGINT), CAST('0x' || span_id AS UBIGINT),
           call_id, metered, service, provider, started_at, ended_at
    FROM meanwhile WHERE sources = 1
), starts AS (
    SELECT trace_hi, trace_lo, span FROM sent UNION SELECT trace_hi, trace_lo, span FROM told SEMI JOIN sent USING (trace_hi, trace_lo)
), lines AS (
    SELECT n.trace_hi, n.trace_lo, n.span AS inner_span, n.parent AS above
    FROM near n SEMI JOIN starts USING (trace_hi, trace_lo, span) WHERE n.parent IS NOT NULL
    UNION
    SELECT l.trace_hi, l.trace_lo, l.inner_span, n.parent
    FROM lines l JOIN near n ON n.trace_hi = l.trace_hi AND n.trace_lo = l.trace_lo AND n.span = l.above
    WHERE n.parent IS NOT NULL
), whole AS MATERIALIZED (  -- a request within a request is the same one, seen by the library underneath
    SELECT * FROM sent s WHERE NOT EXISTS (
        FROM lines l JOIN sent o ON o.trace_hi = l.trace_hi AND o.trace_lo = l.trace_lo AND o.span = l.above
        WHERE l.trace_hi = s.trace_hi AND l.trace_lo = s.trace_lo AND l.inner_span = s.span)
), linked AS MATERIALIZED (
    SELECT w.trace_hi, w.trace_lo, w.span, t.call_id, t.metered
    FROM whole w JOIN lines l ON l.trace_hi = w.trace_hi AND l.trace_lo = w.trace_lo AND l.inner_span = w.span
    JOIN told t ON t.trace_hi = w.trace_hi AND t.trace_lo = w.trace_lo AND t.span = l.above
    UNION
    SELECT w.trace_hi, w.trace_lo, w.span, t.call_id, t.metered
    FROM whole w JOIN lines l ON l.trace_hi = w.trace_hi AND l.trace_lo = w.trace_lo AND l.above = w.span
    JOIN told t ON t.trace_hi = w.trace_hi AND t.trace_lo = w.trace_lo AND t.span = l.inner_span
), alone AS MATERIALIZED (  -- requests that no span of a call encloses or lies within, and calls without a request of their own
    SELECT * FROM whole w ANTI JOIN linked k ON k.trace_hi = w.trace_hi AND k.trace_lo = w.trace_lo AND k.span = w.span
), free AS MATERIALIZED (
    SELECT * FROM told ANTI JOIN linked USING (call_id)
), siblings AS (
    SELECT w.trace_hi, w.trace_lo, w.span, t.call_id, t.metered
    FROM alone w JOIN near n ON n.trace_hi = w.trace_hi AND n.trace_lo = w.trace_lo AND n.parent = w.parent
    JOIN free t ON t.trace_hi = n.trace_hi AND t.trace_lo = n.trace_lo AND t.span = n.span
    WHERE (t.provider = w.provider OR w.provider = '') AND t.started_at <= w.ended_at AND t.ended_at >= w.started_at
), going AS (  -- until when the calls go on that have begun; the empty provider stands for any
    SELECT service, provider, started_at,
           max(ended_at) OVER begun AS until, max(ended_at) FILTER (metered) OVER begun AS metered_until
    FROM (SELECT service, unnest([provider, '']) AS provider, started_at, ended_at, metered FROM free)
    WINDOW begun AS (PARTITION BY service, provider ORDER BY started_at)
), strays AS (  -- requests whose context was lost, during a call of the same service
    SELECT w.trace_hi, w.trace_lo, w.span, NULL AS call_id, coalesce(g.metered_until >= w.ended_at, false) AS metered
    FROM alone w ASOF JOIN going g ON g.service = w.service AND g.provider = w.provider AND g.started_at <= w.started_at
    WHERE w.parent IS NULL AND g.until >= w.ended_at
), judged AS (
    SELECT w.*, bool_or(k.metered) AS metered
    FROM whole w LEFT JOIN (FROM linked UNION ALL FROM siblings UNION ALL FROM strays) k
      ON k.trace_hi = w.trace_hi AND k.trace_lo = w.trace_lo AND k.span = w.span
    GROUP BY ALL
)
SELECT j.service, j.host,
       coalesce(j.code_function || coalesce(' (' || j.code_file || coalesce(':' || j.code_line, '') || ')', ''), p.name) AS call_site,
       j.request, count(*) AS requests,
       count(*) FILTER (NOT j.failed AND j.metered) AS metered,
       count(*) FILTER (NOT j.failed AND NOT j.metered) AS without_usage,
       count(*) FILTER (NOT j.failed AND j.metered IS NULL) AS unseen,
       count(*) FILTER (j.failed) AS failed,
       epoch_ns(min(j.started_at)) AS first_at, epoch_ns(max(j.started_at)) AS last_at,
       arg_max(printf('%016x%016x', j.trace_hi, j.trace_lo), j.started_at) AS trace_id
FROM judged j LEFT JOIN near p ON p.trace_hi = j.trace_hi AND p.trace_lo = j.trace_lo AND p.span = j.parent
GROUP BY ALL
ORDER BY without_usage + unseen DESC, requests DESC, j.service, j.host, call_site, j.request;
