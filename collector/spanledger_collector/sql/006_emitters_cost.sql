-- What the emitter worked out that a call cost, beside the provider's own price and ours. And what settling compares a call
-- without usage by. Both are known of older calls after a rebuild.

ALTER TABLE calls ADD COLUMN emitter_cost_usd DECIMAL(18, 12);

ALTER TABLE store.settle_index ADD COLUMN model_key UBIGINT;  -- of process, model and outcome; the last bit: nothing above it

DROP VIEW usage;
CREATE VIEW usage AS
SELECT c.*, h.charges
FROM calls c LEFT JOIN (
    SELECT call_id, revision,
           list({meter: meter, quantity: quantity, unit: unit, unit_price_usd: unit_price_usd, amount_usd: amount_usd,
                 price_entry_id: price_entry_id} ORDER BY meter) AS charges
    FROM charges GROUP BY call_id, revision
) h USING (call_id, revision);
