"""What is installed: pins every package with its hashes, checks the pins, and looks for known holes in them."""
