"""Who may ask, how often, from where: the one token, keys of clients, and what every answer tells a browser."""
