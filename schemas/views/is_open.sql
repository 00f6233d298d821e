-- Whether an order of this status may still change.
CREATE OR REPLACE MACRO is_open(status_) AS
    status_ IN ('NEW', 'PENDING_NEW', 'PARTIALLY_FILLED', 'PENDING_CANCEL')
