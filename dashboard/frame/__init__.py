"""What all pages share: how a page and an action are declared, the frame around them, and middleware. Imports no page."""
