-- Whether an order of this status may still change; a word that is not known to be final may.
CREATE OR REPLACE MACRO is_open(status_) AS
    status_ IS NULL OR status_ NOT IN ('FILLED', 'CANCELED', 'REJECTED', 'EXPIRED', 'EXPIRED_IN_MATCH')
