-- What pricing the calls of a ledger anew asks of it.
-- The comment /*conditions*/ stands where `ledger.queries` puts conditions from its own table of names.

-- name: calls
-- Everything that a price depends on, and what was charged before; in time, so that what changes together lies together.
WITH chosen AS (SELECT * FROM calls WHERE /*conditions*/),
counted AS (
    SELECT call_id, revision, list(meter ORDER BY meter) AS meters, list(quantity ORDER BY meter) AS quantities
    FROM call_meters GROUP BY ALL
), charged AS (
    SELECT call_id, revision, list(meter ORDER BY meter) AS meters, list(amount_usd ORDER BY meter) AS amounts,
           list(price_entry_id ORDER BY meter) AS entries
    FROM charges GROUP BY ALL
)
SELECT c.call_id, epoch_ns(c.started_at), epoch_ns(c.ended_at), c.provider, c.request_model, c.response_model, c.usage_status,
       c.service_tier, c.conditions, c.flags, c.org_id, c.price_status, c.price_reasons, c.cost_usd, c.cost_low_usd,
       c.cost_high_usd, m.meters, m.quantities, h.meters, h.amounts, h.entries
FROM chosen c LEFT JOIN counted m USING (call_id, revision) LEFT JOIN charged h USING (call_id, revision)
ORDER BY c.started_at, c.call_id;

-- name: whole_calls
SELECT call_id, trace_id, span_id, epoch_ns(started_at), epoch_ns(ended_at), service, provider, operation,
       request_model, response_model, response_id, service_tier, error_type, usage_status, usage_evidence,
       price_status, price_reasons, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens,
       reasoning_tokens, total_tokens, cost_usd, cost_low_usd, cost_high_usd, reported_cost_usd,
       user_id, org_id, session_id, workflow, feature, dimensions, dialect, sources, flags, revision,
       price_book, epoch_ns(settled_at), conditions
FROM calls
WHERE started_at BETWEEN make_timestamp_ns($first) AND make_timestamp_ns($last) AND call_id IN (SELECT unnest($calls));
