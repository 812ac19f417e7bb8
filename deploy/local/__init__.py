"""The launcher behind `make run`: starts servers and processes on this machine."""
