"""`make profile`: records the receiver and the consumer under load and shows which functions an event costs time in."""
