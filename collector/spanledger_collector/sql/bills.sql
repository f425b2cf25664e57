-- The bills that calls refer to by number (ledger/billed.py).

-- name: last
SELECT coalesce(max(bill), 0) FROM store.bill_lines;

-- name: lines
SELECT bill, meter, part, unit, unit_price_usd, price_entry_id, priced_in FROM store.bill_lines ORDER BY bill, meter;
