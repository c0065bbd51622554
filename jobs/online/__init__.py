"""Commands about the answers that the service gives: who gives them, who may ask, and what was answered."""
