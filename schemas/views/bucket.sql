-- The first instant of the candle that holds an instant, for a length in microseconds and the anchor of its grid.
CREATE OR REPLACE MACRO bucket(instant, interval_, length_us, anchor_us) AS
    CASE interval_
        WHEN '1M' THEN date_trunc('month', instant)
        ELSE make_timestamptz(epoch_us(instant) - (epoch_us(instant) - anchor_us) % length_us)
    END
