"""Every decision, for ever: an append-only log whose links show any change, and its replay."""
