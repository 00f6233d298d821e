"""Which views a question needs is read from its text."""

from connectors.lake.sql.catalog import named


def test_only_what_is_read_counts_as_named():
    """Words of comments and of texts in quotes name no view, and an apostrophe in a comment hides none that follows."""
    assert named("SELECT 'orders' -- fills, of one's own\nFROM gaps, ledger -- it's all\n") == {"gaps", "ledger"}
