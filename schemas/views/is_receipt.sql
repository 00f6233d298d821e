-- Whether an asset in the spot wallet is the receipt of one in simple earn, such as LDBTC: the wallet it stands for
-- holds the asset itself, so that it is not counted. LDO is an asset of its own.
CREATE OR REPLACE MACRO is_receipt(asset) AS starts_with(asset, 'LD') AND length(asset) > 3
