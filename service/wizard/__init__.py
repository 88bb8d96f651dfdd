"""From a stranger's file to a declared model: what its columns are, and what follows from that."""
