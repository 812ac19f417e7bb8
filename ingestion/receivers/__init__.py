"""The protocols that events arrive by, one package each; a receiver imports acceptance and no other receiver."""
