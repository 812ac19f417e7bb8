"""The events as they come, the explorer of stored ones, and the page of one. Imports queries and the frame."""
