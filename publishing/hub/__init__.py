"""Publishing to the Hub or to a folder, and pulling a release back."""
