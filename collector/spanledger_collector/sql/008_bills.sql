-- What calls with one bill cost follows from their tokens: of such a call neither charges nor meters are stored row by row, but
-- the number of its bill, which is written once and never changed. `charges` and `call_meters` show both kinds.

CREATE TABLE store.bill_lines (
    bill INTEGER NOT NULL,
    meter VARCHAR NOT NULL,
    part VARCHAR NOT NULL,             -- the tokens of a call that this meter counts
    unit VARCHAR,                      -- NULL, as what follows, for a meter without a price
    unit_price_usd DECIMAL(18, 12),
    price_entry_id VARCHAR
);

ALTER TABLE calls ADD COLUMN bill INTEGER;  -- NULL: charges and meters are in the two tables that follow

DROP VIEW usage;
ALTER TABLE charges RENAME TO charge_rows;
ALTER TABLE call_meters RENAME TO meter_rows;

CREATE VIEW store.billed AS
SELECT c.call_id, c.revision, b.meter, b.unit, b.unit_price_usd, b.price_entry_id, c.started_at,
       CASE b.part WHEN 'input' THEN c.input_tokens - coalesce(c.cache_read_tokens, 0) - coalesce(c.cache_write_tokens, 0)
                   WHEN 'cache_read' THEN c.cache_read_tokens
                   WHEN 'cache_write' THEN c.cache_write_tokens
                   WHEN 'output' THEN c.output_tokens - coalesce(c.reasoning_tokens, 0)
                   WHEN 'reasoning' THEN c.reasoning_tokens END AS tokens
FROM main.calls c JOIN store.bill_lines b USING (bill);  -- named whole: so it is found in a ledger that is attached, too

CREATE VIEW charges AS
SELECT call_id, revision, meter, CAST(tokens AS DECIMAL(18, 6)) AS quantity, unit, unit_price_usd,
       CAST(tokens * unit_price_usd AS DECIMAL(18, 12)) AS amount_usd, price_entry_id, started_at
FROM store.billed WHERE price_entry_id IS NOT NULL
UNION ALL
SELECT call_id, revision, meter, quantity, unit, unit_price_usd, amount_usd, price_entry_id, started_at FROM charge_rows;

-- Every meter of a call, priced or not.
CREATE VIEW call_meters AS
SELECT call_id, revision, meter, CAST(tokens AS DECIMAL(18, 6)) AS quantity, started_at FROM store.billed
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
