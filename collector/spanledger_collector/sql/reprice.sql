-- What pricing the calls of a ledger anew asks of it. The temporary tables belong to one reprice and one connection.
-- The comment /*conditions*/ stands where `ledger.queries` puts conditions from its own table of names.

-- name: signatures
-- The names and conditions that the chosen calls have, and when there were such calls: calls of one signature are priced alike.
CREATE OR REPLACE TEMP TABLE reprice_signatures AS
SELECT CAST(row_number() OVER () AS INTEGER) AS signature, *
FROM (SELECT provider AS of_provider, request_model AS of_request, response_model AS of_answer, service_tier AS of_tier,
             any_value(conditions) AS of_conditions, epoch_ns(min(started_at)) AS first_ns,
             epoch_ns(max(greatest(started_at, ended_at))) AS last_ns, CAST(conditions AS VARCHAR) AS of_text
      FROM calls WHERE /*conditions*/ GROUP BY ALL);

-- name: all_signatures
SELECT signature, of_provider, of_request, of_answer, of_tier, of_conditions, first_ns, last_ns
FROM reprice_signatures ORDER BY signature;

-- name: pages
-- The moments at which the chosen calls, in the order of time, fall into pages of $size calls, and the last moment.
SELECT DISTINCT epoch_ns(started_at) FROM (
    SELECT started_at, row_number() OVER (ORDER BY started_at) AS number, count(*) OVER () AS calls FROM calls WHERE /*conditions*/
) WHERE number % $size = 0 OR number = calls OR number = 1 ORDER BY 1;

-- name: times
-- Which stretch calls are in that are at or after a moment and have more than so many input tokens. Their names mean what they mean
-- then since `named_from_ns`.
CREATE OR REPLACE TEMP TABLE reprice_times (stretch INTEGER, signature INTEGER, from_ns BIGINT, named_from_ns BIGINT, above BIGINT);

-- name: stretches
CREATE OR REPLACE TEMP TABLE reprice_stretches (stretch INTEGER, odd BOOLEAN, reasons VARCHAR[], flags VARCHAR[], free BOOLEAN);

-- name: meters
-- What a meter costs: its amount is quantity x price / per, which is an exact product with the unit price where it says so. `plain`
-- ones have nothing in the columns after `free`.
CREATE OR REPLACE TEMP TABLE reprice_meters (
    stretch INTEGER, meter VARCHAR, implied BOOLEAN, superseded_by VARCHAR, odd BOOLEAN, reason VARCHAR, unit VARCHAR,
    unit_price_usd DECIMAL(18, 12), price_usd DECIMAL(18, 12), per BIGINT, exact BOOLEAN, plain BOOLEAN, price_entry_id VARCHAR,
    free BOOLEAN, least BIGINT, most BIGINT, rule_flag VARCHAR, less_usd DECIMAL(18, 12), more_usd DECIMAL(18, 12), flags VARCHAR[]);

-- name: signature_meters
-- What calls of each signature have counted.
SELECT signature, list(DISTINCT meter)
FROM (
    SELECT call_id, revision, signature
    FROM calls JOIN reprice_signatures ON provider = of_provider AND request_model IS NOT DISTINCT FROM of_request
        AND response_model IS NOT DISTINCT FROM of_answer AND service_tier IS NOT DISTINCT FROM of_tier
        AND CAST(conditions AS VARCHAR) IS NOT DISTINCT FROM of_text
    WHERE /*conditions*/
) JOIN call_meters USING (call_id, revision)
WHERE quantity <> 0
GROUP BY signature;

-- name: chosen
-- A page of calls, each with its stretch. What only `price` can say of a call is `odd`. `noted` are those of its meters that change
-- what others cost.
CREATE OR REPLACE TEMP TABLE reprice_chosen AS
WITH page AS (
    SELECT calls.*, signature, epoch_ns(started_at) AS started_ns,
           if(list_contains($by_end, provider), epoch_ns(greatest(started_at, ended_at)), epoch_ns(started_at)) AS at_ns,
           list_filter(flags, lambda flag: NOT list_contains($price_flags, flag)) AS own_flags
    FROM calls JOIN reprice_signatures ON provider = of_provider AND request_model IS NOT DISTINCT FROM of_request
        AND response_model IS NOT DISTINCT FROM of_answer AND service_tier IS NOT DISTINCT FROM of_tier
        AND CAST(conditions AS VARCHAR) IS NOT DISTINCT FROM of_text
    WHERE started_at > make_timestamp_ns($after) AND started_at <= make_timestamp_ns($until) AND /*conditions*/
), counted AS (
    SELECT call_id, revision, count(*) AS meters,
           coalesce(sum(quantity) FILTER (list_contains($input_meters, meter)), 0) AS input,
           bool_or(quantity <> trunc(quantity)) AS fractional, bool_or(quantity < 0 OR quantity >= 1000000000000) AS odd,
           list(meter) FILTER (list_contains($noted, meter)) AS noted
    FROM call_meters SEMI JOIN page USING (call_id, revision)
    WHERE started_at > make_timestamp_ns($after) AND started_at <= make_timestamp_ns($until)
    GROUP BY ALL
), placed AS (
    SELECT page.*, coalesce(n.meters, 0) AS meters, CAST(trunc(coalesce(n.input, 0)) AS BIGINT) AS input,
           coalesce(n.fractional, false) AS fractional, coalesce(n.odd, false) AS odd_counts, coalesce(n.noted, []) AS noted, t.from_ns
    FROM page LEFT JOIN counted n USING (call_id, revision)
    ASOF JOIN (SELECT DISTINCT signature, from_ns FROM reprice_times) t ON page.signature = t.signature AND page.at_ns >= t.from_ns
)
SELECT p.call_id, p.revision, p.started_at, p.own_flags, p.price_status, p.price_reasons, p.flags, p.cost_usd, p.cost_low_usd,
       p.cost_high_usd, p.reported_cost_usd, p.provider, p.org_id, coalesce(p.response_model, p.request_model) AS model, t.stretch,
       p.fractional, p.noted, p.usage_status = 'unmetered' OR p.meters = 0 AS unmetered,
       p.odd_counts OR s.odd OR p.started_ns < t.named_from_ns
           OR len(list_filter(p.own_flags, lambda flag: flag = $odd_flag OR starts_with(flag, $odd_prefix))) > 0 AS odd
FROM placed p
ASOF JOIN reprice_times t ON p.signature = t.signature AND p.from_ns = t.from_ns AND p.input > t.above
JOIN reprice_stretches s ON s.stretch = t.stretch;

-- name: lines
-- The meters of the page with their prices, by the rules about their counts; an amount that the ledger cannot hold is NULL.
CREATE OR REPLACE TEMP TABLE reprice_lines AS
WITH counted AS (
    SELECT c.call_id, c.fractional, m.quantity AS counted, m.meter, r.* EXCLUDE (meter)
    FROM reprice_chosen c JOIN call_meters m USING (call_id, revision) JOIN reprice_meters r USING (stretch, meter)
    WHERE m.quantity <> 0 AND NOT (c.odd OR c.unmetered) AND NOT coalesce(list_contains(c.noted, r.superseded_by), false)
        AND m.started_at > make_timestamp_ns($after) AND m.started_at <= make_timestamp_ns($until)
    UNION ALL
    SELECT c.call_id, false, 1, r.meter, r.* EXCLUDE (meter)
    FROM reprice_chosen c JOIN reprice_meters r USING (stretch)
    WHERE r.implied AND r.meter = $implied AND NOT (c.odd OR c.unmetered) AND NOT list_contains(c.noted, $implied)
), billed AS (
    SELECT *, CAST(CASE WHEN counted < least THEN least WHEN counted > most THEN most ELSE counted END AS DECIMAL(18, 6)) AS quantity
    FROM counted
), multiplied AS (
    -- Where the product is not exact: quantity x price in 1e-18 USD, and what makes of it the amount in 1e-12 USD.
    SELECT *, CASE WHEN fractional OR NOT exact
                   THEN CAST(CAST(quantity AS DECIMAL(24, 6)) * 1000000 AS HUGEINT)
                        * CAST(CAST(price_usd AS DECIMAL(30, 12)) * 1000000000000 AS HUGEINT) END AS dividend,
              CAST(per AS HUGEINT) * 1000000 AS divisor
    FROM billed
), divided AS (
    SELECT *, dividend // divisor AS quotient, dividend % divisor AS remainder FROM multiplied
), rounded AS (
    SELECT *, coalesce(remainder <> 0, false) AS inexact,
           CASE WHEN dividend IS NULL THEN TRY_CAST(quantity * unit_price_usd AS DECIMAL(18, 12))
                ELSE CAST(TRY_CAST(quotient + CAST(2 * remainder > divisor OR (2 * remainder = divisor AND quotient % 2 = 1) AS INTEGER)
                                   AS DECIMAL(18, 0)) * CAST(0.000000000001 AS DECIMAL(13, 12)) AS DECIMAL(18, 12)) END AS amount_usd
    FROM divided
)
SELECT call_id, meter, quantity, unit, unit_price_usd, price_entry_id, amount_usd, reason, free,
       CASE WHEN plain AND NOT inexact THEN NULL
            ELSE list_concat(list_concat(if(quantity <> counted, [rule_flag], []), if(inexact, ['rounded'], [])), flags) END AS flags,
       quantity * less_usd AS less_usd, quantity * more_usd AS more_usd,
       odd OR (reason IS NULL AND amount_usd IS NULL) OR (inexact AND (less_usd <> 0 OR more_usd <> 0)) AS odd
FROM rounded;

-- name: doubts
-- How much more calls may cost whose emitter does not say whether the count of a meter holds its parts.
INSERT INTO reprice_lines
WITH parts AS (
    SELECT c.call_id, c.stretch, sum(m.quantity) AS quantity, bool_or(c.fractional) AS fractional
    FROM reprice_chosen c JOIN call_meters m USING (call_id, revision)
    WHERE list_contains(c.own_flags, $flag) AND starts_with(m.meter, $part) AND NOT (c.odd OR c.unmetered)
        AND m.started_at > make_timestamp_ns($after) AND m.started_at <= make_timestamp_ns($until)
        AND NOT coalesce(list_contains(c.noted, (SELECT any_value(superseded_by) FROM reprice_meters r
                                                 WHERE r.stretch = c.stretch AND r.meter = m.meter)), false)
    GROUP BY ALL
)
SELECT p.call_id, $meter, NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, 0,
       CAST(p.quantity * r.unit_price_usd AS DECIMAL(36, 18)), r.odd OR NOT r.exact OR p.fractional
FROM parts p JOIN reprice_meters r ON r.stretch = p.stretch AND r.meter = $meter
WHERE r.reason IS NULL;

-- name: odd_calls
-- Which calls of the page are for `price`.
CREATE OR REPLACE TEMP TABLE reprice_odd_calls AS
SELECT call_id FROM reprice_chosen WHERE odd
UNION SELECT call_id FROM reprice_lines GROUP BY call_id HAVING bool_or(odd) OR sum(amount_usd) >= $amount_limit;

-- name: odd_inputs
-- Everything that their price depends on.
WITH chosen AS (
    SELECT * FROM calls SEMI JOIN reprice_odd_calls USING (call_id)
    WHERE started_at > make_timestamp_ns($after) AND started_at <= make_timestamp_ns($until)
), counted AS (
    SELECT call_id, revision, list(meter ORDER BY meter) AS meters, list(quantity ORDER BY meter) AS quantities
    FROM call_meters SEMI JOIN reprice_odd_calls USING (call_id)
    WHERE started_at > make_timestamp_ns($after) AND started_at <= make_timestamp_ns($until) GROUP BY ALL
)
SELECT c.call_id, epoch_ns(c.started_at), epoch_ns(c.ended_at), c.provider, c.request_model, c.response_model, c.usage_status,
       c.service_tier, c.conditions, c.flags, c.reported_cost_usd, m.meters, m.quantities
FROM chosen c LEFT JOIN counted m USING (call_id, revision);

-- name: forget_odd_lines
DELETE FROM reprice_lines WHERE call_id IN (FROM reprice_odd_calls);

-- name: odd_answers
-- What `price` said of them.
CREATE OR REPLACE TEMP TABLE reprice_odd (
    call_id VARCHAR, status VARCHAR, reasons VARCHAR[], flags VARCHAR[], cost DECIMAL(18, 12), low DECIMAL(18, 12), high DECIMAL(18, 12));

-- name: answers
-- What the book says of each call of the page, beside what the ledger says. A call of a closed period keeps its revision; what
-- was booked of it is its cost with the adjustments.
CREATE OR REPLACE TEMP TABLE reprice_answers AS
WITH summed AS (
    SELECT call_id, count(amount_usd) AS charges, coalesce(sum(amount_usd), 0) AS cost,
           list(reason ORDER BY meter) FILTER (reason IS NOT NULL) AS reasons, bool_and(coalesce(free, false)) AS free,
           coalesce(flatten(list(flags ORDER BY meter) FILTER (len(flags) > 0)), []) AS flags, coalesce(sum(less_usd), 0) AS less,
           coalesce(sum(more_usd), 0) AS more
    FROM reprice_lines GROUP BY call_id
), stored AS (
    SELECT h.call_id, count(*) AS charges, count(l.call_id) AS same
    FROM charges h JOIN reprice_chosen c USING (call_id, revision)
    LEFT JOIN reprice_lines l ON l.call_id = h.call_id AND l.meter = h.meter AND l.amount_usd = h.amount_usd
        AND l.price_entry_id = h.price_entry_id
    WHERE h.started_at > make_timestamp_ns($after) AND h.started_at <= make_timestamp_ns($until)
    GROUP BY h.call_id
), adjusted AS (
    SELECT call_id, sum(amount_usd) AS amount FROM adjustments SEMI JOIN reprice_chosen USING (call_id) GROUP BY call_id
), said AS (
    SELECT c.*, coalesce(s.charges, 0) AS new_charges, coalesce(t.charges, 0) AS old_charges, coalesce(t.same, 0) AS same_charges,
           CASE WHEN c.unmetered THEN ['unmetered'] WHEN len(g.reasons) > 0 THEN g.reasons ELSE coalesce(s.reasons, []) END AS reasons,
           if(c.unmetered, c.own_flags, list_concat(list_concat(c.own_flags, g.flags), list_filter(coalesce(s.flags, []),
               lambda flag, number: list_position(s.flags, flag) = number))) AS new_flags,
           g.free AND coalesce(s.free, true) AS free, coalesce(s.cost, 0) AS cost, coalesce(s.less, 0) AS less,
           coalesce(s.more, 0) AS more, a.amount AS adjusted,
           p.period
    FROM reprice_chosen c JOIN reprice_stretches g USING (stretch) LEFT JOIN summed s USING (call_id) LEFT JOIN stored t USING (call_id)
    LEFT JOIN adjusted a USING (call_id)
    LEFT JOIN periods p ON p.reopened_at IS NULL AND c.started_at >= p.start_at AND c.started_at < p.end_at
), new AS (
    SELECT said.* EXCLUDE (reasons, new_flags), coalesce(o.reasons, said.reasons) AS new_reasons,
           coalesce(o.flags, if(len(said.reasons) = 0 AND abs(said.cost - reported_cost_usd) > $reported_apart
               AND abs(said.cost - reported_cost_usd) * 1000 > greatest(said.cost, reported_cost_usd),
               list_append(said.new_flags, $reported_differs), said.new_flags)) AS new_flags,
           CASE WHEN o.call_id IS NOT NULL THEN o.status WHEN len(said.reasons) > 0 AND new_charges = 0 THEN 'unpriced'
                WHEN len(said.reasons) > 0 THEN 'partial' WHEN free THEN 'free' ELSE 'priced' END AS new_status,
           CAST(CASE WHEN o.call_id IS NOT NULL THEN o.cost WHEN len(said.reasons) = 0 THEN said.cost END AS DECIMAL(18, 12)) AS new_cost,
           CAST(CASE WHEN o.call_id IS NOT NULL THEN o.low WHEN len(said.reasons) = 0 OR new_charges > 0 THEN said.cost - said.less END AS DECIMAL(18, 12)) AS new_low,
           CAST(CASE WHEN o.call_id IS NOT NULL THEN o.high WHEN len(said.reasons) = 0 THEN said.cost + said.more END AS DECIMAL(18, 12)) AS new_high
    FROM said LEFT JOIN reprice_odd o USING (call_id)
)
SELECT call_id, revision, started_at, provider, model, org_id, period,
       if(adjusted IS NULL, cost_usd, CAST(coalesce(cost_usd, 0) + adjusted AS DECIMAL(18, 12))) AS old_cost,
       new_cost, new_low, new_high, new_status, new_reasons, new_flags,
       if(period IS NOT NULL, old_cost IS NOT DISTINCT FROM new_cost,
          new_status = price_status AND new_cost IS NOT DISTINCT FROM cost_usd AND new_low IS NOT DISTINCT FROM cost_low_usd
          AND new_high IS NOT DISTINCT FROM cost_high_usd AND new_reasons = price_reasons AND new_flags = flags
          AND new_charges = old_charges AND old_charges = same_charges) AS same
FROM new;

-- name: deltas
-- What changes, by model, day, organisation and in all, apart for closed periods.
SELECT period IS NOT NULL AS closed, grouping(model, CAST(started_at AS DATE), org_id) AS keys, model,
       CAST(CAST(started_at AS DATE) AS VARCHAR) AS day, org_id, count(*), coalesce(sum(old_cost), 0), coalesce(sum(new_cost), 0),
       count(old_cost), count(new_cost),
       count(*) FILTER (old_cost IS NULL AND new_cost IS NOT NULL), count(*) FILTER (old_cost IS NOT NULL AND new_cost IS NULL)
FROM reprice_answers WHERE NOT same
GROUP BY GROUPING SETS ((closed, model), (closed, CAST(started_at AS DATE)), (closed, org_id), (closed));

-- name: kept
-- What differs of the pages so far, with the lines that say so: priced page by page, and written at once in the end.
CREATE TEMP TABLE IF NOT EXISTS reprice_kept AS FROM reprice_answers WITH NO DATA;
CREATE TEMP TABLE IF NOT EXISTS reprice_kept_lines AS
    SELECT *, CAST(NULL AS TIMESTAMP_NS) AS started_at FROM reprice_lines WITH NO DATA;
CREATE TEMP MACRO IF NOT EXISTS reprice_changed(after_ns, until_ns) AS TABLE
    FROM reprice_kept
    WHERE started_at > make_timestamp_ns(after_ns) AND started_at <= make_timestamp_ns(until_ns) AND period IS NULL;

-- name: keep_answers
INSERT INTO reprice_kept FROM reprice_answers WHERE NOT same;

-- name: keep_lines
INSERT INTO reprice_kept_lines
SELECT l.*, a.started_at FROM reprice_lines l JOIN reprice_answers a USING (call_id) WHERE NOT a.same AND l.amount_usd IS NOT NULL;

-- name: keep_prices
INSERT INTO price_history
SELECT call_id, revision, make_timestamp_ns($now), $reason, price_status, price_reasons, flags, cost_usd, cost_low_usd,
       cost_high_usd, price_book, settled_at, started_at
FROM calls SEMI JOIN reprice_changed($after, $until) USING (call_id)
WHERE started_at > make_timestamp_ns($after) AND started_at <= make_timestamp_ns($until);

-- name: keep_charges
INSERT INTO charge_history
SELECT call_id, revision, meter, quantity, unit, unit_price_usd, amount_usd, price_entry_id, started_at
FROM charges SEMI JOIN reprice_changed($after, $until) USING (call_id)
WHERE started_at > make_timestamp_ns($after) AND started_at <= make_timestamp_ns($until);

-- name: forget_charges
DELETE FROM charge_rows
WHERE started_at > make_timestamp_ns($after) AND started_at <= make_timestamp_ns($until)
  AND call_id IN (SELECT call_id FROM reprice_changed($after, $until));

-- name: write_charges
INSERT INTO charge_rows
SELECT a.call_id, a.revision + 1, l.meter, l.quantity, l.unit, l.unit_price_usd, l.amount_usd, l.price_entry_id, a.started_at
FROM reprice_changed($after, $until) a JOIN reprice_kept_lines l USING (call_id)
WHERE l.started_at > make_timestamp_ns($after) AND l.started_at <= make_timestamp_ns($until);

-- name: revise_meters
UPDATE meter_rows SET revision = revision + 1
WHERE started_at > make_timestamp_ns($after) AND started_at <= make_timestamp_ns($until)
  AND call_id IN (SELECT call_id FROM reprice_changed($after, $until));

-- name: write_meters
-- Those that followed from a bill, which the call has no more.
INSERT INTO meter_rows
SELECT call_id, m.revision + 1, meter, quantity, m.started_at
FROM call_meters m JOIN calls USING (call_id, revision) SEMI JOIN reprice_changed($after, $until) USING (call_id)
WHERE bill IS NOT NULL AND m.started_at > make_timestamp_ns($after) AND m.started_at <= make_timestamp_ns($until)
  AND calls.started_at > make_timestamp_ns($after) AND calls.started_at <= make_timestamp_ns($until);

-- name: revise_sources
UPDATE store.source_rows SET revision = revision + 1
WHERE started_at > make_timestamp_ns($after) AND started_at <= make_timestamp_ns($until)
  AND call_id IN (SELECT call_id FROM reprice_changed($after, $until));

-- name: revise_calls
UPDATE calls SET revision = a.revision + 1, bill = NULL, price_status = a.new_status, price_reasons = a.new_reasons, flags = a.new_flags,
    cost_usd = a.new_cost, cost_low_usd = a.new_low, cost_high_usd = a.new_high, price_book = $book,
    settled_at = make_timestamp_ns($now)
FROM reprice_changed($after, $until) a
WHERE calls.call_id = a.call_id AND calls.started_at > make_timestamp_ns($after) AND calls.started_at <= make_timestamp_ns($until);

-- name: adjust
-- Book what calls of closed periods cost by this book more or less than was booked. A cost that is lost cannot be booked.
INSERT INTO adjustments
WITH h AS (
    SELECT call_id, CAST(to_json(list({amount_usd: CAST(amount_usd AS VARCHAR), meter: meter, price_entry_id: price_entry_id,
           quantity: CAST(quantity AS VARCHAR), unit: unit, unit_price_usd: CAST(unit_price_usd AS VARCHAR)} ORDER BY meter)) AS VARCHAR) AS charges
    FROM reprice_kept_lines WHERE started_at > make_timestamp_ns($after) AND started_at <= make_timestamp_ns($until)
    GROUP BY call_id
)
SELECT make_timestamp_ns($now), period, call_id, revision, started_at, provider, model, org_id, old_cost, new_cost,
       new_cost - coalesce(old_cost, 0), $book, coalesce(h.charges, '[]'), $by, $reason
FROM reprice_kept LEFT JOIN h USING (call_id)
WHERE started_at > make_timestamp_ns($after) AND started_at <= make_timestamp_ns($until)
  AND period IS NOT NULL AND new_cost IS NOT NULL AND new_cost <> coalesce(old_cost, 0);
