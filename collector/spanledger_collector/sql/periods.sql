-- Closed periods.

-- name: closed
SELECT period, epoch_ns(start_at), epoch_ns(end_at) FROM periods WHERE reopened_at IS NULL ORDER BY start_at;

-- name: close
INSERT INTO periods
SELECT $name, make_timestamp_ns($start), make_timestamp_ns($end), make_timestamp_ns($now), $by, $reason, count(*), sum(cost_usd),
       count(*) FILTER (price_status NOT IN ('priced', 'free')), count(*) FILTER (usage_status = 'unmetered'), NULL, NULL, NULL
FROM calls WHERE started_at >= make_timestamp_ns($start) AND started_at < make_timestamp_ns($end);

-- name: adjusted
SELECT count(*) FROM adjustments WHERE period = $name;

-- name: reopen
UPDATE periods SET reopened_at = make_timestamp_ns($now), reopened_by = $by, reopen_reason = $reason
WHERE period = $name AND reopened_at IS NULL;
