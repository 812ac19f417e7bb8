"""Prove and repair what is stored: reconcile, rebuild, repair. Rooms: repair -> rebuild, reconcile -> recount."""
