"""Who is calling: registered clients, their keys, and the tokens that they sign."""
