"""How sources are: live, late, silent, failing, held, skewed or disabled, with the reason; imports `sources` and below."""
