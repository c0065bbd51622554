"""Fit what turns margins into answers that mean what they say, on nights the model was not fitted on."""
