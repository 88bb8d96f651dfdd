"""The sequential test on the loss, in the order in which labels come: whether a model got worse, since when, and how."""
