-- The ledger, schema version 1. Names in the schema `main` are a contract: people write SQL on them.
-- What is stored as integers for speed (ids of spans and observations) lives in `store` and is shown as hex text by a view.

CREATE SCHEMA store;

CREATE TABLE meta (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);

-- Skeleton of every received span: ancestry, trace view and coverage. The primary key is the identity check of the journal.
CREATE TABLE store.spans (
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
    received_at TIMESTAMP_NS NOT NULL,
    PRIMARY KEY (trace_hi, trace_lo, span)
);

-- The journal: one row for each span about a model call, as read and as received. Append-only; `seq` is the order of arrival.
CREATE TABLE store.observations (
    seq BIGINT NOT NULL,
    trace_hi UBIGINT NOT NULL,
    trace_lo UBIGINT NOT NULL,
    span UBIGINT NOT NULL,
    dialect VARCHAR NOT NULL,
    rule VARCHAR NOT NULL,
    role VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    operation VARCHAR NOT NULL,
    request_model VARCHAR,
    response_model VARCHAR,
    response_id VARCHAR USING COMPRESSION zstd,          -- nearly all differ, as in `calls`
    usage_status VARCHAR NOT NULL,
    -- The two long texts are most of the file: Zstandard takes half of the room that DuckDB would choose, and less time.
    reading VARCHAR USING COMPRESSION zstd NOT NULL,     -- JSON of what else settling reads (`journal/reading.py`)
    scope_name VARCHAR NOT NULL,
    scope_version VARCHAR NOT NULL,
    attributes VARCHAR USING COMPRESSION zstd NOT NULL,  -- JSON of the received attributes, message content left out
    resource VARCHAR NOT NULL,         -- JSON of the resource attributes
    payload_hash UBIGINT NOT NULL,
    received_at TIMESTAMP_NS NOT NULL
);

-- The same identity with another payload: the first one stays, this is kept as evidence.
CREATE TABLE store.conflicts (
    trace_hi UBIGINT NOT NULL,
    trace_lo UBIGINT NOT NULL,
    span UBIGINT NOT NULL,
    payload_hash UBIGINT NOT NULL,
    first_hash UBIGINT NOT NULL,
    name VARCHAR NOT NULL,
    attributes VARCHAR NOT NULL,
    received_at TIMESTAMP_NS NOT NULL
);

-- One row for each real call: the current revision. What it replaced is in call_history.
CREATE TABLE calls (
    -- By these two calls are looked for, which takes three times as long in Zstandard as in what DuckDB chooses.
    call_id VARCHAR NOT NULL,
    trace_id VARCHAR NOT NULL,
    -- Other ids, which nearly all differ, are as long in Zstandard, for a third of the time.
    span_id VARCHAR USING COMPRESSION zstd NOT NULL,
    started_at TIMESTAMP_NS NOT NULL,
    ended_at TIMESTAMP_NS NOT NULL,
    service VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    operation VARCHAR NOT NULL,
    request_model VARCHAR,
    response_model VARCHAR,
    response_id VARCHAR USING COMPRESSION zstd,
    service_tier VARCHAR,
    error_type VARCHAR,
    usage_status VARCHAR NOT NULL,
    usage_evidence VARCHAR,
    price_status VARCHAR NOT NULL,
    price_reasons VARCHAR[] NOT NULL,
    input_tokens BIGINT,               -- inclusive of cached tokens, as the conventions define it
    cache_read_tokens BIGINT,
    cache_write_tokens BIGINT,
    output_tokens BIGINT,              -- inclusive of reasoning
    reasoning_tokens BIGINT,
    total_tokens BIGINT,
    cost_usd DECIMAL(18, 12),          -- NULL unless price_status is priced or free
    cost_low_usd DECIMAL(18, 12),
    cost_high_usd DECIMAL(18, 12),
    reported_cost_usd DECIMAL(18, 12),
    user_id VARCHAR,
    org_id VARCHAR,
    session_id VARCHAR,
    workflow VARCHAR,
    feature VARCHAR,
    dimensions MAP(VARCHAR, VARCHAR) NOT NULL,
    dialect VARCHAR NOT NULL,
    sources INTEGER NOT NULL,
    flags VARCHAR[] NOT NULL,
    revision INTEGER NOT NULL,
    price_book VARCHAR NOT NULL,
    settled_at TIMESTAMP_NS NOT NULL,
    conditions MAP(VARCHAR, VARCHAR)   -- what else a price may depend on: processing, speed, region, inference_geo ...
);

CREATE TABLE charges (
    call_id VARCHAR NOT NULL,
    revision INTEGER NOT NULL,
    meter VARCHAR NOT NULL,
    quantity DECIMAL(18, 6) NOT NULL,
    unit VARCHAR NOT NULL,
    unit_price_usd DECIMAL(18, 12) NOT NULL,
    amount_usd DECIMAL(18, 12) NOT NULL,
    price_entry_id VARCHAR NOT NULL,
    started_at TIMESTAMP_NS            -- of the call: lets DuckDB find its rows without reading the whole table
);

-- Every meter of a call, priced or not: what `unpriced` and `explain` need where no charge exists.
CREATE TABLE call_meters (
    call_id VARCHAR NOT NULL,
    revision INTEGER NOT NULL,
    meter VARCHAR NOT NULL,
    quantity DECIMAL(18, 6) NOT NULL,
    started_at TIMESTAMP_NS
);

-- Which observations form a call, and what was taken from each.
CREATE TABLE store.call_sources (
    call_id VARCHAR NOT NULL,
    revision INTEGER NOT NULL,
    trace_hi UBIGINT NOT NULL,
    trace_lo UBIGINT NOT NULL,
    span UBIGINT NOT NULL,
    part VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    started_at TIMESTAMP_NS
);

-- What settling looks up for each observation, derived from the journal: which others may be about the same call.
CREATE TABLE store.settle_index (
    seq BIGINT NOT NULL,
    trace_hi UBIGINT NOT NULL,
    trace_lo UBIGINT NOT NULL,
    span UBIGINT NOT NULL,
    started_at TIMESTAMP_NS NOT NULL,
    ended_at TIMESTAMP_NS NOT NULL,
    id_key UBIGINT,                    -- of provider family and response id
    answer_key UBIGINT,                -- of the token counts, among those of one id_key
    twin_key UBIGINT,                  -- of process and token counts: NULL without usage
    dialect VARCHAR NOT NULL
);

-- Every id_key once: tells a response id that was never seen before from one seen long ago, without reading the index above.
CREATE TABLE store.response_keys (id_key UBIGINT PRIMARY KEY);

-- Those of them that came again at another time, as answers from a cache do.
CREATE TABLE store.repeated_keys (id_key UBIGINT NOT NULL);

-- Superseded revisions, whole, as JSON with their charges: history is read by people and by audits, never summed.
CREATE TABLE call_history (
    call_id VARCHAR NOT NULL,
    revision INTEGER NOT NULL,
    superseded_at TIMESTAMP_NS NOT NULL,
    reason VARCHAR NOT NULL,
    body VARCHAR NOT NULL
);

CREATE TABLE price_books (
    price_book VARCHAR PRIMARY KEY,    -- SHA-256 of the entries, hex
    name VARCHAR NOT NULL,
    layer VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    entries INTEGER NOT NULL,
    imported_at TIMESTAMP_NS NOT NULL
);

CREATE TABLE price_entries (
    price_book VARCHAR NOT NULL,
    price_entry_id VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    meter VARCHAR NOT NULL,
    unit VARCHAR NOT NULL,
    per BIGINT NOT NULL,
    price_usd DECIMAL(18, 12) NOT NULL,
    conditions VARCHAR NOT NULL,       -- JSON
    effective_from TIMESTAMP_NS,
    effective_to TIMESTAMP_NS,
    source VARCHAR NOT NULL
);

CREATE VIEW spans AS
SELECT printf('%016x%016x', trace_hi, trace_lo) AS trace_id, printf('%016x', span) AS span_id,
       printf('%016x', parent) AS parent_span_id, name,
       (['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'])[kind + 1] AS kind,
       service, scope, started_at, ended_at, (['unset', 'ok', 'error'])[status + 1] AS status, peer_host, received_at
FROM store.spans;

CREATE VIEW observations AS
SELECT printf('%016x%016x', trace_hi, trace_lo) AS trace_id, printf('%016x', span) AS span_id,
       * EXCLUDE (trace_hi, trace_lo, span, payload_hash), printf('%016x', payload_hash) AS payload_hash
FROM store.observations;

CREATE VIEW conflicts AS
SELECT printf('%016x%016x', trace_hi, trace_lo) AS trace_id, printf('%016x', span) AS span_id,
       printf('%016x', payload_hash) AS payload_hash, printf('%016x', first_hash) AS first_hash, name, attributes, received_at
FROM store.conflicts;

CREATE VIEW call_sources AS
SELECT call_id, revision, printf('%016x%016x', trace_hi, trace_lo) AS trace_id, printf('%016x', span) AS span_id, part, reason
FROM store.call_sources;

-- One row for each call with its charges as a list, so that no sum over it counts a call twice.
CREATE VIEW usage AS
SELECT c.*, h.charges
FROM calls c LEFT JOIN (
    SELECT call_id, revision,
           list({meter: meter, quantity: quantity, unit: unit, unit_price_usd: unit_price_usd, amount_usd: amount_usd,
                 price_entry_id: price_entry_id} ORDER BY meter) AS charges
    FROM charges GROUP BY call_id, revision
) h USING (call_id, revision);

CREATE VIEW daily_cost AS
SELECT CAST(started_at AS DATE) AS day, provider, coalesce(response_model, request_model) AS model,
       count(*) AS calls, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(cost_usd) AS cost_usd,
       count(*) FILTER (price_status NOT IN ('priced', 'free')) AS unpriced_calls,
       count(*) FILTER (usage_status = 'unmetered') AS unmetered_calls
FROM calls GROUP BY ALL;

CREATE VIEW trace_cost AS
SELECT trace_id, min(started_at) AS started_at, max(ended_at) AS ended_at, count(*) AS calls,
       sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(cost_usd) AS cost_usd,
       count(*) FILTER (price_status NOT IN ('priced', 'free')) AS unpriced_calls,
       count(*) FILTER (usage_status = 'unmetered') AS unmetered_calls
FROM calls GROUP BY trace_id;
