"""What is done: trainers, evaluation, registry, rollout and jobs."""
