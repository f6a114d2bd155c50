"""What is tried and measured: phantoms, evaluation, training. Nothing here runs in a hospital."""
