"""The training path: try every family, choose and calibrate, and say honestly how good the whole path is."""
