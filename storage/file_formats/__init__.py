"""What is known of each file format; :mod:`storage.files` is the door."""
