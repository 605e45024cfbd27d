"""The API's own description, OpenAPI 3.1, made from the messages and refusals the views use."""
