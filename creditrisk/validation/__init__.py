"""The validation pack: what a person who signs for a model has to know, every figure of it computed."""
