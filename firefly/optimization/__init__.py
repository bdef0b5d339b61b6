"""Optimisation: prompts of explorers and writers, tuned for verified tasks for each token that they take."""
