"""Who may ask the web process, and how much: clients' addresses, shares of readers, sign-ins. It may import the apps."""
