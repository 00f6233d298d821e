-- The instant at which the slot of a number starts: the inverse of slot().
CREATE OR REPLACE MACRO slot_start(slot_, interval_, length_us, anchor_us) AS
    CASE interval_
        WHEN '1M' THEN TIMESTAMPTZ '1970-01-01 00:00:00+00' + to_months((slot_ - 1970 * 12)::INTEGER)
        ELSE make_timestamptz(slot_ * length_us + anchor_us)
    END
