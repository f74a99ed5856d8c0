"""The web pages of the service: look, try, look up."""
