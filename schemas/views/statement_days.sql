-- The rows of exports that tell of a reward by its day alone: `day` counts the days since 1970 in the zone of the file, whose
-- clocks are `ahead_us` ahead of UTC.
CREATE OR REPLACE VIEW statement_days AS
SELECT file, line, ahead_us, (epoch_us(time) + ahead_us) // 86_400_000_000 AS day
FROM (
    SELECT
        file, line, time, raw,
        CASE
            WHEN zone = 'UTC' THEN 0
            ELSE CASE WHEN zone LIKE 'UTC-%' THEN -60_000_000 ELSE 60_000_000 END * (
                60 * try_cast(split_part(zone[5:], ':', 1) AS BIGINT)
                + coalesce(try_cast(split_part(zone[5:], ':', 2) AS BIGINT), 0)
            )
        END AS ahead_us
    FROM statement_rows
    WHERE kind = 'earn_rewards' AND leg = 1
)
WHERE (epoch_us(time) + ahead_us) % 86_400_000_000 = 0 AND regexp_matches(raw, '"(\d\d)?\d\d-\d\d-\d\d(\(UTC0?\))?"')
