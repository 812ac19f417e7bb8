"""The read side of Kafka, its administration and the processed-data topic. The only package of this app that imports the Kafka client."""
