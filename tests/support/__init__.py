"""What several tests, and a person at a screen, share."""
