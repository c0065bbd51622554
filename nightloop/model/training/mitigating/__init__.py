"""What is said of mitigation: its section of the card, and its drawing."""
