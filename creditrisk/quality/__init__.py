"""What the cells of a table mean, which rows can be used, and what to know about the table before training."""
