"""Statistics of numeric fields over intervals of event time: from rollups where these fit, else from rows."""
