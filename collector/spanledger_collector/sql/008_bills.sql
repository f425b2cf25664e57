-- What calls with one bill cost follows from their tokens: of such a call neither charges nor meters are stored row by row, but
-- the number of its bill, which is written once and never changed. `charges` and `call_meters` show both kinds.

CREATE TABLE store.bill_lines (
    bill INTEGER NOT NULL,
    meter VARCHAR NOT NULL,
    part VARCHAR NOT NULL,             -- the tokens of a call that this meter counts
    unit VARCHAR,                      -- NULL, as all that follows, for a meter without a price
    unit_price_usd DECIMAL(18, 12),
    price_entry_id VARCHAR,
    priced_in INTEGER                  -- the bill again: with this charges are joined instead of choosing lines with a price,
                                       -- of which DuckDB would guess that they are few, and join the larger side to the smaller
);

ALTER TABLE calls ADD COLUMN bill INTEGER;  -- NULL: charges and meters are in the two tables that follow

DROP VIEW usage;
ALTER TABLE charges RENAME TO charge_rows;
ALTER TABLE call_meters RENAME TO meter_rows;

-- The tokens of calls, each counted in one part. `main.calls`, so that it is found in a ledger that is attached, too.
CREATE VIEW store.parts AS
SELECT call_id, revision, started_at, bill,
       input_tokens - coalesce(cache_read_tokens, 0) - coalesce(cache_write_tokens, 0) AS input,
       cache_read_tokens AS cache_read, cache_write_tokens AS cache_write,
       output_tokens - coalesce(reasoning_tokens, 0) AS output, reasoning_tokens AS reasoning
FROM main.calls;

CREATE VIEW charges AS
SELECT call_id, revision, meter, CAST(tokens AS DECIMAL(18, 6)) AS quantity, unit, unit_price_usd,
       CAST(CAST(tokens AS DECIMAL(12, 0)) * unit_price_usd AS DECIMAL(18, 12)) AS amount_usd, price_entry_id, started_at
FROM (SELECT p.*, b.*, CASE part WHEN 'input' THEN input WHEN 'cache_read' THEN cache_read WHEN 'cache_write' THEN cache_write
                                 WHEN 'output' THEN output WHEN 'reasoning' THEN reasoning END AS tokens
      FROM store.parts p JOIN store.bill_lines b ON b.priced_in = p.bill)
UNION ALL
SELECT call_id, revision, meter, quantity, unit, unit_price_usd, amount_usd, price_entry_id, started_at FROM charge_rows;

-- Every meter of a call, priced or not.
CREATE VIEW call_meters AS
SELECT call_id, revision, meter,
       CAST(CASE part WHEN 'input' THEN input WHEN 'cache_read' THEN cache_read WHEN 'cache_write' THEN cache_write
                      WHEN 'output' THEN output WHEN 'reasoning' THEN reasoning END AS DECIMAL(18, 6)) AS quantity, started_at
FROM store.parts JOIN store.bill_lines USING (bill)
UNION ALL
SELECT call_id, revision, meter, quantity, started_at FROM meter_rows;

-- One row for each call with its charges as a list, so that no sum over it counts a call twice.
CREATE VIEW usage AS
SELECT c.* EXCLUDE (bill), h.charges
FROM calls c LEFT JOIN (
    SELECT call_id, revision,
           list({meter: meter, quantity: quantity, unit: unit, unit_price_usd: unit_price_usd, amount_usd: amount_usd,
                 price_entry_id: price_entry_id} ORDER BY meter) AS charges
    FROM charges GROUP BY call_id, revision
) h USING (call_id, revision);
