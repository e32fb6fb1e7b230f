"""Front end, IR, passes, precision, schedule and emitters."""
