-- Closed periods: what is in them keeps its price, and what would change is booked later, as an adjustment.

CREATE TABLE periods (
    period VARCHAR NOT NULL,           -- its name: 2026-10, or 2026-10-01..2026-10-15
    start_at TIMESTAMP_NS NOT NULL,
    end_at TIMESTAMP_NS NOT NULL,      -- excluded
    closed_at TIMESTAMP_NS NOT NULL,
    closed_by VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    calls BIGINT NOT NULL,             -- what the ledger said of it when it was closed
    cost_usd DECIMAL(38, 12),
    unpriced_calls BIGINT NOT NULL,
    unmetered_calls BIGINT NOT NULL,
    reopened_at TIMESTAMP_NS,          -- NULL while it is closed
    reopened_by VARCHAR,
    reopen_reason VARCHAR
);

-- What a call of a closed period costs more or less than was booked, dated when that was found out.
CREATE TABLE adjustments (
    booked_at TIMESTAMP_NS NOT NULL,
    period VARCHAR NOT NULL,           -- the closed one, in which the call started
    call_id VARCHAR NOT NULL,
    revision INTEGER NOT NULL,         -- of the call that it adjusts
    started_at TIMESTAMP_NS NOT NULL,  -- of the call
    provider VARCHAR NOT NULL,
    model VARCHAR,
    org_id VARCHAR,
    old_cost_usd DECIMAL(18, 12),      -- with earlier adjustments; NULL: it had no price
    new_cost_usd DECIMAL(18, 12) NOT NULL,
    amount_usd DECIMAL(18, 12) NOT NULL,
    price_book VARCHAR NOT NULL,
    charges VARCHAR NOT NULL,          -- JSON: the charges by that book
    booked_by VARCHAR NOT NULL,
    reason VARCHAR NOT NULL
);

-- Prices that a reprice superseded: the rest of a call stayed as it was. The revision is the one that had this price.
CREATE TABLE price_history (
    call_id VARCHAR NOT NULL,
    revision INTEGER NOT NULL,
    superseded_at TIMESTAMP_NS NOT NULL,
    reason VARCHAR NOT NULL,
    price_status VARCHAR NOT NULL,
    price_reasons VARCHAR[] NOT NULL,
    flags VARCHAR[] NOT NULL,
    cost_usd DECIMAL(18, 12),
    cost_low_usd DECIMAL(18, 12),
    cost_high_usd DECIMAL(18, 12),
    price_book VARCHAR NOT NULL,
    settled_at TIMESTAMP_NS NOT NULL,
    started_at TIMESTAMP_NS NOT NULL   -- of the call
);

-- Their charges, in the columns of `charges`.
CREATE TABLE charge_history (
    call_id VARCHAR NOT NULL,
    revision INTEGER NOT NULL,
    meter VARCHAR NOT NULL,
    quantity DECIMAL(18, 6) NOT NULL,
    unit VARCHAR NOT NULL,
    unit_price_usd DECIMAL(18, 12) NOT NULL,
    amount_usd DECIMAL(18, 12) NOT NULL,
    price_entry_id VARCHAR NOT NULL,
    started_at TIMESTAMP_NS
);
