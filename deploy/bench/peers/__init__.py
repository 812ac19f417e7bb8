"""A pipeline of FastAPI and aiokafka, started beside the product on the same servers, and the comparison of both."""
