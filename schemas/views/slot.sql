-- The number of the first slot of a grid at or after an instant: consecutive candles have consecutive numbers.
CREATE OR REPLACE MACRO slot(instant, interval_, length_us, anchor_us) AS
    CASE interval_
        WHEN '1M' THEN year(instant) * 12 + month(instant) - 1 + (instant > date_trunc('month', instant))::BIGINT
        ELSE (epoch_us(instant) - anchor_us + length_us - 1) // length_us
    END
