"""Units for one server without containers, and what checks them."""
