"""Requests that come as a stream: read from a topic, answered by the same application, written to another topic."""
