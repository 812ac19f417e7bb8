"""How numbers and times are written, by language (setting FORMAT_MODULE_PATH)."""
