"""The scorer: a checked application to a calibrated PD, points, a verdict, how sure it is, and reasons."""
