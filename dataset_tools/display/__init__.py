"""Output for people: the console, HTML pages, charts, and marks for invisible characters."""
