-- What each API key did, ever: `key_activity_since` from the first request on.
CREATE OR REPLACE VIEW key_activity AS FROM key_activity_since('-infinity')
