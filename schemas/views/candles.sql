-- `klines` as DOUBLE, for pandas, plots and indicators; money that must add up is read from `klines`.
CREATE OR REPLACE VIEW candles AS
SELECT
    market,
    symbol,
    "interval",
    open_time,
    open::DOUBLE AS open,
    high::DOUBLE AS high,
    low::DOUBLE AS low,
    close::DOUBLE AS close,
    volume::DOUBLE AS volume,
    close_time,
    quote_volume::DOUBLE AS quote_volume,
    trade_count,
    taker_buy_volume::DOUBLE AS taker_buy_volume,
    taker_buy_quote_volume::DOUBLE AS taker_buy_quote_volume
FROM klines
