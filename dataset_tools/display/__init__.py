"""Output for people: console, progress, HTML pages, charts, and marks for invisible characters."""
