"""Other ways to run the application than as a server of our own."""
