"""Fine-tuning: plan, trainer, checkpoints, metrics, and the run manifest."""
