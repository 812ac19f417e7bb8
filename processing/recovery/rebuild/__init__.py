"""Write rows from documents, or documents from Kafka and rows."""
