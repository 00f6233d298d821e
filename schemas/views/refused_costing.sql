-- `refused_costing(costing)`: false for a method by which costs are found, an error for any other word.
CREATE OR REPLACE MACRO refused_costing(costing) AS CASE
    WHEN costing IN ('fifo', 'average') THEN FALSE
    ELSE error(format('unknown costing {}: fifo or average', coalesce(costing, 'NULL')))::BOOLEAN
END
