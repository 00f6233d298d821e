-- Whether a stretch lies within one of these.
CREATE OR REPLACE MACRO within_one(stretches, since, until) AS
    coalesce(len([1 for whole in stretches if whole.since <= since AND whole.until >= until]) > 0, false)
