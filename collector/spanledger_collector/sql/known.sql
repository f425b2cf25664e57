-- What `journal.known` asks of the ledger and notes in it: the keys of spans, by when they arrived.

-- name: runs
-- The runs of keys that lie in files beside the ledger, in the order of arrival.
SELECT file, after_ns, until_ns, keys FROM store.key_runs ORDER BY after_ns;

-- name: forget_runs
DELETE FROM store.key_runs WHERE after_ns < $until AND until_ns > $after;

-- name: note_run
INSERT INTO store.key_runs VALUES ($file, $after_ns, $until_ns, $keys);

-- name: count
SELECT count(*) FROM store.spans WHERE received_at > make_timestamp_ns($after) AND received_at <= make_timestamp_ns($until);

-- name: last_arrival
SELECT coalesce(epoch_ns(max(received_at)), $after) FROM store.spans WHERE received_at > make_timestamp_ns($after);

-- name: stretch
-- When the last of the next so many spans arrived: they lie in the order of arrival, and where some do not, the stretch
-- only has more spans.
SELECT epoch_ns(max(received_at)) FROM (
    SELECT received_at FROM store.spans
    WHERE received_at > make_timestamp_ns($after) AND received_at <= make_timestamp_ns($until) LIMIT $limit);

-- name: keys
SELECT xor(trace_lo, span) AS key FROM store.spans WHERE received_at > make_timestamp_ns($after);

-- name: sorted_keys
-- Those of a stretch that lie in a range of numbers, as little is sorted at a time.
SELECT xor(trace_lo, span) AS key FROM store.spans
WHERE received_at > make_timestamp_ns($after) AND received_at <= make_timestamp_ns($until)
  AND xor(trace_lo, span) BETWEEN $least AND $most
ORDER BY key;
