"""Champion against challenger on the same rows: how sure the difference is, and what a challenger must keep to."""
