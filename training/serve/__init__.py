"""A local server with the OpenAI chat API."""
